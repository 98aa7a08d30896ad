//! What a client is told that has not shown who it is: how it could (RFC 9110 section 11.6.1).

use gateway_routing::route::{Auth, AuthMethod};

/// A challenge to a client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Challenge<'t> {
    policy: &'t Auth,
    /// Whether it has shown something that was not accepted.
    has_shown: bool,
}

impl<'t> Challenge<'t> {
    pub(super) const fn new(policy: &'t Auth, has_shown: bool) -> Self {
        Self { policy, has_shown }
    }

    /// Writes a `WWW-Authenticate` for each scheme, in the order of the methods.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let mut written = [false; SCHEMES];
        for method in &self.policy.methods {
            let Some(scheme) = Scheme::of(method) else { continue };
            if !std::mem::replace(&mut written[scheme as usize], true) {
                self.write_scheme(scheme, out);
            }
        }
    }

    fn write_scheme(&self, scheme: Scheme, out: &mut Vec<u8>) {
        let (name, behind) = match scheme {
            Scheme::ApiKey => ("ApiKey", ""),
            // RFC 7617 section 2.1.
            Scheme::Basic => ("Basic", ", charset=\"UTF-8\""),
            // RFC 6750 section 3.1: who has shown nothing is told of no error.
            Scheme::Bearer if self.has_shown => ("Bearer", ", error=\"invalid_token\""),
            Scheme::Bearer => ("Bearer", ""),
        };
        // A realm has nothing in it that would have to be escaped.
        for piece in ["WWW-Authenticate: ", name, " realm=\"", &self.policy.realm, "\"", behind, "\r\n"] {
            out.extend_from_slice(piece.as_bytes());
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Scheme {
    /// The gateway's own: no scheme is registered for keys.
    ApiKey,
    Basic,
    Bearer,
}

const SCHEMES: usize = 3;

impl Scheme {
    const fn of(method: &AuthMethod) -> Option<Self> {
        match method {
            AuthMethod::ApiKey(_) => Some(Self::ApiKey),
            AuthMethod::Basic => Some(Self::Basic),
            AuthMethod::Jwt(_) | AuthMethod::Introspection(_) => Some(Self::Bearer),
            // What that server wants, it says itself.
            AuthMethod::Forward(_) => None,
        }
    }
}
