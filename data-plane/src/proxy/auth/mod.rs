//! Who calls, and whether he may: behind the route, in front of everything that a request costs or gets.
//!
//! 1. `told`: what clients send in fields that say who calls is not theirs to say, and goes.
//! 2. The methods of the policy are tried in order (`api_key`, `basic`, …); the first that accepts decides
//!    who calls (`caller`). They find credentials by `place`.
//! 3. `rules` decide whether he may. What comes of it is a `verdict`, and for who has not shown who he is,
//!    a `challenge`.
//! 4. When limits have admitted the request, its credentials are taken out, where it stands: whatever comes
//!    then, the cache, mirrors and endpoints, gets a request that never had any.

mod api_key;
mod basic;
mod caller;
mod challenge;
mod passwords;
mod place;
mod rules;
mod subject;
mod told;
mod verdict;

use std::{net::Ipv4Addr, rc::Rc, time::Duration};

use gateway_caching::Time;
use gateway_routing::route::{Auth, AuthMethod};
use http::{HeaderName, header::AUTHORIZATION};

pub(crate) use self::{
    caller::Caller,
    challenge::Challenge,
    passwords::{Passwords, WorkerPasswords, is_password_hash},
    told::write_claim,
    verdict::{OUTCOMES, Outcome, Refusal},
};
use self::{
    place::{Found, Place, find_token},
    subject::Shown,
    verdict::Verdict,
};
use super::{
    destination::InForce,
    edits::FieldEdits,
    exchange::{Exchange, Stage},
    parse::ParsedRequest,
    query,
    route::Asked,
};
use crate::{error::ProxyError, http1::field::Name, table::RoutingTable, worker::Worker};

/// How long it may take to find out whether credentials are good, where others have to be asked.
const PATIENCE: Duration = Duration::from_secs(60);

/// Finds out who calls, and refuses the request if he may not.
pub(super) async fn check<'t>(
    worker: &Rc<Worker>,
    table: &'t RoutingTable,
    policies: &InForce<'t>,
    request: &mut ParsedRequest,
    exchange: &mut Exchange<'t>,
) -> Result<(), ProxyError> {
    for policy in policies.tells.into_iter().flatten() {
        told::forget_forged(&policy.identity, request, exchange.head());
    }
    let Some(policy) = policies.auth else { return Ok(()) };
    let (verdict, by) = authenticate(worker, table, policy, request, exchange).await?;
    exchange.has_credentials = !matches!(verdict, Verdict::Nothing);
    let asked = Asked::new(request, exchange.head());
    let may = |caller: &Caller<'_>| rules::allow(policy, caller, exchange.client_address().ip(), &asked);
    let judged = match verdict {
        Verdict::Accepted(caller) => {
            let judged = if may(&caller) { Ok(by) } else { Err(Refusal::Forbidden) };
            told::write(&policy.identity, &caller, policies.request_fields, &mut exchange.buffers.identity);
            exchange.caller = caller;
            judged
        }
        Verdict::Nothing if !policy.anonymous => Err(Refusal::Unauthenticated),
        Verdict::Nothing if may(&Caller::Nobody) => Ok(Outcome::Anonymous),
        // Who has no way to show who he is need not be asked to.
        Verdict::Nothing if policy.methods.is_empty() => Err(Refusal::Forbidden),
        Verdict::Nothing => Err(Refusal::Unauthenticated),
        Verdict::Refused => Err(Refusal::Invalid),
        Verdict::Unknown => Err(Refusal::Unavailable),
    };
    let refusal = match judged {
        Ok(outcome) => {
            exchange.auth = Some(outcome);
            return Ok(());
        }
        Err(refusal) if policy.shadow => {
            exchange.auth = Some(Outcome::Shadow(refusal));
            return Ok(());
        }
        Err(refusal) => refusal,
    };
    exchange.auth = Some(Outcome::Refused(refusal));
    exchange.challenge = Some(Challenge::new(policy, refusal == Refusal::Invalid));
    Err(refusal.error())
}

/// Takes the credentials out of the request, unless the endpoint is to have them. Until then, limits may
/// go by them.
pub(super) fn forget_credentials(policies: &InForce<'_>, request: &mut ParsedRequest, exchange: &mut Exchange<'_>) {
    if let Some(policy) = policies.auth.filter(|policy| !policy.keep_credentials) {
        place::forget(place::places(policy), request, exchange.head_mut());
    }
}

/// The fields that clients cannot have go on: neither do their trailers.
pub(super) fn names<'t>(policies: &InForce<'t>) -> impl Iterator<Item = &'t HeaderName> + use<'t> {
    let told = policies.tells.into_iter().flatten().flat_map(|policy| told::names(&policy.identity));
    let dropped = policies.auth.filter(|policy| !policy.keep_credentials);
    told.chain(dropped.into_iter().flat_map(place::places).filter_map(Place::header))
}

