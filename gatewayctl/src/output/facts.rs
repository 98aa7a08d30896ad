//! What services and routes have in common, as lines for people.

use super::{
    policy::{Compression, Cors, HeaderField, HeaderRules, Limits, Policies, Timeouts},
    rate_limit::RateLimit,
    table::list,
};

mod auth;
mod cache;
mod rate_limit;

/// The name of a line and its text.
pub type Fact = (&'static str, String);

/// Time limits on a line.
#[must_use]
pub fn timeouts(timeouts: &Timeouts) -> Fact {
    let Timeouts { connect, response, idle, total } = timeouts;
    let parts = [("connect", connect), ("response", response), ("idle", idle), ("total", total)];
    ("Timeouts", limits_line(&parts))
}

/// Other limits on a line.
#[must_use]
pub fn limits(limits: &Limits) -> Fact {
    let Limits { request_body } = limits;
    ("Limits", limits_line(&[("request body", request_body)]))
}

fn limits_line(parts: &[(&str, &Option<String>)]) -> String {
    let part = |(name, limit): &(&str, &Option<String>)| limit.as_ref().map(|limit| format!("{name} {limit}"));
    parts.iter().filter_map(part).collect::<Vec<_>>().join(", ")
}

/// A line for each policy there is.
#[must_use]
pub fn policies(policies: &Policies) -> Vec<Fact> {
    let Policies { cors, compression, request_headers, response_headers, ambiguous_paths, cache, rate_limits, auth } =
        policies;
    let mut facts = Vec::new();
    facts.extend(cors.as_ref().map(|cors| ("CORS", cors_line(cors))));
    facts.extend(compression.as_ref().map(|compression| ("Compression", compression_line(compression))));
    facts.extend(request_headers.as_ref().map(|rules| ("Request headers", rules_line(rules))));
    facts.extend(response_headers.as_ref().map(|rules| ("Response headers", rules_line(rules))));
    facts.extend(ambiguous_paths.map(|what| ("Ambiguous paths", what.to_owned())));
    facts.extend(cache.as_ref().map(|policy| ("Cache", cache::line(policy))));
    facts.extend(rate_limits.iter().flat_map(|limits| rate_limit::lines(limits)));
    facts.extend(auth.iter().flat_map(auth::lines));
    facts
}

/// A line for each limit of a consumer.
#[must_use]
pub fn rate_limits(limits: &[RateLimit]) -> Vec<Fact> {
    rate_limit::lines(limits)
}

fn cors_line(cors: &Cors) -> String {
    let Cors { enabled, allow_origins, allow_methods, allow_headers, expose_headers, allow_credentials, max_age } =
        cors;
    if *enabled == Some(false) {
        return "off".to_owned();
    }
    let mut parts = vec![format!("origins {}", texts(allow_origins))];
    parts.extend(some("methods", allow_methods));
    parts.extend(some("headers", allow_headers));
    parts.extend(some("exposed headers", expose_headers));
    parts.extend((*allow_credentials == Some(true)).then(|| "credentials".to_owned()));
    parts.extend(max_age.as_ref().map(|age| format!("remembered {age}")));
    parts.join("; ")
}

fn compression_line(compression: &Compression) -> String {
    let Compression { enabled, algorithms, min_size, content_types } = compression;
    if *enabled == Some(false) {
        return "off".to_owned();
    }
    let chosen = if algorithms.is_empty() { "zstd, br, gzip".to_owned() } else { list(algorithms.iter().copied()) };
    let mut parts = vec![chosen];
    parts.extend(min_size.as_ref().map(|size| format!("from {size}")));
    parts.extend(some("types", content_types));
    parts.join("; ")
}

fn rules_line(rules: &HeaderRules) -> String {
    let HeaderRules { set, add, remove } = rules;
    let field = |verb: &str, HeaderField { name, value }: &HeaderField| format!("{verb} {name}: {value}");
    let removed = remove.iter().map(|name| format!("remove {name}"));
    let set = set.iter().map(|one| field("set", one));
    let add = add.iter().map(|one| field("add", one));
    let parts: Vec<_> = removed.chain(set).chain(add).collect();
    if parts.is_empty() { "nothing is changed".to_owned() } else { parts.join("; ") }
}

fn some(name: &str, items: &[String]) -> Option<String> {
    (!items.is_empty()).then(|| format!("{name} {}", texts(items)))
}

fn texts(items: &[String]) -> String {
    list(items.iter().map(String::as_str))
}
