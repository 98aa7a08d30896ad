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
        for scheme in self.policy.methods.iter().filter_map(Scheme::of) {
            if !std::mem::replace(&mut written[scheme as usize], true) {
                self.write_scheme(scheme, out);
            }
        }
        // RFC 9110 section 15.5.2: there has to be one, also where another server knows what is wanted, and was not
        // asked.
        if written == [false; SCHEMES] {
            self.write_scheme(Scheme::Bearer, out);
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

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use gateway_routing::route::{
        Auth, AuthMethod, CredentialPlace, ForwardAuth, Identity, IdentityClaims, Introspection,
    };
    use http::header::AUTHORIZATION;

    use super::Challenge;

    fn policy(methods: impl Into<Box<[AuthMethod]>>) -> Auth {
        Auth {
            methods: methods.into(),
            anonymous: false,
            allow: [].into(),
            deny: [].into(),
            keep_credentials: false,
            shadow: false,
            identity: Identity { consumer_header: None, groups_header: None, claims: [].into() },
            realm: "a realm".into(),
        }
    }

    fn written(policy: &Auth, has_shown: bool) -> String {
        let mut out = Vec::new();
        Challenge::new(policy, has_shown).write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn there_is_always_a_challenge() {
        let forward = AuthMethod::Forward(Arc::new(ForwardAuth {
            url: "http://auth.test/".parse().unwrap(),
            timeout: Duration::from_secs(1),
            request_headers: [AUTHORIZATION].into(),
            response_headers: [].into(),
            consumer_header: None,
            groups_header: None,
        }));
        assert_eq!(written(&policy([forward]), false), "WWW-Authenticate: Bearer realm=\"a realm\"\r\n");
    }

    #[test]
    fn who_has_shown_a_token_is_told_that_it_is_not_valid() {
        let place = || CredentialPlace::Header(AUTHORIZATION);
        let introspection = || {
            AuthMethod::Introspection(Arc::new(Introspection {
                url: "http://issuer.test/".parse().unwrap(),
                client_id: "gateway".into(),
                client_secret_file: "secret".into(),
                timeout: Duration::from_secs(1),
                cache_ttl: Duration::ZERO,
                required_claims: [].into(),
                claims: IdentityClaims { consumer: "sub".into(), groups: "groups".into() },
                place: place(),
            }))
        };
        let policy = policy([introspection(), AuthMethod::Basic, introspection(), AuthMethod::ApiKey(place())]);
        for (has_shown, error) in [(false, ""), (true, ", error=\"invalid_token\"")] {
            let expected = format!(
                "WWW-Authenticate: Bearer realm=\"a realm\"{error}\r\n\
                 WWW-Authenticate: Basic realm=\"a realm\", charset=\"UTF-8\"\r\n\
                 WWW-Authenticate: ApiKey realm=\"a realm\"\r\n"
            );
            assert_eq!(written(&policy, has_shown), expected);
        }
    }
}
