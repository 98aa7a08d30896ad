//! What another server makes of a request.

use std::{rc::Rc, sync::Arc, time::Duration};

use gateway_cache_store::Store;
use gateway_routing::route::{ForwardAuth, Scheme};
use http::HeaderName;
use rand::{SeedableRng, rngs::SmallRng};
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
};

use crate::{
    limiter::Limiter,
    outside::tests::{Reply, Server},
    proxy::{
        auth::WorkerPasswords,
        auth::{
            forward_auth::{Asked, Ruling, ask, deliver},
            remote::{WorkerRemote, tests::remote},
            subject::Subject,
        },
        exchange::{ClientSide, Exchange},
        identity::{ClientAddress, RequestId},
        parse::ParsedRequest,
    },
    telemetry::Telemetry,
    worker::{
        Worker,
        admission::Admission,
        limits::Limits,
        wall::{Source, Wall},
    },
};

fn policy(server: &Server) -> ForwardAuth {
    let names = |names: &[&'static str]| names.iter().map(|name| HeaderName::from_static(name)).collect();
    ForwardAuth {
        url: server.url("/rule?for=a"),
        timeout: Duration::from_secs(10),
        request_headers: names(&["authorization", "cookie"]),
        response_headers: names(&["x-plan", "x-tag"]),
        consumer_header: Some(HeaderName::from_static("x-user")),
        groups_header: Some(HeaderName::from_static("x-groups")),
    }
}

const HEAD: &str = "POST /a/../b?c=%20d HTTP/1.1\r\nHost: A.test:80\r\nAuthorization: Bearer one\r\nCookie: a=b\r\n\
    cookie: c=d\r\nX-Secret: mine\r\nX-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Uri: /forged\r\nTE: trailers\r\n\
    Connection: te\r\nContent-Length: 5\r\n\r\n";

async fn ruled(remote: &WorkerRemote, policy: ForwardAuth, head: &str) -> Ruling {
    let mut request = ParsedRequest::default();
    request.parse(head.as_bytes(), 20).unwrap();
    let client = ClientAddress::new("192.0.2.7".parse().unwrap());
    let id = RequestId::random(&mut SmallRng::seed_from_u64(1));
    let asked = Asked { request: &request, head: head.as_bytes(), client: &client, scheme: Scheme::Http, id: &id };
    ask(remote, &Arc::new(policy), asked).await
}

#[tokio::test]
async fn a_server_is_told_what_is_asked_for_and_nothing_else() {
    let server = Server::start(Reply::ok("")).await;
    let remote = remote().for_worker();
    assert!(matches!(ruled(&remote, policy(&server), HEAD).await, Ruling::Passes { .. }));
    let names =
        ["x-secret", "x-forwarded-for", "x-forwarded-uri", "te", "connection", "content-length", "host", "x-none"];
    let greedy =
        ForwardAuth { request_headers: names.into_iter().map(HeaderName::from_static).collect(), ..policy(&server) };
    assert!(matches!(ruled(&remote, greedy, HEAD).await, Ruling::Passes { .. }));
    let asterisk = "OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n";
    assert!(matches!(ruled(&remote, policy(&server), asterisk).await, Ruling::Passes { .. }));
    let fields = |asked: &str| {
        let mut lines: Vec<_> = asked.trim_end().split("\r\n").map(str::to_owned).collect();
        let first = lines.remove(0);
        lines.retain(|line| !line.starts_with("x-request-id: "));
        lines.sort();
        (first, lines)
    };
    let host = format!("host: {}", server.address);
    let told = |more: &[&str], of: [&str; 3]| {
        let [authority, method, uri] = of;
        let mut lines: Vec<_> = more.iter().map(ToString::to_string).collect();
        lines.extend([
            host.clone(),
            "x-forwarded-for: 192.0.2.7".to_owned(),
            format!("x-forwarded-host: {authority}"),
            format!("x-forwarded-method: {method}"),
            "x-forwarded-proto: http".to_owned(),
            format!("x-forwarded-uri: {uri}"),
        ]);
        lines.sort();
        ("GET /rule?for=a HTTP/1.1".to_owned(), lines)
    };
    let asked = server.asked();
    let of = ["A.test:80", "POST", "/a/../b?c=%20d"];
    assert_eq!(fields(&asked[0]), told(&["authorization: Bearer one", "cookie: a=b", "cookie: c=d"], of));
    assert_eq!(fields(&asked[1]), told(&["x-secret: mine"], of));
    assert_eq!(fields(&asked[2]), told(&[], ["a.test", "OPTIONS", "*"]));
}

#[tokio::test]
async fn who_passes_is_who_the_server_says() {
    let server = Server::start(Reply::Hang).await;
    let remote = remote().for_worker();
    let passes = async |fields: &str| {
        server.now(Reply::of("204 No Content", fields, ""));
        match ruled(&remote, policy(&server), HEAD).await {
            Ruling::Passes { subject, fields } => Some((subject, fields)),
            Ruling::Answered(_) | Ruling::Unknown => None,
        }
    };
    let (subject, fields) =
        passes("X-User: alice\r\nX-Groups: b, a\r\nX-Groups: b,c,\r\nX-Tag: 1\r\nX-Tag: 2\r\nX-Other: x\r\n")
            .await
            .unwrap();
    let Subject { consumer, groups, claims } = &*subject;
    assert_eq!(
        (consumer.as_deref(), &**groups, claims),
        (Some("alice"), &["a".into(), "b".into(), "c".into()][..], &None)
    );
    let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    assert_eq!(fields, [("x-tag", "1"), ("x-tag", "2")]);
    for nobody in ["", "X-User: \r\n"] {
        assert_eq!(passes(nobody).await.unwrap().0.consumer, None);
    }
    let long = format!("X-User: {}\r\n", "x".repeat(257));
    for unclear in ["X-User: a\r\nX-User: b\r\n", "X-User: \u{85}a\r\n", &long, "X-Groups: a\tb\r\n"] {
        assert!(passes(unclear).await.is_none(), "{unclear:?}");
    }
}

#[tokio::test]
async fn where_nothing_is_ruled_nobody_passes() {
    let server = Server::start(Reply::Cut).await;
    let remote = remote().for_worker();
    for reply in [
        Reply::Cut,
        Reply::Hang,
        Reply::Halfway,
        Reply::Endless,
        Reply::ok(&"x".repeat(64 * 1024 + 1)),
        Reply::of("403 Forbidden", "", &"x".repeat(64 * 1024 + 1)),
        Reply::of("600 What", "", ""),
        Reply::Say("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n".into()),
        Reply::Say("nonsense\r\n\r\n".into()),
    ] {
        server.now(reply.clone());
        let hasty = ForwardAuth { timeout: Duration::from_millis(100), ..policy(&server) };
        assert!(matches!(ruled(&remote, hasty, HEAD).await, Ruling::Unknown), "{reply:?}");
    }
    let gone = ForwardAuth { url: "http://127.0.0.1:1/".parse().unwrap(), ..policy(&server) };
    assert!(matches!(ruled(&remote, gone, HEAD).await, Ruling::Unknown));
}

/// What the client of a request gets of an answer.
async fn delivered(reply: Reply, method: &str) -> String {
    let server = Server::start(reply).await;
    let limits = Limits::default();
    let limiter = Arc::new(Limiter::new(limits.limit_memory, 7)).for_worker();
    let admission = Arc::new(Admission::new(&limits, 100));
    let telemetry = Telemetry::new(Arc::default(), None);
    let remote = remote().for_worker();
    let auth = (remote, WorkerPasswords::new(Arc::default(), &[0; 32]));
    let (store, wall) = ((Store::new(0, 1), None), Wall::new(Source::default()));
    let worker = Rc::new(Worker::new(telemetry, limits, admission, limiter, auth, store, wall));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (mut stream, from) = listener.accept().await.unwrap();
    let head = format!("{method} / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    let Ruling::Answered(answer) = ruled(worker.remote(), policy(&server), &head).await else { panic!() };
    let address = ClientAddress::new(from.ip());
    {
        let (reader, writer) = stream.split();
        let side = ClientSide { reader, writer, address: &address };
        let (mut buffers, watch) = (worker.borrow_buffers(), worker.watchdog().register());
        let mut exchange = Exchange::new(side, &mut buffers, &watch, 0, false, &mut SmallRng::seed_from_u64(1));
        exchange.method = method.parse().unwrap();
        deliver(&worker, &answer, &mut exchange).await.unwrap();
        assert!(exchange.begun && exchange.status.is_some());
    }
    drop(stream);
    let mut got = String::new();
    client.read_to_string(&mut got).await.unwrap();
    got
}

#[tokio::test]
async fn any_other_answer_is_the_clients() {
    let fields = "Location: https://login.test/?back=%2F\r\nSet-Cookie: a=1; HttpOnly\r\nSet-Cookie: b=2\r\n\
        WWW-Authenticate: Bearer\r\nWWW-Authenticate: Basic realm=\"a\"\r\nX-Hop: 1\r\nConnection: x-hop\r\n\
        Keep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\nX-Request-Id: forged\r\nVia: 1.1 auth\r\n\
        Access-Control-Allow-Origin: *\r\nAlt-Svc: h2=\"evil.test:443\"\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n";
    let got = delivered(Reply::of("302 Found", fields, "moved"), "GET").await;
    let (head, content) = got.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 302 Found\r\n") && content == "moved", "{got}");
    for passed in [
        "location: https://login.test/?back=%2F",
        "set-cookie: a=1; HttpOnly",
        "set-cookie: b=2",
        "www-authenticate: Bearer",
        "www-authenticate: Basic realm=\"a\"",
        "Content-Length: 5",
    ] {
        assert!(head.lines().any(|line| line == passed), "{passed}: {head}");
    }
    let head = head.to_lowercase();
    for kept in ["x-hop", "keep-alive", "proxy-auth", "forged", "via", "access-control", "alt-svc", "thu, 01 jan 1970"]
    {
        assert!(!head.contains(kept), "{kept}: {head}");
    }
    assert_eq!(head.matches("content-length").count(), 1);
}

#[tokio::test]
async fn an_answer_without_content_has_none() {
    let got = delivered(Reply::of("401 Unauthorized", "", "for GET"), "HEAD").await;
    assert!(got.contains("\r\nContent-Length: 7\r\n") && got.ends_with("\r\n\r\n"), "{got}");
    let got = delivered(Reply::Say("HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n".into()), "GET").await;
    assert!(got.starts_with("HTTP/1.1 304 ") && got.ends_with("\r\n\r\n") && !got.contains("Content-Length"), "{got}");
    let chunked = "HTTP/1.1 503 Service Unavailable\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    let got = delivered(Reply::Say(chunked.into()), "GET").await;
    assert!(
        got.contains("\r\nContent-Length: 3\r\n") && got.ends_with("\r\n\r\nabc") && !got.contains("hunked"),
        "{got}"
    );
}
