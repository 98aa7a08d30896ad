//! Everything that is wrong is told, with its place.

use super::{SAMPLE, mistakes, source};
use crate::file::parse;

#[test]
fn every_mistake_is_told_with_line_column_and_field() {
    let text = r#"services:
  - name: mail
    titel: Mail
    tags: mail-service
    hosts: [mail.test, 5, ok.test, ~]
    endpoints:
      - {address: "127.0.0.1:3001", weight: 0}
      - {adress: "127.0.0.1:3001"}
      - 127.0.0.1:3002
    load_balancing: least
    health_check: {http: {path: "", expected_statuses: [200-99, 700]}, tcp: {}, interval: 5, rise: 11}
    timeouts: {connect: 2 parsecs, response: [], idle: }
    limits: {request_body: 10MB, response_body: 1MiB}
  - hosts: [a.test]
    title: true
  - name: ""
    title: a
    title: b
    health_check: {disabled: true, rise: 1}
  - name: other
    health_check: {disabled: false}
    limits: {request_body: 1024}
  - name: third
    limits: {request_body: {}}
  - just a text
consumers: [{name: bob, key: x}]
policies: []
"#;
    let expected = [
        "f.yaml:3:5: services[0].titel: is no field here; there are: name, title, tags, hosts, endpoints, load_balancing, health_check, timeouts, limits, cors, compression, request_headers, response_headers, ambiguous_paths, cache, rate_limits, auth",
        "f.yaml:4:11: services[0].tags: is a text; write a list",
        "f.yaml:5:24: services[0].hosts[1]: is a number; put it in quotes: \"5\"",
        "f.yaml:5:36: services[0].hosts[3]: is nothing; put it in quotes: \"~\"",
        "f.yaml:7:45: services[0].endpoints[0].weight: is 0; write a whole number from 1 to 1000",
        "f.yaml:8:9: services[0].endpoints[1]: has no address",
        "f.yaml:8:10: services[0].endpoints[1].adress: is no field here; there are: address, weight",
        "f.yaml:9:9: services[0].endpoints[2]: is a text; write fields: address, weight",
        "f.yaml:10:21: services[0].load_balancing: is no way to pick an endpoint; there is: random",
        "f.yaml:11:19: services[0].health_check: has more than one of http, tcp and disabled; choose one",
        "f.yaml:11:33: services[0].health_check.http.path: is empty",
        "f.yaml:11:57: services[0].health_check.http.expected_statuses[0]: \"200-99\" is no HTTP status and no range of them, such as 404 or 200-299",
        "f.yaml:11:65: services[0].health_check.http.expected_statuses[1]: \"700\" is no HTTP status and no range of them, such as 404 or 200-299",
        "f.yaml:11:91: services[0].health_check.interval: \"5\" is no duration; write a number and its unit, such as 250ms, 5s or 10m",
        "f.yaml:11:100: services[0].health_check.rise: is 11; write a whole number from 1 to 10",
        "f.yaml:12:25: services[0].timeouts.connect: \"2 parsecs\" is no duration; write a number and its unit, such as 250ms, 5s or 10m",
        "f.yaml:12:46: services[0].timeouts.response: is a list; write a duration such as 250ms, 5s or 10m",
        "f.yaml:12:54: services[0].timeouts.idle: has no value; give it one or leave the field away",
        "f.yaml:13:28: services[0].limits.request_body: \"10MB\" is no size; \"MB\" is not a unit; give a whole number and a unit of B, KiB, MiB, GiB or TiB, such as 512B, 64KiB or 10MiB",
        "f.yaml:13:34: services[0].limits.response_body: is no field here; there are: request_body",
        "f.yaml:14:5: services[1]: has no name",
        "f.yaml:15:12: services[1].title: is a truth value; put it in quotes: \"true\"",
        "f.yaml:16:11: services[2].name: is empty",
        "f.yaml:18:5: services[2].title: stands twice, first on line 17",
        "f.yaml:19:19: services[2].health_check: is disabled, so its other fields mean nothing; leave them away",
        "f.yaml:21:30: services[3].health_check.disabled: can only be true; leave it away to have endpoints probed",
        "f.yaml:22:28: services[3].limits.request_body: \"1024\" is no size; it has no unit; give a whole number and a unit of B, KiB, MiB, GiB or TiB, such as 512B, 64KiB or 10MiB",
        "f.yaml:24:28: services[4].limits.request_body: is a block of fields; write a size such as 512B, 64KiB or 10MiB",
        "f.yaml:25:5: services[5]: is a text; write fields: name, title, tags, hosts, endpoints, load_balancing, health_check, timeouts, limits, cors, compression, request_headers, response_headers, ambiguous_paths, cache, rate_limits, auth",
        "f.yaml:26:25: consumers[0].key: is no field here; there are: name, title, groups, rate_limits",
        "f.yaml:27:1: policies: is no field here; there are: services, routes, consumers",
    ];
    let found = mistakes(text);
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}

