use std::{num::NonZeroU32, sync::mpsc::sync_channel, time::Duration, time::SystemTime};

use serde_json::{Value, json};

use super::{Form, LoggedHead, WorkerLog, line::Line, stamp::Stamp};
use crate::proxy::parse::ParsedRequest;

/// A request that went well.
fn line() -> Line<'static> {
    Line {
        time: "2026-11-22T16:34:43.007Z",
        node: "dp-1",
        request_id: "abc",
        client: "192.0.2.7",
        method: Some("GET"),
        host: b"shop.test",
        path: b"/a",
        protocol: Some("HTTP/1.1"),
        status: Some(200),
        bytes_in: 40,
        bytes_out: 120,
        body_out: 20,
        duration_ms: 1.25,
        upstream_ms: Some(1.0),
        service: Some("shop"),
        route: Some("shop-api"),
        endpoint: Some(([127, 0, 0, 1], 9001).into()),
        attempts: 1,
        pooled: true,
        consumer: None,
        auth: None,
        cache: None,
        error: None,
        limited_by: None,
        shadow_limited_by: None,
        user_agent: b"curl/8",
        referer: b"",
    }
}

fn json(line: &Line<'_>) -> Value {
    let mut out = Vec::new();
    line.write_json(&mut out);
    assert_eq!(out.iter().filter(|byte| **byte == b'\n').count(), 1, "one line: {}", out.escape_ascii());
    serde_json::from_slice(&out).unwrap()
}

fn common(line: &Line<'_>) -> String {
    let mut out = Vec::new();
    line.write_common(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn json_names_every_field() {
    let expected = json!({
        "time": "2026-11-22T16:34:43.007Z", "node": "dp-1", "request_id": "abc", "client": "192.0.2.7",
        "method": "GET", "host": "shop.test", "path": "/a", "protocol": "HTTP/1.1", "status": 200,
        "bytes_in": 40, "bytes_out": 120, "duration_ms": 1.25, "upstream_ms": 1.0, "service": "shop", "route": "shop-api",
        "endpoint": "127.0.0.1:9001", "attempts": 1, "pooled": true, "user_agent": "curl/8",
    });
    assert_eq!(json(&line()), expected);
}

#[test]
fn what_a_client_sends_stays_in_its_field() {
    let evil = b"x\" \\ \xff\x7f\x01\n\"status\":200";
    let line = Line { user_agent: evil, referer: evil, path: evil, ..line() };
    assert_eq!(json(&line)["user_agent"], *String::from_utf8_lossy(evil));
    let escaped = r#"x\x22 \x5C \xFF\x7F\x01\x0A\x22status\x22:200"#;
    let expected = format!(
        "192.0.2.7 - - [2026-11-22T16:34:43.007Z] \"GET {escaped} HTTP/1.1\" 200 20 \"{escaped}\" \"{escaped}\"\n"
    );
    assert_eq!(common(&line), expected);
}

#[test]
fn a_consumer_is_told_in_one_word() {
    let line = Line { consumer: Some("a b\" -\n"), auth: Some("jwt"), ..line() };
    assert_eq!((&json(&line)["consumer"], &json(&line)["auth"]), (&json!("a b\" -\n"), &json!("jwt")));
    assert!(common(&line).starts_with(r"192.0.2.7 - a\x20b\x22\x20-\x0A [2026-"), "{}", common(&line));
}

#[test]
fn what_is_not_known_is_left_out_or_a_dash() {
    let line = Line {
        method: None,
        protocol: None,
        host: b"",
        path: b"",
        status: None,
        body_out: 0,
        upstream_ms: None,
        service: None,
        route: None,
        endpoint: None,
        error: Some("client_gone"),
        user_agent: b"",
        ..line()
    };
    assert_eq!(common(&line), "192.0.2.7 - - [2026-11-22T16:34:43.007Z] \"-\" - - \"-\" \"-\"\n");
    let object = json(&line);
    for field in
        ["method", "protocol", "host", "path", "status", "upstream_ms", "service", "route", "endpoint", "referer"]
    {
        assert!(object.get(field).is_none(), "{field} in {object}");
    }
    assert_eq!(object["error"], "client_gone");
}

#[test]
fn times_are_in_utc() {
    let at = |milliseconds| SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds);
    let mut stamp = Stamp::new(Form::Json);
    for (milliseconds, text) in [
        (1_795_365_283_007, "2026-11-22T16:34:43.007Z"),
        (1_795_365_283_999, "2026-11-22T16:34:43.999Z"),
        (1_795_365_284_000, "2026-11-22T16:34:44.000Z"),
        (1_795_365_283_010, "2026-11-22T16:34:43.010Z"),
        (0, "1970-01-01T00:00:00.000Z"),
    ] {
        assert_eq!(stamp.at(at(milliseconds)), text);
    }
    let mut stamp = Stamp::new(Form::Common);
    for _ in 0..2 {
        assert_eq!(stamp.at(at(1_795_365_283_007)), "22/Nov/2026:16:34:43 +0000");
    }
}

fn kept(target: &str, fields: &str) -> LoggedHead {
    let head = format!("GET {target} HTTP/1.1\r\nHost: Shop.test:80\r\n{fields}\r\n");
    let mut request = ParsedRequest::default();
    request.parse(head.as_bytes(), 20).unwrap();
    let mut kept = LoggedHead::default();
    kept.keep(&request, head.as_bytes());
    kept
}

#[test]
fn secrets_are_not_kept() {
    let secrets = "Authorization: Bearer SECRET\r\nCookie: a=SECRET\r\nReferer: http://x.test/p?t=SECRET#SECRET\r\n";
    let head = kept("/a/b?token=SECRET", secrets);
    assert!(!format!("{:?}", String::from_utf8_lossy(&[&*head.path, &*head.referer].concat())).contains("SECRET"));
    assert_eq!((&*head.path, &*head.host, &*head.referer), (&b"/a/b"[..], &b"shop.test"[..], &b"http://x.test/p"[..]));
    assert_eq!(kept("/", "Referer: http://user:SECRET@x.test/\r\n").referer, b"");
}

#[test]
fn targets_of_every_form_are_a_path() {
    for (target, path) in [("http://a.test/x?y", &b"/x"[..]), ("http://a.test?y", b"/"), ("/%2F/..", b"/%2F/..")] {
        assert_eq!(kept(target, "").path, path, "{target}");
    }
}

#[test]
fn what_is_kept_is_bounded() {
    let long = "x".repeat(5000);
    let head = kept(&format!("/{long}"), &format!("User-Agent: {long}\r\n"));
    assert_eq!((head.path.len(), head.user_agent.len()), (2048, 2048));
}

#[test]
fn one_request_in_so_many_is_logged() {
    for (sample, expected) in [(1, "111111"), (2, "101010"), (5, "100001")] {
        let (queue, _batches) = sync_channel(1);
        let log = WorkerLog::new(Form::Json, NonZeroU32::new(sample).unwrap(), "n".into(), queue);
        let due: String = (0..6).map(|_| if log.is_due() { '1' } else { '0' }).collect();
        assert_eq!(due, expected);
    }
}
