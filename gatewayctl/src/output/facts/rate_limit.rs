//! How often anyone may call, as lines for people.

use super::Fact;
use crate::output::{
    rate_limit::{Burst, Exemption, Key, KeyPart, RateLimit},
    route_facts::condition,
};

/// One for each limit.
pub(super) fn lines(limits: &[RateLimit]) -> Vec<Fact> {
    if limits.is_empty() {
        return vec![("Rate limits", "off".to_owned())];
    }
    limits.iter().map(|limit| ("Rate limit", line(limit))).collect()
}

fn line(limit: &RateLimit) -> String {
    let RateLimit {
        name,
        requests,
        bytes,
        concurrent,
        per,
        burst,
        key,
        ipv4_prefix,
        ipv6_prefix,
        scope,
        exempt,
        shadow,
    } = limit;
    let per = per.as_deref().unwrap_or("?");
    let quota = match (requests, bytes, concurrent) {
        (Some(count), _, _) => format!("{count} requests in {per}"),
        (None, Some(size), _) => format!("{size} in {per}"),
        (None, None, Some(most)) => format!("{most} at once"),
        (None, None, None) => "a quota that this program does not know".to_owned(),
    };
    let burst = burst.as_ref().map(|burst| match burst {
        Burst::Requests(burst) => format!("burst {burst}"),
        Burst::Bytes(burst) => format!("burst {burst}"),
    });
    let prefixes = [ipv4_prefix.filter(|bits| *bits != 32), ipv6_prefix.filter(|bits| *bits != 64)];
    let of_addresses = |(family, bits): (&str, Option<u32>)| bits.map(|bits| format!("/{bits} of {family}"));
    let prefixes: Vec<_> = ["IPv4", "IPv6"].into_iter().zip(prefixes).filter_map(of_addresses).collect();
    let parts: Vec<_> = key.iter().flat_map(Key::parts).map(part).collect();
    let mut told = vec![format!("{name}: {quota}")];
    told.extend(burst);
    told.extend((!parts.is_empty()).then(|| format!("by {}", parts.join(" and "))));
    told.extend((!prefixes.is_empty()).then(|| prefixes.join(", ")));
    told.extend(scope.filter(|scope| *scope != "node").map(|scope| format!("of the {scope}")));
    told.extend(exempt.as_ref().map(exemption));
    told.extend((*shadow == Some(true)).then(|| "only counted".to_owned()));
    told.join("; ")
}

fn part(part: &KeyPart) -> String {
    match part {
        KeyPart::ClientAddress => "client address".to_owned(),
        KeyPart::Route => "route".to_owned(),
        KeyPart::Service => "service".to_owned(),
        KeyPart::Consumer => "consumer".to_owned(),
        KeyPart::Header(name) => format!("header {name}"),
        KeyPart::Cookie(name) => format!("cookie {name}"),
        KeyPart::Claim(name) => format!("claim {name}"),
        KeyPart::Unknown => "something that this program does not know".to_owned(),
    }
}

fn exemption(Exemption { client_networks, headers }: &Exemption) -> String {
    let networks = client_networks.iter().map(|network| format!("from {network}"));
    let headers = headers.iter().map(|one| format!("with header {}", condition(one)));
    format!("not counted: {}", networks.chain(headers).collect::<Vec<_>>().join(", "))
}
