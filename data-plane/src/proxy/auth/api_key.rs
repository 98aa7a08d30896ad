//! Keys of consumers. What is kept of one is its hash: it is 256 random bits, so that a slow hash would cost
//! every request and protect nothing.

use aws_lc_rs::digest::{SHA256, digest};
use gateway_caching::Time;
use gateway_routing::route::{Auth, AuthMethod, CredentialPlace};

use super::{
    caller::Caller,
    place::{Found, find_key},
    verdict::Verdict,
};
use crate::{proxy::parse::ParsedRequest, table::consumers::Consumers};

/// The longest key in bytes; those that are made here have 81.
const MAX_KEY: usize = 512;

/// Whose key the request has in this place.
pub(super) fn check<'t>(
    place: &CredentialPlace,
    request: &ParsedRequest,
    head: &[u8],
    consumers: &'t Consumers,
    now: Time,
) -> Verdict<'t> {
    let key = match find_key(place, request, head) {
        Found::Nothing => return Verdict::Nothing,
        Found::One(key) if (1..=MAX_KEY).contains(&key.len()) => key,
        Found::One(_) | Found::Several => return Verdict::Refused,
    };
    let hash = digest(&SHA256, key);
    // SHA-256 has 32 bytes.
    let found = <&[u8; 32]>::try_from(hash.as_ref()).ok().and_then(|sha256| consumers.key(sha256, now));
    found.map_or(Verdict::Refused, |(consumer, key)| Verdict::Accepted(Caller::Keyed(consumer, key)))
}

/// Whether the request has keys in several places: nobody knows whose it is meant to be.
pub(super) fn is_ambiguous(policy: &Auth, request: &ParsedRequest, head: &[u8]) -> bool {
    let places = policy.methods.iter().filter_map(|method| match method {
        AuthMethod::ApiKey(place) => Some(place),
        AuthMethod::Basic | AuthMethod::Jwt(_) | AuthMethod::Introspection(_) | AuthMethod::Forward(_) => None,
    });
    let has_key = |place: &&CredentialPlace| find_key(place, request, head) != Found::Nothing;
    // Of one place, it is known when it is read.
    places.clone().nth(1).is_some() && places.filter(has_key).nth(1).is_some()
}
