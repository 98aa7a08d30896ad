//! Who may call, and how anyone shows who they are, in the declarative file.

use gateway_proto::registry::v1::{self as pb, auth_method::Method, credential_place::Place, jwt_auth::Keys};

use super::{at::At, route};

/// The fields of authentication and authorisation.
pub(super) const AUTH: [&str; 9] =
    ["enabled", "methods", "anonymous", "allow", "deny", "keep_credentials", "shadow", "identity", "realm"];
/// The ways in which a client shows who it is.
pub(super) const METHOD: [&str; 5] = ["api_key", "basic", "jwt", "introspection", "forward"];
/// Where a key of a consumer is.
pub(super) const API_KEY: [&str; 3] = ["header", "query", "cookie"];
/// The fields of signed tokens.
pub(super) const JWT: [&str; 13] = [
    "issuer",
    "audience",
    "jwks_file",
    "jwks_url",
    "jwks",
    "algorithms",
    "leeway",
    "required_claims",
    "consumer_claim",
    "groups_claim",
    "header",
    "query",
    "cookie",
];
/// The fields of tokens that their issuer is asked about.
pub(super) const INTROSPECTION: [&str; 11] = [
    "url",
    "client_id",
    "client_secret_file",
    "timeout",
    "cache_ttl",
    "required_claims",
    "consumer_claim",
    "groups_claim",
    "header",
    "query",
    "cookie",
];
/// The fields of what another server makes of requests.
pub(super) const FORWARD: [&str; 6] =
    ["url", "timeout", "request_headers", "response_headers", "consumer_header", "groups_header"];
/// The fields of a claim.
pub(super) const CLAIM: [&str; 2] = ["name", "value"];
/// The fields of a rule.
pub(super) const RULE: [&str; 6] = ["consumer", "group", "claim", "methods", "path", "client_networks"];
/// The fields of what endpoints are told.
pub(super) const IDENTITY: [&str; 3] = ["consumer_header", "groups_header", "claims"];
/// The fields of a claim that endpoints are told.
pub(super) const CLAIM_HEADER: [&str; 2] = ["claim", "header"];

pub(super) fn auth(at: &mut At<'_>) -> Option<pb::Auth> {
    at.has_fields(&AUTH).then(|| pb::Auth {
        enabled: at.field("enabled", |at| at.truth()),
        methods: at.field("methods", |at| at.items(method)).unwrap_or_default(),
        anonymous: at.field("anonymous", |at| at.truth()).unwrap_or_default(),
        allow: at.field("allow", |at| at.items(rule)).unwrap_or_default(),
        deny: at.field("deny", |at| at.items(rule)).unwrap_or_default(),
        keep_credentials: at.field("keep_credentials", |at| at.truth()).unwrap_or_default(),
        shadow: at.field("shadow", |at| at.truth()).unwrap_or_default(),
        identity: at.field("identity", identity),
        realm: at.field("realm", |at| at.filled_text()).unwrap_or_default(),
    })
}

/// One that is none stays as an empty one, so that indices keep their meaning.
fn method(at: &mut At<'_>) -> pb::AuthMethod {
    let is_read = at.has_fields(&METHOD);
    let method = is_read.then(|| {
        at.one_of([
            ("api_key", |at| api_key(at).map(Method::ApiKey)),
            ("basic", |at| at.has_fields(&[]).then_some(Method::Basic(pb::BasicAuth {}))),
            ("jwt", |at| jwt(at).map(Method::Jwt)),
            ("introspection", |at| introspection(at).map(Method::Introspection)),
            ("forward", |at| forward(at).map(Method::Forward)),
        ])
    });
    pb::AuthMethod { method: method.flatten() }
}

fn api_key(at: &mut At<'_>) -> Option<pb::ApiKeyAuth> {
    at.has_fields(&API_KEY).then(|| pb::ApiKeyAuth { place: place(at) })
}

/// Where a credential is stands directly on its method; none where nothing is said.
fn place(at: &mut At<'_>) -> Option<pb::CredentialPlace> {
    let place = at.choice([
        ("header", |at| at.text().map(Place::Header)),
        ("query", |at| at.text().map(Place::Query)),
        ("cookie", |at| at.text().map(Place::Cookie)),
    ]);
    place.map(|place| pb::CredentialPlace { place: Some(place) })
}

