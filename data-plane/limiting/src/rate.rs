//! The arithmetic: the generic cell rate algorithm (GCRA, ITU-T I.371 annex A, as a virtual schedule).
//!
//! A cell is one number, the theoretical arrival time (TAT): when everything that was admitted will
//! have been paid for. A cell whose TAT has passed holds no information; it is as good as none.

use std::time::Duration;

use crate::share::Share;

/// The longest time that a burst may take to come back, and the furthest that bytes run into debt: 366
/// days in nanoseconds.
pub const MAX_SPAN: u64 = 366 * 24 * 3600 * 1_000_000_000;

/// How far apart the moments may be that threads take for now.
const CLOCKS: u64 = 1_000_000_000;

/// How much is admitted: so many units in each period, and so many at once after a rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// `count` units cost `per` nanoseconds.
    count: u64,
    per: u64,
    /// What a whole burst costs.
    span: u64,
}

/// Why a rate cannot be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RateError {
    /// Nothing would ever be admitted.
    #[error("the count and the burst have to be at least 1")]
    Nothing,
    /// The period is zero or longer than 366 days.
    #[error("the period has to be more than 0 and at most 366 days")]
    Period,
    /// Time is counted in whole nanoseconds.
    #[error("the rate has to be at most 1,000,000,000 requests in a second")]
    TooFast,
    /// A burst would need more than 366 days to come back.
    #[error("the burst has to be at most what the rate gives back in 366 days")]
    Burst,
}

impl Rate {
    /// One in 366 days.
    pub const SLOWEST: Self = Self { count: 1, per: MAX_SPAN, span: MAX_SPAN };

    /// `count` requests in each `per`, and `burst` of them at once after a rest. One request takes
    /// `per / count`, rounded up to a whole nanosecond: never more is admitted, and at 100,000 requests a
    /// second up to 0.01 % less.
    ///
    /// # Errors
    /// Where one of them is zero, where `per` is longer than 366 days, where there is more than a request
    /// in a nanosecond, and where the burst takes longer than 366 days to come back.
    pub fn requests(count: u64, per: Duration, burst: u64) -> Result<Self, RateError> {
        let per = period(count, per, burst)?;
        if count > per {
            return Err(RateError::TooFast);
        }
        Self { count: 1, per: per.div_ceil(count), span: 0 }.with_burst(burst)
    }

    /// `count` bytes in each `per`, and `burst` of them at once after a rest.
    ///
    /// # Errors
    /// Where one of them is zero, where `per` is longer than 366 days, and where the burst takes longer
    /// than that to come back.
    pub fn bytes(count: u64, per: Duration, burst: u64) -> Result<Self, RateError> {
        let per = period(count, per, burst)?;
        Self { count, per, span: 0 }.with_burst(burst)
    }

    pub(crate) const fn to_parts(self) -> [u64; 3] {
        let Self { count, per, span } = self;
        [count, per, span]
    }

    /// Of what [`Self::to_parts`] gave; what can be no rate is made one that admits next to nothing.
    pub(crate) fn of_parts([count, per, span]: [u64; 3]) -> Self {
        if count == 0 || per == 0 || span == 0 { Self::SLOWEST } else { Self { count, per, span } }
    }

    fn with_burst(self, burst: u64) -> Result<Self, RateError> {
        let span = self.cost(burst);
        if span > MAX_SPAN { Err(RateError::Burst) } else { Ok(Self { span, ..self }) }
    }

    /// What `units` cost, in nanoseconds, rounded up.
    #[must_use]
    pub fn cost(&self, units: u64) -> u64 {
        let Self { count, per, span: _ } = *self;
        match (count, units) {
            // The way of every request: no division.
            (1, units) => per.saturating_mul(units),
            (count, units) => {
                let cost = (u128::from(units) * u128::from(per)).div_ceil(u128::from(count));
                u64::try_from(cost).unwrap_or(u64::MAX)
            }
        }
    }

    /// What part of a burst so much time is worth, in parts of 2^32.
    pub(crate) fn part(&self, time: u64) -> u64 {
        u64::try_from((u128::from(time) << 32) / u128::from(self.span)).unwrap_or(u64::MAX)
    }

    /// What such a part is worth, in nanoseconds.
    pub(crate) fn span_of(&self, parts: u64) -> u64 {
        u64::try_from((u128::from(parts) * u128::from(self.span)) >> 32).unwrap_or(u64::MAX).min(MAX_SPAN)
    }

