//! `Cache-Status` (RFC 9211): how a cache has handled a request.

use std::fmt;

use http::StatusCode;

use crate::reuse::{Because, Bypass};

/// Why a request went forward, from the most specific reason to the least (section 2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forward {
    /// The cache is set up not to handle it.
    Bypass,
    /// Its method has to go forward.
    Method,
    /// Nothing is stored for its URI.
    UriMiss,
    /// What is stored for its URI is for other requests.
    VaryMiss,
    /// One of both.
    Miss,
    /// A fresh response is stored, and the request wants better.
    Request,
    /// What is stored is stale.
    Stale,
    /// What is stored is a part, and not the one that is wanted.
    Partial,
}

impl Forward {
    const fn token(self) -> &'static str {
        match self {
            Self::Bypass => "bypass",
            Self::Method => "method",
            Self::UriMiss => "uri-miss",
            Self::VaryMiss => "vary-miss",
            Self::Miss => "miss",
            Self::Request => "request",
            Self::Stale => "stale",
            Self::Partial => "partial",
        }
    }
}

impl From<Bypass> for Forward {
    fn from(bypass: Bypass) -> Self {
        match bypass {
            Bypass::Method => Self::Method,
            Bypass::Content | Bypass::Precondition | Bypass::Upgrade => Self::Bypass,
        }
    }
}

impl From<Because> for Forward {
    fn from(because: Because) -> Self {
        match because {
            Because::Request => Self::Request,
            Because::Stale => Self::Stale,
        }
    }
}

/// Whether a request was handled together with others (section 2.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Collapsed {
    /// It waited for nobody.
    No,
    /// It got the answer to another one.
    Served,
    /// It waited for an answer that it could not use.
    InVain,
}

/// Where the answer came from. `hit` and `fwd` exclude each other (section 2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handled {
    /// From the cache, without a word to the origin; stale ones and 304s count, too.
    Hit,
    /// From the origin, or from the cache after asking it.
    Forwarded {
        /// Why.
        why: Forward,
        /// What the origin answered, where that is not what the client gets (section 2.3).
        status: Option<StatusCode>,
        /// Whether the answer is stored now, or why it is not, as a token ([`crate::Unstorable::name`]), where
        /// there is something to say.
        stored: Result<(), Option<&'static str>>,
        /// Whether there were others.
        collapsed: Collapsed,
    },
}

/// A member of `Cache-Status`, to be put behind those of other caches: closer to the client is later. It
/// belongs on answers that come from an origin or are made of a stored one, and not on the gateway's own
/// (section 2). What it shows is a list member that needs no quoting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheStatus {
    /// Where the answer came from.
    pub handled: Handled,
    /// Seconds that it is still fresh for, negative if it is stale ([`crate::Freshness::ttl`]).
    pub ttl: Option<i64>,
}

impl fmt::Display for CacheStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { handled, ttl } = *self;
        f.write_str("gateway; ")?;
        handled.fmt(f)?;
        if let Some(ttl) = ttl {
            // The integers of structured fields have up to fifteen digits.
            write!(f, "; ttl={}", ttl.clamp(-999_999_999_999_999, 999_999_999_999_999))?;
        }
        match handled {
            Handled::Forwarded { stored: Err(Some(reason)), .. } => write!(f, "; detail={reason}"),
            Handled::Forwarded { stored: Err(None) | Ok(()), .. } | Handled::Hit => Ok(()),
        }
    }
}

impl fmt::Display for Handled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Forwarded { why, status, stored, collapsed } = *self else { return f.write_str("hit") };
        write!(f, "fwd={}", why.token())?;
        if let Some(status) = status {
            write!(f, "; fwd-status={}", status.as_u16())?;
        }
        if stored.is_ok() {
            f.write_str("; stored")?;
        }
        match collapsed {
            Collapsed::No => Ok(()),
            Collapsed::Served => f.write_str("; collapsed"),
            Collapsed::InVain => f.write_str("; collapsed=?0"),
        }
    }
}
