//! What clients send that does not go on: fields that say who calls, and credentials.

use std::sync::Arc;

use gateway_routing::route::{Auth, AuthMethod, ForwardAuth};
use http::HeaderName;

use super::{
    place::{self, Place},
    told,
};
use crate::{
    http1::field::is_mistaken_for,
    proxy::{destination::InForce, parse::ParsedRequest, query},
};

/// All fields by which anybody behind the gateway may be told who calls, and which he believes.
fn believed<'t>(policies: &InForce<'t>) -> impl Iterator<Item = &'t HeaderName> + use<'t> {
    let [of_service, of_shadow] = policies.told;
    // A service knows what the policy in force tells, too; where the gateway answers by itself, there is none.
    let own = policies.auth.filter(|_| of_service.is_empty());
    of_service.iter().chain(of_shadow).chain(own.into_iter().flat_map(Auth::told))
}

/// Whether the policy looks at clients' fields that would be taken for this one, to find out who calls.
fn reads(policy: &Auth, name: &HeaderName) -> bool {
    let is_it = |field: &HeaderName| is_mistaken_for(field.as_str().as_bytes(), name.as_str().as_bytes());
    let is_shown = || place::places(policy).filter_map(Place::header).any(is_it);
    let is_asked_with = || forwards(policy).any(|forward| forward.request_headers.iter().any(is_it));
    (is_shown() || is_asked_with()) && !policy.identity.fields().any(is_it)
}

/// Takes the client's own fields of these names out of the request, whatever policy is in force; but what that one
/// still reads. Whether there is any such.
pub(crate) fn forget_told(policies: &InForce<'_>, request: &mut ParsedRequest, head: &[u8]) -> bool {
    let is_read = |name: &&HeaderName| policies.auth.is_some_and(|policy| reads(policy, name));
    if believed(policies).next().is_none() {
        return false;
    }
    let are_read = believed(policies).any(|name| is_read(&name));
    if are_read {
        told::forget(|| believed(policies).filter(|name| !is_read(name)), request, head);
    } else {
        told::forget(|| believed(policies), request, head);
    }
    are_read
}

/// The same when all has been read.
pub(crate) fn forget_read(policies: &InForce<'_>, request: &mut ParsedRequest, head: &[u8]) {
    told::forget(|| believed(policies), request, head);
}

/// Where credentials are that do not go on: what the policy in force reads, and what the service's own does where it is
/// passed over, unless they keep it.
fn dropped<'t>(policies: &InForce<'t>) -> impl Iterator<Item = Place<'t>> + Clone + use<'t> {
    let InForce { auth, passed_over, .. } = *policies;
    let kept = auth.filter(|policy| policy.keep_credentials);
    let is_kept = move |place: &Place<'_>| kept.into_iter().flat_map(place::places).any(|kept| kept == *place);
    let of = |policy: Option<&'t Auth>| policy.filter(|policy| !policy.keep_credentials).into_iter();
    of(auth).chain(of(passed_over)).flat_map(place::places).filter(move |place| !is_kept(place))
}

/// Takes the credentials out of the request, unless the endpoint is to have them. Until then, limits may
/// go by them.
pub(crate) fn forget_credentials(policies: &InForce<'_>, request: &mut ParsedRequest, head: &mut [u8]) {
    place::forget(dropped(policies), request, head);
}

/// The fields that clients cannot have go on: neither do their trailers.
pub(crate) fn names<'t>(policies: &InForce<'t>) -> impl Iterator<Item = &'t HeaderName> + use<'t> {
    believed(policies).chain(dropped(policies).filter_map(Place::header))
}

/// Takes the credentials out of a target or a URL that is shown.
pub(crate) fn forget_shown(policies: &InForce<'_>, target: &mut Vec<u8>) {
    let places = [policies.auth, policies.passed_over].into_iter().flatten().flat_map(place::places);
    for place in places {
        if let Place::Query(name) = place {
            let length = query::forget(target, name);
            target.truncate(length);
        }
    }
}

fn forwards(policy: &Auth) -> impl Iterator<Item = &Arc<ForwardAuth>> {
    policy.methods.iter().filter_map(|method| match method {
        AuthMethod::Forward(forward) => Some(forward),
        AuthMethod::ApiKey(_) | AuthMethod::Basic | AuthMethod::Jwt(_) | AuthMethod::Introspection(_) => None,
    })
}