    /// What holds for `units` at once with this share of the rate and of the burst.
    ///
    /// A smaller share makes units dearer and leaves the time as it is in which a burst comes back, so
    /// that a cell keeps its meaning when its share changes: what part of the burst is used up. However
    /// small the share is, one request fits in when the cell is at rest.
    #[must_use]
    pub fn terms(&self, units: u64, share: Share) -> Terms {
        let cost = share.stretch(self.cost(units)).min(MAX_SPAN);
        Terms { cost, span: self.span.max(cost) }
    }
}

fn period(count: u64, per: Duration, burst: u64) -> Result<u64, RateError> {
    if count == 0 || burst == 0 {
        return Err(RateError::Nothing);
    }
    let per = u64::try_from(per.as_nanos()).unwrap_or(u64::MAX);
    if per == 0 || per > MAX_SPAN { Err(RateError::Period) } else { Ok(per) }
}

/// What one request costs, and what a cell holds, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    cost: u64,
    span: u64,
}

/// Where a cell stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// How many more would be admitted at once.
    pub remaining: u64,
    /// In how many nanoseconds there is one more; `None` where there is all that there can be.
    pub next: Option<u64>,
}

impl Terms {
    /// What one costs.
    pub(crate) const fn cost(&self) -> u64 {
        self.cost
    }

    /// Of something that costs so much time.
    pub(crate) const fn of_time(cost: u64) -> Self {
        Self { cost, span: cost }
    }

    /// The TAT after one more, or `None` where it has to wait.
    pub(crate) fn spend(self, tat: u64, now: u64) -> Option<u64> {
        let next = tat.max(now).saturating_add(self.cost);
        (next <= now.saturating_add(self.span)).then_some(next)
    }

    /// How long one more has to wait.
    pub(crate) fn wait(self, tat: u64, now: u64) -> u64 {
        tat.max(now).saturating_add(self.cost).saturating_sub(now.saturating_add(self.span))
    }

    /// What stands for a TAT that these terms can never have come to: an empty cell. What was dear under a
    /// smaller share or a lower limit does not outlast it.
    ///
    /// A second more may come of clocks: a thread may have looked at its own a while ago. One that has slept
    /// for longer than that in between could give too much back.
    pub(crate) fn emptied(self, tat: u64, now: u64) -> Option<u64> {
        let full = now.saturating_add(self.span);
        (tat > full.saturating_add(CLOCKS)).then_some(full)
    }

    /// The TAT of a cell that keys share, as far as it can be that of a key with these terms. What is beyond is
    /// owed to another limit, and that such a key has used more than all but one, nobody knows.
    pub(crate) fn own_part(self, shared: u64, now: u64) -> u64 {
        match self.emptied(shared, now) {
            Some(full) => full.saturating_sub(self.cost),
            None => shared,
        }
    }

    /// How long until anything is left of a cell that may be in debt.
    pub(crate) const fn wait_of_debt(self, tat: u64, now: u64) -> u64 {
        // The cell is empty at this very moment, and has something a nanosecond later.
        tat.saturating_add(1).saturating_sub(now.saturating_add(self.span))
    }

    /// The TAT after a charge that is not asked for; it runs no further into debt than [`MAX_SPAN`].
    pub(crate) fn owe(self, tat: u64, now: u64) -> u64 {
        tat.max(now).saturating_add(self.cost).min(now.saturating_add(MAX_SPAN))
    }

    /// Where a cell with this TAT stands, if requests are what is counted.
    pub(crate) fn standing(self, tat: u64, now: u64) -> Standing {
        let left = self.span - tat.clamp(now, now.saturating_add(self.span)).saturating_sub(now);
        // A cost is never zero: a unit takes a nanosecond at least.
        let remaining = left / self.cost.max(1);
        let next = (left < self.span).then(|| (remaining + 1).saturating_mul(self.cost).min(self.span) - left);
        Standing { remaining, next }
    }

    /// Where a cell of bytes stands: they may be owed, and then it takes longer.
    pub(crate) fn standing_of_debt(self, rate: &Rate, tat: u64, now: u64) -> Standing {
        let full = now.saturating_add(self.span);
        let left = full.saturating_sub(tat.max(now));
        let remaining = u64::try_from(u128::from(left) * u128::from(rate.count) / u128::from(rate.per));
        let next = (tat > now).then(|| tat.saturating_sub(full).saturating_add(1));
        Standing { remaining: remaining.unwrap_or(u64::MAX), next }
    }
}
