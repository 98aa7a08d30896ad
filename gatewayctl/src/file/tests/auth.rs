//! Authentication and authorisation in files.

use gateway_proto::registry::v1::{
    self as pb, auth_method::Method, credential_place::Place, jwt_auth::Keys, path_match::Kind,
};

use super::{mistakes, seconds, services};

fn auth(fields: &str) -> pb::Auth {
    services(&format!("services: [{{name: s, auth: {fields}}}]")).remove(0).policies.unwrap().auth.unwrap()
}

fn method(method: Method) -> pb::AuthMethod {
    pb::AuthMethod { method: Some(method) }
}

#[expect(clippy::unnecessary_wraps, reason = "as the contract has it")]
fn at(place: Place) -> Option<pb::CredentialPlace> {
    Some(pb::CredentialPlace { place: Some(place) })
}

#[test]
fn the_shape_that_was_promised_is_read() {
    let text = "{methods: [{api_key: {header: X-Api-Key}}, {jwt: {issuer: https://issuer.test, audience: [api], \
                jwks_file: keys.json}}, {basic: {}}], anonymous: false, allow: [{group: staff}], \
                deny: [{consumer: mallory}]}";
    let jwt = pb::JwtAuth {
        issuer: "https://issuer.test".into(),
        audience: vec!["api".into()],
        keys: Some(Keys::JwksFile("keys.json".into())),
        ..pb::JwtAuth::default()
    };
    let expected = pb::Auth {
        methods: vec![
            method(Method::ApiKey(pb::ApiKeyAuth { place: at(Place::Header("X-Api-Key".into())) })),
            method(Method::Jwt(jwt)),
            method(Method::Basic(pb::BasicAuth {})),
        ],
        allow: vec![pb::AuthRule { group: "staff".into(), ..pb::AuthRule::default() }],
        deny: vec![pb::AuthRule { consumer: "mallory".into(), ..pb::AuthRule::default() }],
        ..pb::Auth::default()
    };
    assert_eq!(auth(text), expected);
}

#[test]
fn every_field_is_read() {
    let text = r#"
      enabled: true
      methods:
        - jwt:
            issuer: i
            jwks_url: https://issuer.test/keys
            algorithms: [ES256]
            leeway: 5s
            required_claims: [{name: tenant, value: acme}, {name: role}]
            consumer_claim: client_id
            groups_claim: roles
            cookie: token
        - jwt: {issuer: i, jwks: '{"keys": []}', query: token}
        - introspection:
            url: https://issuer.test/introspect
            client_id: gateway
            client_secret_file: issuer.secret
            timeout: 2s
            cache_ttl: 1m
            required_claims: [{name: tenant}]
            consumer_claim: a
            groups_claim: b
            header: X-Token
        - forward:
            url: http://auth.test/check
            timeout: 1s
            request_headers: [Cookie]
            response_headers: [X-User]
            consumer_header: X-User
            groups_header: X-Groups
        - api_key: {query: api_key}
        - api_key: {cookie: key}
        - api_key: {}
      anonymous: true
      allow:
        - claim: {name: tenant, value: acme}
          methods: [GET]
          path: {prefix: /api}
          client_networks: [10.0.0.0/8]
      keep_credentials: true
      shadow: true
      identity: {consumer_header: X-User, groups_header: "", claims: [{claim: sub, header: X-Sub}]}
      realm: The shop
"#;
    let claim = |name: &str, value: Option<&str>| pb::AuthClaim { name: name.into(), value: value.map(str::to_owned) };
    let first = pb::JwtAuth {
        issuer: "i".into(),
        audience: vec![],
        keys: Some(Keys::JwksUrl("https://issuer.test/keys".into())),
        algorithms: vec!["ES256".into()],
        leeway: seconds(5),
        required_claims: vec![claim("tenant", Some("acme")), claim("role", None)],
        consumer_claim: "client_id".into(),
        groups_claim: "roles".into(),
        place: at(Place::Cookie("token".into())),
    };
    let second = pb::JwtAuth {
        issuer: "i".into(),
        keys: Some(Keys::Jwks("{\"keys\": []}".into())),
        place: at(Place::Query("token".into())),
        ..pb::JwtAuth::default()
    };
    let third = pb::IntrospectionAuth {
        url: "https://issuer.test/introspect".into(),
        client_id: "gateway".into(),
        client_secret_file: "issuer.secret".into(),
        timeout: seconds(2),
        cache_ttl: seconds(60),
        required_claims: vec![claim("tenant", None)],
        consumer_claim: "a".into(),
        groups_claim: "b".into(),
        place: at(Place::Header("X-Token".into())),
    };
    let fourth = pb::ForwardAuth {
        url: "http://auth.test/check".into(),
        timeout: seconds(1),
        request_headers: vec!["Cookie".into()],
        response_headers: vec!["X-User".into()],
        consumer_header: "X-User".into(),
        groups_header: "X-Groups".into(),
    };
    let key = |place| method(Method::ApiKey(pb::ApiKeyAuth { place }));
    let expected = pb::Auth {
        enabled: Some(true),
        methods: vec![
            method(Method::Jwt(first)),
            method(Method::Jwt(second)),
            method(Method::Introspection(third)),
            method(Method::Forward(fourth)),
            key(at(Place::Query("api_key".into()))),
            key(at(Place::Cookie("key".into()))),
            key(None),
        ],
        anonymous: true,
        allow: vec![pb::AuthRule {
            claim: Some(claim("tenant", Some("acme"))),
            methods: vec!["GET".into()],
            path: Some(pb::PathMatch { kind: Some(Kind::Prefix("/api".into())) }),
            client_networks: vec!["10.0.0.0/8".into()],
            ..pb::AuthRule::default()
        }],
        deny: vec![],
        keep_credentials: true,
        shadow: true,
        identity: Some(pb::AuthIdentity {
            consumer_header: Some("X-User".into()),
            groups_header: Some(String::new()),
            claims: vec![pb::ClaimHeader { claim: "sub".into(), header: "X-Sub".into() }],
        }),
        realm: "The shop".into(),
    };
    let services = services(&format!("services:\n  - name: s\n    auth:{text}"));
    assert_eq!(services[0].policies.clone().unwrap().auth.unwrap(), expected);
}

