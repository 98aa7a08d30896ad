//! Who may call, as `/config` shows it: where keys and secrets are, and none of them.

use gateway_routing::{
    Methods,
    route::{
        Auth, AuthClaim, AuthMethod, AuthRule, ClaimHeader, CredentialPlace, ForwardAuth, Identity, Introspection,
        Jwks, Jwt, JwtAlgorithm,
    },
};
use http::{HeaderName, Uri};
use serde::Serialize;

use super::super::{condition::PathView, service::text};

#[derive(Serialize)]
pub(super) struct AuthView<'t> {
    methods: Vec<MethodView<'t>>,
    anonymous: bool,
    allow: Vec<RuleView<'t>>,
    deny: Vec<RuleView<'t>>,
    keep_credentials: bool,
    shadow: bool,
    identity: IdentityView<'t>,
    realm: &'t str,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum MethodView<'t> {
    ApiKey(PlaceView<'t>),
    Basic {},
    Jwt(JwtView<'t>),
    Introspection(IntrospectionView<'t>),
    Forward(ForwardView<'t>),
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum PlaceView<'t> {
    Header(&'t str),
    Query(&'t str),
    Cookie(&'t str),
}

#[derive(Serialize)]
struct JwtView<'t> {
    issuer: &'t str,
    audience: &'t [Box<str>],
    #[serde(flatten)]
    keys: KeysView<'t>,
    algorithms: Vec<&'static str>,
    leeway: String,
    required_claims: Vec<&'t str>,
    consumer_claim: &'t str,
    groups_claim: &'t str,
    #[serde(flatten)]
    place: PlaceView<'t>,
}

#[derive(Serialize)]
enum KeysView<'t> {
    #[serde(rename = "jwks_file")]
    File(&'t str),
    #[serde(rename = "jwks_url")]
    Url(String),
    #[serde(rename = "jwks_bytes")]
    Inline(usize),
}

#[derive(Serialize)]
struct IntrospectionView<'t> {
    url: String,
    client_id: &'t str,
    client_secret_file: &'t str,
    timeout: String,
    cache_ttl: String,
    required_claims: Vec<&'t str>,
    consumer_claim: &'t str,
    groups_claim: &'t str,
    #[serde(flatten)]
    place: PlaceView<'t>,
}

#[derive(Serialize)]
struct ForwardView<'t> {
    url: String,
    timeout: String,
    request_headers: Vec<&'t str>,
    response_headers: Vec<&'t str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consumer_header: Option<&'t str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    groups_header: Option<&'t str>,
}

/// Whom a rule is about; of a claim, its name alone.
#[derive(Serialize)]
struct RuleView<'t> {
    #[serde(skip_serializing_if = "Option::is_none")]
    consumer: Option<&'t str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'t str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    claim: Option<&'t str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    methods: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<PathView<'t>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    client_networks: Vec<String>,
}

#[derive(Serialize)]
struct IdentityView<'t> {
    consumer_header: Option<&'t str>,
    groups_header: Option<&'t str>,
    claims: Vec<ClaimHeaderView<'t>>,
}

#[derive(Serialize)]
struct ClaimHeaderView<'t> {
    claim: &'t str,
    header: &'t str,
}

impl<'t> From<&'t Auth> for AuthView<'t> {
    fn from(auth: &'t Auth) -> Self {
        let Auth { methods, anonymous, allow, deny, keep_credentials, shadow, identity, realm } = auth;
        Self {
            methods: methods.iter().map(Into::into).collect(),
            anonymous: *anonymous,
            allow: allow.iter().map(Into::into).collect(),
            deny: deny.iter().map(Into::into).collect(),
            keep_credentials: *keep_credentials,
            shadow: *shadow,
            identity: identity.into(),
            realm,
        }
    }
}

impl<'t> From<&'t AuthMethod> for MethodView<'t> {
    fn from(method: &'t AuthMethod) -> Self {
        match method {
            AuthMethod::ApiKey(place) => Self::ApiKey(place.into()),
            AuthMethod::Basic => Self::Basic {},
            AuthMethod::Jwt(jwt) => Self::Jwt((&**jwt).into()),
            AuthMethod::Introspection(asked) => Self::Introspection((&**asked).into()),
            AuthMethod::Forward(asked) => Self::Forward((&**asked).into()),
        }
    }
}

