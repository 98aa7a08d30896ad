//! Who may call, to the wire.

use gateway_proto::registry::v1::{self as pb, auth_method::Method};
use http::HeaderName;

use super::{duration, matching::path_match};
use crate::route::{
    Auth, AuthClaim, AuthMethod, AuthRule, ClaimHeader, CredentialPlace, ForwardAuth, Identity, IdentityClaims,
    Introspection, Jwks, Jwt,
};

pub(super) fn auth(auth: &Auth) -> pb::Auth {
    let Auth { methods, anonymous, allow, deny, keep_credentials, shadow, identity: told, realm } = auth;
    pb::Auth {
        enabled: Some(true),
        methods: methods.iter().map(method).collect(),
        anonymous: *anonymous,
        allow: allow.iter().map(rule).collect(),
        deny: deny.iter().map(rule).collect(),
        keep_credentials: *keep_credentials,
        shadow: *shadow,
        identity: Some(identity(told)),
        realm: realm.to_string(),
    }
}

fn method(method: &AuthMethod) -> pb::AuthMethod {
    let method = match method {
        AuthMethod::ApiKey(at) => Method::ApiKey(pb::ApiKeyAuth { place: place(at) }),
        AuthMethod::Basic => Method::Basic(pb::BasicAuth {}),
        AuthMethod::Jwt(token) => Method::Jwt(jwt(token)),
        AuthMethod::Introspection(asked) => Method::Introspection(introspection(asked)),
        AuthMethod::Forward(asked) => Method::Forward(forward(asked)),
    };
    pb::AuthMethod { method: Some(method) }
}

#[expect(clippy::unnecessary_wraps, reason = "as the contract has it")]
fn place(place: &CredentialPlace) -> Option<pb::CredentialPlace> {
    use pb::credential_place::Place;
    let place = match place {
        CredentialPlace::Header(name) => Place::Header(name.to_string()),
        CredentialPlace::Query(name) => Place::Query(name.to_string()),
        CredentialPlace::Cookie(name) => Place::Cookie(name.to_string()),
    };
    Some(pb::CredentialPlace { place: Some(place) })
}

fn jwt(jwt: &Jwt) -> pb::JwtAuth {
    use pb::jwt_auth::Keys;
    let Jwt { issuer, audience, jwks, algorithms, leeway, required_claims, claims, place: at } = jwt;
    let IdentityClaims { consumer, groups } = claims;
    pb::JwtAuth {
        issuer: issuer.to_string(),
        audience: audience.iter().map(ToString::to_string).collect(),
        keys: Some(match jwks {
            Jwks::File(file) => Keys::JwksFile(file.to_string()),
            Jwks::Url(url) => Keys::JwksUrl(url.to_string()),
            Jwks::Inline(set) => Keys::Jwks(set.to_string()),
        }),
        algorithms: algorithms.iter().map(|algorithm| algorithm.name().to_owned()).collect(),
        leeway: Some(duration(*leeway)),
        required_claims: required_claims.iter().map(claim).collect(),
        consumer_claim: consumer.to_string(),
        groups_claim: groups.to_string(),
        place: place(at),
    }
}

fn introspection(introspection: &Introspection) -> pb::IntrospectionAuth {
    let Introspection { url, client_id, client_secret_file, timeout, cache_ttl, required_claims, claims, place: at } =
        introspection;
    let IdentityClaims { consumer, groups } = claims;
    pb::IntrospectionAuth {
        url: url.to_string(),
        client_id: client_id.to_string(),
        client_secret_file: client_secret_file.to_string(),
        timeout: Some(duration(*timeout)),
        cache_ttl: Some(duration(*cache_ttl)),
        required_claims: required_claims.iter().map(claim).collect(),
        consumer_claim: consumer.to_string(),
        groups_claim: groups.to_string(),
        place: place(at),
    }
}

fn forward(forward: &ForwardAuth) -> pb::ForwardAuth {
    let ForwardAuth { url, timeout, request_headers, response_headers, consumer_header, groups_header } = forward;
    pb::ForwardAuth {
        url: url.to_string(),
        timeout: Some(duration(*timeout)),
        request_headers: request_headers.iter().map(ToString::to_string).collect(),
        response_headers: response_headers.iter().map(ToString::to_string).collect(),
        consumer_header: name(consumer_header.as_ref()),
        groups_header: name(groups_header.as_ref()),
    }
}

/// Empty for none.
fn name(name: Option<&HeaderName>) -> String {
    name.map(ToString::to_string).unwrap_or_default()
}

fn claim(claim: &AuthClaim) -> pb::AuthClaim {
    let AuthClaim { name, value } = claim;
    pb::AuthClaim { name: name.to_string(), value: value.as_ref().map(ToString::to_string) }
}

fn rule(rule: &AuthRule) -> pb::AuthRule {
    let AuthRule { consumer, group, claim: asked, methods, path, client_networks } = rule;
    pb::AuthRule {
        consumer: consumer.as_deref().unwrap_or_default().to_owned(),
        group: group.as_deref().unwrap_or_default().to_owned(),
        claim: asked.as_ref().map(claim),
        methods: methods.iter().map(|method| method.to_string()).collect(),
        path: path_match(path),
        client_networks: client_networks.iter().map(ToString::to_string).collect(),
    }
}

fn identity(identity: &Identity) -> pb::AuthIdentity {
    let Identity { consumer_header, groups_header, claims } = identity;
    let claim = |ClaimHeader { claim, header }: &ClaimHeader| pb::ClaimHeader {
        claim: claim.to_string(),
        header: header.to_string(),
    };
    pb::AuthIdentity {
        consumer_header: Some(name(consumer_header.as_ref())),
        groups_header: Some(name(groups_header.as_ref())),
        claims: claims.iter().map(claim).collect(),
    }
}
