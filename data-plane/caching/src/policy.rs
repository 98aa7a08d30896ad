//! What an operator decides about a cache, as far as the rules leave it open.

use std::time::Duration;

use crate::time::FOREVER;

/// How a cache goes about what the RFCs leave to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// The lifetime of responses that have no freshness information of their own.
    pub assumed: Assumed,
    /// The longest time for which a response is fresh here, counted from its arrival, whatever it says.
    pub max_ttl: Duration,
    /// What becomes of responses with `Set-Cookie`.
    pub set_cookie: SetCookie,
    /// Whether clients can have the origin asked although a stored response is fresh.
    pub reloads: Reloads,
    /// What becomes of partial responses (206).
    pub partial: Partial,
}

impl Default for Policy {
    /// Nothing is assumed, no cap, no cookies, clients are listened to, and no partial responses.
    fn default() -> Self {
        Self {
            assumed: Assumed::Nothing,
            max_ttl: FOREVER,
            set_cookie: SetCookie::Refuse,
            reloads: Reloads::Honour,
            partial: Partial::Refuse,
        }
    }
}

/// The lifetime of a response without explicit expiration (RFC 9111 section 4.2.2). It is assumed only
/// where the status is heuristically cacheable or the response is `public`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assumed {
    /// None: such a response is stale at once, and stored only if it can be validated.
    Nothing,
    /// This long from its arrival on, whatever its age and the clocks say.
    Fixed(Duration),
    /// A tenth of the time since `Last-Modified`, and no more than this; nothing without the field.
    Tenth {
        /// The most that is assumed.
        at_most: Duration,
    },
}

/// What becomes of responses with `Set-Cookie`, which the RFC lets caches store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetCookie {
    /// They are not stored, unless `private` or `no-cache` names the field, which then is left out.
    Refuse,
    /// They are stored, and every client gets the cookie of the first.
    Store,
}

/// Whether clients can have the origin asked although a stored response is fresh: by `no-cache`,
/// `max-age`, `min-fresh` and `Pragma` (RFC 9111 section 5.2.1: all of them are advisory).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reloads {
    /// Yes.
    Honour,
    /// No: the origin alone says what is fresh.
    Ignore,
}

/// What becomes of partial responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Partial {
    /// They are not stored.
    Refuse,
    /// They are stored if they hold one range of bytes ([`crate::ranges::Held`]).
    Store,
}
