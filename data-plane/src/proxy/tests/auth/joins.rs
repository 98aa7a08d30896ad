//! Who calls, for limits, caches, logs and explanations.

use std::time::Duration;

use gateway_routing::route::{Action, Exemption, KeyPart, Quota, RateLimit, Scope};

use super::{
    super::{
        Upstream,
        cache::{Client, plain},
        site::{below, route, to},
        telemetry::Log,
    },
    *,
};
use crate::{
    error::ProxyError,
    proxy::explain::{End, explain},
    telemetry::access_log::Form,
    worker::limits::tests::limits,
};

/// So many in an hour.
fn hourly(name: &str, count: u64, key: KeyPart) -> RateLimit {
    RateLimit {
        name: name.into(),
        quota: Quota::Requests { count, per: Duration::from_hours(1), burst: count },
        key: [key].into(),
        scope: Scope::Node,
        exempt: Exemption::default(),
        shadow: false,
    }
}

async fn started(owner: Service, origin: Origin, more: impl FnOnce(Site) -> Site) -> Gateway {
    origin.says("200 OK", &[], "ok");
    let bench = Bench::new();
    let site = Site::owned_by(owner).consumer(consumer("anna", &["staff"], "key-of-anna"));
    let proxy = bench.start(&more(site.consumer(consumer("bert", &[], "key-of-bert")))).await;
    Gateway { bench, proxy, origin }
}

async fn limited(auth: Auth, limits: impl Into<Box<[RateLimit]>>) -> Gateway {
    let origin = Origin::start().await;
    let mut owner = protected(&[origin.address], auth);
    owner.policies.rate_limits = Policy::On(limits.into());
    started(owner, origin, |site| site).await
}

#[tokio::test]
async fn a_limit_by_consumer_tells_consumers_apart() {
    let anonymous = Auth { anonymous: true, ..auth([api_key()]) };
    let gateway = limited(anonymous, [hourly("per-consumer", 1, KeyPart::Consumer)]).await;
    for (fields, status) in [
        (&[ANNA][..], 200),
        (&[ANNA], 429),
        (&[BERT], 200),
        (&[], 200),
        // All who are nobody are one.
        (&[], 429),
        (&[BERT], 429),
        // Who is not let in is not counted.
        (&["X-Api-Key: wrong"], 401),
    ] {
        assert_eq!(gateway.status("/", fields).await, status, "{fields:?}");
    }
}

#[tokio::test]
async fn what_clients_say_of_themselves_is_no_key_of_a_limit() {
    let anonymous = Auth { anonymous: true, ..auth([api_key()]) };
    let gateway = limited(anonymous, [hourly("per-name", 1, KeyPart::Header("x-consumer".into()))]).await;
    assert_eq!(gateway.status("/", &["X-Consumer: one"]).await, 200);
    assert_eq!(gateway.status("/", &["X-Consumer: another"]).await, 429);
}

#[tokio::test]
async fn who_tries_keys_is_counted_by_his_address() {
    let per_client = KeyPart::ClientAddress { ipv4_prefix: 32, ipv6_prefix: 64 };
    let gateway = limited(auth([api_key()]), [hourly("per-client", 2, per_client)]).await;
    for (fields, status) in [("X-Api-Key: wrong", 401), ("X-Api-Key: other", 401), (ANNA, 429)] {
        assert_eq!(gateway.status("/", &[fields]).await, status, "{fields:?}");
    }
}

#[tokio::test]
async fn a_limit_may_still_go_by_a_credential() {
    let gateway = limited(auth([api_key()]), [hourly("per-key", 1, KeyPart::Header("x-api-key".into()))]).await;
    assert_eq!((gateway.status("/", &[ANNA]).await, gateway.status("/", &[BERT]).await), (200, 200));
    assert_eq!((gateway.status("/", &[ANNA]).await, gateway.status("/", &[BERT]).await), (429, 429));
}

