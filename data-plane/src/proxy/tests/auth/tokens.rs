//! Tokens on their way: signed ones, and those that their issuer is asked about.

use std::{fs, time::Duration};

use gateway_auth::jwt::Keys;
use gateway_routing::route::{IdentityClaims, Introspection, Jwks, Jwt, JwtAlgorithm};

use super::{
    super::cache::{T0, plain},
    *,
};
use crate::{
    doors::tokens::Signer,
    jwks::tests::jwt,
    outside::tests::{Reply, Server, nobody},
    proxy::auth::remote::Remote,
    secrets::Secrets,
};

/// An issuer, and the place of its keys.
struct Issuer {
    signer: Signer,
    jwks: Jwks,
}

impl Issuer {
    fn new() -> Self {
        Self { signer: Signer::new(JwtAlgorithm::EdDsa), jwks: Jwks::File("keys.json".into()) }
    }

    /// Whose tokens expire 100 s after the beginning.
    fn policy(&self) -> Jwt {
        Jwt { leeway: Duration::from_secs(5), ..jwt(self.jwks.clone()) }
    }

    fn method(&self) -> AuthMethod {
        AuthMethod::Jwt(Arc::new(self.policy()))
    }

    fn token(&self, claims: &str) -> String {
        let exp = T0 + 100;
        self.signer.token("1", &format!(r#"{{"iss":"https://issuer.test","aud":"api","exp":{exp},{claims}}}"#))
    }

    fn authorization(&self, claims: &str) -> String {
        format!("Authorization: Bearer {}", self.token(claims))
    }

    /// Everybody who looks knows its keys.
    fn publish(&self, remote: &Remote) {
        let set = format!(r#"{{"keys":[{}]}}"#, self.signer.jwk("1"));
        remote.sources().put(&self.jwks, Keys::parse(set.as_bytes()).unwrap(), Time::from_seconds(T0));
    }

    async fn gateway(&self, auth: Auth) -> Gateway {
        let gateway = Gateway::start(auth).await;
        self.publish(&gateway.bench.remote);
        gateway
    }
}

#[tokio::test]
async fn a_token_lets_in_whom_it_names_until_it_ends() {
    let issuer = Issuer::new();
    let gateway = issuer.gateway(auth([issuer.method()])).await;
    let alice = issuer.authorization(r#""sub":"alice","groups":["staff"]"#);
    let other = issuer.authorization(r#""sub":"bob""#);
    assert_eq!(gateway.status("/", &[&alice]).await, 200);
    let asked = gateway.origin.last();
    assert_eq!((values(&asked, "X-Consumer"), values(&asked, "X-Consumer-Groups")), (vec!["alice"], vec!["staff"]));
    assert!(values(&asked, "Authorization").is_empty(), "{asked}");
    // With the leeway, to the second: whether it is known or not.
    gateway.bench.pass(Duration::from_secs(104));
    assert_eq!((gateway.status("/", &[&alice]).await, gateway.status("/", &[&other]).await), (200, 200));
    gateway.bench.pass(Duration::from_secs(1));
    for late in [&alice, &issuer.authorization(r#""sub":"carl""#)] {
        let refused = gateway.get("/", &[late]).await;
        let challenge = "Bearer realm=\"test\", error=\"invalid_token\"";
        assert_eq!((refused.status(), refused.field("WWW-Authenticate").as_deref()), (401, Some(challenge)));
    }
}

#[tokio::test]
async fn head_is_asked_for_as_get_is() {
    let issuer = Issuer::new();
    let gateway = issuer.gateway(auth([issuer.method()])).await;
    for fields in [&[][..], &["Authorization: Bearer a.b.c"]] {
        let (head, get) = (gateway.send("HEAD", "/", fields).await, gateway.get("/", fields).await);
        assert_eq!((head.status(), &*head.body), (401, ""), "{fields:?}");
        assert_eq!(head.field("WWW-Authenticate"), get.field("WWW-Authenticate"));
    }
    assert_eq!(gateway.origin.count(), 0);
    assert_eq!(gateway.send("HEAD", "/", &[&issuer.authorization(r#""sub":"alice""#)]).await.status(), 200);
    assert!(gateway.origin.last().starts_with("HEAD / "), "{}", gateway.origin.last());
}

#[tokio::test]
async fn a_cookie_that_comes_twice_is_no_token_and_none_goes_on() {
    let issuer = Issuer::new();
    let in_cookie = Jwt { place: CredentialPlace::Cookie("token".into()), ..issuer.policy() };
    let gateway = issuer.gateway(auth([AuthMethod::Jwt(Arc::new(in_cookie))])).await;
    let (alice, bob) = (issuer.token(r#""sub":"alice""#), issuer.token(r#""sub":"bob""#));
    for fields in [
        vec![format!("Cookie: token={alice}; a=b; token={alice}")],
        vec![format!("Cookie: token={alice}; token={bob}")],
        vec![format!("Cookie: token={alice}"), format!("Cookie: token={bob}")],
    ] {
        let fields: Vec<_> = fields.iter().map(String::as_str).collect();
        assert_eq!(gateway.status("/", &fields).await, 401, "{fields:?}");
    }
    assert_eq!(gateway.origin.count(), 0);
    assert_eq!(gateway.status("/", &[&format!("Cookie: token={alice}; a=b")]).await, 200);
    assert_eq!(values(&gateway.origin.last(), "Cookie"), ["a=b"]);
}

#[tokio::test]
async fn nobody_evades_a_rule_by_a_name_that_is_no_text() {
    let issuer = Issuer::new();
    let named = |name: &str| AuthRule { consumer: Some(name.into()), ..rule() };
    let banned = AuthRule { group: Some("banned".into()), ..rule() };
    let deny = [named("42"), named("mallory"), banned].into();
    let gateway = issuer.gateway(Auth { deny, ..auth([issuer.method()]) }).await;
    for (claims, status) in [
        (r#""sub":"alice""#.to_owned(), 200),
        (r#""sub":42"#.into(), 403),
        (r#""sub":["mallory"]"#.into(), 401),
        (r#""sub":{"name":"mallory"}"#.into(), 401),
        (r#""sub":"mallory\u0000""#.into(), 401),
        (format!(r#""sub":"mallory{}""#, "y".repeat(250)), 401),
        (r#""sub":"alice","groups":["banned",7]"#.into(), 403),
        (r#""sub":"alice","groups":["banned",{}]"#.into(), 401),
        (r#""sub":"alice","groups":{"banned":true}"#.into(), 401),
        (r#""sub":"alice","groups":["staff",7]"#.into(), 200),
    ] {
        assert_eq!(gateway.status("/", &[&issuer.authorization(&claims)]).await, status, "{claims}");
    }
    assert_eq!(values(&gateway.origin.last(), "X-Consumer-Groups"), ["7,staff"]);
}

/// What is stored of one token's answers is not for another, whichever way they are known.
#[tokio::test]
async fn no_answer_for_one_token_is_anothers() {
    let issuer = Issuer::new();
    let secrets = tempfile::tempdir().unwrap();
    fs::write(secrets.path().join("client"), "secret").unwrap();
    let server = Server::start(Reply::Cut).await;
    let introspection = AuthMethod::Introspection(Arc::new(Introspection {
        url: server.url("/introspect"),
        client_id: "gateway".into(),
        client_secret_file: "client".into(),
        timeout: Duration::from_secs(10),
        cache_ttl: Duration::from_secs(30),
        required_claims: [].into(),
        claims: IdentityClaims { consumer: "sub".into(), groups: "groups".into() },
        place: header("authorization"),
    }));
    let [of_alice, of_bob] = ["alice", "bob"].map(|name| issuer.authorization(&format!(r#""sub":"{name}""#)));
    for (method, alice, bob) in [
        (issuer.method(), &*of_alice, &*of_bob),
        (introspection, "Authorization: Bearer opaque-a", "Authorization: Bearer opaque-b"),
    ] {
        let origin = Origin::start().await;
        let mut owner = protected(&[origin.address], auth([method]));
        owner.policies.cache = Policy::On(plain());
        let known = Secrets::open(Some(secrets.path().to_owned())).unwrap();
        let mut bench = Bench::new();
        bench.remote = Arc::new(Remote::new(nobody(), known, 1 << 20));
        issuer.publish(&bench.remote);
        let gateway = Gateway { proxy: bench.start(&Site::owned_by(owner)).await, bench, origin };
        for (path, policy) in [("/own", "max-age=60"), ("/varying", "public, max-age=60")] {
            for (fields, name) in [(alice, "alice"), (bob, "bob"), (alice, "alice"), (bob, "bob")] {
                server.now(Reply::ok(&format!(r#"{{"active":true,"sub":"{name}"}}"#)));
                gateway.origin.says("200 OK", &[&format!("Cache-Control: {policy}"), "Vary: X-Consumer"], name);
                let answer = gateway.get(path, &[fields]).await;
                assert_eq!((answer.status(), &*answer.body), (200, name), "{path} {fields}: {answer:?}");
            }
            let last = gateway.get(path, &[alice]).await;
            assert_eq!((last.is_hit(), &*last.body), if path == "/own" { (false, "bob") } else { (true, "alice") });
            assert_eq!(gateway.status(path, &[]).await, 401);
        }
    }
    assert_eq!(server.asked().len(), 2, "each of the tokens is asked about once");
}
