//! JSON as it has to be where it decides about access: no member comes twice, and nothing is nested deeply.

use std::{collections::BTreeMap, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// How deeply objects and arrays may be nested.
pub const MAX_DEPTH: usize = 16;

/// A JSON value (RFC 8259).
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// null
    Null,
    /// true or false
    Bool(bool),
    /// A number, of whatever kind.
    Number(serde_json::Number),
    /// A string.
    Text(String),
    /// An array.
    Array(Vec<Json>),
    /// An object.
    Object(BTreeMap<String, Json>),
}

/// Why bytes are not what they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JsonError;

impl Json {
    /// Reads one value and nothing else.
    ///
    /// # Errors
    /// If it is malformed, nested more deeply than [`MAX_DEPTH`], or has a member twice: readers differ in
    /// which of the two they take (RFC 8259 section 4, RFC 7519 section 4).
    pub fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        let mut reader = serde_json::Deserializer::from_slice(bytes);
        let value = Nested(MAX_DEPTH).deserialize(&mut reader).map_err(|_| JsonError)?;
        reader.end().map_err(|_| JsonError)?;
        Ok(value)
    }

    /// The member of an object.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.get(name),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) | Self::Array(_) => None,
        }
    }

    /// The text, if it is a string.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Array(_) | Self::Object(_) => None,
        }
    }

    /// The texts of a string or an array of strings; nothing if there is anything else in it.
    #[must_use]
    pub fn as_texts(&self) -> Option<Vec<&str>> {
        match self {
            Self::Text(text) => Some(vec![text]),
            Self::Array(values) => values.iter().map(Self::as_text).collect(),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Object(_) => None,
        }
    }

    /// Whether it is this text, or a list that holds it. Numbers and truth values are the texts that JSON has for
    /// them; who writes a claim as one or the other means the same.
    #[must_use]
    pub fn has_text(&self, wanted: &str) -> bool {
        let is_it = |value: &Self| match value {
            Self::Text(text) => text == wanted,
            Self::Number(number) => number.to_string() == wanted,
            Self::Bool(is_so) => wanted == if *is_so { "true" } else { "false" },
            Self::Null | Self::Array(_) | Self::Object(_) => false,
        };
        match self {
            Self::Array(values) => values.iter().any(is_it),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) | Self::Object(_) => is_it(self),
        }
    }

    /// A `NumericDate` (RFC 7519 section 2): seconds since 1970, perhaps with a fraction, which is cut off
    /// downwards.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "it saturates, and was checked to be a number")]
    pub fn as_seconds(&self) -> Option<i64> {
        self.as_number().filter(|number| number.is_finite()).map(|number| number.floor() as i64)
    }

    /// About how many bytes of memory it takes up, beside the value itself.
    #[must_use]
    pub fn weight(&self) -> usize {
        // A tree's node has places for eleven members.
        const NODE: usize = 11 * (size_of::<String>() + size_of::<Json>()) + 16;
        match self {
            Self::Null | Self::Bool(_) | Self::Number(_) => 0,
            Self::Text(text) => text.capacity(),
            Self::Array(values) => {
                values.capacity() * size_of::<Self>() + values.iter().map(Self::weight).sum::<usize>()
            }
            Self::Object(members) => {
                let content = members.iter().map(|(name, value)| name.capacity() + value.weight());
                // At the least, nodes are half full.
                members.len().div_ceil(5) * NODE + content.sum::<usize>()
            }
        }
    }

    /// The number, if it is one.
    #[must_use]
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => number.as_f64(),
            Self::Null | Self::Bool(_) | Self::Text(_) | Self::Array(_) | Self::Object(_) => None,
        }
    }
}

/// A value with so many levels left.
struct Nested(usize);

impl<'de> DeserializeSeed<'de> for Nested {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Nested {
    fn within<E: Error>(&self) -> Result<usize, E> {
        self.0.checked_sub(1).ok_or_else(|| E::custom("nested too deeply"))
    }
}

impl<'de> Visitor<'de> for Nested {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Json, E> {
        serde_json::Number::from_f64(value).map(Json::Number).ok_or_else(|| E::custom("not a number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Json, A::Error> {
        let depth = self.within()?;
        let mut values = Vec::new();
        while let Some(value) = access.next_element_seed(Nested(depth))? {
            values.push(value);
        }
        Ok(Json::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Json, A::Error> {
        let depth = self.within()?;
        let mut members = BTreeMap::new();
        while let Some(name) = access.next_key::<String>()? {
            let value = access.next_value_seed(Nested(depth))?;
            if members.insert(name, value).is_some() {
                return Err(A::Error::custom("a member comes twice"));
            }
        }
        Ok(Json::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::{Json, JsonError, MAX_DEPTH};

    #[test]
    fn a_member_that_comes_twice_is_refused_wherever_it_is() {
        for text in [r#"{"a":1,"a":1}"#, r#"{"b":{"a":1,"c":2,"a":3}}"#, r#"[{"a":1,"\u0061":2}]"#] {
            assert_eq!(Json::parse(text.as_bytes()), Err(JsonError), "{text}");
        }
        assert!(Json::parse(br#"{"a":{"a":1},"A":2}"#).is_ok());
    }

    #[test]
    fn a_text_is_found_as_a_scalar_and_in_a_list_whatever_is_beside_it() {
        for (json, wanted, has) in [
            (r#""x""#, "x", true),
            (r#""x y""#, "x", false),
            (r#"["x",1,{"y":"y"}]"#, "x", true),
            (r#"["x",1,{"y":"y"}]"#, "1", true),
            (r#"["x",1,{"y":"y"}]"#, "y", false),
            (r#"[["x"]]"#, "x", false),
            ("true", "true", true),
            ("true", "True", false),
            ("[false]", "false", true),
            ("-7", "-7", true),
            ("1.5", "1.5", true),
            ("null", "null", false),
            (r#"{"x":1}"#, "x", false),
        ] {
            assert_eq!(Json::parse(json.as_bytes()).unwrap().has_text(wanted), has, "{json} {wanted}");
        }
    }

    #[test]
    fn what_is_larger_weighs_more() {
        let weight = |text: &str| Json::parse(text.as_bytes()).unwrap().weight();
        assert_eq!(weight("1"), 0);
        assert!(weight(r#""aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa""#) >= 40);
        assert!(weight(r#"{"a":1}"#) >= 300 && weight(r#"{"a":{"a":1}}"#) > weight(r#"{"a":1}"#));
        assert!(weight(&format!("[{}1]", "1,".repeat(999))) >= 1000 * size_of::<Json>());
    }

    #[test]
    fn depth_has_a_bound() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(Json::parse(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert_eq!(Json::parse(nested(MAX_DEPTH + 1).as_bytes()), Err(JsonError));
        let objects = r#"{"a":"#.repeat(MAX_DEPTH + 1) + "1" + &"}".repeat(MAX_DEPTH + 1);
        assert_eq!(Json::parse(objects.as_bytes()), Err(JsonError));
    }

    #[test]
    fn nothing_may_follow_and_nothing_may_be_missing() {
        for text in ["", "{", "{}x", "{} {}", "{\"a\":}", "{'a':1}", "\u{feff}{}", "NaN", "{\"a\":1,}"] {
            assert_eq!(Json::parse(text.as_bytes()), Err(JsonError), "{text}");
        }
        assert_eq!(Json::parse(b"\"\xff\""), Err(JsonError));
    }
}
