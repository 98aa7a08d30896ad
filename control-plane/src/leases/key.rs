//! One leased key: what is asked for it, who holds how much, and who is to be told of what.

use std::time::Instant;

use super::{
    Demand, PERIOD,
    allocate::{Claim, WHOLE, allocate},
    pool::{Pool, scale},
    seats::{Presence, Seats},
};

/// A change of what is asked below this is smoothed, for it may be chance; a larger one counts at once.
const NOISE: u64 = WHOLE / 16;
/// Less than this is nothing.
const NOTHING: u64 = WHOLE / 1024;
/// A share that changes by less than this part of it is not told anew.
const TRIFLE: u64 = 64;
/// The most that is made up for, and of what is missing at a time.
const MOST: i64 = (WHOLE / 2) as i64;
const STEP: i64 = (WHOLE / 16) as i64;

/// A key that is leased, and its holders by seat.
#[derive(Debug)]
pub(super) struct Key {
    holders: Vec<Holder>,
    pool: Pool,
    /// What is shared out beyond the whole.
    surplus: i64,
    /// Reports of this period.
    heard: u64,
    /// What went by unused since something was let through last.
    missed: i64,
    /// The targets are not of the latest claims.
    stale: bool,
    /// Since when nobody has asked for it.
    calm_since: Option<Instant>,
    /// Every holder is told that it is not leased any more, and then it is forgotten.
    ending: bool,
    /// It ends, whoever asks for it: its place is another's.
    evicted: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Holder {
    /// What it was told last; `None` is the fair share.
    told: Option<u64>,
    target: u64,
    asked: u64,
    /// What it let through when it reported last.
    passed: u64,
    used: u64,
    /// The report of its data plane that named the key last.
    round: u64,
}

impl Holder {
    /// What it has let through on credit, in parts of the limit's burst.
    fn owed(&self, fair: u64) -> u64 {
        scale(self.told.unwrap_or(fair), self.used, WHOLE)
    }
}

/// What a data plane is to be told of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct News {
    pub(super) share: Option<u64>,
    pub(super) shift: i64,
}

impl Key {
    pub(super) fn new(seats: usize) -> Self {
        let holders = vec![Holder::default(); seats];
        Self {
            holders,
            pool: Pool::default(),
            surplus: 0,
            heard: 0,
            missed: 0,
            stale: true,
            calm_since: None,
            ending: false,
            evicted: false,
        }
    }

    /// A data plane sits down that holds nothing of it yet.
    pub(super) fn seat(&mut self, seat: usize) {
        if self.holders.len() <= seat {
            self.holders.resize(seat + 1, Holder::default());
        }
        self.holders[seat] = Holder { told: Some(0), ..Holder::default() };
        self.stale = true;
    }

    /// A data plane has left for good; what it held is free, as used as it was.
    pub(super) fn vacate(&mut self, seat: usize, seats: &Seats) {
        let Holder { told, used, .. } = std::mem::take(&mut self.holders[seat]);
        let free = self.free(seats);
        self.pool.give(told.unwrap_or(seats.fair()).min(free), used, free);
        self.stale = true;
    }

    /// Something about the seats has changed.
    pub(super) fn reconsider(&mut self) {
        self.stale = true;
    }

    /// What its data plane says in report number `round`.
    pub(super) fn report(&mut self, seat: usize, demand: &Demand, round: u64) {
        let holder = &mut self.holders[seat];
        // Only of what another control plane has leased is more known there than here.
        if holder.round == 0 && demand.held.is_some() && holder.told.is_none_or(|told| told == 0) {
            holder.told = demand.held;
        }
        holder.asked = if holder.round == 0 { demand.asked } else { blend(holder.asked, demand.asked) };
        holder.passed = demand.passed;
        holder.used = demand.used;
        holder.round = round;
        self.stale = true;
        self.ending &= demand.asked == 0 || self.evicted;
    }

    /// Its data plane has made report number `round`, and may not have named it.
    pub(super) fn pass(&mut self, seat: usize, round: u64, seats: &Seats) {
        let holder = &mut self.holders[seat];
        if holder.round != round && (holder.asked > 0 || holder.used > 0) {
            holder.asked = blend(holder.asked, 0);
            holder.passed = 0;
            holder.used = 0;
            self.stale = true;
        }
        self.make_up(seats);
    }

    /// Ends the lease if nobody has asked for a while and next to nothing is owed; at once if its place is
    /// wanted.
    pub(super) fn rest(&mut self, now: Instant, is_wanted: bool, seats: &Seats) {
        if self.holders.iter().any(|holder| holder.asked > 0) || self.weight(seats) >= NOTHING {
            self.calm_since = None;
            return;
        }
        let since = *self.calm_since.get_or_insert(now);
        self.ending |= is_wanted || now.duration_since(since) >= 2 * PERIOD;
    }

    /// Ends the lease, whoever asks for it.
    pub(super) fn evict(&mut self) {
        (self.ending, self.evicted) = (true, true);
    }

