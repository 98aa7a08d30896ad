use std::time::Duration;

use gateway_proto::registry::v1::{self as pb, auth_method::Method, credential_place::Place, jwt_auth::Keys};
use http::HeaderName;

use super::{cache::Asked, read_policies, refuses, seconds};
use crate::route::{Auth, AuthMethod, AuthRule, CredentialPlace, Identity, IdentityClaims, Jwks, JwtAlgorithm, Policy};

fn method(method: Method) -> pb::AuthMethod {
    pb::AuthMethod { method: Some(method) }
}

fn good() -> pb::Auth {
    pb::Auth { methods: vec![method(Method::Basic(pb::BasicAuth {}))], ..pb::Auth::default() }
}

#[track_caller]
fn refused(field: &str, words: &str, change: impl FnOnce(&mut pb::Auth)) {
    let mut auth = good();
    change(&mut auth);
    refuses(&format!("policies.auth.{field}"), words, |wire| {
        wire.policies = Some(pb::Policies { auth: Some(auth), ..pb::Policies::default() });
    });
}

#[track_caller]
fn read(change: impl FnOnce(&mut pb::Auth)) -> Auth {
    let mut auth = good();
    change(&mut auth);
    let Policy::On(auth) = read_policies(&pb::Policies { auth: Some(auth), ..pb::Policies::default() }).unwrap().auth
    else {
        panic!()
    };
    *auth
}

fn texts(items: &[&str]) -> Vec<String> {
    items.iter().map(ToString::to_string).collect()
}

#[test]
fn what_is_left_out_has_its_default() {
    assert_eq!(
        read(|_| {}),
        Auth {
            methods: [AuthMethod::Basic].into(),
            anonymous: false,
            allow: [].into(),
            deny: [].into(),
            keep_credentials: false,
            shadow: false,
            identity: Identity {
                consumer_header: Some(HeaderName::from_static("x-consumer")),
                groups_header: Some(HeaderName::from_static("x-consumer-groups")),
                claims: [].into(),
            },
            realm: "gateway".into(),
        }
    );
    let off = pb::Auth { enabled: Some(false), ..pb::Auth::default() };
    assert_eq!(read_policies(&pb::Policies { auth: Some(off), ..pb::Policies::default() }).unwrap().auth, Policy::Off);
    refused("enabled", "leave the rest out", |auth| auth.enabled = Some(false));
}

#[test]
fn somebody_can_come_in() {
    refused("methods", "so that nobody could come in", |auth| auth.methods.clear());
    let open = read(|auth| {
        auth.methods.clear();
        auth.anonymous = true;
    });
    assert!(open.methods.is_empty() && open.anonymous);
    refused("methods", "are 9; give 8 at the most", |auth| auth.methods = vec![good().methods.remove(0); 9]);
    refused("methods[0]", "says nothing; give one of api_key", |auth| auth.methods = vec![pb::AuthMethod::default()]);
    for bad in ["a\"b", "a\\b", "ü", "a\n", &"a".repeat(129)] {
        refused("realm", "is no realm", |auth| auth.realm = bad.into());
    }
    let spoken = read(|auth| {
        auth.realm = "The shop".into();
        auth.keep_credentials = true;
        auth.shadow = true;
    });
    assert_eq!((&*spoken.realm, spoken.keep_credentials, spoken.shadow), ("The shop", true, true));
}

fn api_key(place: Option<Place>) -> impl FnOnce(&mut pb::Auth) {
    let place = place.map(|place| pb::CredentialPlace { place: Some(place) });
    |auth| auth.methods = vec![method(Method::ApiKey(pb::ApiKeyAuth { place }))]
}

