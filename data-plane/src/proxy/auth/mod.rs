//! Who calls, and whether he may: behind the route, in front of everything that a request costs or gets.
//!
//! 1. `stripped`: what clients send in fields that say who calls is not theirs to say, and goes. Limits that do not go by
//!    who calls come next.
//! 2. The methods of the policy are tried in order (`api_key`, `basic`, `jwt`, `introspect`, `forward_auth`); the
//!    first that accepts decides who calls (`caller`). They find credentials by `place`. What tokens and servers
//!    outside have said is remembered (`verdicts`), and what policies come to there is kept (`remote`).
//! 3. `rules` decide whether he may. What comes of it is a `verdict`, and for who has not shown who he is,
//!    a `challenge`.
//! 4. When all limits have admitted the request, its credentials are taken out (`stripped`), where it stands: whatever
//!    comes then, the cache, mirrors and endpoints, gets a request that never had any.

mod api_key;
mod args;
mod basic;
mod caller;
mod challenge;
mod claimed;
mod clients;
mod forward_auth;
mod introspect;
pub(crate) mod jwt;
mod passwords;
mod place;
pub(crate) mod remote;
mod rules;
mod stripped;
pub(crate) mod subject;
#[cfg(test)]
mod tests;
mod told;
mod verdict;
mod verdicts;

use std::{future::poll_fn, net::Ipv4Addr, pin::Pin, rc::Rc, sync::Arc, task::Poll, time::Duration};

use gateway_caching::Time;
use gateway_routing::route::{Auth, AuthMethod, Introspection};
use http::header::AUTHORIZATION;

pub use self::args::AuthArgs;
pub(crate) use self::{
    caller::Caller,
    challenge::Challenge,
    forward_auth::deliver,
    passwords::{Passwords, WorkerPasswords, is_password_hash},
    stripped::{forget_credentials, forget_read, forget_shown, forget_told, names},
    told::write_claim,
    verdict::{OUTCOMES, Outcome, Refusal},
};
use self::{
    forward_auth::{Answer, Ruling},
    place::{Found, Place, find_token},
    subject::Shown,
    verdict::Verdict,
};
use super::{
    destination::InForce,
    exchange::{ClientSide, Exchange, Stage},
    forward::poll_gone,
    parse::ParsedRequest,
    route::Asked,
};
use crate::{
    error::ProxyError,
    http1::field::Name,
    table::RoutingTable,
    worker::{Worker, watchdog::Watch},
};

/// How long it may take to find out whether credentials are good, where others have to be asked: as long as the longest
/// time-out of a policy, and a little more.
const PATIENCE: Duration = Duration::from_secs(61);

/// The same in shadow mode, where nobody is to notice.
const SHADOW_PATIENCE: Duration = Duration::from_millis(500);

/// What becomes of a request that nobody refuses.
#[derive(Debug)]
#[must_use]
pub(super) enum Passage {
    /// It goes on.
    On,
    /// Another server has answered it.
    Answered(Box<Answer>),
}

/// Finds out who calls, and refuses the request if he may not.
pub(super) async fn check<'t>(
    worker: &Rc<Worker>,
    table: &'t RoutingTable,
    policies: &InForce<'t>,
    request: &ParsedRequest,
    exchange: &mut Exchange<'t>,
) -> Result<Passage, ProxyError> {
    let Some(policy) = policies.auth else { return Ok(Passage::On) };
    let Tried { verdict, by, ends, answer } = authenticate(worker, table, policies, policy, request, exchange).await?;
    exchange.has_credentials = !matches!(verdict, Verdict::Nothing);
    let asked = Asked::new(request, exchange.head());
    let may = |caller: &Caller<'_>| rules::allow(policy, caller, exchange.client_address().known(), &asked);
    let judged = match verdict {
        Verdict::Accepted(mut caller) => {
            if goes_by_registration(policy, table, request) {
                caller.register(table);
            }
            let judged = match (may(&caller), caller.is_known_to(&worker.table(), table)) {
                (_, false) => Err(Refusal::Invalid),
                (false, true) => Err(Refusal::Forbidden),
                (true, true) => Ok(by),
            };
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
            exchange.good_until = ends.filter(|_| !policy.shadow);
            return Ok(Passage::On);
        }
        Err(refusal) if policy.shadow => {
            exchange.auth = Some(Outcome::Shadow(refusal));
            return Ok(Passage::On);
        }
        Err(refusal) => refusal,
    };
    exchange.auth = Some(Outcome::Refused(refusal));
    if let Some(answer) = answer.filter(|_| refusal == Refusal::Invalid) {
        return Ok(Passage::Answered(answer));
    }
    exchange.challenge = Some(Challenge::new(policy, refusal == Refusal::Invalid));
    Err(refusal.error())
}

