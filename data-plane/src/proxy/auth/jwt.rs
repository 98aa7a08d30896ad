//! Tokens that were signed for this gateway (RFC 7519).
//!
//! A token that was verified is known for as long as it is good, so that its next request costs a look-up:
//! by all of its bytes, for the policy that accepted it, and as long as the key set is the same. One that is
//! new is verified here, on the worker, which takes some ten to some hundred microseconds by algorithm (see
//! `benches/tokens.rs`): a queue in front of other threads would save the worker's other clients that, and be
//! one more thing that whoever makes up tokens can fill.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use gateway_auth::{
    Json,
    jwt::{Algorithm, Claims, Refused, Rules, verify},
};
use gateway_caching::Time;
use gateway_routing::route::{AuthClaim, Jwt};
use tracing::debug;

use super::{
    remote::{Event, WorkerRemote},
    subject::{Shown, Subject},
    verdicts::{Good, PolicyId},
};
use crate::jwks::{Sources, View};

/// A policy as it is gone by.
#[derive(Debug)]
pub(super) struct Prepared {
    id: PolicyId,
    rules: Rules,
    keys: View,
}

impl Prepared {
    pub(super) fn new(policy: &Jwt, sources: &Sources) -> Option<Self> {
        let keys = sources.view(&policy.jwks)?;
        Some(Self { id: identity(policy), rules: rules(policy), keys })
    }
}

/// Whose token this is.
pub(crate) fn check(remote: &WorkerRemote, policy: &Arc<Jwt>, token: &[u8], now: Time) -> Shown {
    let now = now.seconds();
    let Some(prepared) = remote.jwt(policy) else { return unknown(remote) };
    let Prepared { id, rules, keys } = &*prepared;
    let set = keys.current();
    let Some(set) = &*set else { return unknown(remote) };
    if let Some(subject) = remote.verified().get(id, token, set.generation, now) {
        return Shown::Accepted(subject);
    }
    match verify(token, &set.keys, rules, now) {
        Ok(claims) => {
            remote.count(Event::JwtGood);
            let (from, until) = validity(&claims, rules);
            let subject = Arc::new(Subject::claimed(claims, &policy.claims));
            let good = Good { subject: Arc::clone(&subject), generation: set.generation, from, until };
            remote.verified().put(id, token, good);
            Shown::Accepted(subject)
        }
        Err(reason) => {
            remote.count(Event::JwtRefused);
            debug!(issuer = %policy.issuer, %reason, "a token is refused");
            if reason == Refused::Key {
                keys.want_newer();
            }
            Shown::Refused
        }
    }
}

fn unknown(remote: &WorkerRemote) -> Shown {
    remote.count(Event::JwtUnknown);
    Shown::Unknown
}

/// The seconds in which the rules accept these claims: those are where verifying it again would say
/// something else.
fn validity(claims: &Claims, rules: &Rules) -> (i64, i64) {
    let leeway = i64::try_from(rules.leeway.as_secs()).unwrap_or(i64::MAX);
    let begins = ["nbf", "iat"].into_iter().filter_map(|name| claims.all.get(name).and_then(Json::as_seconds)).max();
    let from = begins.map_or(i64::MIN, |begins| begins.saturating_sub(leeway));
    (from, claims.expires.map_or(i64::MAX, |expires| expires.saturating_add(leeway)))
}

/// Two that say the same are one, in whichever tables they are.
pub(super) fn identity(policy: &impl std::fmt::Debug) -> PolicyId {
    let mut id = PolicyId::default();
    id.copy_from_slice(digest(&SHA256, format!("{policy:?}").as_bytes()).as_ref());
    id
}

fn rules(policy: &Jwt) -> Rules {
    let Jwt { issuer, audience, jwks: _, algorithms, leeway, required_claims, claims: _, place: _ } = policy;
    let claim = |AuthClaim { name, value }: &AuthClaim| (name.to_string(), value.as_deref().map(str::to_owned));
    Rules {
        // Both have the registered names.
        algorithms: algorithms.iter().filter_map(|algorithm| Algorithm::of(algorithm.name())).collect(),
        issuer: Some(issuer.to_string()),
        audiences: audience.iter().map(ToString::to_string).collect(),
        any_audience: false,
        leeway: *leeway,
        may_never_expire: false,
        required: required_claims.iter().map(claim).collect(),
    }
}
