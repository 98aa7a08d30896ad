//! What a route matches, each piece read once into a type that cannot be wrong.

use http::HeaderName;

mod condition;
mod error;
mod methods;
mod path;
mod pattern;
#[cfg(test)]
mod tests;

pub use condition::{Condition, Test};
pub use error::MatchError;
pub use methods::Methods;
pub(crate) use methods::bit;
pub use path::{PathKind, PathMatcher};
pub(crate) use path::{Segment, check_path, without_slash};
pub use pattern::Pattern;

use crate::{explain::Why, request::Request};

/// The longest path, value, name or regular expression in bytes.
pub const MAX_PATTERN: usize = 1024;
/// The most conditions of one match, headers and query together.
pub const MAX_CONDITIONS: usize = 32;
/// The most methods of one match.
pub const MAX_METHODS: usize = 32;
/// The most segments of one path. Their kinds have to fit the bits of a `u64`.
pub const MAX_SEGMENTS: usize = 64;
/// What a priority can be.
pub const PRIORITIES: std::ops::RangeInclusive<i16> = -1000..=1000;

/// Which requests a route is for; the default is all of them.
///
/// Matches are equal if they match the same requests at the same priority: parameters' names, and the
/// order in which conditions were added, do not count.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Match {
    pub(crate) path: PathMatcher,
    pub(crate) methods: Methods,
    pub(crate) headers: Vec<Condition>,
    pub(crate) query: Vec<Condition>,
    pub(crate) priority: i16,
}

impl Match {
    /// Every request for this path.
    #[must_use]
    pub fn new(path: PathMatcher) -> Self {
        Self { path, ..Self::default() }
    }

    /// Only these methods.
    #[must_use]
    pub fn methods(self, methods: Methods) -> Self {
        Self { methods, ..self }
    }

    /// Only with a header field of this name that passes the test; a condition given twice counts once.
    ///
    /// # Errors
    /// The name is no field name, the test's text too long or its prefix empty, or this is one
    /// condition too many.
    pub fn header(mut self, name: &str, test: Test) -> Result<Self, MatchError> {
        self.check_room()?;
        let name = HeaderName::try_from(name).map_err(|_| MatchError::HeaderName)?;
        add(&mut self.headers, Condition::new(name.as_str(), test)?);
        Ok(self)
    }

    /// Only with a query parameter of this name, both without percent-encoding, that passes the test.
    ///
    /// # Errors
    /// The name is empty, name or text are too long, the prefix is empty, or this is one condition
    /// too many.
    pub fn query(mut self, name: &str, test: Test) -> Result<Self, MatchError> {
        self.check_room()?;
        add(&mut self.query, Condition::new(name, test)?);
        Ok(self)
    }

    /// Before or behind what is more specific; see [`PRIORITIES`].
    ///
    /// # Errors
    /// It is out of range.
    pub fn priority(self, priority: i16) -> Result<Self, MatchError> {
        if PRIORITIES.contains(&priority) { Ok(Self { priority, ..self }) } else { Err(MatchError::Priority) }
    }

    /// The path.
    #[must_use]
    pub fn path(&self) -> &PathMatcher {
        &self.path
    }

    /// The methods, as they were given.
    #[must_use]
    pub fn given_methods(&self) -> &Methods {
        &self.methods
    }

    /// The conditions on header fields, in one order.
    #[must_use]
    pub fn header_conditions(&self) -> &[Condition] {
        &self.headers
    }

    /// The conditions on the query, in one order.
    #[must_use]
    pub fn query_conditions(&self) -> &[Condition] {
        &self.query
    }

    /// The priority, as it was given.
    #[must_use]
    pub fn given_priority(&self) -> i16 {
        self.priority
    }

    fn check_room(&self) -> Result<(), MatchError> {
        let count = self.headers.len() + self.query.len();
        if count < MAX_CONDITIONS { Ok(()) } else { Err(MatchError::Conditions) }
    }

    /// Whether the request is meant; `path` is its path in normal form, `method` is [`bit`] of its method.
    pub(crate) fn meets(&self, request: &impl Request, method: u16, path: &[u8]) -> bool {
        (self.path.pattern().is_some() || self.path.matches(path)) && self.holds(request, method, path)
    }

    /// Whether the request is meant, of which the trie has said that the path is, regular expressions
    /// excepted. `method` is [`bit`] of its method.
    pub(crate) fn holds(&self, request: &impl Request, method: u16, path: &[u8]) -> bool {
        self.methods.contain(request.method(), method)
            && self.path.pattern().is_none_or(|pattern| pattern.matches(path))
            && self.headers.iter().all(|condition| condition.holds_in_header(request))
            && self.query.iter().all(|condition| condition.holds_in_query(request))
    }

    /// The first part that does not hold, for a path in normal form.
    pub(crate) fn failure(&self, request: &impl Request, path: &[u8]) -> Option<Why<'_>> {
        let header = |condition: &&Condition| !condition.holds_in_header(request);
        let query = |condition: &&Condition| !condition.holds_in_query(request);
        if !self.path.matches(path) {
            return Some(Why::Path(&self.path));
        }
        if !self.methods.contain(request.method(), bit(request.method())) {
            return Some(Why::Method(&self.methods));
        }
        let header = self.headers.iter().find(header).map(Why::Header);
        header.or_else(|| self.query.iter().find(query).map(Why::Query))
    }
}

/// Keeps the conditions in order, each once, so that equal sets are equal lists.
fn add(conditions: &mut Vec<Condition>, condition: Condition) {
    if let Err(at) = conditions.binary_search(&condition) {
        conditions.insert(at, condition);
    }
}
