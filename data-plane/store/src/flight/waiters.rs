//! Who waits for a leader, in the order in which they came (pure).

use std::task::Waker;

/// One that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

#[derive(Debug, Default)]
pub(crate) struct Waiters {
    /// By ticket, which only grows. Who has not been polled yet has no waker.
    waiting: Vec<(Ticket, Option<Waker>)>,
    next: u64,
}

impl Waiters {
    pub(crate) fn enter(&mut self) -> Ticket {
        let ticket = Ticket(self.next);
        self.next += 1;
        self.waiting.push((ticket, None));
        ticket
    }

    /// Its waker is to be dropped where nothing is locked.
    pub(crate) fn leave(&mut self, ticket: Ticket) -> Option<Waker> {
        let at = self.find(ticket)?;
        self.waiting.remove(at).1
    }

    /// Returns the former waker, if that was another one.
    pub(crate) fn park(&mut self, ticket: Ticket, waker: &Waker) -> Option<Waker> {
        let at = self.find(ticket)?;
        let place = &mut self.waiting[at].1;
        if place.as_ref().is_some_and(|parked| parked.will_wake(waker)) { None } else { place.replace(waker.clone()) }
    }

    fn find(&self, ticket: Ticket) -> Option<usize> {
        self.waiting.binary_search_by_key(&ticket, |(ticket, _)| *ticket).ok()
    }

    /// The one that has waited longest. Who has no waker will come by without being woken.
    pub(crate) fn take_first(&mut self) -> Option<Waker> {
        self.waiting.iter_mut().find_map(|(_, waker)| waker.take())
    }

    pub(crate) fn take_all(&mut self) -> Vec<Waker> {
        self.waiting.iter_mut().filter_map(|(_, waker)| waker.take()).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}
