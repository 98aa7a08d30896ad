use gateway_proto::{discovery::v1 as pb, registry::v1::HeaderField};

use super::question::head;

fn asked(url: &str, headers: &[(&str, &str)]) -> Result<String, String> {
    let field = |(name, value): &(&str, &str)| HeaderField { name: (*name).into(), value: (*value).into() };
    let headers = headers.iter().map(field).collect();
    let query = pb::ExplainQuery { method: "PURGE".into(), url: url.into(), headers };
    head(&query).map(|head| String::from_utf8(head).unwrap())
}

#[test]
fn a_request_is_what_a_client_would_send() {
    for (url, target, host) in [
        ("http://a.test/x/../%61?b=c?d", "/x/../%61?b=c?d", "a.test"),
        ("HTTP://A.test.:81", "/", "A.test.:81"),
        ("http://a.test?q=/", "/?q=/", "a.test"),
        ("http://[::1]:80/", "/", "[::1]:80"),
    ] {
        let expected = format!("PURGE {target} HTTP/1.1\r\nHost: {host}\r\nX-A: 1\r\nx-a:\r\n\r\n");
        let head = asked(url, &[("X-A", "1"), ("Host", host), ("x-a", "")]).unwrap();
        assert_eq!(head.replace("x-a: \r", "x-a:\r"), expected, "{url}");
    }
}

#[test]
fn a_url_that_no_client_asks_for_is_refused() {
    for (url, words) in [
        ("", "url: \"\" is no http URL; write http://HOST/PATH"),
        ("a.test/x", "is no http URL"),
        ("https://a.test/", "is no http URL"),
        ("http:/a.test", "is no http URL"),
        ("http://", "url: has the host \"\", which is empty"),
        ("http:///x", "url: has the host \"\", which is empty"),
        ("http://u@a.test/", "which holds '@'"),
        ("http://a.test:x/", "which has a port that is not a number"),
        ("http://a.test/a b", "holds ' '; percent-encode it"),
        ("http://a.test/ü", "holds 'ü'; percent-encode it"),
        ("http://a.test/\r\nX: y", "holds '\\r'; percent-encode it"),
        ("http://a.test/#x", "has a fragment, which no client sends"),
        ("httpö//a.test/", "is no http URL"),
    ] {
        let refusal = asked(url, &[]).unwrap_err();
        assert!(refusal.contains(words), "{url}: {refusal}");
    }
    for (host, is_fine) in [("A.test:80", true), ("a.test", false), ("a.test:81", false), ("b.test:80", false)] {
        assert_eq!(asked("http://a.test:80/", &[("HOST", host)]).is_ok(), is_fine, "{host}");
    }
}
