//! From the wire to what is printed, and what of that is said in a file.

use super::{
    Auth, AuthMethod, Claim, ClaimHeader, Forward, Identity, Introspection, Jwt, Keys, Method, Place, Rule,
    credential_place, pb, text,
};

impl Auth {
    pub(in crate::output) fn full(wire: &pb::Auth) -> Self {
        let pb::Auth { enabled, methods, anonymous, allow, deny, keep_credentials, shadow, identity, realm } = wire;
        let is_on = enabled.unwrap_or(true);
        Self {
            enabled: Some(is_on),
            methods: methods.iter().map(Into::into).collect(),
            anonymous: is_on.then_some(*anonymous),
            allow: allow.iter().map(Into::into).collect(),
            deny: deny.iter().map(Into::into).collect(),
            keep_credentials: is_on.then_some(*keep_credentials),
            shadow: is_on.then_some(*shadow),
            identity: identity.as_ref().map(Into::into),
            realm: given(realm),
        }
    }

    pub(in crate::output) fn without_defaults(self) -> Self {
        let identity = self.identity.map(Identity::without_defaults);
        Self {
            enabled: self.enabled.filter(|enabled| !enabled),
            methods: self.methods.into_iter().map(AuthMethod::without_defaults).collect(),
            anonymous: self.anonymous.filter(|anonymous| *anonymous),
            keep_credentials: self.keep_credentials.filter(|keep| *keep),
            shadow: self.shadow.filter(|shadow| *shadow),
            identity: identity.filter(|identity| *identity != Identity::default()),
            realm: self.realm.filter(|realm| realm != "gateway"),
            ..self
        }
    }
}