    /// How much is asked for or owed in all: by that a place is worth having.
    pub(super) fn weight(&self, seats: &Seats) -> u64 {
        let fair = seats.fair();
        let sum = |of: fn(&Holder, u64) -> u64| {
            self.holders.iter().fold(0, |sum: u64, holder| sum.saturating_add(of(holder, fair)))
        };
        sum(|holder, _| holder.asked).max(sum(Holder::owed))
    }

    /// Whether every data plane knows that it is not leased any more.
    pub(super) fn is_over(&self, seats: &Seats) -> bool {
        self.ending && seats.present().all(|seat| self.holders[seat].told.is_none())
    }

    /// What the data plane has to be told of it, if anything, or in any case if it knows nothing.
    pub(super) fn tell(&mut self, seat: usize, seats: &Seats, knows_nothing: bool) -> Option<News> {
        if self.ending {
            let fair = seats.fair();
            let holder = &mut self.holders[seat];
            let (owed, used) = (holder.owed(fair), holder.used);
            holder.told.take()?;
            // What it owes stays, whatever its share of the burst.
            holder.used = scale(owed, WHOLE, fair);
            let shift = i64::try_from(holder.used).unwrap_or(i64::MAX) - i64::try_from(used).unwrap_or(i64::MAX);
            return Some(News { share: None, shift });
        }
        self.settle(seats);
        let free = self.free(seats);
        let Holder { told, target, used, .. } = self.holders[seat];
        let held = told.unwrap_or(seats.fair());
        // A newcomer has its part of the reserve, even if nothing is free yet.
        let least = target.min(seats.least());
        let next = if target <= held { target } else { target.min(held + free).max(least) };
        if next.abs_diff(held) <= held / TRIFLE {
            return told.filter(|_| knows_nothing).map(|share| News { share: Some(share), shift: 0 });
        }
        let shift = if next < held {
            self.pool.give(held - next, used, free + held - next);
            0
        } else {
            self.pool.take(next - held, held, used)
        };
        let holder = &mut self.holders[seat];
        holder.told = Some(next);
        holder.used = used.saturating_add_signed(shift);
        Some(News { share: Some(next), shift })
    }

    /// What nobody holds.
    fn free(&self, seats: &Seats) -> u64 {
        let held = seats.taken().map(|seat| self.holders[seat].told.unwrap_or(seats.fair()));
        self.whole().saturating_sub(held.sum())
    }

    /// What there is to share out.
    fn whole(&self) -> u64 {
        WHOLE.saturating_add_signed(self.surplus)
    }

    /// Makes up for what goes by unused, however well it is cut: where few requests come in bunches, a
    /// share that is asked for is not used up. Steered by what was let through in all, so that this is
    /// what sums up to the limit. Who has left may let something through that is not told here.
    fn make_up(&mut self, seats: &Seats) {
        if seats.present().count() as u64 != seats.nodes() {
            return;
        }
        // Every data plane reports once in a period.
        self.heard += 1;
        if self.heard < seats.nodes() {
            return;
        }
        self.heard = 0;
        let asked: u64 = self.holders.iter().map(|holder| holder.asked).sum();
        let passed: u64 = self.holders.iter().map(|holder| holder.passed).sum();
        // At most 2^62, for 2^10 data planes.
        self.missed = self.missed.saturating_add(asked.min(WHOLE) as i64 - passed as i64);
        // Of a slow limit many periods let nothing through, and then one as much as all of them could have.
        if passed > 0 {
            // Bursts and beginnings are no measure.
            self.surplus = (self.surplus + self.missed.clamp(-STEP, STEP) / 4).clamp(0, MOST);
            self.missed = 0;
        }
    }

    /// Brings the targets up to date. Who has left, perhaps to return, keeps what it holds.
    fn settle(&mut self, seats: &Seats) {
        if !std::mem::take(&mut self.stale) {
            return;
        }
        let fair = seats.fair();
        let mut whole = self.whole();
        let mut present = Vec::with_capacity(self.holders.len());
        for (seat, holder) in self.holders.iter().enumerate() {
            let held = holder.told.unwrap_or(fair);
            match seats.presence(seat) {
                Presence::Empty => {}
                Presence::Gone => whole = whole.saturating_sub(held),
                Presence::Present => {
                    present.push((seat, Claim { asked: holder.asked, owed: holder.owed(fair).min(WHOLE) }));
                }
            }
        }
        let claims: Vec<_> = present.iter().map(|(_, claim)| *claim).collect();
        for ((seat, _), share) in present.iter().zip(allocate(whole, &claims)) {
            self.holders[*seat].target = share;
        }
    }
}

/// The next estimate of what is asked.
fn blend(before: u64, asked: u64) -> u64 {
    let blended = if before.abs_diff(asked) > NOISE { asked } else { before - before / 4 + asked / 4 };
    if blended < NOTHING { 0 } else { blended }
}