#[test]
fn where_keys_are() {
    let at = "methods[0].api_key.place";
    refused(at, "says nothing; give one of header, query and cookie", |auth| {
        let place = Some(pb::CredentialPlace::default());
        auth.methods = vec![method(Method::ApiKey(pb::ApiKeyAuth { place }))];
    });
    let bad = |field: &str, words, place| refused(&format!("{at}.{field}"), words, api_key(Some(place)));
    bad("header", "is no field name", Place::Header("a b".into()));
    bad("header", "is the gateway's own", Place::Header("X-Forwarded-For".into()));
    bad("header", "is the gateway's own", Place::Header("Host".into()));
    bad("query", "is no parameter's name", Place::Query("a&b".into()));
    bad("query", "is no parameter's name", Place::Query("a".repeat(257)));
    bad("cookie", "is no cookie's name", Place::Cookie(String::new()));
    for (place, expected) in [
        (None, CredentialPlace::Header(HeaderName::from_static("x-api-key"))),
        (Some(Place::Header("X-Key".into())), CredentialPlace::Header(HeaderName::from_static("x-key"))),
        (Some(Place::Query("api_key".into())), CredentialPlace::Query("api_key".into())),
        (Some(Place::Cookie("Key".into())), CredentialPlace::Cookie("Key".into())),
    ] {
        assert_eq!(*read(api_key(place)).methods, [AuthMethod::ApiKey(expected)]);
    }
}

fn token() -> pb::JwtAuth {
    pb::JwtAuth {
        issuer: "https://issuer.test".into(),
        audience: vec!["api".into()],
        keys: Some(Keys::JwksFile("keys.json".into())),
        ..pb::JwtAuth::default()
    }
}

fn jwt(change: impl FnOnce(&mut pb::JwtAuth)) -> impl FnOnce(&mut pb::Auth) {
    let mut wire = token();
    change(&mut wire);
    |auth| auth.methods = vec![method(Method::Jwt(wire))]
}

fn claim(name: &str, value: Option<&str>) -> pb::AuthClaim {
    pb::AuthClaim { name: name.into(), value: value.map(str::to_owned) }
}

#[test]
fn signed_tokens() {
    let bad = |field: &str, words: &str, change: fn(&mut pb::JwtAuth)| {
        let field = if field.is_empty() { String::new() } else { format!(".{field}") };
        refused(&format!("methods[0].jwt{field}"), words, jwt(change));
    };
    bad("issuer", "is empty", |jwt| jwt.issuer.clear());
    bad("issuer", "is too long or holds control characters", |jwt| jwt.issuer = "a\n".into());
    bad("audience[1]", "the same as number 0", |jwt| jwt.audience.push("api".into()));
    bad("audience", "are 17; give 16", |jwt| jwt.audience = (0..17).map(|at| at.to_string()).collect());
    bad("", "has no keys; give one of jwks_file", |jwt| jwt.keys = None);
    bad("algorithms[0]", "\"none\" is no algorithm here; there are: HS256", |jwt| jwt.algorithms = texts(&["none"]));
    bad("algorithms[0]", "is no algorithm here", |jwt| jwt.algorithms = texts(&["rs256"]));
    bad("algorithms[1]", "the same as number 0", |jwt| jwt.algorithms = texts(&["RS256", "RS256"]));
    bad("leeway", "is too long; use 0s to 10m", |jwt| jwt.leeway = seconds(601));
    bad("required_claims[0].name", "is no claim's name", |jwt| jwt.required_claims = vec![claim("", None)]);
    bad("required_claims[0].value", "is empty", |jwt| jwt.required_claims = vec![claim("a", Some(""))]);
    bad("required_claims[1]", "the same as number 0", |jwt| {
        jwt.required_claims = vec![claim("a", None), claim("a", Some("b"))];
    });
    bad("consumer_claim", "is no claim's name", |jwt| jwt.consumer_claim = "a\0".into());
    bad("groups_claim", "is no claim's name", |jwt| jwt.groups_claim = "a".repeat(257));
    let read = |change: fn(&mut pb::JwtAuth)| match &*read(jwt(change)).methods {
        [AuthMethod::Jwt(jwt)] => (**jwt).clone(),
        _ => panic!(),
    };
    let plain = read(|_| {});
    assert_eq!((&*plain.issuer, &*plain.audience), ("https://issuer.test", &["api".into()][..]));
    assert_eq!((&plain.jwks, plain.leeway), (&Jwks::File("keys.json".into()), Duration::from_secs(60)));
    assert_eq!(plain.claims, IdentityClaims { consumer: "sub".into(), groups: "groups".into() });
    assert_eq!(plain.place, CredentialPlace::Header(HeaderName::from_static("authorization")));
    assert!(plain.algorithms.is_empty() && plain.required_claims.is_empty());
    let all = read(|jwt| {
        jwt.audience.clear();
        jwt.algorithms = JwtAlgorithm::ALL.map(|algorithm| algorithm.name().to_owned()).into();
        jwt.leeway = seconds(0);
        jwt.consumer_claim = "https://a.test/user".into();
    });
    assert_eq!((&*all.algorithms, all.leeway), (&JwtAlgorithm::ALL[..], Duration::ZERO));
    assert_eq!(&*all.claims.consumer, "https://a.test/user");
}

