//! From the tree to the wire. Whatever is wrong is noted, and what is right goes on.

use std::{ops::RangeInclusive, time::Duration};

use gateway_proto::{registry::v1 as pb, size::size};

use super::{
    Declared, Mistakes, health,
    node::{Node, Place, Value},
};
use crate::cli;

/// The fields of a document.
pub(super) const DOCUMENT: [&str; 2] = ["services", "consumers"];
/// The fields of a service.
pub(super) const SERVICE: [&str; 9] =
    ["name", "title", "tags", "hosts", "endpoints", "load_balancing", "health_check", "timeouts", "limits"];
/// The fields of an endpoint.
pub(super) const ENDPOINT: [&str; 2] = ["address", "weight"];
/// The fields of time-outs.
pub(super) const TIMEOUTS: [&str; 4] = ["connect", "response", "idle", "total"];
/// The fields of limits.
pub(super) const LIMITS: [&str; 1] = ["request_body"];
/// The weights there are.
pub(super) const WEIGHT: RangeInclusive<u32> = 1..=1000;

/// The services of one document.
pub(super) fn document(node: &Node, mistakes: &mut Mistakes) -> Vec<Declared> {
    let mut at = At { node, path: String::new(), mistakes };
    if !at.has_fields(&DOCUMENT) {
        return Vec::new();
    }
    at.field("consumers", |at| {
        let some = at.items(|_| ()).is_some_and(|items| !items.is_empty());
        if some {
            at.mistake("holds consumers, which this version does not know; leave it empty");
        }
        Some(())
    });
    let services = at.field("services", |at| at.items(|at| (service(at), at.path.clone(), at.node.clone())));
    let declared = |(service, path, node)| Declared { service, node, path };
    services.unwrap_or_default().into_iter().map(declared).collect()
}

fn service(at: &mut At<'_>) -> pb::Service {
    if !at.has_fields(&SERVICE) {
        return pb::Service::default();
    }
    if at.node.get("name").is_none() {
        at.mistake("has no name");
    }
    pb::Service {
        name: at.field("name", |at| at.filled_text()).unwrap_or_default(),
        title: at.field("title", |at| at.text()).unwrap_or_default(),
        tags: at.field("tags", |at| at.texts()).unwrap_or_default(),
        hosts: at.field("hosts", |at| at.texts()).unwrap_or_default(),
        endpoints: at.field("endpoints", |at| at.items(endpoint)).unwrap_or_default(),
        load_balancing: at.field("load_balancing", load_balancing).unwrap_or_default().into(),
        health_check: at.field("health_check", health::health_check),
        timeouts: at.field("timeouts", timeouts),
        limits: at.field("limits", limits),
        policies: None,
        revision: 0,
        created_at: None,
        updated_at: None,
    }
}

fn endpoint(at: &mut At<'_>) -> pb::Endpoint {
    if !at.has_fields(&ENDPOINT) {
        return pb::Endpoint::default();
    }
    if at.node.get("address").is_none() {
        at.mistake("has no address");
    }
    pb::Endpoint {
        address: at.field("address", |at| at.filled_text()).unwrap_or_default(),
        weight: at.field("weight", |at| at.number(WEIGHT)).unwrap_or_default(),
    }
}

fn load_balancing(at: &mut At<'_>) -> Option<pb::LoadBalancing> {
    if at.text()? == "random" {
        return Some(pb::LoadBalancing::Random);
    }
    at.mistake("is no way to pick an endpoint; there is: random");
    None
}

fn timeouts(at: &mut At<'_>) -> Option<pb::Timeouts> {
    at.has_fields(&TIMEOUTS).then(|| pb::Timeouts {
        connect: at.field("connect", |at| at.duration()),
        response: at.field("response", |at| at.duration()),
        idle: at.field("idle", |at| at.duration()),
        total: at.field("total", |at| at.duration()),
    })
}

fn limits(at: &mut At<'_>) -> Option<pb::Limits> {
    at.has_fields(&LIMITS).then(|| pb::Limits { request_body: at.field("request_body", |at| at.size()) })
}

/// A node on the way through the tree, its path, and the list of what is wrong.
pub(super) struct At<'a> {
    pub(super) node: &'a Node,
    pub(super) path: String,
    mistakes: &'a mut Mistakes,
}

