//! What a client wants of caches (RFC 9111 section 5.2.1).

use std::time::Duration;

use super::{
    directive::{Argument, Directive, directives},
    strictest,
};
use crate::{fields::Fields, list::members, time::FOREVER};

/// How stale a response may be for this client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaxStale {
    /// However stale it is.
    Any,
    /// This long, and no more.
    Within(Duration),
}

/// The directives of a request.
///
/// What is malformed or contradicts itself asks for as little of the cache as it can mean: `max-age=x`
/// for nothing that has aged, and `max-stale=x` for nothing that is stale. Extensions are ignored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RequestControl {
    /// Neither this request nor its response may be stored.
    pub no_store: bool,
    /// A stored response is wanted only if it was validated. `Pragma: no-cache` means this too, where
    /// there is no `Cache-Control` (section 5.4).
    pub no_cache: bool,
    /// Nobody is to be asked but the cache.
    pub only_if_cached: bool,
    /// The age that a response may have.
    pub max_age: Option<Duration>,
    /// The staleness that it may have.
    pub max_stale: Option<MaxStale>,
    /// How long it has to be fresh from now on.
    pub min_fresh: Option<Duration>,
    /// The staleness that it may have if the origin fails (RFC 5861 section 4).
    pub stale_if_error: Option<Duration>,
}

impl RequestControl {
    /// Reads what a request asks for, looking at each of its fields once.
    #[must_use]
    pub fn read(request: &(impl Fields + ?Sized)) -> Self {
        let mut control = Self::default();
        let mut pragma = false;
        let mut has_control = false;
        for (name, value) in request.lines() {
            if name.eq_ignore_ascii_case(b"cache-control") {
                has_control = true;
                directives(value).for_each(|directive| control.take(directive));
            } else if name.eq_ignore_ascii_case(b"pragma") {
                pragma |= members(value).any(|member| member.eq_ignore_ascii_case(b"no-cache"));
            }
        }
        control.no_cache |= pragma && !has_control;
        control
    }

    fn take(&mut self, Directive { name, argument }: Directive<'_>) {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        if is("no-store") {
            self.no_store = true;
        } else if is("no-cache") {
            self.no_cache = true;
        } else if is("only-if-cached") {
            self.only_if_cached = true;
        } else if is("max-age") {
            self.max_age = strictest(self.max_age, argument.seconds(), Duration::ZERO);
        } else if is("max-stale") {
            self.max_stale = Some(self.staleness(argument));
        } else if is("min-fresh") {
            self.min_fresh = strictest(self.min_fresh, argument.seconds(), FOREVER);
        } else if is("stale-if-error") {
            self.stale_if_error = strictest(self.stale_if_error, argument.seconds(), Duration::ZERO);
        }
    }

    fn staleness(&self, argument: Argument<'_>) -> MaxStale {
        let new = match argument {
            Argument::Absent => MaxStale::Any,
            Argument::Token(_) | Argument::Quoted(_) | Argument::Integer(_) | Argument::Malformed => {
                MaxStale::Within(argument.seconds().unwrap_or_default())
            }
        };
        match self.max_stale {
            Some(known) if known != new => MaxStale::Within(Duration::ZERO),
            Some(_) | None => new,
        }
    }
}