fn jwt(at: &mut At<'_>) -> Option<pb::JwtAuth> {
    at.has_fields(&JWT).then(|| {
        at.needs("issuer");
        pb::JwtAuth {
            issuer: at.field("issuer", |at| at.filled_text()).unwrap_or_default(),
            audience: at.field("audience", |at| at.texts()).unwrap_or_default(),
            keys: at.one_of([
                ("jwks_file", |at| at.text().map(Keys::JwksFile)),
                ("jwks_url", |at| at.text().map(Keys::JwksUrl)),
                ("jwks", |at| at.text().map(Keys::Jwks)),
            ]),
            algorithms: at.field("algorithms", |at| at.texts()).unwrap_or_default(),
            leeway: at.field("leeway", |at| at.duration()),
            required_claims: at.field("required_claims", |at| at.items(claim)).unwrap_or_default(),
            consumer_claim: at.field("consumer_claim", |at| at.filled_text()).unwrap_or_default(),
            groups_claim: at.field("groups_claim", |at| at.filled_text()).unwrap_or_default(),
            place: place(at),
        }
    })
}

fn introspection(at: &mut At<'_>) -> Option<pb::IntrospectionAuth> {
    at.has_fields(&INTROSPECTION).then(|| {
        at.needs("url");
        at.needs("client_id");
        at.needs("client_secret_file");
        pb::IntrospectionAuth {
            url: at.field("url", |at| at.filled_text()).unwrap_or_default(),
            client_id: at.field("client_id", |at| at.filled_text()).unwrap_or_default(),
            client_secret_file: at.field("client_secret_file", |at| at.filled_text()).unwrap_or_default(),
            timeout: at.field("timeout", |at| at.duration()),
            cache_ttl: at.field("cache_ttl", |at| at.duration()),
            required_claims: at.field("required_claims", |at| at.items(claim)).unwrap_or_default(),
            consumer_claim: at.field("consumer_claim", |at| at.filled_text()).unwrap_or_default(),
            groups_claim: at.field("groups_claim", |at| at.filled_text()).unwrap_or_default(),
            place: place(at),
        }
    })
}

fn forward(at: &mut At<'_>) -> Option<pb::ForwardAuth> {
    at.has_fields(&FORWARD).then(|| {
        at.needs("url");
        pb::ForwardAuth {
            url: at.field("url", |at| at.filled_text()).unwrap_or_default(),
            timeout: at.field("timeout", |at| at.duration()),
            request_headers: at.field("request_headers", |at| at.texts()).unwrap_or_default(),
            response_headers: at.field("response_headers", |at| at.texts()).unwrap_or_default(),
            consumer_header: at.field("consumer_header", |at| at.filled_text()).unwrap_or_default(),
            groups_header: at.field("groups_header", |at| at.filled_text()).unwrap_or_default(),
        }
    })
}

fn claim(at: &mut At<'_>) -> pb::AuthClaim {
    if !at.has_fields(&CLAIM) {
        return pb::AuthClaim::default();
    }
    at.needs("name");
    pb::AuthClaim {
        name: at.field("name", |at| at.filled_text()).unwrap_or_default(),
        value: at.field("value", |at| at.text()),
    }
}

fn rule(at: &mut At<'_>) -> pb::AuthRule {
    if !at.has_fields(&RULE) {
        return pb::AuthRule::default();
    }
    pb::AuthRule {
        consumer: at.field("consumer", |at| at.filled_text()).unwrap_or_default(),
        group: at.field("group", |at| at.filled_text()).unwrap_or_default(),
        claim: at.field("claim", |at| Some(claim(at))),
        methods: at.field("methods", |at| at.texts()).unwrap_or_default(),
        path: at.field("path", route::path_match),
        client_networks: at.field("client_networks", |at| at.texts()).unwrap_or_default(),
    }
}

fn identity(at: &mut At<'_>) -> Option<pb::AuthIdentity> {
    at.has_fields(&IDENTITY).then(|| pb::AuthIdentity {
        consumer_header: at.field("consumer_header", |at| at.text()),
        groups_header: at.field("groups_header", |at| at.text()),
        claims: at.field("claims", |at| at.items(claim_header)).unwrap_or_default(),
    })
}

fn claim_header(at: &mut At<'_>) -> pb::ClaimHeader {
    if !at.has_fields(&CLAIM_HEADER) {
        return pb::ClaimHeader::default();
    }
    at.needs("claim");
    at.needs("header");
    pb::ClaimHeader {
        claim: at.field("claim", |at| at.filled_text()).unwrap_or_default(),
        header: at.field("header", |at| at.filled_text()).unwrap_or_default(),
    }
}