/// RFC 8037 appendix A.2.
const ED25519: &str = r#"{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

#[test]
fn keys_of_tokens() {
    let bad = |field: &str, words: &str, keys: Keys| {
        refused(&format!("methods[0].jwt.{field}"), words, jwt(|jwt| jwt.keys = Some(keys)));
    };
    for file in ["", "/etc/passwd", "../keys.json", "a/../b", ".hidden", "a//b", "a b", &"a".repeat(256)] {
        bad("jwks_file", "is no file of the directory of secrets", Keys::JwksFile(file.into()));
    }
    for (url, words) in [
        ("", "is missing; give such as"),
        ("keys.json", "has no scheme of http or https"),
        ("ftp://a.test/", "has no scheme of http or https"),
        ("https://user:secret@a.test/", "has a user in it"),
        ("https://a.test/#x", "has a fragment"),
        ("https://a b.test/", "is no URL"),
        (&format!("https://a.test/{}", "a".repeat(2048)), "is longer than 2048 bytes"),
    ] {
        bad("jwks_url", words, Keys::JwksUrl(url.into()));
    }
    for set in ["", "[]", "{}", "{\"keys\": [], \"keys\": []}"] {
        bad("jwks", "is no JWK set", Keys::Jwks(set.into()));
    }
    // With none of these could any token be verified.
    for member in ["", "{}", r#"{"kty": 1}"#, r#"{"kty": "OKP", "crv": "Ed25519", "x": "AA"}"#, r#"{"kty": "EC"}"#] {
        bad("jwks", "has no key that verifies signatures", Keys::Jwks(format!("{{\"keys\": [{member}]}}")));
    }
    bad("jwks", "holds a secret", Keys::Jwks("{\"keys\": [{\"kty\": \"oct\", \"k\": \"c2VjcmV0\"}]}".into()));
    bad(
        "jwks",
        "holds a secret",
        Keys::Jwks("{\"keys\": [{\"kty\": \"EC\"}, {\"kty\": \"RSA\", \"d\": \"\"}]}".into()),
    );
    bad("jwks", "is longer than 64 KiB", Keys::Jwks(" ".repeat(65 * 1024)));
    for keys in [
        Keys::JwksFile("issuer-1/keys.json".into()),
        Keys::JwksUrl("http://10.0.0.1:8080/.well-known/jwks.json?x=1".into()),
        Keys::Jwks(format!("{{\"keys\": [{ED25519}]}}")),
    ] {
        read(jwt(|jwt| jwt.keys = Some(keys)));
    }
}

