//! How old a stored response is, for how long it is fresh, and for how long it may be used after that
//! (RFC 9111 section 4.2).

use std::time::Duration;

use http::StatusCode;

use crate::{
    control::{Named, ResponseControl, Source},
    date,
    fields::{Fields, single},
    list::members,
    policy::{Assumed, Policy},
    status_code,
    time::{FOREVER, Time, delta_seconds},
};

/// When an origin was asked, and when its answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// `request_time`
    pub requested_at: Time,
    /// `response_time`
    pub received_at: Time,
}

/// When an answer was made, by what it says itself.
///
/// After a validation it is the 304's: the `Date` and `Age` that were stored say nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dated {
    /// Its `Date`, or when it came if it has none that is valid (RFC 9110 section 6.6.1).
    pub date: Time,
    /// When its age was zero: `current_age` counts from here.
    born: Time,
    pub(crate) received_at: Time,
}

impl Dated {
    /// Works out an answer's age (RFC 9111 section 4.2.3), as the larger of the two estimates there. No
    /// age is more than [`FOREVER`].
    #[must_use]
    pub fn of(answer: &(impl Fields + ?Sized), timing: Timing) -> Self {
        let Timing { requested_at, received_at } = timing;
        let stated = single(answer, "date").and_then(|value| date::parse(value, received_at));
        // Dates have whole seconds, so that what was made in this one has no age.
        let this_second = Time::from_seconds(received_at.seconds());
        let apparent_age = stated.map_or(Duration::ZERO, |date| this_second.since(date));
        let response_delay = received_at.since(requested_at);
        let corrected_age_value = age_value(answer).saturating_add(response_delay);
        let initial_age = apparent_age.max(corrected_age_value).min(FOREVER);
        Self { date: stated.unwrap_or(received_at), born: received_at.minus(initial_age), received_at }
    }

    fn age_at_arrival(self) -> Duration {
        self.received_at.since(self.born)
    }
}

/// RFC 9111 section 5.1: of several members the first one counts, and one that is invalid does not.
fn age_value(answer: &(impl Fields + ?Sized)) -> Duration {
    let first = answer.values("age").flat_map(members).next();
    first.and_then(delta_seconds).unwrap_or_default()
}

/// What a stored response may be used for without asking its origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// Fresh, and stale where somebody allows it.
    FreshOrStale,
    /// Fresh (`must-revalidate`, `proxy-revalidate`, `s-maxage`).
    FreshOnly,
    /// Nothing (`no-cache`, or invalidated).
    Nothing,
}

/// What a [`Freshness`] takes up as bytes.
pub const FRESHNESS_LEN: usize = 29;

/// All that is to be known of a stored response's freshness; small, and `Copy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freshness {
    born: Time,
    lifetime: Duration,
    /// In seconds, as these are: one of these structs is kept for each response.
    while_revalidate: u32,
    if_error: u32,
    rule: Rule,
}

impl Freshness {
    /// Works out the freshness of a response with this status and these fields. `dated` is of the answer
    /// that was made last: of the response itself, or of the 304 or HEAD that has updated its fields.
    #[must_use]
    pub fn of(policy: &Policy, status: StatusCode, fields: &(impl Fields + ?Sized), dated: Dated) -> Self {
        Self::by(policy, status, fields, &ResponseControl::read(fields), dated)
    }

    pub(crate) fn by(
        policy: &Policy,
        status: StatusCode,
        fields: &(impl Fields + ?Sized),
        control: &ResponseControl<'_>,
        dated: Dated,
    ) -> Self {
        let rule = match (&control.no_cache, control.forbids_stale()) {
            (Named::Everything, _) => Rule::Nothing,
            (Named::Nothing | Named::Fields(_), true) => Rule::FreshOnly,
            (Named::Nothing | Named::Fields(_), false) => Rule::FreshOrStale,
        };
        let lifetime = explicit_lifetime(fields, control, dated)
            .unwrap_or_else(|| assumed_lifetime(policy, status, fields, control, dated));
        Self {
            born: dated.born,
            lifetime: lifetime.min(dated.age_at_arrival().saturating_add(policy.max_ttl)),
            while_revalidate: whole_seconds(control.stale_while_revalidate),
            if_error: whole_seconds(control.stale_if_error),
            rule,
        }
    }

    /// `current_age`: at most [`FOREVER`]. In whole seconds it is the value of `Age`.
    #[must_use]
    pub fn age(&self, now: Time) -> Duration {
        now.since(self.born).min(FOREVER)
    }

    /// `freshness_lifetime`
    #[must_use]
    pub fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// `response_is_fresh`. A fresh response may still need validation ([`Self::needs_validation`]).
    #[must_use]
    pub fn is_fresh(&self, now: Time) -> bool {
        self.lifetime > self.age(now)
    }

    /// How long it has been stale; zero if it is not.
    #[must_use]
    pub fn staleness(&self, now: Time) -> Duration {
        self.age(now).saturating_sub(self.lifetime)
    }

    /// Seconds that it is still fresh for, negative if it is stale: `ttl` of `Cache-Status` (RFC 9211
    /// section 2.4). Rounded down.
    #[must_use]
    pub fn ttl(&self, now: Time) -> i64 {
        let millis = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        (millis(self.lifetime).saturating_sub(millis(self.age(now)))).div_euclid(1000)
    }

