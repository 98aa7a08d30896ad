//! Tokens that an issuer is asked about.

use std::{
    fs,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use gateway_caching::Time;
use gateway_routing::route::{AuthClaim, CredentialPlace, IdentityClaims, Introspection};
use http::header::AUTHORIZATION;
use tempfile::TempDir;
use tokio::task::{LocalSet, spawn_local};

use super::{NOW, subject, who};
use crate::{
    outside::tests::{Reply, Server, nobody, until},
    proxy::auth::{
        clients::OF_CLIENT,
        introspect::check,
        remote::{Remote, WorkerRemote},
        subject::Shown,
    },
    secrets::Secrets,
};

/// A worker, an issuer, and a clock.
struct Gate {
    all: Arc<Remote>,
    worker: WorkerRemote,
    issuer: Server,
    secrets: TempDir,
    now: Rc<AtomicI64>,
}

impl Gate {
    async fn start(reply: Reply) -> Self {
        let secrets = tempfile::tempdir().unwrap();
        fs::write(secrets.path().join("client"), "s:e c/r+e%t\n").unwrap();
        let known = Secrets::open(Some(secrets.path().to_owned())).unwrap();
        let all = Arc::new(Remote::new(nobody(), known, 1 << 20));
        let now = Rc::new(AtomicI64::new(NOW.seconds()));
        Self { worker: all.for_worker(), all, issuer: Server::start(reply).await, secrets, now }
    }

    fn policy(&self) -> Introspection {
        Introspection {
            url: self.issuer.url("/introspect?tenant=a"),
            client_id: "gate:way".into(),
            client_secret_file: "client".into(),
            timeout: Duration::from_secs(10),
            cache_ttl: Duration::from_secs(30),
            required_claims: [].into(),
            claims: IdentityClaims { consumer: "sub".into(), groups: "scope".into() },
            place: CredentialPlace::Header(AUTHORIZATION),
        }
    }

    async fn check(&self, policy: &Arc<Introspection>, token: &str) -> Shown {
        self.check_from("192.0.2.1", policy, token).await
    }

    async fn check_from(&self, client: &str, policy: &Arc<Introspection>, token: &str) -> Shown {
        let now = || Time::from_seconds(self.now.load(Relaxed));
        check(&self.worker, policy, (client.parse().unwrap(), token.as_bytes()), now).await
    }

    fn wait(&self, seconds: i64) {
        self.now.fetch_add(seconds, Relaxed);
    }

    fn asked(&self) -> usize {
        self.issuer.asked().len()
    }
}

const ACTIVE: &str = r#"{"active":true,"sub":"alice","scope":"write read"}"#;

#[tokio::test]
async fn an_issuer_is_asked_as_the_rfcs_say() {
    let gate = Gate::start(Reply::ok(ACTIVE)).await;
    let shown = gate.check(&Arc::new(gate.policy()), "to/k en+ü=").await;
    assert_eq!(who(&shown), Some((Some("alice"), vec!["read", "write"])));
    let [asked] = &*gate.issuer.asked() else { panic!() };
    let (head, content) = asked.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /introspect?tenant=a HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("content-type: application/x-www-form-urlencoded\r\n"), "{head}");
    // RFC 6749 section 2.3.1: encoded as in a form before they are put together.
    let credentials = STANDARD.encode("gate%3Away:s%3Ae%20c%2Fr%2Be%25t");
    assert!(head.contains(&format!("authorization: Basic {credentials}\r\n")), "{head}");
    assert_eq!(content, "token=to%2Fk%20en%2B%C3%BC%3D&token_type_hint=access_token");
}

