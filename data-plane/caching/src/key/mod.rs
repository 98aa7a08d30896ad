//! What a response is stored under.
//!
//! A key begins with a URL as it is purged by, `http://shop.test/a?b=1`: the host in lower case, without
//! the scheme's own port; the path as it was sent; of the query what the rules keep. Behind it stands what
//! else keeps entries apart, and last where each part ends. So two requests have the same key if and only
//! if they have the same parts: no client can make one part run into another.

mod name;
mod query;

use std::ops::Range;

use xxhash_rust::xxh3::xxh3_64;

use crate::{
    fields::Fields,
    list::trim,
    vary::{Vary, write_value},
};

pub use query::Query;

/// How a client reached the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// http
    Http,
    /// https
    Https,
}

impl Scheme {
    pub(crate) const fn name(self) -> &'static [u8] {
        match self {
            Self::Http => b"http",
            Self::Https => b"https",
        }
    }

    pub(crate) const fn default_port(self) -> &'static [u8] {
        match self {
            Self::Http => b"80",
            Self::Https => b"443",
        }
    }
}

/// What a request is for. The method has no part in it: only GET is stored, and HEAD is answered from it.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The name of the service that gets the request.
    pub service: &'a str,
    /// The name of the route that leads there; empty if there is none. Two routes may say different
    /// things of one URL, and what chooses between them is in no key.
    pub route: &'a str,
    /// How the client came.
    pub scheme: Scheme,
    /// Host and port, as the gateway has routed by them: of an absolute-form target, not of `Host`.
    pub authority: &'a [u8],
    /// The path as the client sent it; empty means `/`. What is normalised before it goes to the origin
    /// may be normalised here.
    pub path: &'a [u8],
    /// The query as the client sent it, without the `?`; `None` where there is none.
    pub query: Option<&'a [u8]>,
}

/// What of a request is in its key, besides service, scheme, authority and path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    query: Query,
    headers: Vec<Box<str>>,
    cookies: Vec<Box<str>>,
    /// Of the rules themselves, so that what was stored by other rules is not found by these.
    fingerprint: u64,
}

/// At least as long as what a key has beside its parts.
const FIXED: usize = 40;

/// A key. Made to be used again, so that a lookup allocates nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Key {
    bytes: Vec<u8>,
    url: usize,
    host: Range<usize>,
}

impl Key {
    /// All of it.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many of the first bytes are the URL.
    #[must_use]
    pub fn url(&self) -> usize {
        self.url
    }

    /// Where in it the host is, without the port.
    #[must_use]
    pub fn host(&self) -> Range<usize> {
        self.host.clone()
    }
}

impl Rules {
    /// The whole query or a part of it, header fields by name, and cookies by name.
    #[must_use]
    pub fn new(query: Query, headers: Vec<Box<str>>, cookies: Vec<Box<str>>) -> Self {
        let headers: Vec<_> = headers.into_iter().map(|name| name.to_ascii_lowercase().into_boxed_str()).collect();
        let mut bytes = Vec::new();
        query.write_rule(&mut bytes);
        for names in [&headers, &cookies] {
            Written(&mut bytes).whole(|out| names.iter().for_each(|name| Written(out).text(name.as_bytes())));
        }
        let is_default = query == Query::All && headers.is_empty() && cookies.is_empty();
        let fingerprint = if is_default { 0 } else { xxh3_64(&bytes) };
        Self { query, headers, cookies, fingerprint }
    }

    /// Which query parameters are in a key.
    #[must_use]
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// Which header fields are in a key, in lower case.
    #[must_use]
    pub fn headers(&self) -> &[Box<str>] {
        &self.headers
    }

    /// Which cookies are in a key.
    #[must_use]
    pub fn cookies(&self) -> &[Box<str>] {
        &self.cookies
    }

