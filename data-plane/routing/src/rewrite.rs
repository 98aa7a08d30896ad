//! What takes the place of a request's path, and where a client is sent.

use gateway_proto::host::Authority;

use crate::{
    PathMatcher, Request, normalize,
    route::{PathRewrite, Piece, Redirect, Scheme},
};

impl PathRewrite {
    /// Appends what takes the place of `path`, as the client sent it or in normal form, where a route
    /// with this matcher was chosen for it. What is left of it is in normal form, as it was when it was
    /// matched: nothing climbs out of the prefix on the way. The result begins with `/`, and with `//`
    /// only where the route says so: to some, what is behind that is a host (RFC 3986 section 4.2).
    pub fn write(&self, matched: &PathMatcher, path: &[u8], out: &mut Vec<u8>) {
        let path = normalize(path);
        let start = out.len();
        match self {
            Self::Prefix(prefix) => {
                out.extend_from_slice(prefix.as_bytes());
                out.extend_from_slice(behind(prefix, matched.rest(&path)));
            }
            Self::Whole(pieces) => pieces.iter().for_each(|piece| match piece {
                Piece::Literal(text) => out.extend_from_slice(text.as_bytes()),
                Piece::Parameter(name) => out.extend_from_slice(matched.parameter(name, &path).unwrap_or_default()),
            }),
        }
        if out.len() == start {
            out.push(b'/');
        }
    }
}

/// What of the rest of a path goes behind a prefix: with nothing in front, no slash but the first.
fn behind<'p>(prefix: &str, rest: &'p [u8]) -> &'p [u8] {
    let slashes = rest.iter().take_while(|byte| **byte == b'/').count();
    if prefix.is_empty() { &rest[slashes.saturating_sub(1)..] } else { rest }
}

impl Redirect {
    /// Appends where the client is sent (RFC 9110 section 10.2.2), from a request of this scheme and
    /// authority for which a route with this matcher was chosen.
    ///
    /// It is always a whole URI: with a path such as `//example.com` in front, a shorter one would lead
    /// to wherever the client says.
    pub fn write_location(
        &self,
        matched: &PathMatcher,
        asked_by: Scheme,
        authority: &Authority<'_>,
        request: &impl Request,
        out: &mut Vec<u8>,
    ) {
        let scheme = self.scheme.unwrap_or(asked_by);
        out.extend_from_slice(scheme.as_str().as_bytes());
        out.extend_from_slice(b"://");
        out.extend_from_slice(self.host.as_deref().unwrap_or(&authority.host).as_bytes());
        // The client's port belongs to its scheme and host.
        let stays = self.scheme.is_none() && self.host.is_none();
        let port = self.port.or(authority.port.filter(|_| stays));
        if let Some(port) = port.filter(|port| *port != scheme.port()) {
            out.extend_from_slice(format!(":{port}").as_bytes());
        }
        match (&self.path, request.path()) {
            // RFC 9112 section 3.2.4: a URI without a path is how `*` is written.
            (_, b"*") => {}
            (Some(rewrite), path) => rewrite.write(matched, path, out),
            (None, path) => out.extend_from_slice(path),
        }
        if !self.strip_query && !request.query().is_empty() {
            out.push(b'?');
            out.extend_from_slice(request.query());
        }
    }
}

impl Scheme {
    /// As in a URI.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port that goes without saying (RFC 9110 sections 4.2.1 and 4.2.2).
    #[must_use]
    pub const fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}
