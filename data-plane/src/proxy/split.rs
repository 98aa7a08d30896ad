//! Which of a route's services gets a request.

use gateway_routing::route::{Sticky, WeightedService};
use rand::{Rng, RngExt};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::{identity::ClientAddress, parse::ParsedRequest, route::Asked};
use crate::http1::field::Name;

/// What all shares of a route are together.
const WHOLE: u64 = 1000;

/// The service that gets the request, for `draw`, which is chance or what the client is recognised by.
/// Where that service cannot answer, another one with a weight does, in proportion to what is left;
/// where none can, it is the first choice.
///
/// A draw falls on a point of the shares in their order. So clients keep their service while the
/// shares stay, on every data plane; and when the last share grows at the cost of the one before it,
/// clients move from there to the last and nowhere else.
pub(crate) fn pick(
    services: &[WeightedService],
    is_able: impl Fn(&WeightedService) -> bool,
    draw: u64,
) -> Option<&WeightedService> {
    let weight = |service: &WeightedService| u64::from(service.weight);
    let first = find(services, weight, draw % WHOLE)?;
    if is_able(first) {
        return Some(first);
    }
    let weight = |service: &WeightedService| if is_able(service) { weight(service) } else { 0 };
    let left: u64 = services.iter().map(weight).sum();
    // What the first choice did not use of the draw; so clients keep their second choice, too.
    let second = (draw / WHOLE).checked_rem(left).and_then(|point| find(services, weight, point));
    Some(second.unwrap_or(first))
}

/// Whose share the point is in, where the shares lie one behind the other.
fn find(
    services: &[WeightedService],
    weight: impl Fn(&WeightedService) -> u64,
    mut point: u64,
) -> Option<&WeightedService> {
    services.iter().find(|service| {
        let weight = weight(service);
        let is_here = point < weight;
        point = point.saturating_sub(weight);
        is_here
    })
}

/// What [`pick`] goes by: the same number for the same client and route wherever it comes to, or
/// chance where the client cannot be recognised.
pub(crate) fn draw(
    sticky: Option<&Sticky>,
    route: &str,
    request: &ParsedRequest,
    head: &[u8],
    client: &ClientAddress,
    rng: &mut impl Rng,
) -> u64 {
    recognise(sticky, route, request, head, Some(client)).unwrap_or_else(|| rng.random())
}

/// The number of the client, where it can be recognised; its address may not be known.
pub(crate) fn recognise(
    sticky: Option<&Sticky>,
    route: &str,
    request: &ParsedRequest,
    head: &[u8],
    client: Option<&ClientAddress>,
) -> Option<u64> {
    let key = key(sticky?, request, head, client)?;
    // Each route deals its clients anew: otherwise the first in one canary were the first in all.
    Some(xxh3_64_with_seed(key, xxh3_64(route.as_bytes())))
}

/// The bytes that a client is recognised by. An empty value says nothing.
fn key<'b>(
    sticky: &Sticky,
    request: &'b ParsedRequest,
    head: &'b [u8],
    client: Option<&'b ClientAddress>,
) -> Option<&'b [u8]> {
    let fields = &request.head.fields;
    let key = match sticky {
        Sticky::Header(name) => Asked::new(request, head).values(name).next(),
        Sticky::Cookie(name) => fields.values(head, Name::Cookie).find_map(|value| cookie(value, name)),
        Sticky::ClientAddress => client.map(ClientAddress::plain),
    };
    key.filter(|key| !key.is_empty())
}

/// The value of the first cookie of this name.
pub(super) fn cookie<'b>(field: &'b [u8], name: &str) -> Option<&'b [u8]> {
    cookies(field, name).next()
}

/// The values of the cookies of this name (RFC 6265 section 4.2.1), quotes and all.
pub(super) fn cookies<'b>(field: &'b [u8], name: &str) -> impl Iterator<Item = &'b [u8]> {
    field.split(|byte| *byte == b';').filter_map(move |pair| {
        let equals = memchr::memchr(b'=', pair)?;
        (pair[..equals].trim_ascii() == name.as_bytes()).then(|| pair[equals + 1..].trim_ascii())
    })
}

#[cfg(test)]
mod tests;
