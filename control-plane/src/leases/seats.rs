//! The data planes among which limits are shared.

use std::time::Instant;

use super::{
    GRACE, MAX_NODES,
    allocate::{RESERVE, WHOLE},
};

/// A place for a data plane; who has left leaves an empty one to the next.
#[derive(Debug, Default)]
pub(super) struct Seats {
    seats: Vec<Option<Node>>,
    streams: u64,
    /// The number of data planes that share, of those that may have yet to return, too.
    count: u64,
}

/// A data plane that counts.
#[derive(Debug)]
pub(super) struct Node {
    id: String,
    /// Which of the streams under this id it is.
    stream: u64,
    /// Since when its stream is broken.
    gone: Option<Instant>,
    /// Its reports so far.
    pub(super) round: u64,
    /// Whether it knows of every lease.
    pub(super) is_told: bool,
}

/// How it is with a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    Empty,
    Present,
    /// It may return.
    Gone,
}

/// Whose turn it is: a seat, and the stream that has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    pub(super) seat: usize,
    stream: u64,
}

impl Seats {
    /// Gives a data plane its seat, or the one it had. The second value says whether it is new.
    pub(super) fn take(&mut self, id: &str) -> Option<(Ticket, bool)> {
        let known = self.seats.iter().position(|seat| seat.as_ref().is_some_and(|node| node.id == id));
        let seat = known.or_else(|| self.seats.iter().position(Option::is_none)).unwrap_or(self.seats.len());
        if seat >= MAX_NODES {
            return None;
        }
        if seat == self.seats.len() {
            self.seats.push(None);
        }
        self.streams += 1;
        // Numbers of reports go on, so that none is taken for another.
        let round = self.seats[seat].as_ref().map_or(0, |node| node.round);
        let stream = self.streams;
        self.seats[seat] = Some(Node { id: id.to_owned(), stream, gone: None, round, is_told: false });
        Some((Ticket { seat, stream }, known.is_none()))
    }

    /// The data plane, if the seat is still this stream's.
    pub(super) fn node(&mut self, ticket: Ticket) -> Option<&mut Node> {
        let node = self.seats.get_mut(ticket.seat)?.as_mut()?;
        (node.stream == ticket.stream && node.gone.is_none()).then_some(node)
    }

    /// Its stream is broken. It may return.
    pub(super) fn lose(&mut self, ticket: Ticket, now: Instant) {
        if let Some(node) = self.node(ticket) {
            node.gone = Some(now);
        }
    }

    /// Nobody knows of every lease any more.
    pub(super) fn tell_all_anew(&mut self) {
        self.seats.iter_mut().flatten().for_each(|node| node.is_told = false);
    }

    /// Makes a seat free.
    pub(super) fn free(&mut self, seat: usize) {
        if let Some(seat) = self.seats.get_mut(seat) {
            *seat = None;
        }
    }

    /// The seats of those who have not returned in time.
    pub(super) fn overdue(&self, now: Instant) -> Vec<usize> {
        let is_overdue = |node: &Node| node.gone.is_some_and(|gone| now.duration_since(gone) >= GRACE);
        let seats = self.seats.iter().enumerate();
        seats.filter(|(_, seat)| seat.as_ref().is_some_and(is_overdue)).map(|(seat, _)| seat).collect()
    }

    /// Sets the number of those who share, which is at least that of the seats which are taken.
    /// Returns whether it is another one.
    pub(super) fn count(&mut self, at_least: u64) -> bool {
        let count = (self.taken().count() as u64).max(at_least);
        std::mem::replace(&mut self.count, count) != count
    }

    /// The number of those who share.
    pub(super) fn nodes(&self) -> u64 {
        self.count.max(1)
    }

    /// The share of a key that is not leased.
    pub(super) fn fair(&self) -> u64 {
        WHOLE / self.nodes()
    }

    /// What a newcomer has at once.
    pub(super) fn least(&self) -> u64 {
        WHOLE / RESERVE / self.nodes()
    }

    /// The number of seats, empty ones too.
    pub(super) fn len(&self) -> usize {
        self.seats.len()
    }

    pub(super) fn presence(&self, seat: usize) -> Presence {
        match self.seats.get(seat) {
            None | Some(None) => Presence::Empty,
            Some(Some(node)) if node.gone.is_some() => Presence::Gone,
            Some(Some(_)) => Presence::Present,
        }
    }

    pub(super) fn present(&self) -> impl Iterator<Item = usize> {
        (0..self.len()).filter(|seat| self.presence(*seat) == Presence::Present)
    }

    pub(super) fn taken(&self) -> impl Iterator<Item = usize> {
        (0..self.len()).filter(|seat| self.presence(*seat) != Presence::Empty)
    }
}