#[tokio::test]
async fn a_consumers_own_limits_count_him_over_all_services_and_routes() {
    let origin = Origin::start().await;
    let sha256 = digest(&SHA256, b"key-of-carl").as_ref().try_into().unwrap();
    let plan = [hourly("plan", 3, KeyPart::Consumer)];
    let carl = Consumer::new("carl", [].into(), &[Key { sha256, ends: NEVER }], None, plan.into());
    let other = Service { name: "b".into(), ..protected(&[origin.address], auth([api_key()])) };
    let own = route("own", below("/own"), Action::Forward(to("b")));
    let owner = protected(&[origin.address], auth([api_key()]));
    let more = |site: Site| site.consumer(carl).put(other, &["b.test"]).route(own);
    let gateway = started(owner, origin, more).await;
    let carl = "X-Api-Key: key-of-carl";
    for (path, host, left) in [("/", "a.test", 2), ("/", "b.test", 1), ("/own", "a.test", 0)] {
        let passed = gateway.get(path, &[carl, &format!("Host: {host}")]).await;
        assert_eq!(passed.status(), 200, "{path} {host}");
        let told = passed.field("RateLimit").unwrap();
        assert!(told.starts_with(&format!("\"plan\";r={left};")), "{told}");
    }
    for (path, host) in [("/", "a.test"), ("/", "b.test"), ("/own", "a.test")] {
        assert_eq!(gateway.status(path, &[carl, &format!("Host: {host}")]).await, 429, "{path} {host}");
    }
    let passed = gateway.get("/", &[ANNA]).await;
    assert_eq!((passed.status(), passed.field("RateLimit")), (200, None), "they are his alone");
    // There may be very many consumers: what their limits do is told of all of them together.
    let line = |result, count| {
        format!(
            "gateway_rate_limit_requests_total{{service=\"-\",route=\"-\",limit=\"plan\",result=\"{result}\"}} {count}"
        )
    };
    gateway.proxy.until_told(&[&line("admitted", 3), &line("refused", 3)]).await;
    assert!(!gateway.proxy.metrics().contains("carl"), "{}", gateway.proxy.metrics());
}

async fn caching(auth: Auth) -> Gateway {
    let origin = Origin::start().await;
    let mut owner = protected(&[origin.address], auth);
    owner.policies.cache = Policy::On(plain());
    started(owner, origin, |site| site).await
}

#[tokio::test]
async fn what_one_consumer_got_is_nobody_elses() {
    let in_cookie = AuthMethod::ApiKey(CredentialPlace::Cookie("key".into()));
    for (method, anna, bert) in
        [(api_key(), ANNA, BERT), (in_cookie, "Cookie: key=key-of-anna", "Cookie: key=key-of-bert")]
    {
        let gateway = caching(auth([method])).await;
        for (number, fields) in [anna, bert, anna, anna].into_iter().enumerate() {
            let body = format!("for {number}");
            gateway.origin.says("200 OK", &["Cache-Control: max-age=60"], &body);
            let answer = gateway.get("/x", &[fields]).await;
            assert_eq!(answer.body, body, "{answer:?}");
            assert!(!answer.is_hit() && answer.cache().contains("authorization"), "{answer:?}");
        }
        assert_eq!(gateway.status("/x", &[]).await, 401);
        assert_eq!(gateway.bench.store.stats().entries, 0);
    }
}

#[tokio::test]
async fn what_is_public_is_for_everybody_who_may_have_it() {
    let staff = AuthRule { group: Some("staff".into()), path: PathMatcher::prefix("/staff").unwrap(), ..rule() };
    let rest = AuthRule { path: PathMatcher::prefix("/x").unwrap(), ..rule() };
    let gateway = caching(Auth { allow: [staff, rest].into(), ..auth([api_key()]) }).await;
    gateway.origin.says("200 OK", &["Cache-Control: public, max-age=60"], "public");
    for path in ["/x", "/staff"] {
        assert!(!gateway.get(path, &[ANNA]).await.is_hit());
        assert!(gateway.get(path, &[ANNA]).await.is_hit(), "{path}");
    }
    let asked = gateway.origin.count();
    assert!(gateway.get("/x", &[BERT]).await.is_hit());
    // What is stored comes behind the question who may have it.
    for (path, fields, status) in [("/staff", &[BERT][..], 403), ("/x", &[], 401), ("/x", &["X-Api-Key: wrong"], 401)] {
        let refused = gateway.get(path, fields).await;
        assert_eq!((refused.status(), refused.body.contains("public")), (status, false), "{path} {fields:?}");
    }
    assert_eq!(gateway.origin.count(), asked);
}

