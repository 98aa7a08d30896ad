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
    jwt::{Claims, Keys, Refused, Rules, verify},
};
use gateway_caching::Time;
use gateway_routing::route::{AuthClaim, AuthMethod, Jwt};
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

    /// Whose token it is known to be.
    fn known(&self, remote: &WorkerRemote, token: &[u8], now: i64) -> Option<Arc<Subject>> {
        let generation = self.keys.current().as_ref()?.generation;
        remote.verified().get(&self.id, token, generation, now)
    }
}

/// Whose token this is, by this policy of several methods.
pub(crate) fn check(remote: &WorkerRemote, policy: &Arc<Jwt>, all: &[AuthMethod], token: &[u8], now: Time) -> Shown {
    let now = now.seconds();
    let Some(prepared) = remote.jwt(policy) else { return unknown(remote) };
    if let Some(subject) = prepared.known(remote, token, now) {
        return Shown::Accepted(subject);
    }
    // What is known to be of another issuer need not be looked at each time.
    if others(policy, all).any(|other| remote.jwt(other).is_some_and(|it| it.known(remote, token, now).is_some())) {
        return Shown::Refused;
    }
    let Prepared { id, rules, keys } = &*prepared;
    let (set, none) = (keys.current(), Keys::default());
    let verified = verify(token, set.as_ref().map_or(&none, |set| &set.keys), rules, now);
    let said = verified.and_then(|claims| Ok((validity(&claims, rules), Subject::claimed(claims, &policy.claims)?)));
    match (said, &*set) {
        (Ok(((from, until), subject)), Some(set)) => {
            remote.count(Event::JwtGood);
            let subject = Arc::new(subject);
            let good = Good { subject: Arc::clone(&subject), generation: set.generation, from, until };
            remote.verified().put(id, token, good);
            Shown::Accepted(subject)
        }
        // There is no set yet that it could be signed by a key of.
        (Ok(_) | Err(Refused::Key), None) => {
            keys.want_newer();
            unknown(remote)
        }
        (Err(reason), _) => {
            debug!(issuer = %policy.issuer, %reason, "a token is refused");
            // One of another issuer is for another policy to count.
            if reason != Refused::Issuer {
                remote.count(Event::JwtRefused);
            }
            // Keys may be new, under an id that was there before, too.
            if matches!(reason, Refused::Key | Refused::Signature) {
                keys.want_newer();
            }
            Shown::Refused
        }
    }
}

/// The policies of other issuers.
fn others<'m>(policy: &'m Jwt, all: &'m [AuthMethod]) -> impl Iterator<Item = &'m Arc<Jwt>> {
    all.iter().filter_map(|method| match method {
        AuthMethod::Jwt(other) => (other.issuer != policy.issuer).then_some(other),
        AuthMethod::ApiKey(_) | AuthMethod::Basic | AuthMethod::Introspection(_) | AuthMethod::Forward(_) => None,
    })
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
        algorithms: algorithms.to_vec(),
        issuer: Some(issuer.to_string()),
        audiences: audience.iter().map(ToString::to_string).collect(),
        leeway: *leeway,
        required: required_claims.iter().map(claim).collect(),
    }
}