#[tokio::test]
async fn an_answer_is_kept_for_its_time_and_never_beyond_the_tokens() {
    let gate = Gate::start(Reply::ok(ACTIVE)).await;
    let policy = Arc::new(gate.policy());
    let accepted = async |token| subject(&gate.check(&policy, token).await).is_some();
    assert!(accepted("a").await && accepted("a").await);
    gate.wait(29);
    assert!(accepted("a").await);
    assert_eq!(gate.asked(), 1);
    gate.wait(1);
    assert!(accepted("a").await && accepted("b").await);
    assert_eq!(gate.asked(), 3);

    let until = NOW.seconds() + 40;
    gate.issuer.now(Reply::ok(&format!(r#"{{"active":true,"exp":{until}}}"#)));
    assert!(accepted("c").await);
    gate.wait(9);
    assert!(accepted("c").await);
    gate.wait(1);
    // It is asked again, and what it calls active has expired all the same.
    assert_eq!(gate.asked(), 4);
    assert!(matches!(gate.check(&policy, "c").await, Shown::Refused));
    assert_eq!(gate.asked(), 5);

    let never = Arc::new(Introspection { cache_ttl: Duration::ZERO, ..gate.policy() });
    gate.issuer.now(Reply::ok(ACTIVE));
    for _ in 0..3 {
        assert!(subject(&gate.check(&never, "a").await).is_some());
        gate.wait(1);
    }
    assert_eq!(gate.asked(), 8);
}

#[tokio::test]
async fn a_token_that_is_nobodys_is_remembered_for_a_moment() {
    let gate = Gate::start(Reply::ok(r#"{"active":false,"sub":"alice"}"#)).await;
    let policy = Arc::new(gate.policy());
    for _ in 0..3 {
        assert!(matches!(gate.check(&policy, "a").await, Shown::Refused));
    }
    assert_eq!(gate.asked(), 1);
    gate.wait(5);
    gate.issuer.now(Reply::ok(ACTIVE));
    assert!(subject(&gate.check(&policy, "a").await).is_some());
    // Whoever makes up tokens finds a bound.
    gate.issuer.now(Reply::ok(r#"{"active":false}"#));
    for number in 0..3000 {
        assert!(matches!(gate.check(&policy, &number.to_string()).await, Shown::Refused));
    }
    let totals = gate.all.totals(NOW);
    assert!(totals.verdict_bytes <= 1 << 18, "{totals:?}");
    assert!(matches!(gate.check(&policy, &"x".repeat(10_000)).await, Shown::Refused));
    assert_eq!(gate.asked(), 3002, "no issuer has such a token");
}

#[tokio::test]
async fn what_is_no_answer_says_nothing_and_is_not_kept() {
    let gate = Gate::start(Reply::Cut).await;
    let policy = Arc::new(gate.policy());
    let hasty = Arc::new(Introspection { timeout: Duration::from_millis(50), ..gate.policy() });
    for (policy, reply) in [
        (&policy, Reply::Cut),
        (&hasty, Reply::Hang),
        (&hasty, Reply::Halfway),
        (&policy, Reply::Endless),
        (&policy, Reply::of("500 Internal Server Error", "", ACTIVE)),
        (&policy, Reply::of("401 Unauthorized", "", ACTIVE)),
        (&policy, Reply::of("302 Found", "Location: /\r\n", ACTIVE)),
        (&policy, Reply::ok("")),
        (&policy, Reply::ok("{}")),
        (&policy, Reply::ok(r#"{"active":"true"}"#)),
        (&policy, Reply::ok(r#"{"active":false,"active":true}"#)),
        (&policy, Reply::ok(r#"{"active":true,"exp":"never"}"#)),
        (&policy, Reply::ok(r#"[{"active":true}]"#)),
        (&policy, Reply::ok(&format!(r#"{{"active":true,"pad":"{}"}}"#, "x".repeat(70_000)))),
    ] {
        gate.issuer.now(reply.clone());
        assert!(matches!(gate.check(policy, "a").await, Shown::Unknown), "{reply:?}");
    }
    gate.issuer.now(Reply::ok(ACTIVE));
    assert!(subject(&gate.check(&policy, "a").await).is_some());
}

#[tokio::test]
async fn a_secret_is_read_when_it_is_needed() {
    let gate = Gate::start(Reply::ok(ACTIVE)).await;
    let policy = Arc::new(gate.policy());
    let file = gate.secrets.path().join("client");
    fs::remove_file(&file).unwrap();
    assert!(matches!(gate.check(&policy, "a").await, Shown::Unknown));
    assert_eq!(gate.asked(), 0);
    fs::write(&file, "new").unwrap();
    assert!(subject(&gate.check(&policy, "a").await).is_some());
    assert!(gate.issuer.asked()[0].contains(&STANDARD.encode("gate%3Away:new")));
    let elsewhere = Arc::new(Introspection { client_secret_file: "../client".into(), ..gate.policy() });
    assert!(matches!(gate.check(&elsewhere, "b").await, Shown::Unknown));
}

#[tokio::test]
async fn what_is_required_is_required_and_what_one_policy_knows_is_no_others() {
    let gate = Gate::start(Reply::ok(r#"{"active":true,"sub":"alice","aud":["api"]}"#)).await;
    let required = |value: &str| {
        let claim = AuthClaim { name: "aud".into(), value: Some(value.into()) };
        Arc::new(Introspection { required_claims: [claim].into(), ..gate.policy() })
    };
    assert!(subject(&gate.check(&Arc::new(gate.policy()), "a").await).is_some());
    assert!(subject(&gate.check(&required("api"), "a").await).is_some());
    assert!(matches!(gate.check(&required("web"), "a").await, Shown::Refused));
    assert_eq!(gate.asked(), 3);
    // The same policy, as another table has it.
    assert!(subject(&gate.check(&required("api"), "a").await).is_some());
    assert_eq!(gate.asked(), 3);
}

#[tokio::test]
async fn many_who_come_at_once_with_one_token_ask_once() {
    let gate = Rc::new(Gate::start(Reply::Hang).await);
    let never = Introspection { cache_ttl: Duration::ZERO, timeout: Duration::from_millis(400), ..gate.policy() };
    let policy = Arc::new(never);
    let tasks = LocalSet::new();
    let all = |count: usize| {
        let one = || {
            let (gate, policy) = (Rc::clone(&gate), Arc::clone(&policy));
            spawn_local(async move { gate.check(&policy, "a").await })
        };
        (0..count).map(|_| one()).collect::<Vec<_>>()
    };
    tasks
        .run_until(async {
            // The first one gives up, and somebody else asks in its place.
            let first = all(1).remove(0);
            until(|| gate.asked() == 1).await;
            let others = all(20);
            // They wait before it goes.
            tokio::task::yield_now().await;
            gate.issuer.now(Reply::ok(ACTIVE));
            first.abort();
            for other in others {
                assert!(subject(&other.await.unwrap()).is_some());
            }
            assert_eq!(gate.asked(), 2);
            // None of them waits longer than it may, and one failure is everybody's.
            gate.issuer.now(Reply::Hang);
            for other in all(20) {
                assert!(matches!(other.await.unwrap(), Shown::Unknown));
            }
            assert!(gate.asked() <= 4, "{}", gate.asked());
        })
        .await;
}

#[tokio::test]
async fn who_cannot_be_told_apart_is_refused() {
    let gate = Gate::start(Reply::Cut).await;
    let policy = Arc::new(gate.policy());
    for (number, (says, names)) in [
        (r#""sub":42,"scope":["b",7,true]"#, Some((Some("42"), vec!["7", "b", "true"]))),
        (r#""sub":"","scope":null"#, Some((None, vec![]))),
        (r#""sub":["alice"]"#, None),
        (r#""sub":4.2"#, None),
        (r#""sub":"alice","scope":["banned",null]"#, None),
    ]
    .into_iter()
    .enumerate()
    {
        gate.issuer.now(Reply::ok(&format!(r#"{{"active":true,{says}}}"#)));
        let shown = gate.check(&policy, &number.to_string()).await;
        assert_eq!(who(&shown), names, "{says}");
        assert!(names.is_some() || matches!(shown, Shown::Refused), "{says}");
    }
}

#[tokio::test]
async fn one_client_keeps_nobody_else_from_asking() {
    let gate = Rc::new(Gate::start(Reply::Hang).await);
    let policy = Arc::new(gate.policy());
    let ask = |client: &'static str, number: usize| {
        let (gate, policy) = (Rc::clone(&gate), Arc::clone(&policy));
        spawn_local(async move { gate.check_from(client, &policy, &number.to_string()).await })
    };
    let asks = async {
        let waiting: Vec<_> = (0..200).map(|number| ask("192.0.2.1", number)).collect();
        until(|| gate.asked() == OF_CLIENT).await;
        let other = ask("192.0.2.2", 200);
        until(|| gate.asked() == OF_CLIENT + 1).await;
        assert!(gate.issuer.asked().pop().unwrap().contains("token=200&"));
        // Who goes away makes room for the next one.
        waiting[..OF_CLIENT].iter().for_each(|first| first.abort());
        until(|| gate.asked() == 2 * OF_CLIENT + 1).await;
        assert!(!other.is_finished());
    };
    LocalSet::new().run_until(asks).await;
}