#[test]
fn broken_documents_do_not_hide_the_mistakes_of_others() {
    let text = "services: [\n---\nservices: [{name: a, x: 1}]\n---\nservices: {{}\n";
    let found = mistakes(text);
    assert_eq!(found.len(), 3, "{found:#?}");
    assert!(found[0].starts_with("f.yaml:1:11: is no YAML: unclosed bracket"), "{found:#?}");
    assert!(found[1].starts_with("f.yaml:3:22: services[0].x: is no field here"), "{found:#?}");
    assert!(found[2].starts_with("f.yaml:5:11: "), "{found:#?}");
}

#[test]
fn what_holds_nothing_or_something_else_is_a_mistake() {
    for (text, expected) in [
        ("", "f.yaml:1:1: holds nothing; begin with \"services:\""),
        ("# only a comment\n", "f.yaml:1:1: holds nothing; begin with \"services:\""),
        ("hello\n", "f.yaml:1:1: is a text; write fields: services, routes, consumers"),
        ("- a\n", "f.yaml:1:1: is a list; write fields: services, routes, consumers"),
        ("services:\n", "f.yaml:1:9: services: has no value; give it one or leave the field away"),
        ("services: !!set {}\n", "f.yaml:1:17: has a tag (\"!…\"), which means nothing here; leave it away"),
        ("services: []\nservices: []\n", "f.yaml:2:1: services: stands twice, first on line 1"),
    ] {
        assert_eq!(mistakes(text).first().map(String::as_str), Some(expected), "{text:?}");
    }
}

#[test]
fn a_name_in_two_files_names_both_places() {
    let sources = [source("a.yaml", SAMPLE), source("b.yaml", "services:\n  - hosts: []\n    name: mail\n")];
    let (_, mistakes) = parse(&sources);
    assert_eq!(
        mistakes.lines(&sources),
        ["b.yaml:3:11: services[0].name: service \"mail\" stands already at a.yaml:2:11"]
    );
}

#[test]
fn fields_of_the_request_are_found_in_their_file() {
    let sources = [source("a.yaml", SAMPLE), source("b.yaml", "services:\n- name: b\n  hosts:\n  - x\n  - y\n")];
    let (declaration, _) = parse(&sources);
    let found = |field: &str| {
        declaration.locate(field).map(|(place, field)| format!("{}: {field}", place.in_sources(&sources)))
    };
    assert_eq!(found("services[3].hosts[1]").as_deref(), Some("b.yaml:5:5: services[0].hosts[1]"));
    assert_eq!(
        found("services[0].endpoints[1].weight").as_deref(),
        Some("a.yaml:8:51: services[0].endpoints[1].weight")
    );
    // What the file leaves to its default is found at what is around it.
    assert_eq!(found("services[3].timeouts.idle").as_deref(), Some("b.yaml:2:3: services[0].timeouts.idle"));
    assert_eq!(found("services[4].name"), None);
    assert_eq!(found("page_size"), None);
}

#[test]
fn aliases_cannot_blow_up() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..10 {
        let below = format!("*a{}, ", level - 1).repeat(10);
        text += &format!("a{level}: &a{level} [{below}]\n");
    }
    let found = mistakes(&text);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].contains("aliases (\"*…\") stand for more than 100000 values"), "{found:#?}");
    let text = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), "*a, ".repeat(1000));
    assert!(mistakes(&text)[0].contains("stand for more than"));
    assert!(mistakes("a: &a [*a]\n")[0].contains("holds itself"));
}

#[test]
fn deep_nesting_is_refused() {
    let found = mistakes(&"[".repeat(100_000));
    assert_eq!(found.len(), 1, "{found:#?}");
}
