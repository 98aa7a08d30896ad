//! What is told of requests: counters by service, lines of the access log.

use std::{
    fs,
    io::Read,
    num::NonZeroU32,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::SystemTime,
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    task::spawn_blocking,
    time::{interval, timeout},
};

use super::{PATIENCE, Proxy, Upstream};
use crate::{
    admin::metrics,
    discovery::Status,
    table::{Changes, RoutingTable, Stamp, Version},
    telemetry::access_log::{AccessLog, AccessLogArgs, Form},
    worker::{stats::Totals, watchdog::TICK},
};

const GET: &str = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

impl Proxy {
    pub(super) fn metrics(&self) -> String {
        let mut totals = Totals::default();
        self.stats.add_to(&mut totals);
        metrics::render(totals, Status::default(), SystemTime::now())
    }

    /// Returns when `/metrics` says all of this, a line each.
    pub(super) async fn until_told(&self, lines: &[&str]) {
        let told = || lines.iter().all(|line| self.metrics().lines().any(|told| told == *line));
        until(told, || format!("{lines:#?} in {}", self.metrics())).await;
    }
}

pub(super) async fn until(fact: impl Fn() -> bool, what: impl FnOnce() -> String) {
    let mut pace = interval(TICK);
    let seen = timeout(PATIENCE, async {
        while !fact() {
            pace.tick().await;
        }
    });
    if seen.await.is_err() {
        panic!("did not come true: {}", what());
    }
}

/// A log in a directory of its own.
pub(super) struct Log {
    pub(super) log: AccessLog,
    path: PathBuf,
    _dir: TempDir,
}

impl Log {
    pub(super) fn start(form: Form, sample: u32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("access.log");
        Self { log: open(&path, form, sample), path, _dir: dir }
    }

    async fn proxy(&self, upstream: &Upstream) -> Proxy {
        Proxy::start_logged(&[upstream.address], self.log.for_worker()).await
    }

    /// The lines, once there are so many.
    pub(super) async fn lines(&self, count: usize) -> Vec<Value> {
        let read = || fs::read_to_string(&self.path).unwrap();
        until(|| read().lines().count() >= count, read).await;
        read().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn open(path: &Path, form: Form, sample: u32) -> AccessLog {
    let args = AccessLogArgs { form, sample: NonZeroU32::new(sample).unwrap(), file: Some(path.to_owned()) };
    AccessLog::start(args, "node-1").unwrap().unwrap()
}

#[tokio::test]
async fn requests_are_counted_for_their_service() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&[upstream.address]).await;
    let mut client = proxy.connect().await;
    client.send(GET).await;
    let mut server = upstream.accept().await;
    server.head().await;
    server.send(OK).await;
    let sent = client.until("ok").await.len();
    let post = "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    client.send(post).await;
    server.until("0\r\n\r\n").await;
    server.send("HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n").await;
    let sent = sent + client.until("0\r\n\r\n").await.len();
    proxy
        .until_told(&[
            "gateway_responses_total{class=\"2xx\"} 1",
            "gateway_requests_total{service=\"a\",route=\"-\",class=\"2xx\"} 1",
            "gateway_requests_total{service=\"a\",route=\"-\",class=\"4xx\"} 1",
            "gateway_request_duration_seconds_count{service=\"a\",route=\"-\"} 2",
            "gateway_request_duration_seconds_bucket{le=\"+Inf\",service=\"a\",route=\"-\"} 2",
            "gateway_request_duration_seconds_bucket{le=\"30.0\",service=\"a\",route=\"-\"} 2",
            "gateway_upstream_response_seconds_count{service=\"a\",route=\"-\"} 2",
            &format!("gateway_client_received_bytes_total{{service=\"a\",route=\"-\"}} {}", GET.len() + post.len()),
            &format!("gateway_client_sent_bytes_total{{service=\"a\",route=\"-\"}} {sent}"),
            "gateway_pool_misses_total{service=\"a\",route=\"-\"} 1",
            "gateway_pool_hits_total{service=\"a\",route=\"-\"} 1",
            "gateway_retries_total{service=\"a\",route=\"-\"} 0",
        ])
        .await;
    assert!(!proxy.metrics().contains("gateway_errors_total{"), "{}", proxy.metrics());
}

#[tokio::test]
async fn failures_are_counted_with_their_code_and_service() {
    let closed = Upstream::start().await.address;
    let proxy = Proxy::start(&[closed]).await;
    proxy.ask("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n").await;
    proxy.ask("GET / HTTP/1.1\r\nHost: evil-1.test\r\nConnection: close\r\n\r\n").await;
    proxy.ask("GET / HTTP/1.1\r\nHost: evil-2.test\r\nConnection: close\r\n\r\n").await;
    proxy
        .until_told(&[
            "gateway_requests_total{service=\"a\",route=\"-\",class=\"5xx\"} 1",
            "gateway_errors_total{service=\"a\",route=\"-\",code=\"upstream_connect\"} 1",
            "gateway_requests_total{service=\"-\",route=\"-\",class=\"4xx\"} 2",
            "gateway_errors_total{service=\"-\",route=\"-\",code=\"no_route\"} 2",
            "gateway_upstream_response_seconds_count{service=\"a\",route=\"-\"} 0",
        ])
        .await;
    assert!(!proxy.metrics().contains("evil"), "clients do not choose labels");
}

