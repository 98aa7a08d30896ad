//! Consumers in files.

use gateway_proto::registry::v1::{self as pb, condition::Test};

use super::{SAMPLE, consumers, mistakes, seconds, source};
use crate::file::parse;

#[test]
fn every_field_is_read() {
    let anna = pb::Consumer {
        name: "anna".into(),
        title: "Anna of the shop".into(),
        groups: vec!["staff".into()],
        rate_limits: Some(pb::RateLimits {
            limits: vec![pb::RateLimit {
                name: "all".into(),
                requests: Some(1000),
                per: seconds(60),
                scope: pb::RateLimitScope::Cluster.into(),
                ..pb::RateLimit::default()
            }],
        }),
        ..pb::Consumer::default()
    };
    assert_eq!(consumers(SAMPLE), [anna]);
    let limit = "{name: volume, bytes: 10MiB, per: 1h, burst: 64MiB, shadow: true, exempt: {headers: [{name: X-A, present: true}]}}";
    let text = format!(
        "consumers: [{{name: ben, rate_limits: [{limit}, {{name: at-once, concurrent: 2}}]}}, {{name: carl, rate_limits: []}}]"
    );
    let read = consumers(&text);
    let limits = &read[0].rate_limits.as_ref().unwrap().limits;
    let headers = vec![pb::Condition { name: "X-A".into(), test: Some(Test::Present(true)) }];
    let exempt = Some(pb::RateLimitExemption { headers, ..pb::RateLimitExemption::default() });
    assert_eq!((limits[0].burst, limits[0].shadow, &limits[0].exempt), (Some(64 << 20), true, &exempt));
    assert_eq!((limits[1].concurrent, limits[1].key.len()), (Some(2), 0));
    assert_eq!((&*read[1].name, read[1].groups.len()), ("carl", 0));
}

#[test]
fn every_mistake_is_told_with_its_place() {
    let text = "consumers:
- title: 5
  groups: staff
  rate_limits: [{name: a, concurrent: 1, key: consumer}, {concurrent: 0}, x]
- {name: anna, keys: [], password: hunter2}
- {name: anna}
- anna
";
    let fields = "name, requests, bytes, concurrent, per, burst, scope, exempt, shadow";
    let expected = [
        "f.yaml:2:3: consumers[0]: has no name".to_owned(),
        "f.yaml:2:10: consumers[0].title: is a number; put it in quotes: \"5\"".to_owned(),
        "f.yaml:3:11: consumers[0].groups: is a text; write a list".to_owned(),
        format!("f.yaml:4:42: consumers[0].rate_limits[0].key: is no field here; there are: {fields}"),
        "f.yaml:4:58: consumers[0].rate_limits[1]: has no name".to_owned(),
        "f.yaml:4:71: consumers[0].rate_limits[1].concurrent: is 0; write a whole number from 1 to 1000000".to_owned(),
        format!("f.yaml:4:75: consumers[0].rate_limits[2]: is a text; write fields: {fields}"),
        "f.yaml:5:16: consumers[1].keys: is no field here; there are: name, title, groups, rate_limits".to_owned(),
        "f.yaml:5:26: consumers[1].password: is no field here; there are: name, title, groups, rate_limits".to_owned(),
        "f.yaml:6:10: consumers[2].name: consumer \"anna\" stands already at f.yaml:5:10".to_owned(),
        "f.yaml:7:3: consumers[3]: is a text; write fields: name, title, groups, rate_limits".to_owned(),
    ];
    let found = mistakes(text);
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    // A password that stands where none belongs is not shown.
    assert!(!found.iter().any(|line| line.contains("hunter2")), "{found:#?}");
}

#[test]
fn what_the_control_plane_finds_wrong_has_its_place() {
    let sources = [source("f.yaml", SAMPLE)];
    let (declaration, _) = parse(&sources);
    let located = |field: &str| {
        let (place, field) = declaration.locate(field).unwrap();
        (place.in_sources(&sources).to_string().rsplit_once(':').map(|(place, _)| place.to_owned()), field)
    };
    let line = |text: &str| SAMPLE.lines().position(|line| line.contains(text)).map(|at| format!("f.yaml:{}", at + 1));
    let limits = line("requests: 1000");
    let expected = (limits, "consumers[0].rate_limits[0].requests".to_owned());
    assert_eq!(located("consumers[0].rate_limits.limits[0].requests"), expected);
    assert_eq!(located("consumers[0].groups[0]"), (line("groups: [staff]"), "consumers[0].groups[0]".to_owned()));
}
