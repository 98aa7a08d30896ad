//! Names and passwords.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
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