    /// Whether it may not even be used while it is fresh.
    #[must_use]
    pub fn needs_validation(&self) -> bool {
        self.rule == Rule::Nothing
    }

    /// Whether somebody's leave is enough to serve it stale, or nobody can give it (section 4.2.4).
    #[must_use]
    pub fn forbids_stale(&self) -> bool {
        match self.rule {
            Rule::FreshOrStale => false,
            Rule::FreshOnly | Rule::Nothing => true,
        }
    }

    /// Whether it may be served now while it is validated in the background (RFC 5861 section 3).
    #[must_use]
    pub fn is_served_while_revalidating(&self, now: Time) -> bool {
        !self.forbids_stale() && is_within(self.staleness(now), span(self.while_revalidate))
    }

    /// Whether it may be served now because the origin fails (RFC 5861 section 4), if the client allows
    /// this much staleness itself.
    #[must_use]
    pub fn is_served_on_error(&self, now: Time, client: Duration) -> bool {
        !self.forbids_stale() && is_within(self.staleness(now), span(self.if_error).max(client))
    }

    /// When nothing allows serving it any more, short of a client that takes it however stale it is: a
    /// store that has to make room may begin here.
    #[must_use]
    pub fn useful_until(&self) -> Time {
        let window = if self.forbids_stale() { 0 } else { self.while_revalidate.max(self.if_error) };
        self.born.plus(self.lifetime.saturating_add(span(window)))
    }

    /// Makes it stale from now on, as a soft purge does, and a HEAD that tells of something else (section
    /// 4.3.5). What allows serving it stale still does.
    pub fn expire(&mut self, now: Time) {
        self.lifetime = self.lifetime.min(self.age(now));
    }

    /// Makes it invalid: it has to be validated before it is used again (section 4.4).
    pub fn invalidate(&mut self) {
        self.rule = Rule::Nothing;
    }

    /// All of it, for a store that outlives the process. Little endian.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; FRESHNESS_LEN] {
        let Self { born, lifetime, while_revalidate, if_error, rule } = self;
        let mut bytes = [0; FRESHNESS_LEN];
        bytes[..8].copy_from_slice(&born.millis().to_le_bytes());
        bytes[8..16].copy_from_slice(&lifetime.as_secs().to_le_bytes());
        bytes[16..20].copy_from_slice(&lifetime.subsec_nanos().to_le_bytes());
        bytes[20..24].copy_from_slice(&while_revalidate.to_le_bytes());
        bytes[24..28].copy_from_slice(&if_error.to_le_bytes());
        bytes[28] = match rule {
            Rule::FreshOrStale => 0,
            Rule::FreshOnly => 1,
            Rule::Nothing => 2,
        };
        bytes
    }

    /// The same again; nothing, if these are no bytes of [`Self::to_bytes`].
    #[must_use]
    pub fn from_bytes(bytes: &[u8; FRESHNESS_LEN]) -> Option<Self> {
        let long = |at: usize| Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
        let short = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
        let rule = match bytes[28] {
            0 => Rule::FreshOrStale,
            1 => Rule::FreshOnly,
            2 => Rule::Nothing,
            _ => return None,
        };
        let nanos = short(16).filter(|nanos| *nanos < 1_000_000_000)?;
        Some(Self {
            born: Time::from_millis(long(0)?.cast_signed()),
            lifetime: Duration::new(long(8)?, nanos),
            while_revalidate: short(20)?,
            if_error: short(24)?,
            rule,
        })
    }
}

/// No field says more than [`FOREVER`].
fn whole_seconds(span: Option<Duration>) -> u32 {
    span.map_or(0, |span| u32::try_from(span.as_secs()).unwrap_or(u32::MAX))
}

fn span(seconds: u32) -> Duration {
    Duration::from_secs(seconds.into())
}

/// A window of no time holds nothing.
fn is_within(staleness: Duration, window: Duration) -> bool {
    !window.is_zero() && staleness <= window
}

/// RFC 9111 section 4.2.1.
fn explicit_lifetime(fields: &(impl Fields + ?Sized), control: &ResponseControl<'_>, dated: Dated) -> Option<Duration> {
    control.s_maxage.or(control.max_age).or_else(|| match control.source {
        Source::CacheControl => expires(fields, dated),
        Source::CdnCacheControl => None,
    })
}

/// Section 5.3: what is no date is in the past, and so are two dates that differ.
fn expires(fields: &(impl Fields + ?Sized), dated: Dated) -> Option<Duration> {
    fields.values("expires").next()?;
    let at = single(fields, "expires").and_then(|value| date::parse(value, dated.received_at));
    Some(at.map_or(Duration::ZERO, |at| at.since(dated.date).min(FOREVER)))
}

/// Section 4.2.2.
fn assumed_lifetime(
    policy: &Policy,
    status: StatusCode,
    fields: &(impl Fields + ?Sized),
    control: &ResponseControl<'_>,
    dated: Dated,
) -> Duration {
    if !status_code::is_heuristically_cacheable(status) && !control.public {
        return Duration::ZERO;
    }
    match policy.assumed {
        Assumed::Nothing => Duration::ZERO,
        Assumed::Fixed(span) => span.saturating_add(dated.age_at_arrival()),
        Assumed::Tenth { at_most } => {
            let modified = single(fields, "last-modified").and_then(|value| date::parse(value, dated.received_at));
            modified.map_or(Duration::ZERO, |modified| (dated.date.since(modified) / 10).min(at_most))
        }
    }
}
