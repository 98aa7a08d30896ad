//! Who may call, on real sockets: consumers with keys and passwords, and an origin that remembers what it was
//! asked.

mod basic;
mod forward;
mod identity;
mod joins;
mod keys;
mod rules;
mod tokens;
mod tunnels;

use std::{net::SocketAddr, sync::Arc};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, phc::PasswordHash},
};
use aws_lc_rs::digest::{SHA256, digest};
use gateway_caching::Time;
use gateway_routing::{
    Methods, PathMatcher,
    route::{Auth, AuthMethod, AuthRule, CredentialPlace, Identity, Policies, Policy},
};

use super::{
    Proxy,
    cache::{Bench, Origin, Response},
    site::{Site, named},
};
use crate::table::{
    Consumer, Service,
    consumers::{Key, NEVER},
};

/// A key in its usual place.
fn api_key() -> AuthMethod {
    AuthMethod::ApiKey(header("x-api-key"))
}

fn header(name: &'static str) -> CredentialPlace {
    CredentialPlace::Header(name.parse().unwrap())
}

/// Who may call is whoever one of these knows.
fn auth(methods: impl Into<Box<[AuthMethod]>>) -> Auth {
    let identity = Identity {
        consumer_header: Some("x-consumer".parse().unwrap()),
        groups_header: Some("x-consumer-groups".parse().unwrap()),
        claims: [].into(),
    };
    Auth {
        methods: methods.into(),
        anonymous: false,
        allow: [].into(),
        deny: [].into(),
        keep_credentials: false,
        shadow: false,
        identity,
        realm: "test".into(),
    }
}

/// A rule about everybody and everything.
fn rule() -> AuthRule {
    AuthRule {
        consumer: None,
        group: None,
        claim: None,
        methods: Methods::default(),
        path: PathMatcher::default(),
        client_networks: [].into(),
    }
}

/// Somebody with this key, which does not end.
fn consumer(name: &str, groups: &[&str], key: &str) -> Consumer {
    ending(name, groups, key, NEVER)
}

fn ending(name: &str, groups: &[&str], key: &str, ends: Time) -> Consumer {
    let sha256 = digest(&SHA256, key.as_bytes()).as_ref().try_into().unwrap();
    let groups = groups.iter().map(|group| Arc::from(*group)).collect();
    Consumer::new(name, groups, &[Key { sha256, ends }], None, [].into())
}

/// Somebody with this password.
fn with_password(name: &str, password: &str) -> Consumer {
    Consumer::new(name, [].into(), &[], Some(hash_of(password).into()), [].into())
}

/// A hash that is cheap to verify.
fn hash_of(password: &str) -> String {
    let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8, 1, 1, None).unwrap());
    let hash: PasswordHash = hasher.hash_password_with_salt(password.as_bytes(), b"salt of a test").unwrap();
    hash.to_string()
}

fn protected(endpoints: &[SocketAddr], auth: Auth) -> Service {
    let policies = Policies { auth: Policy::On(auth.into()), ..Policies::default() };
    Service { policies, ..named("a", endpoints) }
}

/// A gateway before an origin that says `ok`, on which anna (of staff) has the key `key-of-anna`, and bert
/// `key-of-bert`.
struct Gateway {
    bench: Bench,
    proxy: Proxy,
    origin: Origin,
}

impl Gateway {
    async fn start(auth: Auth) -> Self {
        Self::start_as(auth, |site| site).await
    }

    /// With more on the site.
    async fn start_as(auth: Auth, more: impl FnOnce(Site) -> Site) -> Self {
        let origin = Origin::start().await;
        origin.says("200 OK", &[], "ok");
        let bench = Bench::new();
        let proxy = bench.start(&more(site(&origin, auth))).await;
        Self { bench, proxy, origin }
    }

    /// Gets a path of `a.test` with these fields.
    async fn get(&self, path: &str, fields: &[&str]) -> Response {
        self.send("GET", path, fields).await
    }

    async fn send(&self, method: &str, path: &str, fields: &[&str]) -> Response {
        super::cache::Client(self.proxy.connect().await).send(method, path, fields).await
    }

    async fn status(&self, path: &str, fields: &[&str]) -> u16 {
        self.get(path, fields).await.status()
    }
}

fn site(origin: &Origin, auth: Auth) -> Site {
    let owner = protected(&[origin.address], auth);
    Site::owned_by(owner).consumer(consumer("anna", &["ops", "staff"], "key-of-anna")).consumer(consumer(
        "bert",
        &[],
        "key-of-bert",
    ))
}

/// The values of a field in a head, in order.
fn values<'h>(head: &'h str, name: &str) -> Vec<&'h str> {
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    fields.filter(|(there, _)| there.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).collect()
}

const ANNA: &str = "X-Api-Key: key-of-anna";
const BERT: &str = "X-Api-Key: key-of-bert";
