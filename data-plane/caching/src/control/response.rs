//! What an origin says of the reuse of a response (RFC 9111 section 5.2.2, RFC 5861, RFC 9213).

use std::time::Duration;

use super::{
    Named,
    directive::{Argument, Directive, directives},
    strictest, targeted,
};
use crate::fields::Fields;

/// Which field the directives are from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Source {
    /// `Cache-Control`, if there is one; `Expires` counts beside it.
    #[default]
    CacheControl,
    /// `CDN-Cache-Control`: `Cache-Control` and `Expires` are ignored (RFC 9213 section 2.2).
    CdnCacheControl,
}

/// The directives of a response that a shared cache goes by.
///
/// - Names are compared without regard to case, and extensions are ignored, `immutable` (RFC 8246) among
///   them: it is about reloads, which a shared cache is not asked for.
/// - A number that is malformed, or that is there twice and differs, is zero: such a response is stale
///   (section 4.2.1).
/// - A directive that forbids something holds whatever its argument is. One that allows something
///   (`public`, `must-understand`) holds only without an argument, as it is defined.
/// - `CDN-Cache-Control` is a structured field: one that does not parse is not there, and of two members
///   of one name the last one counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResponseControl<'a> {
    /// Where this is from.
    pub source: Source,
    /// Lifetime in shared caches; forbids serving stale, too.
    pub s_maxage: Option<Duration>,
    /// Lifetime.
    pub max_age: Option<Duration>,
    /// How long after its lifetime a response may be served while it is validated.
    pub stale_while_revalidate: Option<Duration>,
    /// How long after its lifetime a response may be served if the origin fails.
    pub stale_if_error: Option<Duration>,
    /// Not to be stored; but see `must_understand`.
    pub no_store: bool,
    /// To be stored by caches that know the status, whatever `no_store` says.
    pub must_understand: bool,
    /// Not to be served stale.
    pub must_revalidate: bool,
    /// Not to be served stale by shared caches.
    pub proxy_revalidate: bool,
    /// To be stored even if that is not the default.
    pub public: bool,
    pub(crate) no_cache: Named<'a>,
    pub(crate) private: Named<'a>,
}

impl<'a> ResponseControl<'a> {
    /// Reads what holds for a shared cache that `CDN-Cache-Control` is meant for.
    #[must_use]
    pub fn read(response: &'a (impl Fields + ?Sized)) -> Self {
        targeted::read(response.values("cdn-cache-control")).unwrap_or_else(|| {
            let mut control = Self::default();
            let all = response.values("cache-control").flat_map(directives);
            all.for_each(|directive| control.take(directive));
            control
        })
    }

    pub(super) fn take(&mut self, Directive { name, argument }: Directive<'a>) {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        let bare = argument == Argument::Absent;
        let add = |known: &mut Option<Duration>| *known = strictest(*known, argument.seconds(), Duration::ZERO);
        if is("max-age") {
            add(&mut self.max_age);
        } else if is("s-maxage") {
            add(&mut self.s_maxage);
        } else if is("stale-while-revalidate") {
            add(&mut self.stale_while_revalidate);
        } else if is("stale-if-error") {
            add(&mut self.stale_if_error);
        } else if is("no-store") {
            self.no_store = true;
        } else if is("must-revalidate") {
            self.must_revalidate = true;
        } else if is("proxy-revalidate") {
            self.proxy_revalidate = true;
        } else if is("public") {
            self.public |= bare;
        } else if is("must-understand") {
            self.must_understand |= bare;
        } else if is("no-cache") {
            self.no_cache = std::mem::take(&mut self.no_cache).and(Named::of(argument));
        } else if is("private") {
            self.private = std::mem::take(&mut self.private).and(Named::of(argument));
        }
    }

    /// Takes back what a member of this name has said, because a later one says it anew.
    pub(super) fn forget(&mut self, name: &str) {
        match name {
            "max-age" => self.max_age = None,
            "s-maxage" => self.s_maxage = None,
            "stale-while-revalidate" => self.stale_while_revalidate = None,
            "stale-if-error" => self.stale_if_error = None,
            "no-store" => self.no_store = false,
            "must-revalidate" => self.must_revalidate = false,
            "proxy-revalidate" => self.proxy_revalidate = false,
            "public" => self.public = false,
            "must-understand" => self.must_understand = false,
            "no-cache" => self.no_cache = Named::Nothing,
            "private" => self.private = Named::Nothing,
            _ => {}
        }
    }

    /// Whether a stale response must not be served (section 4.2.4), whatever else allows it.
    #[must_use]
    pub fn forbids_stale(&self) -> bool {
        self.must_revalidate || self.proxy_revalidate || self.s_maxage.is_some() || self.no_cache == Named::Everything
    }

    /// Whether it lets shared caches store the response to a request with `Authorization` (section 3.5).
    #[must_use]
    pub fn allows_authorization(&self) -> bool {
        self.must_revalidate || self.public || self.s_maxage.is_some()
    }
}
