//! Any good authentication and authorisation, as it may be sent.

use gateway_proto::registry::v1::{self as pb, auth_method::Method, credential_place::Place, jwt_auth::Keys};
use proptest::{collection::vec, option, prelude::*, sample::subsequence};

use super::{kind, texts};

/// RFC 8037 appendix A.2.
const ED25519: &str = r#"{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

pub(super) fn auth() -> impl Strategy<Value = pb::Auth> {
    let rules = || vec(rule(), 0..3);
    let switches = (any::<bool>(), any::<bool>(), any::<bool>());
    let realm = prop_oneof![Just(""), Just("The shop")];
    let on = (option::of(Just(true)), vec(method(), 0..4), switches, rules(), rules(), option::of(identity()), realm)
        .prop_map(|(enabled, methods, (anonymous, keep_credentials, shadow), allow, deny, identity, realm)| {
            let anonymous = anonymous || methods.is_empty();
            let realm = realm.into();
            pb::Auth { enabled, methods, anonymous, allow, deny, keep_credentials, shadow, identity, realm }
        });
    prop_oneof![4 => on, 1 => Just(pb::Auth { enabled: Some(false), ..pb::Auth::default() })]
}

fn method() -> impl Strategy<Value = pb::AuthMethod> {
    let method = prop_oneof![
        option::of(place()).prop_map(|place| Method::ApiKey(pb::ApiKeyAuth { place })),
        Just(Method::Basic(pb::BasicAuth {})),
        jwt().prop_map(Method::Jwt).boxed(),
        introspection().prop_map(Method::Introspection).boxed(),
        forward().prop_map(Method::Forward).boxed(),
    ];
    method.prop_map(|method| pb::AuthMethod { method: Some(method) })
}

fn place() -> impl Strategy<Value = pb::CredentialPlace> {
    let place = prop_oneof![
        Just(Place::Header("X-Key".into())),
        Just(Place::Query("api_key".into())),
        Just(Place::Cookie("Key".into())),
    ];
    place.prop_map(|place| pb::CredentialPlace { place: Some(place) })
}

fn url() -> impl Strategy<Value = String> {
    prop_oneof![Just("https://A.test"), Just("http://10.0.0.1:8080/check?x=1"), Just("HTTPS://[::1]/")]
        .prop_map(String::from)
}

fn duration(most: i64) -> impl Strategy<Value = Option<prost_types::Duration>> {
    option::of((0..most, 10_000_000..1_000_000_000_i32))
        .prop_map(|given| given.map(|(seconds, nanos)| prost_types::Duration { seconds, nanos }))
}

fn claims() -> impl Strategy<Value = Vec<pb::AuthClaim>> {
    let values = option::of("[a-z ]{1,5}");
    (subsequence(vec!["tenant", "https://a.test/role"], 0..=2), values).prop_map(|(names, value)| {
        names.into_iter().map(|name| pb::AuthClaim { name: name.into(), value: value.clone() }).collect()
    })
}

fn claim_name() -> impl Strategy<Value = String> {
    prop_oneof![Just(""), Just("client_id"), Just("sub")].prop_map(String::from)
}

fn jwt() -> impl Strategy<Value = pb::JwtAuth> {
    let keys = prop_oneof![
        Just(Keys::JwksFile("a/keys.json".into())),
        url().prop_map(Keys::JwksUrl),
        Just(Keys::Jwks(format!("{{\"keys\": [{ED25519}]}}"))),
    ];
    let names = subsequence(vec!["HS256", "ES256", "EdDSA"], 0..=3);
    let audience = subsequence(vec!["api", "b"], 0..=2);
    let who = (claim_name(), claim_name());
    (audience, keys, names, duration(599), claims(), who, option::of(place())).prop_map(
        |(audience, keys, names, leeway, required_claims, (consumer_claim, groups_claim), place)| pb::JwtAuth {
            issuer: "https://issuer.test".into(),
            audience: texts(&audience),
            keys: Some(keys),
            algorithms: texts(&names),
            leeway,
            required_claims,
            consumer_claim,
            groups_claim,
            place,
        },
    )
}

fn introspection() -> impl Strategy<Value = pb::IntrospectionAuth> {
    let who = (claim_name(), claim_name());
    (url(), duration(59), duration(3599), claims(), who, option::of(place())).prop_map(
        |(url, timeout, cache_ttl, required_claims, (consumer_claim, groups_claim), place)| pb::IntrospectionAuth {
            url,
            client_id: "gateway".into(),
            client_secret_file: "issuer.secret".into(),
            timeout,
            cache_ttl,
            required_claims,
            consumer_claim,
            groups_claim,
            place,
        },
    )
}

fn forward() -> impl Strategy<Value = pb::ForwardAuth> {
    let names = || subsequence(vec!["X-B", "authorization", "X-A"], 0..=3);
    let header = || prop_oneof![Just(""), Just("X-User")].prop_map(String::from);
    (url(), duration(59), names(), names(), header(), header()).prop_map(
        |(url, timeout, request_headers, response_headers, consumer_header, groups_header)| pb::ForwardAuth {
            url,
            timeout,
            request_headers: texts(&request_headers),
            response_headers: texts(&response_headers),
            consumer_header,
            groups_header,
        },
    )
}

fn rule() -> impl Strategy<Value = pb::AuthRule> {
    let name = || prop_oneof![Just(""), Just("staff"), Just("a b")].prop_map(String::from);
    let claim = option::of(option::of("[a-z]{1,3}").prop_map(|value| pb::AuthClaim { name: "tenant".into(), value }));
    let methods = subsequence(vec!["GET", "PURGE"], 0..=2);
    let path = option::of(kind().prop_map(|kind| pb::PathMatch { kind: Some(kind) }));
    let networks = subsequence(vec!["10.0.0.0/8", "::1"], 0..=2);
    (name(), name(), claim, methods, path, networks)
        .prop_map(|(consumer, group, claim, methods, path, networks)| pb::AuthRule {
            consumer,
            group,
            claim,
            methods: texts(&methods),
            path,
            client_networks: texts(&networks),
        })
        .prop_filter("it says something", |rule| *rule != pb::AuthRule::default())
}

fn identity() -> impl Strategy<Value = pb::AuthIdentity> {
    let header = |name: &'static str| option::of(prop_oneof![Just(""), Just(name)].prop_map(String::from));
    let claims = subsequence(vec!["X-Sub", "x-tenant"], 0..=2);
    (header("X-User"), header("X-Groups"), claims).prop_map(|(consumer_header, groups_header, claims)| {
        let claim = |header: &str| pb::ClaimHeader { claim: "sub".into(), header: header.into() };
        pb::AuthIdentity { consumer_header, groups_header, claims: claims.into_iter().map(claim).collect() }
    })
}
