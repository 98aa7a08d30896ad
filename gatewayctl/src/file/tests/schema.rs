//! The published JSON schema says what this program reads.

use serde_json::Value;

use super::{SAMPLE, services};
use crate::file::{decode, health};

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
    let known: [(&str, &[&str]); 7] = [
        ("", &decode::DOCUMENT),
        ("service", &decode::SERVICE),
        ("endpoint", &decode::ENDPOINT),
        ("timeouts", &decode::TIMEOUTS),
        ("limits", &decode::LIMITS),
        ("health_check", &health::HEALTH_CHECK),
        ("http_probe", &health::HTTP),
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
        let number = schema.pointer(pointer).unwrap();
        let bound = |name: &str| u32::try_from(number[name].as_u64().unwrap()).unwrap();
        bound("minimum")..=bound("maximum")
    };
    assert_eq!(range("/$defs/endpoint/properties/weight"), decode::WEIGHT);
    assert_eq!(range("/$defs/health_check/properties/rise"), health::THRESHOLD);
    assert_eq!(range("/$defs/health_check/properties/fall"), health::THRESHOLD);
    assert_eq!(range("/$defs/health_check/properties/jitter_percent"), health::JITTER);
}

#[test]
fn its_examples_are_read() {
    for example in schema()["examples"].as_array().unwrap() {
        assert_eq!(services(&example.to_string()), services(SAMPLE));
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
