//! Authentication and authorisation as the control plane stores them.

use gateway_proto::registry::v1::{
    self as pb, auth_method::Method, credential_place::Place, jwt_auth::Keys, path_match,
};
use proptest::{collection::vec, option, prelude::*};

use super::{duration, text, texts};

/// Not empty: on the wire, empty would mean "not given".
fn filled() -> impl Strategy<Value = String> {
    "[a-z0-9]{1,6}|true|1|~|null|a: b"
}

fn place(default: &'static str) -> impl Strategy<Value = Option<pb::CredentialPlace>> {
    let place = prop_oneof![
        Just(Place::Header(default.into())),
        text().prop_map(Place::Header),
        text().prop_map(Place::Query),
        text().prop_map(Place::Cookie),
    ];
    place.prop_map(|place| Some(pb::CredentialPlace { place: Some(place) }))
}

fn claim() -> impl Strategy<Value = pb::AuthClaim> {
    (filled(), option::of(text())).prop_map(|(name, value)| pb::AuthClaim { name, value })
}

fn or(default: &'static str) -> impl Strategy<Value = String> {
    prop_oneof![Just(default.to_owned()), filled()]
}

prop_compose! {
    fn jwt()(
        issuer in filled(),
        audience in texts(),
        keys in prop_oneof![
            text().prop_map(Keys::JwksFile),
            text().prop_map(Keys::JwksUrl),
            text().prop_map(Keys::Jwks),
        ],
        algorithms in texts(),
        leeway in prop_oneof![Just(super::seconds(60)), duration(0..600_000)],
        required_claims in vec(claim(), 0..2),
        consumer_claim in or("sub"),
        groups_claim in or("groups"),
        place in place("authorization"),
    ) -> Method {
        Method::Jwt(pb::JwtAuth {
            issuer,
            audience,
            keys: Some(keys),
            algorithms,
            leeway,
            required_claims,
            consumer_claim,
            groups_claim,
            place,
        })
    }
}

prop_compose! {
    fn introspection()(
        (url, client_id, client_secret_file) in (filled(), filled(), filled()),
        timeout in prop_oneof![Just(super::seconds(5)), duration(10..60_000)],
        cache_ttl in prop_oneof![Just(super::seconds(30)), duration(0..3_600_000)],
        required_claims in vec(claim(), 0..2),
        consumer_claim in or("sub"),
        groups_claim in or("groups"),
        place in place("authorization"),
    ) -> Method {
        Method::Introspection(pb::IntrospectionAuth {
            url,
            client_id,
            client_secret_file,
            timeout,
            cache_ttl,
            required_claims,
            consumer_claim,
            groups_claim,
            place,
        })
    }
}

fn forwarded() -> Vec<String> {
    ["authorization", "cookie"].map(str::to_owned).to_vec()
}

prop_compose! {
    fn forward()(
        url in filled(),
        timeout in prop_oneof![Just(super::seconds(5)), duration(10..60_000)],
        request_headers in prop_oneof![Just(forwarded()), vec(text(), 1..3)],
        response_headers in texts(),
        consumer_header in or(""),
        groups_header in or(""),
    ) -> Method {
        Method::Forward(pb::ForwardAuth {
            url,
            timeout,
            request_headers,
            response_headers,
            consumer_header,
            groups_header,
        })
    }
}

fn method() -> impl Strategy<Value = pb::AuthMethod> {
    let method = prop_oneof![
        place("x-api-key").prop_map(|place| Method::ApiKey(pb::ApiKeyAuth { place })),
        Just(Method::Basic(pb::BasicAuth {})),
        jwt(),
        introspection(),
        forward(),
    ];
    method.prop_map(|method| pb::AuthMethod { method: Some(method) })
}

prop_compose! {
    fn rule()(
        consumer in or(""),
        group in or(""),
        claim in option::of(claim()),
        methods in texts(),
        path in option::of(text().prop_map(path_match::Kind::Prefix)),
        client_networks in texts(),
    ) -> pb::AuthRule {
        let path = path.map(|kind| pb::PathMatch { kind: Some(kind) });
        pb::AuthRule { consumer, group, claim, methods, path, client_networks }
    }
}

fn identity() -> impl Strategy<Value = Option<pb::AuthIdentity>> {
    let header = |default: &'static str| prop_oneof![Just(default.to_owned()), text()].prop_map(Some);
    let claims = vec((filled(), filled()).prop_map(|(claim, header)| pb::ClaimHeader { claim, header }), 0..2);
    (header("x-consumer"), header("x-consumer-groups"), claims).prop_map(|(consumer_header, groups_header, claims)| {
        Some(pb::AuthIdentity { consumer_header, groups_header, claims })
    })
}

pub(super) fn auth() -> impl Strategy<Value = pb::Auth> {
    let switches = (any::<bool>(), any::<bool>(), any::<bool>());
    let rules = (vec(rule(), 0..2), vec(rule(), 0..2));
    let on = (vec(method(), 0..3), switches, rules, identity(), or("gateway")).prop_map(
        |(methods, (anonymous, keep_credentials, shadow), (allow, deny), identity, realm)| pb::Auth {
            enabled: Some(true),
            methods,
            anonymous,
            allow,
            deny,
            keep_credentials,
            shadow,
            identity,
            realm,
        },
    );
    prop_oneof![4 => on, 1 => Just(pb::Auth { enabled: Some(false), ..pb::Auth::default() })]
}

/// Fills in what the control plane would, by auth.proto.
pub(super) fn stored_auth(mut auth: pb::Auth) -> pb::Auth {
    if auth.enabled == Some(false) {
        return auth;
    }
    auth.enabled = Some(true);
    auth.methods.iter_mut().for_each(stored_method);
    let identity = auth.identity.get_or_insert_default();
    identity.consumer_header.get_or_insert_with(|| "x-consumer".into());
    identity.groups_header.get_or_insert_with(|| "x-consumer-groups".into());
    fill(&mut auth.realm, "gateway");
    auth
}

fn fill(text: &mut String, default: &str) {
    if text.is_empty() {
        default.clone_into(text);
    }
}

fn stored_method(method: &mut pb::AuthMethod) {
    let header = |name: &str| Some(pb::CredentialPlace { place: Some(Place::Header(name.into())) });
    match method.method.as_mut().unwrap() {
        Method::ApiKey(api_key) => api_key.place = api_key.place.take().or(header("x-api-key")),
        Method::Basic(pb::BasicAuth {}) => {}
        Method::Jwt(jwt) => {
            jwt.leeway = jwt.leeway.or(super::seconds(60));
            fill(&mut jwt.consumer_claim, "sub");
            fill(&mut jwt.groups_claim, "groups");
            jwt.place = jwt.place.take().or(header("authorization"));
        }
        Method::Introspection(asked) => {
            asked.timeout = asked.timeout.or(super::seconds(5));
            asked.cache_ttl = asked.cache_ttl.or(super::seconds(30));
            fill(&mut asked.consumer_claim, "sub");
            fill(&mut asked.groups_claim, "groups");
            asked.place = asked.place.take().or(header("authorization"));
        }
        Method::Forward(asked) => {
            asked.timeout = asked.timeout.or(super::seconds(5));
            if asked.request_headers.is_empty() {
                asked.request_headers = forwarded();
            }
        }
    }
}