/// What the functions of this module and of `stripped` do about a request where keys alone decide, for benchmarks;
/// whether it may go on.
pub(crate) fn enter_by_key(
    policies: &InForce<'_>,
    table: &RoutingTable,
    now: Time,
    (request, head): (&mut ParsedRequest, &mut [u8]),
    identity: &mut Vec<u8>,
) -> bool {
    let is_read = forget_told(policies, request, head);
    let Some(policy) = policies.auth.filter(|policy| !is_ambiguous(policy, request, head)) else { return false };
    let accepted = policy.methods.iter().find_map(|method| match method {
        AuthMethod::ApiKey(place) => match api_key::check(place, request, head, table.consumers(), now) {
            Verdict::Accepted(caller) => Some((caller.end(method), caller)),
            Verdict::Nothing | Verdict::Refused | Verdict::Unknown => None,
        },
        AuthMethod::Basic | AuthMethod::Jwt(_) | AuthMethod::Introspection(_) | AuthMethod::Forward(_) => None,
    });
    let Some((ends, mut caller)) = accepted else { return false };
    if goes_by_registration(policy, table, request) {
        caller.register(table);
    }
    let client = Some(Ipv4Addr::LOCALHOST.into());
    let may = rules::allow(policy, &caller, client, &Asked::new(request, head)) && caller.is_known_to(table, table);
    told::write(&policy.identity, &caller, policies.request_fields, identity);
    if is_read {
        forget_read(policies, request, head);
    }
    forget_credentials(policies, request, head);
    may && now < ends
}

/// Why a request would be refused, as far as that is certain without knowing who makes it: it shows nothing
/// where something has to be shown. What it shows is not looked at.
pub(super) fn foresee(policies: &InForce<'_>, request: &ParsedRequest, head: &[u8]) -> Option<ProxyError> {
    let policy = policies.auth.filter(|policy| !policy.shadow && !policy.anonymous)?;
    let asks_others = policy.methods.iter().any(|method| matches!(method, AuthMethod::Forward(_)));
    let shows = |place: Place<'_>| place::is_there(place, request, head);
    (!asks_others && !place::places(policy).any(shows)).then_some(ProxyError::Unauthenticated)
}

/// Whether anything goes by what the table has of a caller of whom others have told.
fn goes_by_registration(policy: &Auth, table: &RoutingTable, request: &ParsedRequest) -> bool {
    let denies_groups = || policy.deny.iter().any(|rule| rule.group.is_some());
    request.upgrade.is_some() || table.consumers().have_limits() || denies_groups()
}

/// What all the methods make of a request.
struct Tried<'t> {
    verdict: Verdict<'t>,
    by: Outcome,
    /// If it is accepted, until when at the most.
    ends: Option<Time>,
    /// What a server outside says to the client, if nobody accepts the request.
    answer: Option<Box<Answer>>,
}

