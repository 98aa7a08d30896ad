//! Single values: texts, numbers, durations, sizes, truth values.

use std::{fmt, ops::RangeInclusive, str::FromStr, time::Duration};

use gateway_proto::size::size;

use super::{at::At, node::Value};
use crate::cli;

impl At<'_> {
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
    pub(super) fn texts(&mut self) -> Option<Vec<String>> {
        self.items(|at| at.text().unwrap_or_default())
    }

    pub(super) fn number<N: FromStr + PartialOrd + fmt::Display>(&mut self, range: RangeInclusive<N>) -> Option<N> {
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

    pub(super) fn truth(&mut self) -> Option<bool> {
        match &self.node.value {
            Value::Plain(text) if scalar_kind(text) == "a truth value" => Some(text.eq_ignore_ascii_case("true")),
            Value::Plain(_) | Value::Text(_) | Value::List(_) | Value::Fields(_) => {
                self.mistake(format!("is {}; write true or false", shown(&self.node.value)));
                None
            }
        }
    }

    /// A switch that is there or not: only `true` has a meaning.
    pub(super) fn only_true(&mut self, otherwise: &str) -> Option<()> {
        if self.node.value == Value::Plain("true".to_owned()) {
            return Some(());
        }
        self.mistake(format!("can only be true; {otherwise}"));
        None
    }

    /// One of a few words, each with what it means.
    pub(super) fn word<T: Copy, const WORDS: usize>(&mut self, words: [(&str, T); WORDS]) -> Option<T> {
        let text = self.text()?;
        let meant = words.iter().find(|(word, _)| *word == text).map(|(_, meant)| *meant);
        if meant.is_none() {
            self.mistake(format!("is not known; there are: {}", words.map(|(word, _)| word).join(", ")));
        }
        meant
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
    pub(super) fn size(&mut self) -> Option<u64> {
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

/// Whether it stands for nothing.
pub(super) fn is_nothing(value: &Value) -> bool {
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