    /// Writes the key, which is the same for all variants: what is purged and invalidated.
    pub fn primary(&self, target: &Target<'_>, key: &mut Key) {
        let Target { service, route, scheme, authority, path, query } = *target;
        let out = &mut key.bytes;
        out.clear();
        let lengths = [service.len(), route.len(), authority.len(), path.len(), query.map_or(0, <[u8]>::len)];
        out.reserve(lengths.iter().sum::<usize>() + FIXED);
        out.extend(scheme.name());
        out.extend(b"://");
        let start = out.len();
        let authority = without_default_port(scheme, authority);
        out.extend(authority.iter().map(u8::to_ascii_lowercase));
        let path_at = out.len();
        out.extend(if path.is_empty() { b"/" } else { path });
        let query_at = out.len();
        self.query.write(query, out);
        let service_at = out.len();
        out.extend(service.as_bytes());
        let route_at = out.len();
        out.extend(route.as_bytes());
        out.extend(self.fingerprint.to_be_bytes());
        for at in [path_at, query_at, service_at, route_at] {
            // Heads are limited to far less than 4 GiB.
            out.extend(u32::try_from(at).unwrap_or(u32::MAX).to_be_bytes());
        }
        key.url = service_at;
        key.host = start..start + without_port(authority).len();
    }

    /// Appends what of this request chooses among the responses of its key: what the rules add, and what
    /// `vary` names. Nothing, if that is nothing. Two requests get the same response if and only if these
    /// bytes are equal.
    pub fn variant(&self, vary: &Vary, request: &(impl Fields + ?Sized), out: &mut Vec<u8>) {
        self.headers.iter().for_each(|name| write_value(name, request, out));
        if !self.cookies.is_empty() {
            self.write_cookies(request, out);
        }
        if !vary.is_empty() {
            vary.write(request, out);
        }
    }

    /// Every value of these cookies, in order. Where servers differ in how they read the field, all of it.
    fn write_cookies(&self, request: &(impl Fields + ?Sized), out: &mut Vec<u8>) {
        let pairs = || request.values("cookie").flat_map(|line| line.split(|byte| *byte == b';')).map(trim);
        for cookie in &self.cookies {
            let named = pairs().filter(|pair| name::is_same(cookie.as_bytes(), name::of(pair)));
            Written(out).whole(|out| named.for_each(|pair| Written(out).text(pair)));
        }
        let is_certain = |line: &[u8]| !line.iter().any(|byte| matches!(byte, b'"' | b',' | b'\\'));
        let doubtful = request.values("cookie").filter(|line| !is_certain(line));
        Written(out).whole(|out| doubtful.for_each(|line| Written(out).text(line)));
    }
}

/// Whether the value of a `Cookie` field has a cookie that some origin takes for the one of this name.
#[must_use]
pub fn has_cookie(field: &[u8], cookie: &str) -> bool {
    field.split(|byte| *byte == b';').any(|pair| name::is_same(cookie.as_bytes(), name::of(trim(pair))))
}

pub(crate) fn without_default_port(scheme: Scheme, authority: &[u8]) -> &[u8] {
    let host = authority.strip_suffix(scheme.default_port()).unwrap_or(authority);
    host.strip_suffix(b":").unwrap_or(authority)
}

fn without_port(authority: &[u8]) -> &[u8] {
    let colon = authority.iter().rposition(|byte| *byte == b':');
    let is_port = |at: &usize| authority[at + 1..].iter().all(u8::is_ascii_digit);
    colon.filter(is_port).map_or(authority, |at| &authority[..at])
}

/// Appends parts so that each can be told from the next.
pub(crate) struct Written<'o>(pub &'o mut Vec<u8>);

impl Written<'_> {
    /// Longer than any part.
    const ABSENT: [u8; 4] = [0xff; 4];

    /// A part that is not there, which differs from one that is empty.
    pub(crate) fn absent(self) {
        self.0.extend(Self::ABSENT);
    }

    pub(crate) fn text(self, part: &[u8]) {
        self.whole(|out| out.extend(part));
    }

    /// Whatever `write` appends, as one part.
    pub(crate) fn whole(self, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.0.len();
        self.0.extend(Self::ABSENT);
        write(self.0);
        // Heads are limited to far less than 4 GiB.
        let length = u32::try_from(self.0.len() - start - Self::ABSENT.len()).unwrap_or(u32::MAX - 1);
        self.0[start..start + Self::ABSENT.len()].copy_from_slice(&length.to_be_bytes());
    }
}