fn given(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

impl From<&pb::AuthMethod> for AuthMethod {
    fn from(pb::AuthMethod { method }: &pb::AuthMethod) -> Self {
        match method {
            Some(Method::ApiKey(pb::ApiKeyAuth { place })) => Self::ApiKey(place.as_ref().into()),
            Some(Method::Basic(pb::BasicAuth {})) => Self::Basic {},
            Some(Method::Jwt(wire)) => Self::Jwt(Box::new(wire.into())),
            Some(Method::Introspection(wire)) => Self::Introspection(Box::new(wire.into())),
            Some(Method::Forward(wire)) => Self::Forward(Box::new(wire.into())),
            None => Self::Unknown {},
        }
    }
}

impl AuthMethod {
    fn without_defaults(self) -> Self {
        match self {
            Self::ApiKey(place) => Self::ApiKey(place.without("x-api-key")),
            Self::Jwt(jwt) => Self::Jwt(Box::new(jwt.without_defaults())),
            Self::Introspection(asked) => Self::Introspection(Box::new(asked.without_defaults())),
            Self::Forward(asked) => Self::Forward(Box::new(asked.without_defaults())),
            Self::Basic {} | Self::Unknown {} => self,
        }
    }
}

impl From<Option<&pb::CredentialPlace>> for Place {
    fn from(wire: Option<&pb::CredentialPlace>) -> Self {
        match wire.and_then(|pb::CredentialPlace { place }| place.as_ref()) {
            Some(credential_place::Place::Header(name)) => Self { header: Some(name.clone()), ..Self::default() },
            Some(credential_place::Place::Query(name)) => Self { query: Some(name.clone()), ..Self::default() },
            Some(credential_place::Place::Cookie(name)) => Self { cookie: Some(name.clone()), ..Self::default() },
            None => Self::default(),
        }
    }
}

impl Place {
    fn without(self, default: &str) -> Self {
        Self { header: self.header.filter(|name| name != default), ..self }
    }
}

impl From<&pb::JwtAuth> for Jwt {
    fn from(wire: &pb::JwtAuth) -> Self {
        let pb::JwtAuth {
            issuer,
            audience,
            keys,
            algorithms,
            leeway,
            required_claims,
            consumer_claim,
            groups_claim,
            place,
        } = wire;
        let (jwks_file, jwks_url, jwks) = match keys.clone() {
            Some(Keys::JwksFile(file)) => (Some(file), None, None),
            Some(Keys::JwksUrl(url)) => (None, Some(url), None),
            Some(Keys::Jwks(set)) => (None, None, Some(set)),
            None => (None, None, None),
        };
        Self {
            issuer: issuer.clone(),
            audience: audience.clone(),
            jwks_file,
            jwks_url,
            jwks,
            algorithms: algorithms.clone(),
            leeway: leeway.as_ref().map(text::wire_duration),
            required_claims: required_claims.iter().map(Into::into).collect(),
            consumer_claim: given(consumer_claim),
            groups_claim: given(groups_claim),
            place: place.as_ref().into(),
        }
    }
}

impl Jwt {
    fn without_defaults(self) -> Self {
        Self {
            leeway: self.leeway.filter(|leeway| leeway != "60s"),
            consumer_claim: self.consumer_claim.filter(|claim| claim != "sub"),
            groups_claim: self.groups_claim.filter(|claim| claim != "groups"),
            place: self.place.without("authorization"),
            ..self
        }
    }
}

impl From<&pb::IntrospectionAuth> for Introspection {
    fn from(wire: &pb::IntrospectionAuth) -> Self {
        let pb::IntrospectionAuth {
            url,
            client_id,
            client_secret_file,
            timeout,
            cache_ttl,
            required_claims,
            consumer_claim,
            groups_claim,
            place,
        } = wire;
        Self {
            url: url.clone(),
            client_id: client_id.clone(),
            client_secret_file: client_secret_file.clone(),
            timeout: timeout.as_ref().map(text::wire_duration),
            cache_ttl: cache_ttl.as_ref().map(text::wire_duration),
            required_claims: required_claims.iter().map(Into::into).collect(),
            consumer_claim: given(consumer_claim),
            groups_claim: given(groups_claim),
            place: place.as_ref().into(),
        }
    }
}

impl Introspection {
    fn without_defaults(self) -> Self {
        Self {
            timeout: self.timeout.filter(|timeout| timeout != "5s"),
            cache_ttl: self.cache_ttl.filter(|ttl| ttl != "30s"),
            consumer_claim: self.consumer_claim.filter(|claim| claim != "sub"),
            groups_claim: self.groups_claim.filter(|claim| claim != "groups"),
            place: self.place.without("authorization"),
            ..self
        }
    }
}

impl From<&pb::ForwardAuth> for Forward {
    fn from(wire: &pb::ForwardAuth) -> Self {
        let pb::ForwardAuth { url, timeout, request_headers, response_headers, consumer_header, groups_header } = wire;
        Self {
            url: url.clone(),
            timeout: timeout.as_ref().map(text::wire_duration),
            request_headers: request_headers.clone(),
            response_headers: response_headers.clone(),
            consumer_header: given(consumer_header),
            groups_header: given(groups_header),
        }
    }
}

impl Forward {
    fn without_defaults(self) -> Self {
        let by_default = self.request_headers == ["authorization", "cookie"];
        Self {
            timeout: self.timeout.filter(|timeout| timeout != "5s"),
            request_headers: if by_default { Vec::new() } else { self.request_headers },
            ..self
        }
    }
}

impl From<&pb::AuthClaim> for Claim {
    fn from(pb::AuthClaim { name, value }: &pb::AuthClaim) -> Self {
        Self { name: name.clone(), value: value.clone() }
    }
}

impl From<&pb::AuthRule> for Rule {
    fn from(wire: &pb::AuthRule) -> Self {
        let pb::AuthRule { consumer, group, claim, methods, path, client_networks } = wire;
        Self {
            consumer: given(consumer),
            group: given(group),
            claim: claim.as_ref().map(Into::into),
            methods: methods.clone(),
            path: path.as_ref().and_then(|pb::PathMatch { kind }| kind.as_ref()).map(Into::into),
            client_networks: client_networks.clone(),
        }
    }
}

impl From<&pb::AuthIdentity> for Identity {
    fn from(wire: &pb::AuthIdentity) -> Self {
        let pb::AuthIdentity { consumer_header, groups_header, claims } = wire;
        let claim = |pb::ClaimHeader { claim, header }: &pb::ClaimHeader| ClaimHeader {
            claim: claim.clone(),
            header: header.clone(),
        };
        Self {
            consumer_header: consumer_header.clone(),
            groups_header: groups_header.clone(),
            claims: claims.iter().map(claim).collect(),
        }
    }
}

impl Identity {
    fn without_defaults(self) -> Self {
        Self {
            consumer_header: self.consumer_header.filter(|name| name != "x-consumer"),
            groups_header: self.groups_header.filter(|name| name != "x-consumer-groups"),
            ..self
        }
    }
}
