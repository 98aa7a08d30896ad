//! The published JSON schema says what this program reads.

use std::ops::RangeInclusive;

use serde_json::Value;

use super::{SAMPLE, consumers, routes, services};
use crate::file::{action, auth, cache, consumer, decode, health, policy, rate_limit, route};

const SCHEMA: &str = include_str!("../../../../proto/gateway/registry/v1/declarative.schema.json");

fn schema() -> Value {
    serde_json::from_str(SCHEMA).unwrap()
}

fn fields(definition: &str) -> Vec<String> {
    let schema = schema();
    let object = if definition.is_empty() { &schema } else { &schema["$defs"][definition] };
    assert_eq!(object["additionalProperties"], false, "{definition}");
    object["properties"].as_object().unwrap().keys().cloned().collect()
}

#[test]
fn the_schema_knows_exactly_the_fields_that_are_read() {
    let known: [(&str, &[&str]); 41] = [
        ("", &decode::DOCUMENT),
        ("service", &decode::SERVICE),
        ("endpoint", &decode::ENDPOINT),
        ("health_check", &health::HEALTH_CHECK),
        ("http_probe", &health::HTTP),
        ("route", &route::ROUTE),
        ("match", &route::MATCH),
        ("path_match", &route::PATH),
        ("condition", &route::CONDITION),
        ("forward", &action::FORWARD),
        ("weighted_service", &action::WEIGHTED_SERVICE),
        ("sticky", &action::STICKY),
        ("mirror", &action::MIRROR),
        ("rewrite", &action::REWRITE),
        ("redirect", &action::REDIRECT),
        ("respond", &action::RESPOND),
        ("timeouts", &policy::TIMEOUTS),
        ("limits", &policy::LIMITS),
        ("cors", &policy::CORS),
        ("compression", &policy::COMPRESSION),
        ("header_rules", &policy::HEADER_RULES),
        ("header_field", &policy::HEADER_FIELD),
        ("auth", &auth::AUTH),
        ("auth_method", &auth::METHOD),
        ("api_key_auth", &auth::API_KEY),
        ("jwt_auth", &auth::JWT),
        ("introspection_auth", &auth::INTROSPECTION),
        ("forward_auth", &auth::FORWARD),
        ("auth_claim", &auth::CLAIM),
        ("auth_rule", &auth::RULE),
        ("auth_identity", &auth::IDENTITY),
        ("claim_header", &auth::CLAIM_HEADER),
        ("consumer", &consumer::CONSUMER),
        ("consumer_rate_limit", &rate_limit::OWN_RATE_LIMIT),
        ("rate_limit", &rate_limit::RATE_LIMIT),
        ("rate_limit_key_part", &rate_limit::KEY),
        ("rate_limit_exemption", &rate_limit::EXEMPT),
        ("cache", &cache::CACHE),
        ("cache_key", &cache::KEY),
        ("cache_key_query", &cache::QUERY),
        ("cache_bypass", &cache::BYPASS),
    ];
    for (definition, read) in known {
        let mut read = read.to_vec();
        read.sort_unstable();
        let mut named = fields(definition);
        named.sort_unstable();
        assert_eq!(named, read, "{definition}");
    }
}

#[test]
fn the_schema_has_the_limits_that_are_checked_here() {
    let schema = schema();
    let range = |pointer: &str| {
        let number = schema.pointer(&format!("/$defs/{pointer}")).unwrap();
        let bound = |name: &str| number[name].as_i64().unwrap();
        bound("minimum")..=bound("maximum")
    };
    let unsigned = |range: RangeInclusive<u32>| i64::from(*range.start())..=i64::from(*range.end());
    assert_eq!(range("endpoint/properties/weight"), unsigned(decode::WEIGHT));
    assert_eq!(range("health_check/properties/rise"), unsigned(health::THRESHOLD));
    assert_eq!(range("health_check/properties/fall"), unsigned(health::THRESHOLD));
    assert_eq!(range("health_check/properties/jitter_percent"), unsigned(health::JITTER));
    assert_eq!(range("rate_limit/properties/concurrent"), unsigned(rate_limit::CONCURRENT));
    assert_eq!(range("rate_limit/properties/ipv4_prefix"), unsigned(rate_limit::IPV4));
    assert_eq!(range("rate_limit/properties/ipv6_prefix"), unsigned(rate_limit::IPV6));
    assert_eq!(range("route/properties/priority"), -1000..=1000);
    assert_eq!(route::PRIORITY, -1000..=1000);
    assert_eq!(range("weighted_service/properties/weight"), unsigned(action::SHARE));
    assert_eq!(range("mirror/properties/per_mille"), unsigned(action::MIRRORED));
    assert_eq!(range("redirect/properties/port"), unsigned(action::PORT));
    assert_eq!(range("respond/properties/status"), unsigned(action::RESPOND_STATUS));
}

#[test]
fn its_examples_are_read() {
    for example in schema()["examples"].as_array().unwrap() {
        assert_eq!(services(&example.to_string()), services(SAMPLE));
        assert_eq!(routes(&example.to_string()), routes(SAMPLE));
        assert_eq!(consumers(&example.to_string()), consumers(SAMPLE));
    }
}

#[test]
fn its_references_lead_somewhere() {
    fn check(schema: &Value, at: &Value) {
        match at {
            Value::Object(fields) => {
                if let Some(Value::String(reference)) = fields.get("$ref") {
                    let pointer = reference.strip_prefix('#').unwrap();
                    assert!(schema.pointer(pointer).is_some(), "{reference}");
                }
                fields.values().for_each(|field| check(schema, field));
            }
            Value::Array(items) => items.iter().for_each(|item| check(schema, item)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let schema = schema();
    check(&schema, &schema);
}
