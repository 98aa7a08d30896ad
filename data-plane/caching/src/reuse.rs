//! What becomes of a request: whether the cache is asked at all, and what it does with what it has
//! (RFC 9111 section 4, RFC 5861).

use std::time::Duration;

use http::{Method, StatusCode};

use crate::{
    control::{MaxStale, RequestControl},
    fields::{Fields, has},
    freshness::Freshness,
    policy::{Policy, Reloads},
    status_code,
    storable::has_content,
    time::Time,
};

/// Why a request goes past the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bypass {
    /// Its method is not GET or HEAD: it is written through (RFC 9111 section 4), and may invalidate.
    Method,
    /// It has content, which is in no key: "fat GET".
    Content,
    /// `If-Match` or `If-Unmodified-Since`: for origins only (section 4.3.2).
    Precondition,
    /// It wants another protocol.
    Upgrade,
}

/// What a request is to a cache, before anything is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It may be answered from the cache, if its directives agree.
    Look(RequestControl),
    /// It goes to the origin as it is, and its answer is not stored.
    Past(Bypass),
}

/// Whether a request is one that a cache can answer.
#[must_use]
pub fn way(method: &Method, request: &(impl Fields + ?Sized)) -> Way {
    if *method != Method::GET && *method != Method::HEAD {
        return Way::Past(Bypass::Method);
    }
    if has_content(request) {
        return Way::Past(Bypass::Content);
    }
    if has(request, "if-match") || has(request, "if-unmodified-since") {
        return Way::Past(Bypass::Precondition);
    }
    if has(request, "upgrade") {
        return Way::Past(Bypass::Upgrade);
    }
    Way::Look(RequestControl::read(request))
}

/// What to do with a stored response that matches a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Serve it: it is fresh, or so stale as the client allows.
    Serve,
    /// Serve it, and validate it in the background.
    ServeAndRevalidate,
    /// Ask the origin first, and say why.
    Validate(Because),
    /// Answer 504: the client wants no origin to be asked (section 5.2.1.7).
    GatewayTimeout,
}

/// Why a stored response is not served as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Because {
    /// It is fresh, and the request wants better.
    Request,
    /// It is stale, or may not be used without validation.
    Stale,
}

/// Decides about a stored response. Unless it says otherwise, an answer made of it has the `Age` that
/// [`Freshness::age`] tells, in place of any other.
#[must_use]
pub fn decide(policy: &Policy, stored: &Freshness, wishes: &RequestControl, now: Time) -> Decision {
    match judge(policy, stored, wishes, now) {
        Decision::Validate(_) if wishes.only_if_cached => Decision::GatewayTimeout,
        decision => decision,
    }
}

fn judge(policy: &Policy, stored: &Freshness, wishes: &RequestControl, now: Time) -> Decision {
    if stored.needs_validation() {
        return Decision::Validate(Because::Stale);
    }
    let is_fresh = stored.is_fresh(now);
    if policy.reloads == Reloads::Honour && wants_better(stored, wishes, now) {
        return Decision::Validate(if is_fresh { Because::Request } else { Because::Stale });
    }
    if is_fresh {
        return Decision::Serve;
    }
    if stored.is_served_while_revalidating(now) && !is_strict(policy, wishes) {
        return Decision::ServeAndRevalidate;
    }
    if !stored.forbids_stale() && accepts(wishes, stored.staleness(now)) {
        return Decision::Serve;
    }
    Decision::Validate(Because::Stale)
}

/// Whether the client wants something newer than this, fresh or stale.
fn wants_better(stored: &Freshness, wishes: &RequestControl, now: Time) -> bool {
    let age = stored.age(now);
    wishes.no_cache
        || wishes.max_age.is_some_and(|max_age| age > max_age)
        || wishes.min_fresh.is_some_and(|min_fresh| age.saturating_add(min_fresh) > stored.lifetime())
}

/// Section 5.2.1.1: who sends `max-age` without `max-stale` wants nothing stale.
fn is_strict(policy: &Policy, wishes: &RequestControl) -> bool {
    policy.reloads == Reloads::Honour && wishes.max_age.is_some() && wishes.max_stale.is_none()
}

fn accepts(wishes: &RequestControl, staleness: Duration) -> bool {
    match wishes.max_stale {
        None => false,
        Some(MaxStale::Any) => true,
        Some(MaxStale::Within(most)) => staleness <= most,
    }
}

/// What to do where nothing that is stored matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// Ask the origin.
    Forward,
    /// Answer 504 (section 5.2.1.7).
    GatewayTimeout,
}

/// Decides where nothing that is stored matches.
#[must_use]
pub fn missing(wishes: &RequestControl) -> Missing {
    if wishes.only_if_cached { Missing::GatewayTimeout } else { Missing::Forward }
}

/// How an origin has failed to answer a validation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// It could not be reached, or broke off, or took too long.
    Unreachable,
    /// It answered with this.
    Status(StatusCode),
}

/// What to do with a stored response that could not be validated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterFailure {
    /// Serve it stale (RFC 5861 section 4).
    ServeStale,
    /// Pass the failure on.
    PassOn,
    /// Answer 504: the response must not be used without validation (RFC 9111 section 5.2.2.2).
    GatewayTimeout,
}

/// Decides what a failed validation comes to. Statuses other than 500, 502, 503 and 504 are no failures:
/// they replace what is stored.
#[must_use]
pub fn after_failure(stored: &Freshness, wishes: &RequestControl, failure: Failure, now: Time) -> AfterFailure {
    let is_failure = match failure {
        Failure::Unreachable => true,
        Failure::Status(status) => status_code::is_failure(status),
    };
    if is_failure && stored.is_served_on_error(now, wishes.stale_if_error.unwrap_or_default()) {
        return AfterFailure::ServeStale;
    }
    match failure {
        Failure::Unreachable if stored.forbids_stale() => AfterFailure::GatewayTimeout,
        Failure::Unreachable | Failure::Status(_) => AfterFailure::PassOn,
    }
}
