//! All leases of a control plane, as what happened to them, one thing after the other.

use std::time::Instant;

pub use super::seats::Ticket;
use super::{Demand, HOLD, Lease, MAX_NODES, seats::Seats, table::Table};

/// The leases, and who holds them.
#[derive(Debug)]
pub struct Leases {
    seats: Seats,
    table: Table,
    /// Until then, or until as many have come as there were, the former control plane's leases hold.
    inherits_until: Instant,
    /// The number of data planes that there were.
    inherited: u64,
}

/// What a data plane is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The number of data planes that share every limit.
    pub nodes: u32,
    /// Whether keys that are not named have the fair share; if not, they have what they had.
    pub complete: bool,
    /// What has changed.
    pub leases: Vec<Lease>,
}

/// Why a data plane cannot take part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Too many do.
    Full,
}

impl Leases {
    /// None yet. Data planes that return say how many they were, and hold what they had until all are
    /// there, at the most for [`HOLD`].
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self { seats: Seats::default(), table: Table::default(), inherits_until: now + HOLD, inherited: 0 }
    }

    /// A data plane takes part, which knew of `nodes` data planes; 0 if it has never known. An older
    /// stream of the same id is over.
    ///
    /// # Errors
    /// There are too many.
    pub fn join(&mut self, id: &str, nodes: u32, now: Instant) -> Result<Ticket, Refused> {
        self.sweep(now);
        let (ticket, is_new) = self.seats.take(id).ok_or(Refused::Full)?;
        if self.table.shed(self.seats.len()) {
            self.seats.tell_all_anew();
        }
        self.inherited = self.inherited.max(u64::from(nodes).min(MAX_NODES as u64));
        self.table.iter_mut().for_each(|(_, key)| if is_new { key.seat(ticket.seat) } else { key.reconsider() });
        self.sweep(now);
        Ok(ticket)
    }

    /// What is asked of a data plane: all of it, so that what is not named is not asked for. Nothing
    /// happens if its stream is over.
    pub fn report(&mut self, ticket: Ticket, demands: &[Demand], now: Instant) {
        let Some(node) = self.seats.node(ticket) else { return };
        node.round += 1;
        let round = node.round;
        for demand in demands {
            if let Some(key) = self.table.enter(demand, self.seats.len()) {
                key.report(ticket.seat, demand, round);
            }
        }
        self.table.iter_mut().for_each(|(_, key)| key.pass(ticket.seat, round, &self.seats));
        let is_short = self.table.make_room(&self.seats);
        self.table.iter_mut().for_each(|(_, key)| key.rest(now, is_short, &self.seats));
        self.sweep(now);
    }

    /// What there is to tell a data plane; nothing if its stream is over.
    pub fn answer(&mut self, ticket: Ticket, now: Instant) -> Option<Answer> {
        self.sweep(now);
        let inherits = self.inherits(now);
        let node = self.seats.node(ticket)?;
        let complete = !inherits && !std::mem::replace(&mut node.is_told, !inherits);
        let mut leases = Vec::new();
        if !inherits {
            for (id, key) in self.table.iter_mut() {
                let news = key.tell(ticket.seat, &self.seats, complete);
                leases.extend(news.map(|news| Lease { key: *id, share: news.share, shift: news.shift }));
            }
            self.table.forget(|key| key.is_over(&self.seats));
        }
        let nodes = u32::try_from(self.seats.nodes()).unwrap_or(u32::MAX);
        Some(Answer { nodes, complete, leases })
    }

    /// A data plane gives back what it holds.
    pub fn leave(&mut self, ticket: Ticket, now: Instant) {
        if self.seats.node(ticket).is_some() {
            self.vacate(ticket.seat);
        }
        self.sweep(now);
    }

    /// A data plane's stream is broken; it may return, and its share is kept for [`super::GRACE`].
    pub fn lose(&mut self, ticket: Ticket, now: Instant) {
        self.seats.lose(ticket, now);
        self.table.iter_mut().for_each(|(_, key)| key.reconsider());
        self.sweep(now);
    }

    /// Whether what the former control plane leased still holds.
    fn inherits(&self, now: Instant) -> bool {
        now < self.inherits_until && (self.seats.taken().count() as u64) < self.inherited
    }

    /// Takes back what nobody has returned for, and counts.
    fn sweep(&mut self, now: Instant) {
        for seat in self.seats.overdue(now) {
            self.vacate(seat);
        }
        let at_least = if self.inherits(now) { self.inherited } else { 0 };
        if self.seats.count(at_least) {
            self.table.iter_mut().for_each(|(_, key)| key.reconsider());
        }
    }

    fn vacate(&mut self, seat: usize) {
        // First, so that what it held counts as free.
        let (seats, table) = (&mut self.seats, &mut self.table);
        seats.free(seat);
        table.iter_mut().for_each(|(_, key)| key.vacate(seat, seats));
    }

    #[cfg(test)]
    pub(super) fn keys(&self) -> usize {
        self.table.len()
    }
}