#[tokio::test]
async fn a_service_that_left_the_table_leaves_the_metrics() {
    let upstream = Upstream::start().await.always(OK);
    let proxy = Proxy::start(&[upstream]).await;
    proxy.ask("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n").await;
    proxy.until_told(&["gateway_requests_total{service=\"a\",route=\"-\",class=\"2xx\"} 1"]).await;
    let stamp = Stamp { cluster_id: "c".into(), version: Version { epoch: 1, sequence: 2 }, revision: 2 };
    proxy.swap(RoutingTable::default().amend(stamp, &Changes::default()).unwrap()).await;
    until(|| !proxy.metrics().contains("service=\"a\""), || proxy.metrics()).await;
    proxy.until_told(&["gateway_responses_total{class=\"2xx\"} 1"]).await;
}

#[tokio::test]
async fn a_line_tells_what_a_request_was_and_no_secret() {
    let (upstream, log) = (Upstream::start().await, Log::start(Form::Json, 1));
    let proxy = log.proxy(&upstream).await;
    let mut client = proxy.connect().await;
    let request = "POST /cart?token=SECRET HTTP/1.1\r\nHost: A.test:80\r\nX-Request-Id: mine\r\nContent-Length: 3\r\n\
                   Authorization: Bearer SECRET\r\nCookie: s=SECRET\r\nUser-Agent: \"quoted\\\"\r\n\r\nabc";
    client.send(request).await;
    let mut server = upstream.accept().await;
    server.until("abc").await;
    server.send(OK).await;
    let answer = client.until("ok").await;
    let lines = log.lines(1).await;
    let line = &lines[0];
    for (field, value) in [
        ("request_id", Value::from("mine")),
        ("node", "node-1".into()),
        ("client", "127.0.0.1".into()),
        ("method", "POST".into()),
        ("host", "a.test".into()),
        ("path", "/cart".into()),
        ("protocol", "HTTP/1.1".into()),
        ("status", 200.into()),
        ("bytes_in", request.len().into()),
        ("bytes_out", answer.len().into()),
        ("service", "a".into()),
        ("endpoint", upstream.address.to_string().into()),
        ("attempts", 1.into()),
        ("pooled", false.into()),
        ("user_agent", "\"quoted\\\"".into()),
    ] {
        assert_eq!(line[field], value, "{field} in {line}");
    }
    assert!(line["duration_ms"].as_f64() >= line["upstream_ms"].as_f64(), "{line}");
    assert!(line.get("error").is_none() && !line.to_string().contains("SECRET"), "{line}");
}

#[tokio::test]
async fn a_line_tells_what_became_of_a_request_that_failed() {
    let (upstream, log) = (Upstream::start().await, Log::start(Form::Json, 1));
    let proxy = log.proxy(&upstream).await;
    proxy.ask("GET /x HTTP/1.1\r\nHost: b.test\r\nConnection: close\r\n\r\n").await;
    proxy.ask("GET /x HTTP/2.0\r\nHost: a.test\r\n\r\n").await;
    let lines = log.lines(2).await;
    assert_eq!((&lines[0]["status"], &lines[0]["error"]), (&404.into(), &"no_route".into()), "{}", lines[0]);
    assert_eq!((&lines[0]["path"], &lines[0]["attempts"]), (&"/x".into(), &0.into()), "{}", lines[0]);
    assert_eq!((&lines[1]["status"], &lines[1]["error"]), (&400.into(), &"bad_request".into()), "{}", lines[1]);
    assert!(lines[1].get("path").is_none(), "nothing of another request: {}", lines[1]);

    let long = format!("GET /{} HTTP/1.1\r\n", "x".repeat(20_000));
    proxy.ask(&long).await;
    let lines = log.lines(3).await;
    assert_eq!((&lines[2]["error"], &lines[2]["bytes_in"]), (&"uri_too_long".into(), &long.len().into()));

    // An answer that breaks off.
    let mut client = proxy.connect().await;
    client.send(GET).await;
    let mut server = upstream.accept().await;
    server.head().await;
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf").await;
    client.until("half").await;
    drop(server);
    let lines = log.lines(4).await;
    assert_eq!((&lines[3]["status"], &lines[3]["error"]), (&200.into(), &"upstream_reset".into()), "{}", lines[3]);

    // A client that goes away before it has an answer.
    let mut client = proxy.connect().await;
    client.send(GET).await;
    let mut server = upstream.accept().await;
    server.head().await;
    drop(client);
    let lines = log.lines(5).await;
    assert!(lines[4].get("status").is_none() && lines[4]["error"] == "client_gone", "{}", lines[4]);
    proxy.until_told(&["gateway_requests_total{service=\"a\",route=\"-\",class=\"none\"} 1"]).await;
}