impl<'t> From<&'t CredentialPlace> for PlaceView<'t> {
    fn from(place: &'t CredentialPlace) -> Self {
        match place {
            CredentialPlace::Header(name) => Self::Header(name.as_str()),
            CredentialPlace::Query(name) => Self::Query(name),
            CredentialPlace::Cookie(name) => Self::Cookie(name),
        }
    }
}

impl<'t> From<&'t Jwt> for JwtView<'t> {
    fn from(jwt: &'t Jwt) -> Self {
        let Jwt { issuer, audience, jwks, algorithms, leeway, required_claims, claims, place } = jwt;
        Self {
            issuer,
            audience,
            keys: match jwks {
                Jwks::File(file) => KeysView::File(file),
                Jwks::Url(url) => KeysView::Url(without_query(url)),
                Jwks::Inline(set) => KeysView::Inline(set.len()),
            },
            algorithms: algorithms.iter().copied().map(JwtAlgorithm::name).collect(),
            leeway: text(*leeway),
            required_claims: names(required_claims),
            consumer_claim: &claims.consumer,
            groups_claim: &claims.groups,
            place: place.into(),
        }
    }
}

impl<'t> From<&'t Introspection> for IntrospectionView<'t> {
    fn from(introspection: &'t Introspection) -> Self {
        let Introspection { url, client_id, client_secret_file, timeout, cache_ttl, required_claims, claims, place } =
            introspection;
        Self {
            url: without_query(url),
            client_id,
            client_secret_file,
            timeout: text(*timeout),
            cache_ttl: text(*cache_ttl),
            required_claims: names(required_claims),
            consumer_claim: &claims.consumer,
            groups_claim: &claims.groups,
            place: place.into(),
        }
    }
}

impl<'t> From<&'t ForwardAuth> for ForwardView<'t> {
    fn from(forward: &'t ForwardAuth) -> Self {
        let ForwardAuth { url, timeout, request_headers, response_headers, consumer_header, groups_header } = forward;
        Self {
            url: without_query(url),
            timeout: text(*timeout),
            request_headers: request_headers.iter().map(HeaderName::as_str).collect(),
            response_headers: response_headers.iter().map(HeaderName::as_str).collect(),
            consumer_header: consumer_header.as_ref().map(HeaderName::as_str),
            groups_header: groups_header.as_ref().map(HeaderName::as_str),
        }
    }
}

impl<'t> From<&'t AuthRule> for RuleView<'t> {
    fn from(rule: &'t AuthRule) -> Self {
        let AuthRule { consumer, group, claim, methods, path, client_networks } = rule;
        Self {
            consumer: consumer.as_deref(),
            group: group.as_deref(),
            claim: claim.as_ref().map(|claim| &*claim.name),
            methods: of_methods(methods),
            path: PathView::of(path),
            client_networks: client_networks.iter().map(ToString::to_string).collect(),
        }
    }
}

impl<'t> From<&'t Identity> for IdentityView<'t> {
    fn from(Identity { consumer_header, groups_header, claims }: &'t Identity) -> Self {
        let claim = |ClaimHeader { claim, header }: &'t ClaimHeader| ClaimHeaderView { claim, header: header.as_str() };
        Self {
            consumer_header: consumer_header.as_ref().map(HeaderName::as_str),
            groups_header: groups_header.as_ref().map(HeaderName::as_str),
            claims: claims.iter().map(claim).collect(),
        }
    }
}

/// A query may hold a secret.
fn without_query(url: &Uri) -> String {
    let text = url.to_string();
    text.split('?').next().unwrap_or_default().to_owned()
}

fn names(claims: &[AuthClaim]) -> Vec<&str> {
    claims.iter().map(|AuthClaim { name, value: _ }| &**name).collect()
}

fn of_methods(methods: &Methods) -> Vec<String> {
    methods.iter().map(|method| method.to_string()).collect()
}