#[tokio::test]
async fn a_response_that_varies_by_consumer_is_for_that_one() {
    let gateway = caching(auth([api_key()])).await;
    for (fields, body) in [(ANNA, "for anna"), (BERT, "for bert")] {
        gateway.origin.says("200 OK", &["Cache-Control: public, max-age=60", "Vary: X-Consumer"], body);
        assert!(!gateway.get("/x", &[fields]).await.is_hit());
    }
    for (fields, body) in [(ANNA, "for anna"), (BERT, "for bert")] {
        // What a client says of itself chooses nothing.
        for forged in ["A: b", "X-Consumer: bert", "X-Consumer: anna"] {
            let answer = gateway.get("/x", &[fields, forged]).await;
            assert!(answer.is_hit() && answer.body == body, "{fields} {forged}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn keys_in_urls_are_in_no_cache_key() {
    let gateway = caching(auth([AuthMethod::ApiKey(CredentialPlace::Query("key".into()))])).await;
    gateway.origin.says("200 OK", &["Cache-Control: public, max-age=60"], "hi");
    assert!(!gateway.get("/x?a=1&key=key-of-anna", &[]).await.is_hit());
    assert!(gateway.get("/x?key=key-of-bert&a=1", &[]).await.is_hit());
    assert_eq!(gateway.status("/x?a=1", &[]).await, 401);
    // What changes it is known by the URL without the key, too.
    assert_eq!(gateway.send("POST", "/x?key=key-of-anna&a=1", &["Content-Length: 0"]).await.status(), 200);
    assert!(!gateway.get("/x?a=1&key=key-of-anna", &[]).await.is_hit());
}

#[tokio::test]
async fn what_is_stale_is_validated_as_who_called_and_without_credentials() {
    let gateway = caching(auth([api_key()])).await;
    let fields = ["Cache-Control: public, max-age=1, stale-while-revalidate=60", "Vary: X-Consumer, X-Api-Key"];
    gateway.origin.says("200 OK", &fields, "one");
    gateway.get("/x?y", &[ANNA, "X-Consumer: root"]).await;
    gateway.bench.pass(Duration::from_secs(2));
    gateway.origin.says("200 OK", &fields, "two");
    assert_eq!(gateway.get("/x?y", &[ANNA, "X-Consumer: root"]).await.body, "one");
    super::super::eventually(async || gateway.get("/x?y", &[ANNA]).await.body == "two").await;
    assert!(gateway.get("/x?y", &[ANNA]).await.is_hit(), "it is found where it was looked for");
    for asked in gateway.origin.asked() {
        assert!(asked.starts_with("GET /x?y ") && !asked.contains("key-of-anna") && !asked.contains("root"), "{asked}");
        assert_eq!(values(&asked, "X-Consumer"), ["anna"], "{asked}");
    }
    assert!(!gateway.get("/x?y", &[BERT]).await.is_hit());
}

#[tokio::test]
async fn who_waits_for_anothers_answer_does_not_get_it_if_it_is_his_alone() {
    let upstream = Upstream::start().await;
    let mut owner = protected(&[upstream.address], auth([api_key()]));
    owner.policies.cache = Policy::On(plain());
    let bench = Bench::new();
    let site = Site::owned_by(owner).consumer(consumer("anna", &[], "key-of-anna"));
    let proxy = bench.start(&site.consumer(consumer("bert", &[], "key-of-bert"))).await;
    let mut clients = [Client(proxy.connect().await), Client(proxy.connect().await)];
    clients[0].ask("GET", "/x", &[ANNA]).await;
    let mut first = upstream.accept().await;
    assert_eq!(values(&first.head().await, "X-Consumer"), ["anna"]);
    clients[1].ask("GET", "/x", &[BERT]).await;
    super::super::eventually(async || bench.store.stats().coalesced >= 1).await;
    let answer = |body| {
        format!("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nConnection: close\r\nContent-Length: 4\r\n\r\n{body}")
    };
    first.send(answer("anna")).await;
    let mut second = upstream.accept().await;
    assert_eq!(values(&second.head().await, "X-Consumer"), ["bert"]);
    second.send(answer("bert")).await;
    for (client, body) in clients.iter_mut().zip(["anna", "bert"]) {
        assert_eq!(client.answer("GET").await.body, body);
    }
}

#[tokio::test]
async fn what_nobody_in_particular_got_is_stored_as_ever() {
    let gateway = caching(Auth { anonymous: true, ..auth([api_key()]) }).await;
    gateway.origin.says("200 OK", &["Cache-Control: max-age=60"], "hi");
    assert!(!gateway.get("/x", &[]).await.is_hit());
    assert!(gateway.get("/x", &[]).await.is_hit());
    assert_eq!(gateway.status("/x", &["X-Api-Key: wrong"]).await, 401);
}

#[tokio::test]
async fn logs_name_the_consumer_and_no_credential() {
    let log = Log::start(Form::Json, 1);
    let origin = Origin::start().await;
    origin.says("200 OK", &[], "ok");
    let place = AuthMethod::ApiKey(CredentialPlace::Query("key".into()));
    let policy = Auth { anonymous: true, ..auth([place, api_key(), AuthMethod::Basic]) };
    let bench = Bench::new();
    let proxy = bench.start_logged(&site(&origin, policy), Some(log.log.for_worker())).await;
    let gateway = Gateway { bench, proxy, origin };
    gateway.get("/x?key=key-of-anna", &["Referer: http://a.test/?key=key-of-anna"]).await;
    gateway.get("/x", &[BERT]).await;
    let refused = gateway.get("/x?key=s3cret", &[]).await;
    assert!(refused.status() == 401 && !format!("{refused:?}").contains("s3cret"), "{refused:?}");
    gateway.get("/x", &[]).await;
    let lines = log.lines(4).await;
    let told: Vec<_> = lines.iter().map(|line| (line["consumer"].as_str(), line["auth"].as_str().unwrap())).collect();
    let expected = [(Some("anna"), "api_key"), (Some("bert"), "api_key"), (None, "invalid"), (None, "anonymous")];
    assert_eq!(told, expected);
    for told in [format!("{lines:?}"), gateway.proxy.metrics()] {
        assert!(!told.contains("key-of") && !told.contains("s3cret"), "{told}");
    }
    assert!(!gateway.proxy.metrics().contains("anna"), "clients are no labels");
}

#[tokio::test]
async fn it_is_explained_who_would_be_asked_for_what() {
    let origin = Origin::start().await;
    let methods = [api_key(), AuthMethod::ApiKey(CredentialPlace::Query("key".into()))];
    let deny = AuthRule { consumer: Some("bert".into()), ..rule() };
    let policy = Auth { deny: [deny].into(), ..auth(methods) };
    let table = site(&origin, policy.clone()).table();
    let explained = |head: &str| explain(&table, &limits(&[]), head.as_bytes()).unwrap();
    let nobody = explained("GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert_eq!(nobody.end, End::Refused(ProxyError::Unauthenticated));
    assert_eq!(nobody.targets[0].policies.auth, Policy::On(policy.into()));
    for (target, field) in [("/x?a", "X-Api-Key: whatever"), ("/x?key=s3cret&a", "A: b")] {
        let somebody = explained(&format!("GET {target} HTTP/1.1\r\nHost: a.test\r\n{field}\r\n\r\n"));
        assert_eq!(somebody.end, End::Forwarded(b"/x?a".to_vec()), "{target}");
    }
}