/// What the methods make of the request: the first that accepts it, or all of them together.
async fn authenticate<'t>(
    worker: &Rc<Worker>,
    table: &'t RoutingTable,
    policies: &InForce<'t>,
    policy: &'t Auth,
    request: &ParsedRequest,
    exchange: &mut Exchange<'_>,
) -> Result<Tried<'t>, ProxyError> {
    let mut answer = None;
    let none = |verdict, answer| Ok(Tried { verdict, by: Outcome::Anonymous, ends: None, answer });
    if is_ambiguous(policy, request, exchange.head()) {
        return none(Verdict::Refused, None);
    }
    let mut all = Verdict::Nothing;
    for method in &policy.methods {
        let verdict = match method {
            AuthMethod::ApiKey(place) => {
                api_key::check(place, request, exchange.head(), table.consumers(), worker.now())
            }
            AuthMethod::Jwt(jwt) => match find_token(&jwt.place, request, exchange.head()) {
                Found::Nothing => Verdict::Nothing,
                Found::One(token) => {
                    Verdict::of(jwt::check(worker.remote(), jwt, &policy.methods, token, worker.now()))
                }
                Found::Several => Verdict::Refused,
            },
            // What may have to wait is in a box, so that who need not wait is small.
            AuthMethod::Basic => match basic::find(request, exchange.head()).map(basic::Credentials::read) {
                None => Verdict::Nothing,
                Some(None) => Verdict::Refused,
                Some(Some(credentials)) => {
                    let watch = wait(policy, exchange);
                    // Whoever waits holds no buffer.
                    exchange.buffers.settle();
                    let client = exchange.client_address().ip();
                    let asked = Box::pin(basic::check(worker, table, credentials, client));
                    watch.run(while_there(&exchange.client, asked)).await.unwrap_or(Ok(Verdict::Unknown))?
                }
            },
            AuthMethod::Introspection(introspection)
                if find_token(&introspection.place, request, exchange.head()) == Found::Nothing =>
            {
                Verdict::Nothing
            }
            AuthMethod::Introspection(introspection) => {
                let watch = wait(policy, exchange);
                let asked = Box::pin(introspect(worker, introspection, request, exchange));
                Verdict::of(watch.run(while_there(&exchange.client, asked)).await.unwrap_or(Ok(Shown::Unknown))?)
            }
            AuthMethod::Forward(forward) => {
                let watch = wait(policy, exchange);
                let (client, scheme, id) = (exchange.client_address(), exchange.scheme, &exchange.id);
                let asked = forward_auth::Asked { request, head: exchange.head(), client, scheme, id };
                let asked = Box::pin(forward_auth::ask(worker.remote(), forward, asked));
                match watch.run(while_there(&exchange.client, asked)).await.unwrap_or(Ok(Ruling::Unknown))? {
                    Ruling::Passes { subject, fields } => {
                        told::write_fields(&fields, policies.request_fields, &mut exchange.buffers.identity);
                        Verdict::Accepted(Caller::Told(subject, None))
                    }
                    Ruling::Answered(said) => {
                        answer = answer.or(Some(said));
                        Verdict::Refused
                    }
                    Ruling::Unknown => Verdict::Unknown,
                }
            }
        };
        all = match (verdict, all) {
            (Verdict::Accepted(caller), _) => {
                let ends = Some(caller.end(method));
                return Ok(Tried { verdict: Verdict::Accepted(caller), by: Outcome::by(method), ends, answer: None });
            }
            (Verdict::Nothing, all) => all,
            // Perhaps it would be accepted: nobody is told that it is not.
            (Verdict::Unknown, _) | (Verdict::Refused, Verdict::Unknown) => Verdict::Unknown,
            (Verdict::Refused, Verdict::Nothing | Verdict::Refused | Verdict::Accepted(_)) => Verdict::Refused,
        };
    }
    let is_left_over = matches!(all, Verdict::Nothing) && has_authorization(policy, request, exchange.head());
    none(if is_left_over { Verdict::Refused } else { all }, answer)
}

/// From here on, it takes as long as others do; but in shadow mode not so long that the request fails of it.
fn wait<'c>(policy: &Auth, exchange: &mut Exchange<'c>) -> &'c Watch {
    let watch = exchange.watch;
    exchange.stage = Stage::Authentication;
    watch.arm(if policy.shadow { SHADOW_PATIENCE.min(watch.left() / 2) } else { PATIENCE });
    watch
}

/// Gives up when the client does.
async fn while_there<T>(
    client: &ClientSide<'_>,
    mut asked: Pin<Box<impl Future<Output = T>>>,
) -> Result<T, ProxyError> {
    poll_fn(|cx| match asked.as_mut().poll(cx) {
        Poll::Ready(said) => Poll::Ready(Ok(said)),
        Poll::Pending => poll_gone(cx, client).map(|()| Err(ProxyError::ClientGone)),
    })
    .await
}

async fn introspect(
    worker: &Worker,
    policy: &Arc<Introspection>,
    request: &ParsedRequest,
    exchange: &Exchange<'_>,
) -> Shown {
    let client = exchange.client_address().ip();
    match find_token(&policy.place, request, exchange.head()) {
        Found::Nothing => Shown::Nothing,
        Found::One(token) => introspect::check(worker.remote(), policy, (client, token), || worker.now()).await,
        Found::Several => Shown::Refused,
    }
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