#[tokio::test]
async fn a_retry_is_told() {
    let (upstream, log) = (Upstream::start().await, Log::start(Form::Json, 1));
    let proxy = log.proxy(&upstream).await;
    let mut client = proxy.connect().await;
    client.send(GET).await;
    let mut server = upstream.accept().await;
    server.head().await;
    server.send(OK).await;
    client.until("ok").await;
    // The pooled connection takes the request, and ends without a word.
    client.send(GET).await;
    server.head().await;
    drop(server);
    let mut server = upstream.accept().await;
    server.head().await;
    server.send(OK).await;
    client.until("ok").await;
    let lines = log.lines(2).await;
    assert_eq!((&lines[1]["attempts"], &lines[1]["pooled"]), (&2.into(), &false.into()), "{}", lines[1]);
    proxy
        .until_told(&[
            "gateway_retries_total{service=\"a\",route=\"-\"} 1",
            "gateway_pool_misses_total{service=\"a\",route=\"-\"} 2",
        ])
        .await;
}

#[tokio::test]
async fn a_failure_is_told_of_the_endpoint_that_failed() {
    let (one, other, log) = (Upstream::start().await, Upstream::start().await, Log::start(Form::Json, 1));
    let proxy = Proxy::start_logged(&[one.address, other.address], log.log.for_worker()).await;
    let mut client = proxy.connect().await;
    client.send(GET).await;
    let (mut server, address) = tokio::select! {
        server = one.accept() => (server, one.address),
        server = other.accept() => (server, other.address),
    };
    server.head().await;
    server.send("this is no HTTP\r\n\r\n").await;
    assert!(client.head().await.starts_with("HTTP/1.1 502 "));
    let lines = log.lines(1).await;
    let expected = ("upstream_protocol".into(), address.to_string().into());
    assert_eq!((&lines[0]["error"], &lines[0]["endpoint"]), (&expected.0, &expected.1), "{}", lines[0]);
}

#[tokio::test]
async fn a_sampled_log_is_whole_when_the_worker_has_ended() {
    let log = Log::start(Form::Common, 3);
    let proxy = log.proxy(&Upstream::start().await).await;
    for number in 0..7 {
        proxy.ask(&format!("GET /{number} HTTP/1.1\r\nHost: b.test\r\nConnection: close\r\n\r\n")).await;
    }
    drop(proxy);
    let Log { log, path, _dir } = log;
    log.finish().await;
    let text = fs::read_to_string(&path).unwrap();
    let requests: Vec<_> = text.lines().map(|line| line.split('"').nth(1).unwrap()).collect();
    assert_eq!(requests, ["GET /0 HTTP/1.1", "GET /3 HTTP/1.1", "GET /6 HTTP/1.1"]);
}

#[tokio::test]
async fn a_full_disk_costs_lines_and_no_request() {
    let log = open(Path::new("/dev/full"), Form::Json, 1);
    let losses = log.losses();
    let proxy = Proxy::start_logged(&[], log.for_worker()).await;
    for lost in 1..=2 {
        let answer = proxy.ask("GET / HTTP/1.1\r\nHost: b.test\r\nConnection: close\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
        until(|| losses.lines.get() == lost && losses.errors.get() == lost, || format!("{losses:?}")).await;
    }
}

#[tokio::test]
async fn a_log_that_nobody_reads_holds_up_no_request() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let log = open(&path, Form::Json, 1);
    let proxy = Proxy::start_logged(&[], log.for_worker()).await;
    let mut client = proxy.connect().await;
    let agent = "x".repeat(2000);
    let request = format!("GET / HTTP/1.1\r\nHost: a.test\r\nUser-Agent: {agent}\r\n\r\n");
    let dropped = || {
        let mut totals = Totals::default();
        proxy.stats.add_to(&mut totals);
        totals.log_dropped
    };
    let mut answered = 0;
    while dropped() == 0 {
        client.send(&request).await;
        assert!(client.until("}}\n").await.starts_with("HTTP/1.1 503 "));
        answered += 1;
        assert!(answered < 10_000, "the queue has no bound");
    }
    // What was not dropped is there for a reader who comes late.
    let reader = spawn_blocking(move || {
        let mut text = String::new();
        fs::File::open(path).unwrap().read_to_string(&mut text).unwrap();
        text
    });
    let stats = Arc::clone(&proxy.stats);
    drop((client, proxy));
    log.finish().await;
    let mut totals = Totals::default();
    stats.add_to(&mut totals);
    let text = reader.await.unwrap();
    assert_eq!(text.lines().count() as u64 + totals.log_dropped, answered);
    assert!(text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
}