impl At<'_> {
    pub(super) fn mistake(&mut self, sentence: impl Into<String>) {
        self.mistakes.add(self.node.place, &*self.path, sentence);
    }

    fn mistake_at(&mut self, place: Place, field: &str, sentence: impl Into<String>) {
        let path = self.path_of(field);
        self.mistakes.add(place, path, sentence);
    }

    fn path_of(&self, field: &str) -> String {
        if self.path.is_empty() { field.to_owned() } else { format!("{}.{field}", self.path) }
    }

    /// Whether there are fields at all; unknown and repeated ones are noted.
    pub(super) fn has_fields(&mut self, known: &[&str]) -> bool {
        let Value::Fields(fields) = &self.node.value else {
            self.mistake(format!("is {}; write fields: {}", kind(&self.node.value), known.join(", ")));
            return false;
        };
        for (index, (name, place, _)) in fields.iter().enumerate() {
            let first = fields[..index].iter().find(|(other, _, _)| other == name);
            if let Some((_, first, _)) = first {
                self.mistake_at(*place, name, format!("stands twice, first on line {}", first.line));
            } else if !known.contains(&&**name) {
                self.mistake_at(*place, name, format!("is no field here; there are: {}", known.join(", ")));
            }
        }
        true
    }

    /// Reads a field, if it is there.
    pub(super) fn field<T>(&mut self, name: &str, read: impl FnOnce(&mut At<'_>) -> Option<T>) -> Option<T> {
        let node = self.node.get(name)?;
        let mut at = At { node, path: self.path_of(name), mistakes: self.mistakes };
        if is_nothing(&node.value) {
            at.mistake("has no value; give it one or leave the field away");
            return None;
        }
        read(&mut at)
    }

    /// Reads every item of a list.
    pub(super) fn items<T>(&mut self, mut read: impl FnMut(&mut At<'_>) -> T) -> Option<Vec<T>> {
        let Value::List(items) = &self.node.value else {
            self.mistake(format!("is {}; write a list", kind(&self.node.value)));
            return None;
        };
        let mut item = |(index, node)| {
            let path = format!("{}[{index}]", self.path);
            read(&mut At { node, path, mistakes: self.mistakes })
        };
        Some(items.iter().enumerate().map(&mut item).collect())
    }

    pub(super) fn text(&mut self) -> Option<String> {
        match &self.node.value {
            Value::Text(text) => Some(text.clone()),
            Value::Plain(text) if scalar_kind(text) == "a text" => Some(text.clone()),
            Value::Plain(text) => {
                self.mistake(format!("is {}; put it in quotes: \"{text}\"", scalar_kind(text)));
                None
            }
            Value::List(_) | Value::Fields(_) => {
                self.mistake(format!("is {}; write a text", kind(&self.node.value)));
                None
            }
        }
    }

    /// A text that is not empty: on the wire, empty would mean "not given".
    pub(super) fn filled_text(&mut self) -> Option<String> {
        let text = self.text()?;
        if text.is_empty() {
            self.mistake("is empty");
            return None;
        }
        Some(text)
    }

    /// A list of texts. One that is none stays as an empty one, so that indices keep their meaning.
    fn texts(&mut self) -> Option<Vec<String>> {
        self.items(|at| at.text().unwrap_or_default())
    }

    pub(super) fn number(&mut self, range: RangeInclusive<u32>) -> Option<u32> {
        let number = match &self.node.value {
            Value::Plain(text) => text.parse().ok(),
            Value::Text(_) | Value::List(_) | Value::Fields(_) => None,
        };
        if let Some(number) = number.filter(|number| range.contains(number)) {
            return Some(number);
        }
        let (least, most) = range.into_inner();
        self.mistake(format!("is {}; write a whole number from {least} to {most}", shown(&self.node.value)));
        None
    }

    /// A text, or what is written like one but would be a number, so that a forgotten unit is told.
    fn scalar(&mut self, wanted: &str) -> Option<String> {
        match &self.node.value {
            Value::Plain(text) | Value::Text(text) => Some(text.clone()),
            Value::List(_) | Value::Fields(_) => {
                self.mistake(format!("is {}; write {wanted}", kind(&self.node.value)));
                None
            }
        }
    }

    /// A number of bytes.
    fn size(&mut self) -> Option<u64> {
        let text = self.scalar("a size such as 512B, 64KiB or 10MiB")?;
        size(&text).map_err(|err| self.mistake(format!("{text:?} is no size; {err}"))).ok()
    }

    pub(super) fn duration(&mut self) -> Option<prost_types::Duration> {
        let text = self.scalar("a duration such as 250ms, 5s or 10m")?;
        let duration = cli::duration(&text).and_then(|duration: Duration| {
            prost_types::Duration::try_from(duration).map_err(|_| "it is too long".to_owned())
        });
        duration.map_err(|err| self.mistake(format!("{text:?} is no duration; {err}"))).ok()
    }
}

fn is_nothing(value: &Value) -> bool {
    matches!(value, Value::Plain(text) if scalar_kind(text) == "nothing")
}

/// What is there instead, for messages.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Plain(text) => scalar_kind(text),
        Value::Text(_) => "a text",
        Value::List(_) => "a list",
        Value::Fields(_) => "a block of fields",
    }
}

/// The same, with the text where there is a short one.
fn shown(value: &Value) -> String {
    match value {
        Value::Plain(text) if text.len() <= 40 => text.clone(),
        Value::Text(text) if text.len() <= 40 => format!("the text {text:?}"),
        Value::Plain(_) | Value::Text(_) | Value::List(_) | Value::Fields(_) => kind(value).to_owned(),
    }
}

/// What a text without quotes stands for by the YAML 1.2 core schema.
fn scalar_kind(text: &str) -> &'static str {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return "nothing",
        "true" | "True" | "TRUE" | "false" | "False" | "FALSE" => return "a truth value",
        _ => {}
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let all = |prefix: &str, radix: u32| {
        text.strip_prefix(prefix)
            .is_some_and(|digits| !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix)))
    };
    let decimal =
        unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.') && text.parse::<f64>().is_ok();
    if decimal || all("0x", 16) || all("0o", 8) || matches!(unsigned, ".inf" | ".nan") { "a number" } else { "a text" }
}
