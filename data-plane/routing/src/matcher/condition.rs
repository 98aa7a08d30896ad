//! Conditions on header fields and query parameters.

use super::{MAX_PATTERN, MatchError, Pattern};
use crate::{query, request::Request};

/// What a value has to be like.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Test {
    /// This very text.
    Exact(Box<str>),
    /// Anything: the field or parameter is there.
    Present,
    /// It begins like this.
    Prefix(Box<str>),
    /// The expression is found in it.
    Regex(Pattern),
}

impl Test {
    /// The text that it compares with; none for [`Test::Present`].
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Exact(text) | Self::Prefix(text) => text,
            Self::Present => "",
            Self::Regex(pattern) => pattern.as_str(),
        }
    }

    fn holds(&self, value: &[u8]) -> bool {
        match self {
            Self::Exact(text) => value == text.as_bytes(),
            Self::Present => true,
            Self::Prefix(text) => value.starts_with(text.as_bytes()),
            Self::Regex(pattern) => pattern.matches(value),
        }
    }
}

/// A field or parameter, and the test that one of its values has to pass.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Condition {
    name: Box<str>,
    test: Test,
}

impl Condition {
    pub(super) fn new(name: &str, test: Test) -> Result<Self, MatchError> {
        if name.is_empty() || matches!(&test, Test::Prefix(prefix) if prefix.is_empty()) {
            return Err(MatchError::Empty);
        }
        if name.len().max(test.text().len()) > MAX_PATTERN {
            return Err(MatchError::TooLong);
        }
        Ok(Self { name: name.into(), test })
    }

    /// The name, for a header field in lower case.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The test.
    #[must_use]
    pub fn test(&self) -> &Test {
        &self.test
    }

    /// Whether it is met by a header field of the request, as whose name it is meant.
    pub(crate) fn holds_in_header(&self, request: &impl Request) -> bool {
        match &self.test {
            Test::Present => request.has_header(&self.name),
            Test::Exact(_) | Test::Prefix(_) | Test::Regex(_) => self.holds(request.headers(&self.name)),
        }
    }

    /// Whether it is met by a parameter of the request's query.
    pub(crate) fn holds_in_query(&self, request: &impl Request) -> bool {
        self.holds(query::values(request.query(), &self.name))
    }

    /// Whether one of the values passes.
    fn holds<V: AsRef<[u8]>>(&self, mut values: impl Iterator<Item = V>) -> bool {
        values.any(|value| self.test.holds(value.as_ref()))
    }
}