#[test]
fn every_mistake_is_told_with_its_place() {
    let text = "services:
- name: s
  auth:
    methods:
    - {}
    - {basic: {}, api_key: {}}
    - basic: {realm: a}
    - api_key: {header: a, cookie: b}
    - jwt: {audience: api}
    - introspection: {cache: 1s}
    - forward: {timeout: 1}
    - jwt
    anonymous: maybe
    allow: {group: a}
    deny: [{group: \"\"}, {claim: {value: 1}}, {path: {}}, {role: a}]
    identity: {claims: [{}]}
    realm: \"\"
";
    let expected = [
        "5:7: services[0].auth.methods[0]: has none of api_key, basic, jwt, introspection and forward; write one",
        "6:7: services[0].auth.methods[1]: has more than one of api_key, basic, jwt, introspection and forward; choose one",
        "7:15: services[0].auth.methods[2].basic.realm: is no field here; there are none",
        "8:16: services[0].auth.methods[3].api_key: has more than one of header, query and cookie; choose one",
        "9:12: services[0].auth.methods[4].jwt: has no issuer",
        "9:12: services[0].auth.methods[4].jwt: has none of jwks_file, jwks_url and jwks; write one",
        "9:23: services[0].auth.methods[4].jwt.audience: is a text; write a list",
        "10:22: services[0].auth.methods[5].introspection: has no url",
        "10:22: services[0].auth.methods[5].introspection: has no client_id",
        "10:22: services[0].auth.methods[5].introspection: has no client_secret_file",
        "10:23: services[0].auth.methods[5].introspection.cache: is no field here; there are: url, client_id, client_secret_file, timeout, cache_ttl, required_claims, consumer_claim, groups_claim, header, query, cookie",
        "11:16: services[0].auth.methods[6].forward: has no url",
        "11:26: services[0].auth.methods[6].forward.timeout: \"1\" is no duration; write a number and its unit, such as 250ms, 5s or 10m",
        "12:7: services[0].auth.methods[7]: is a text; write fields: api_key, basic, jwt, introspection, forward",
        "13:16: services[0].auth.anonymous: is maybe; write true or false",
        "14:12: services[0].auth.allow: is a block of fields; write a list",
        "15:20: services[0].auth.deny[0].group: is empty",
        "15:33: services[0].auth.deny[1].claim: has no name",
        "15:41: services[0].auth.deny[1].claim.value: is a number; put it in quotes: \"1\"",
        "15:53: services[0].auth.deny[2].path: has none of exact, prefix, template and regex; write one",
        "15:59: services[0].auth.deny[3].role: is no field here; there are: consumer, group, claim, methods, path, client_networks",
        "16:25: services[0].auth.identity.claims[0]: has no claim",
        "16:25: services[0].auth.identity.claims[0]: has no header",
        "17:12: services[0].auth.realm: is empty",
    ];
    let found = mistakes(text);
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found.strip_prefix("f.yaml:").unwrap(), expected);
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}
