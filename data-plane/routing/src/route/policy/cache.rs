//! What is stored of responses, and for whom.

use gateway_caching::key;

use crate::{Condition, Request};

/// Caching of responses (RFC 9111).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cache {
    /// What the RFCs leave to the operator.
    pub rules: gateway_caching::Policy,
    /// What of a request is in the key.
    pub key: key::Rules,
    /// Whether HEAD is answered from what is stored for GET.
    pub answers_head: bool,
    /// Requests that go past the cache.
    pub bypass: CacheBypass,
    /// The largest body in bytes that is stored, up to 1 GiB.
    pub max_object_size: u64,
}

/// Requests that go past the cache, there and back: those of which any of these holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CacheBypass {
    /// On header fields, in one order.
    pub headers: Box<[Condition]>,
    /// On the query, in one order.
    pub query: Box<[Condition]>,
    /// Names of cookies, in one order.
    pub cookies: Box<[Box<str>]>,
}

impl CacheBypass {
    /// Whether this request goes past the cache.
    pub fn holds(&self, request: &impl Request) -> bool {
        let Self { headers, query, cookies } = self;
        headers.iter().any(|condition| condition.holds_in_header(request))
            || query.iter().any(|condition| condition.holds_in_query(request))
            || (!cookies.is_empty() && request.headers("cookie").any(|field| has_one_of(field, cookies)))
    }
}

/// A cookie counts also where only some origins take it for the one that is named: otherwise a client
/// could have the answer to it stored for all.
fn has_one_of(field: &[u8], cookies: &[Box<str>]) -> bool {
    cookies.iter().any(|cookie| key::has_cookie(field, cookie))
}