#[test]
fn servers_that_are_asked() {
    let asked = || pb::IntrospectionAuth {
        url: "https://issuer.test/introspect".into(),
        client_id: "gateway".into(),
        client_secret_file: "issuer.secret".into(),
        ..pb::IntrospectionAuth::default()
    };
    let introspection = |change: fn(&mut pb::IntrospectionAuth)| {
        let mut wire = asked();
        change(&mut wire);
        |auth: &mut pb::Auth| auth.methods = vec![method(Method::Introspection(wire))]
    };
    let at = |field: &str| format!("methods[0].introspection.{field}");
    refused(&at("url"), "is missing", introspection(|asked| asked.url.clear()));
    refused(&at("client_id"), "is empty", introspection(|asked| asked.client_id.clear()));
    refused(&at("client_secret_file"), "is no file", introspection(|asked| asked.client_secret_file = "/a".into()));
    refused(&at("timeout"), "is too short; use 10ms to 1m", introspection(|asked| asked.timeout = seconds(0)));
    refused(&at("cache_ttl"), "is too long; use 0s to 1h", introspection(|asked| asked.cache_ttl = seconds(3601)));
    let AuthMethod::Introspection(read_back) = read(introspection(|_| {})).methods[0].clone() else { panic!() };
    assert_eq!((read_back.timeout, read_back.cache_ttl), (Duration::from_secs(5), Duration::from_secs(30)));

    let forward = |change: fn(&mut pb::ForwardAuth)| {
        let mut wire = pb::ForwardAuth { url: "http://auth.test/check".into(), ..pb::ForwardAuth::default() };
        change(&mut wire);
        |auth: &mut pb::Auth| auth.methods = vec![method(Method::Forward(wire))]
    };
    let at = |field: &str| format!("methods[0].forward.{field}");
    refused(&at("url"), "is missing", forward(|asked| asked.url.clear()));
    refused(&at("request_headers[0]"), "is no field name", forward(|asked| asked.request_headers = texts(&["a b"])));
    refused(
        &at("response_headers[0]"),
        "is the gateway's own",
        forward(|asked| {
            asked.response_headers = texts(&["Via"]);
        }),
    );
    refused(&at("consumer_header"), "is no field name", forward(|asked| asked.consumer_header = "a b".into()));
    let AuthMethod::Forward(plain) = read(forward(|_| {})).methods[0].clone() else { panic!() };
    assert_eq!(*plain.request_headers, [http::header::AUTHORIZATION, http::header::COOKIE]);
    assert_eq!((plain.timeout, &plain.consumer_header), (Duration::from_secs(5), &None));
}

#[test]
fn rules() {
    let with = |rule: pb::AuthRule| move |auth: &mut pb::Auth| auth.allow = vec![rule];
    let none = pb::AuthRule::default;
    refused("allow[0]", "says nothing; give one or several of consumer, group", with(none()));
    refused("allow[0].group", "is too long", with(pb::AuthRule { group: "a".repeat(257), ..none() }));
    refused(
        "allow[0].claim.name",
        "is no claim's name",
        with(pb::AuthRule { claim: Some(pb::AuthClaim::default()), ..none() }),
    );
    refused("allow[0].methods[0]", "write \"GET\"", with(pb::AuthRule { methods: texts(&["get"]), ..none() }));
    let kind = Some(pb::path_match::Kind::Prefix("admin".into()));
    let path = Some(pb::PathMatch { kind });
    refused("allow[0].path.prefix", "does not begin with '/'", with(pb::AuthRule { path, ..none() }));
    refused(
        "allow[0].client_networks[0]",
        "is no address",
        with(pb::AuthRule { client_networks: texts(&["home"]), ..none() }),
    );
    refused("deny", "are 65; give 64", |auth| {
        auth.deny = vec![pb::AuthRule { consumer: "mallory".into(), ..none() }; 65];
    });
    let kind = Some(pb::path_match::Kind::Prefix("/admin".into()));
    let auth = read(|auth| {
        auth.allow = vec![pb::AuthRule {
            methods: texts(&["GET"]),
            path: Some(pb::PathMatch { kind }),
            client_networks: texts(&["10.0.0.0/8", "::1"]),
            ..none()
        }];
        auth.deny = vec![pb::AuthRule { consumer: "mallory".into(), ..none() }];
    });
    let [about] = &*auth.allow else { panic!() };
    let is_about = |client: &str, path: &str| {
        about.is_from(client.parse().unwrap())
            && about.is_about(&Asked { query: "", field: ("", "") }, Some(path.as_bytes()))
    };
    assert!(is_about("10.1.2.3", "/admin/x") && is_about("::1", "/admin"));
    assert!(!is_about("192.0.2.1", "/admin") && !is_about("10.1.2.3", "/"));
    assert!(!about.asks_who() && auth.deny[0].asks_who());
    let posted = AuthRule { methods: crate::Methods::parse(["POST"]).unwrap(), ..about.clone() };
    assert!(!posted.is_about(&Asked { query: "", field: ("", "") }, Some(b"/admin")));
}

