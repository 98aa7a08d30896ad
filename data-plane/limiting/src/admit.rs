//! Several limits at once: all of them, or none.
//!
//! First every limit is looked at. Only if each has something left, each is charged, so that a limit that
//! is used up costs the others nothing. A limit that another thread uses up in between refuses, and what
//! was charged before is given back ([`Spent::give_back`]).

use crate::{
    key::Key,
    rate::{Rate, Standing, Terms},
    share::Share,
    table::{Found, Outcome, Spent, Table},
};

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counts {
    /// Requests: each is charged when it comes.
    Requests,
    /// Bytes: a request is admitted while there are any left, and charged with what it turns out to have
    /// ([`Check::owe`]). What is more than was left is owed.
    Bytes,
}

/// A limit that a request has to meet, and where its key stands.
#[derive(Debug)]
pub struct Check<'t> {
    key: Key,
    rate: Rate,
    share: Share,
    terms: Terms,
    counts: Counts,
    found: Found,
    spent: Option<Spent<'t>>,
    wait: u64,
}

impl<'t> Check<'t> {
    /// Of this key, with a share of this rate.
    #[must_use]
    pub fn new(key: Key, rate: Rate, share: Share, counts: Counts) -> Self {
        let found = Found { tat: 0, is_known: false };
        Self { key, rate, share, terms: rate.terms(1, share), counts, found, spent: None, wait: 0 }
    }

    /// In how many nanoseconds this limit would admit it; 0 where it does.
    #[must_use]
    pub const fn wait(&self) -> u64 {
        self.wait
    }

    /// Whether the table had the key already: not somebody's first request for a while.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        self.found.is_known
    }

    /// How much is left of it after this request.
    #[must_use]
    pub fn standing(&self, now: u64) -> Standing {
        match self.counts {
            Counts::Requests => self.terms.standing(self.found.tat, now),
            Counts::Bytes => {
                let whole = self.rate.terms(1, Share::WHOLE);
                let Standing { remaining, next } = whole.standing_of_debt(&self.rate, self.found.tat, now);
                Standing { remaining: self.share.of_many(remaining), next }
            }
        }
    }

    /// Charges bytes, when it is known how many there are; more than once, where they come bit by bit.
    pub fn owe(&self, table: &Table, bytes: u64, now: u64) {
        if bytes > 0 {
            table.owe(&self.key, self.rate.terms(bytes, self.share), now);
        }
    }

    /// What is counted.
    #[must_use]
    pub const fn key(&self) -> &Key {
        &self.key
    }

    pub(crate) const fn rate(&self) -> &Rate {
        &self.rate
    }

    #[cfg(test)]
    pub(crate) const fn terms(&self) -> Terms {
        self.terms
    }

    /// Finds out where its key stands, for a request that is refused in any case.
    pub fn look_at(&mut self, table: &Table, now: u64) {
        self.look(table, now);
    }

    fn look(&mut self, table: &Table, now: u64) -> bool {
        (self.found, self.wait) = match self.counts {
            Counts::Requests => {
                let found = table.look(&self.key, Some(self.terms), now);
                (found, self.terms.wait(found.tat, now))
            }
            Counts::Bytes => {
                let found = table.look(&self.key, None, now);
                (found, self.terms.wait_of_debt(found.tat, now))
            }
        };
        self.wait == 0
    }

    fn take(&mut self, table: &'t Table, now: u64) -> bool {
        match self.counts {
            Counts::Bytes => self.look(table, now),
            Counts::Requests => match table.spend(&self.key, self.terms, now) {
                Outcome::Spent(spent) => {
                    self.found = spent.found;
                    self.spent = Some(spent);
                    self.wait = 0;
                    true
                }
                Outcome::Refused(found) => {
                    self.found = found;
                    self.wait = self.terms.wait(found.tat, now);
                    false
                }
            },
        }
    }

    /// Takes back what it was charged, where another limit refuses the request.
    pub fn give_back(&mut self, now: u64) {
        if let Some(spent) = self.spent.take() {
            self.found.tat = spent.give_back(self.terms.cost(), now);
        }
    }
}

/// Whether a request meets all of these limits; then each is charged, otherwise none. `now` is in
/// nanoseconds since any moment before the table was made, and never goes back in a thread.
pub fn admit<'t>(table: &'t Table, checks: &mut [Check<'t>], now: u64) -> bool {
    admit_each(table, checks, |check| Some(check), now)
}

/// The same of what has checks in it; what has none, is passed over.
pub fn admit_each<'t, T>(
    table: &'t Table,
    limits: &mut [T],
    check: impl Fn(&mut T) -> Option<&mut Check<'t>>,
    now: u64,
) -> bool {
    let mut checks = limits.iter_mut().filter_map(&check);
    let Some(first) = checks.next() else { return true };
    if checks.next().is_none() {
        return first.take(table, now);
    }
    // Every one, so that each knows where it stands.
    let looks = limits.iter_mut().filter_map(&check).map(|check| check.look(table, now));
    if looks.filter(|is_open| !is_open).count() > 0 {
        return false;
    }
    let refused = limits.iter_mut().filter_map(&check).position(|check| !check.take(table, now));
    if let Some(at) = refused {
        limits.iter_mut().filter_map(&check).take(at).for_each(|check| check.give_back(now));
    }
    refused.is_none()
}
