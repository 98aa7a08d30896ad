//! Names and passwords.

use std::{sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use gateway_routing::route::{Exemption, KeyPart, Quota, RateLimit, Scope};
use tokio::task::JoinSet;

use super::{
    super::{cache::Client, eventually},
    *,
};

fn credentials(name: &str, password: &str) -> String {
    format!("Authorization: Basic {}", STANDARD.encode(format!("{name}:{password}")))
}

async fn start() -> Gateway {
    Gateway::start_as(auth([AuthMethod::Basic]), |site| site.consumer(with_password("dora", "pass:wort \u{e4}"))).await
}

impl Gateway {
    async fn as_user(&self, name: &str, password: &str) -> u16 {
        self.status("/", &[&credentials(name, password)]).await
    }

    fn verified(&self) -> u64 {
        self.proxy.passwords.verified()
    }
}

#[tokio::test]
async fn a_name_and_its_password_let_in_and_are_verified_once() {
    let gateway = start().await;
    for _ in 0..3 {
        assert_eq!(gateway.as_user("dora", "pass:wort \u{e4}").await, 200);
        assert_eq!(values(&gateway.origin.last(), "X-Consumer"), ["dora"]);
        assert!(values(&gateway.origin.last(), "Authorization").is_empty());
    }
    assert_eq!(gateway.verified(), 1);
    let refused = gateway.get("/", &[&credentials("dora", "wrong")]).await;
    assert_eq!(refused.status(), 401);
    assert_eq!(refused.field("WWW-Authenticate").as_deref(), Some("Basic realm=\"test\", charset=\"UTF-8\""));
    // Neither is what has been found wrong held against the hash again.
    assert_eq!(gateway.as_user("dora", "wrong").await, 401);
    assert_eq!(gateway.verified(), 2);
}

#[tokio::test]
async fn who_is_unknown_costs_what_a_wrong_password_costs() {
    let gateway = start().await;
    // Anna has a key, and no password.
    for (name, verified) in [("dora", 1), ("nobody", 2), ("anna", 3), ("", 4)] {
        assert_eq!(gateway.as_user(name, "wrong").await, 401, "{name}");
        assert_eq!(gateway.verified(), verified, "{name}");
    }
    assert_eq!(gateway.origin.count(), 0);
}

#[tokio::test]
async fn another_password_is_another_one_at_once() {
    let gateway = start().await;
    assert_eq!(gateway.as_user("dora", "pass:wort \u{e4}").await, 200);
    assert_eq!(gateway.as_user("dora", "new").await, 401);
    let changed = site(&gateway.origin, auth([AuthMethod::Basic])).consumer(with_password("dora", "new"));
    gateway.proxy.swap(changed.table()).await;
    assert_eq!(gateway.as_user("dora", "pass:wort \u{e4}").await, 401);
    assert_eq!(gateway.as_user("dora", "new").await, 200);
    let gone = site(&gateway.origin, auth([AuthMethod::Basic]));
    gateway.proxy.swap(gone.table()).await;
    assert_eq!(gateway.as_user("dora", "new").await, 401);
}

#[tokio::test]
async fn what_is_no_name_and_password_is_refused_without_a_look_at_hashes() {
    let gateway = start().await;
    for value in ["Basic", "Basic ", "Basic ZG9yYQ==", "Basic ZG9yYTp4 ", "basic %%%", "Basic ZG9yYTp4AA==", "Bearer x"]
    {
        let status = gateway.status("/", &[&format!("Authorization: {value}")]).await;
        assert_eq!(status, 401, "{value}");
    }
    // The trailing space is none of the value; that one was looked at.
    assert_eq!(gateway.verified(), 1);
}

/// Many who bring the same password wait for one verification, and who guesses does not keep out those who
/// are known.
#[tokio::test]
async fn a_crowd_of_passwords_lets_in_nobody_and_keeps_out_nobody_who_is_known() {
    let gateway = Arc::new(start().await);
    let mut same = JoinSet::new();
    for _ in 0..40 {
        let gateway = Arc::clone(&gateway);
        same.spawn(async move { gateway.as_user("dora", "pass:wort \u{e4}").await });
    }
    let statuses = same.join_all().await;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    assert_eq!(gateway.verified(), 1);
    // Each takes its time, for nobody is called so.
    let mut guesses = JoinSet::new();
    for number in 0..40 {
        let gateway = Arc::clone(&gateway);
        guesses.spawn(async move { gateway.as_user(&format!("guess-{number}"), "x").await });
    }
    let statuses = guesses.join_all().await;
    let count = |wanted| statuses.iter().filter(|status| **status == wanted).count();
    assert!(count(401) > 0 && count(401) + count(503) == 40, "{statuses:?}");
    assert_eq!(gateway.as_user("dora", "pass:wort \u{e4}").await, 200, "it is known");
    assert_eq!(gateway.origin.count(), 41);
}

#[tokio::test]
async fn a_client_that_goes_away_costs_nobody_his_place() {
    let gateway = start().await;
    for number in 0..16 {
        let mut client = Client(gateway.proxy.connect().await);
        client.ask("GET", "/", &[&credentials(&format!("gone-{number}"), "x")]).await;
    }
    eventually(async || gateway.as_user("dora", "pass:wort \u{e4}").await == 200).await;
}

fn per_client(name: &str, quota: Quota) -> RateLimit {
    let key = [KeyPart::ClientAddress { ipv4_prefix: 32, ipv6_prefix: 64 }].into();
    RateLimit { name: name.into(), quota, key, scope: Scope::Node, exempt: Exemption::default(), shadow: false }
}

fn hourly(count: u64) -> Quota {
    Quota::Requests { count, per: Duration::from_hours(1), burst: count }
}

/// Before an origin, where dora has a password and a limit of her own.
async fn limited(limits: impl Into<Box<[RateLimit]>>) -> Gateway {
    let origin = Origin::start().await;
    origin.says("200 OK", &[], "ok");
    let mut owner = protected(&[origin.address], auth([AuthMethod::Basic]));
    owner.policies.rate_limits = Policy::On(limits.into());
    let own = [per_client("own", hourly(50))].into();
    let dora = Consumer::new("dora", [].into(), &[], Some(hash_of("right").into()), own);
    let bench = Bench::new();
    Gateway { proxy: bench.start(&Site::owned_by(owner).consumer(dora)).await, bench, origin }
}

#[tokio::test]
async fn beyond_a_limit_a_right_guess_is_told_what_a_wrong_one_is_and_neither_is_looked_at() {
    let by_consumer = RateLimit { key: [KeyPart::Consumer].into(), ..per_client("per-consumer", hourly(9)) };
    let gateway = limited([by_consumer, per_client("per-client", hourly(2))]).await;
    assert_eq!((gateway.as_user("dora", "wrong").await, gateway.as_user("dora", "right").await), (401, 200));
    let verified = gateway.verified();
    let mut told = Vec::new();
    for password in ["another", "right", "wrong"] {
        let fields = [credentials("dora", password), "X-Request-Id: same".into()];
        let answer = gateway.get("/", &fields.each_ref().map(|field| &**field)).await;
        let lines = answer.head.lines().filter(|line| !line.starts_with("Date: ")).map(str::to_owned);
        told.push((lines.collect::<Vec<_>>(), answer.body));
    }
    assert_eq!((&told[0], &told[1]), (&told[1], &told[2]));
    assert!(told[0].0[0].starts_with("HTTP/1.1 429 ") && !format!("{told:?}").contains("consumer"), "{told:?}");
    assert_eq!((gateway.verified(), gateway.origin.count()), (verified, 1));
}

#[tokio::test]
async fn no_crowd_of_guesses_gets_past_a_limit() {
    for quota in [hourly(5), Quota::Concurrent(5)] {
        let gateway = Arc::new(limited([per_client("per-client", quota)]).await);
        let mut clients = Vec::new();
        for number in 0..30 {
            // Who has sent his last byte is read before anybody is verified, as one thread serves all of them.
            let mut client = Client(gateway.proxy.connect().await);
            client.ask("GET", "/", &[&credentials("dora", &format!("guess {number}"))]).await;
            clients.push(client);
        }
        let mut refused = 0;
        for client in &mut clients {
            let status = client.answer("GET").await.status();
            assert!(matches!(status, 401 | 429), "{status}");
            refused += usize::from(status == 429);
        }
        assert_eq!(gateway.verified() as usize, 30 - refused, "whoever is refused is not verified");
        assert!(quota != hourly(5) || refused == 25, "{refused}");
    }
}

#[tokio::test]
async fn who_is_beyond_his_own_limit_costs_the_others_nothing() {
    let by_consumer = RateLimit { key: [KeyPart::Consumer].into(), ..per_client("per-consumer", hourly(1)) };
    let at_once = per_client("at-once", Quota::Concurrent(2));
    let gateway = limited([per_client("all", hourly(4)), at_once, by_consumer]).await;
    assert_eq!(gateway.as_user("dora", "right").await, 200);
    for _ in 0..9 {
        let refused = gateway.get("/", &[&credentials("dora", "right")]).await;
        let told = refused.field("RateLimit").unwrap();
        assert!(told.starts_with("\"all\";r=3, \"at-once\";r=2, \"per-consumer\";r=0;t=3600"), "{told}");
        assert_eq!(refused.status(), 429);
    }
    // Whoever is not let in is counted all the same.
    for status in [401, 401, 401, 429] {
        assert_eq!(gateway.as_user("dora", "wrong").await, status);
    }
}