#[test]
fn what_endpoints_are_told() {
    let told = |consumer: Option<&str>, groups: Option<&str>, claims: &[(&str, &str)]| {
        let claims =
            claims.iter().map(|(claim, header)| pb::ClaimHeader { claim: (*claim).into(), header: (*header).into() });
        let identity = pb::AuthIdentity {
            consumer_header: consumer.map(str::to_owned),
            groups_header: groups.map(str::to_owned),
            claims: claims.collect(),
        };
        |auth: &mut pb::Auth| auth.identity = Some(identity)
    };
    refused("identity.consumer_header", "is the gateway's own", told(Some("X-Forwarded-User"), None, &[]));
    refused("identity.consumer_header", "is the gateway's own", told(Some("X_Forwarded_User"), None, &[]));
    refused("identity.groups_header", "is consumer_header's field, too", told(None, Some("X-Consumer"), &[]));
    refused("identity.claims[0].header", "is no field name", told(None, None, &[("sub", "")]));
    refused("identity.claims[0].claim", "is no claim's name", told(None, None, &[("", "x-a")]));
    refused("identity.claims[0].header", "tells the consumer", told(None, None, &[("sub", "X-Consumer")]));
    refused("identity.claims[1]", "the same as number 0", told(None, None, &[("a", "x-a"), ("b", "X-A")]));
    // What a client sends in these fields is removed before anything reads it, and each is written once.
    let forward = |request: &[&str], response: &[&str]| {
        Method::Forward(pb::ForwardAuth {
            url: "http://auth.test/check".into(),
            request_headers: texts(request),
            response_headers: texts(response),
            ..pb::ForwardAuth::default()
        })
    };
    let in_header = Some(pb::CredentialPlace { place: Some(Place::Header("X-Consumer".into())) });
    let reads = "is a field that a method reads";
    for (field, words, shown, consumer, claims) in [
        ("consumer_header", reads, Method::ApiKey(pb::ApiKeyAuth::default()), Some("X-Api-Key"), None),
        ("consumer_header", reads, Method::ApiKey(pb::ApiKeyAuth { place: in_header }), None, None),
        ("consumer_header", reads, Method::Basic(pb::BasicAuth {}), Some("Authorization"), None),
        ("consumer_header", reads, Method::Jwt(token()), Some("Authorization"), None),
        ("consumer_header", reads, forward(&[], &[]), Some("Cookie"), None),
        ("claims[0].header", reads, Method::ApiKey(pb::ApiKeyAuth::default()), None, Some(("sub", "x_api_key"))),
        ("consumer_header", "is one of forward's response_headers", forward(&[], &["X-Consumer"]), None, None),
        ("groups_header", "is one of forward's response_headers", forward(&[], &["X-Consumer-Groups"]), None, None),
    ] {
        refused(&format!("identity.{field}"), words, |auth| {
            told(consumer, None, claims.as_slice())(auth);
            auth.methods.push(method(shown));
        });
    }
    let nothing = read(told(Some(""), Some(""), &[])).identity;
    assert_eq!((nothing.consumer_header, nothing.groups_header), (None, None));
    let more = read(told(Some("X-User"), None, &[("sub", "X-Sub")])).identity;
    assert_eq!(more.consumer_header.unwrap(), "x-user");
    assert_eq!((&*more.claims[0].claim, more.claims[0].header.as_str()), ("sub", "x-sub"));
}