/// What [`check`] and [`forget_credentials`] do about a request where keys alone decide, for benchmarks.
pub(crate) fn enter_by_key(
    policy: &Auth,
    table: &RoutingTable,
    now: Time,
    (request, head): (&mut ParsedRequest, &mut [u8]),
    identity: &mut Vec<u8>,
) -> bool {
    told::forget_forged(&policy.identity, request, head);
    let is_sole = !is_ambiguous(policy, request, head);
    let mut methods = policy.methods.iter();
    let caller = methods.find_map(|method| match method {
        AuthMethod::ApiKey(place) => match api_key::check(place, request, head, table.consumers(), now) {
            Verdict::Accepted(caller) => Some(caller),
            Verdict::Nothing | Verdict::Refused | Verdict::Unknown => None,
        },
        AuthMethod::Basic | AuthMethod::Jwt(_) | AuthMethod::Introspection(_) | AuthMethod::Forward(_) => None,
    });
    let Some(caller) = caller.filter(|_| is_sole) else { return false };
    let client = Ipv4Addr::LOCALHOST.into();
    let is_allowed = rules::allow(policy, &caller, client, &Asked::new(request, head));
    told::write(&policy.identity, &caller, FieldEdits::default(), identity);
    place::forget(place::places(policy), request, head);
    is_allowed
}

/// Takes the credentials out of a target or a URL that is shown.
pub(super) fn forget_shown(policies: &InForce<'_>, target: &mut Vec<u8>) {
    let places = policies.auth.into_iter().flat_map(place::places);
    for place in places {
        if let Place::Query(name) = place {
            let length = query::forget(target, name);
            target.truncate(length);
        }
    }
}

/// Why a request would be refused, as far as that is certain without knowing who makes it: it shows nothing
/// where something has to be shown. What it shows is not looked at.
pub(super) fn foresee(policies: &InForce<'_>, request: &ParsedRequest, head: &[u8]) -> Option<ProxyError> {
    let policy = policies.auth.filter(|policy| !policy.shadow && !policy.anonymous)?;
    let asks_others = policy.methods.iter().any(|method| matches!(method, AuthMethod::Forward(_)));
    let shows = |place: Place<'_>| place::is_there(place, request, head);
    (!asks_others && !place::places(policy).any(shows)).then_some(ProxyError::Unauthenticated)
}

/// What the methods make of the request: the first that accepts it, or all of them together.
async fn authenticate<'t>(
    worker: &Rc<Worker>,
    table: &'t RoutingTable,
    policy: &'t Auth,
    request: &ParsedRequest,
    exchange: &mut Exchange<'_>,
) -> Result<(Verdict<'t>, Outcome), ProxyError> {
    let none = |verdict| Ok((verdict, Outcome::Anonymous));
    if is_ambiguous(policy, request, exchange.head()) {
        return none(Verdict::Refused);
    }
    let mut all = Verdict::Nothing;
    for method in &policy.methods {
        let verdict = match method {
            AuthMethod::ApiKey(place) => {
                api_key::check(place, request, exchange.head(), table.consumers(), worker.now())
            }
            // What may have to wait is in a box, so that who need not wait is small.
            method => Box::pin(ask(worker, table, method, request, exchange)).await?,
        };
        all = match (verdict, all) {
            (accepted @ Verdict::Accepted(_), _) => return Ok((accepted, Outcome::by(method))),
            (Verdict::Nothing, all) => all,
            // Perhaps it would be accepted: nobody is told that it is not.
            (Verdict::Unknown, _) | (Verdict::Refused, Verdict::Unknown) => Verdict::Unknown,
            (Verdict::Refused, Verdict::Nothing | Verdict::Refused | Verdict::Accepted(_)) => Verdict::Refused,
        };
    }
    let is_left_over = matches!(all, Verdict::Nothing) && has_authorization(policy, request, exchange.head());
    none(if is_left_over { Verdict::Refused } else { all })
}

/// What a method makes of the request that may have to ask somebody else.
async fn ask<'t>(
    worker: &Rc<Worker>,
    table: &'t RoutingTable,
    method: &'t AuthMethod,
    request: &ParsedRequest,
    exchange: &mut Exchange<'_>,
) -> Result<Verdict<'t>, ProxyError> {
    exchange.stage = Stage::Authentication;
    exchange.watch.arm(PATIENCE);
    let shown = match method {
        AuthMethod::ApiKey(_) => Shown::Nothing,
        AuthMethod::Basic => return Ok(basic::check(worker, table, request, exchange).await),
        AuthMethod::Jwt(jwt) => match find_token(&jwt.place, request, exchange.head()) {
            Found::Nothing => Shown::Nothing,
            Found::One(_token) => Shown::Unknown,
            Found::Several => Shown::Refused,
        },
        AuthMethod::Introspection(introspection) => match find_token(&introspection.place, request, exchange.head()) {
            Found::Nothing => Shown::Nothing,
            Found::One(_token) => Shown::Unknown,
            Found::Several => Shown::Refused,
        },
        AuthMethod::Forward(_) => Shown::Unknown,
    };
    Ok(Verdict::of(shown, table))
}

/// Whether several things are shown of which one can be meant at the most.
fn is_ambiguous(policy: &Auth, request: &ParsedRequest, head: &[u8]) -> bool {
    let has_several = || request.head.fields.values(head, Name::Authorization).nth(1).is_some();
    (reads_authorization(policy) && has_several()) || api_key::is_ambiguous(policy, request, head)
}

/// Whether it has an Authorization that is for the gateway, of a scheme that no method knows.
fn has_authorization(policy: &Auth, request: &ParsedRequest, head: &[u8]) -> bool {
    reads_authorization(policy) && request.head.fields.values(head, Name::Authorization).next().is_some()
}

fn reads_authorization(policy: &Auth) -> bool {
    place::places(policy).any(|place| place == Place::Header(&AUTHORIZATION))
}
