//! Regular expressions with bounds.

use std::{
    cmp::Ordering,
    hash::{Hash, Hasher},
};

use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::{
    ParserBuilder,
    hir::{Look, literal::Extractor},
};

use super::{MAX_PATTERN, MatchError};

/// The most memory of a compiled expression, and of what a thread remembers of its matching, in bytes.
const MAX_SIZE: usize = 64 * 1024;

/// A regular expression over bytes, in the syntax of Rust's `regex` crate: no look-around and no
/// back-references, so that time is linear in the length of what is matched. Classes such as `\d` are
/// ASCII. Two are equal if their texts are.
#[derive(Debug, Clone)]
pub struct Pattern {
    regex: Regex,
    /// What everything that matches begins with; empty if that is not known.
    start: Box<[u8]>,
}

impl Pattern {
    /// Reads a regular expression.
    ///
    /// # Errors
    /// It is empty, longer than [`MAX_PATTERN`], none, or takes too much memory.
    pub fn parse(text: &str) -> Result<Self, MatchError> {
        if text.is_empty() {
            return Err(MatchError::Empty);
        }
        if text.len() > MAX_PATTERN {
            return Err(MatchError::TooLong);
        }
        let regex = RegexBuilder::new(text).unicode(false).size_limit(MAX_SIZE).dfa_size_limit(MAX_SIZE).build();
        Ok(Self { regex: regex.map_err(|error| refused(&error))?, start: start(text).unwrap_or_default() })
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.regex.as_str()
    }

    /// Whether the expression is found in the value.
    #[must_use]
    pub fn matches(&self, value: &[u8]) -> bool {
        value.starts_with(&self.start) && self.regex.is_match(value)
    }

    pub(super) fn start(&self) -> &[u8] {
        &self.start
    }
}

/// The literal that an anchored expression begins with. Looking for it costs far less than the
/// expression itself.
fn start(text: &str) -> Option<Box<[u8]>> {
    let hir = ParserBuilder::new().unicode(false).utf8(false).build().parse(text).ok()?;
    let is_anchored = hir.properties().look_set_prefix().contains(Look::Start);
    let literals = Extractor::new().extract(&hir);
    literals.longest_common_prefix().filter(|_| is_anchored).map(Box::from)
}

/// The last line of a syntax error says what is wrong; those before it draw where.
fn refused(error: &regex::Error) -> MatchError {
    if matches!(error, regex::Error::CompiledTooBig(_)) {
        return MatchError::TooLarge;
    }
    let text = error.to_string();
    let line = text.lines().next_back().unwrap_or_default();
    MatchError::Syntax(line.strip_prefix("error: ").unwrap_or(line).to_owned())
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Pattern {}

impl Hash for Pattern {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl PartialOrd for Pattern {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Pattern {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}
