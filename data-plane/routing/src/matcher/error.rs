//! Why something cannot be matched by.

use super::{MAX_CONDITIONS, MAX_METHODS, MAX_PATTERN, MAX_SEGMENTS, PRIORITIES};

/// What is wrong with a part of a match, as a sentence to follow the field's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MatchError {
    /// There is nothing where something is needed.
    #[error("is empty; leave it out, or say what it is to be")]
    Empty,
    /// Longer than [`MAX_PATTERN`].
    #[error("is longer than {MAX_PATTERN} bytes")]
    TooLong,
    /// A path that does not begin with a slash.
    #[error("does not begin with '/'")]
    NoSlash,
    /// A character that no path holds, as it is sent.
    #[error("holds {0:?}, which no path does; write it percent-encoded, as clients send it")]
    Character(char),
    /// What comes behind a path in a URL.
    #[error("holds {0:?}, where the path of a URL ends; for a query, use query conditions")]
    BehindPath(char),
    /// Braces in a path that is no template.
    #[error("holds a brace; only a template has parameters, and a brace that is meant is %7B or %7D")]
    Brace,
    /// A segment that is a star alone.
    #[error("has a '*' for a segment; use a prefix, which covers all below it, or a template with {{name}}")]
    Star,
    /// Paths are compared in normal form, so that this one would never match.
    #[error("is not in normal form; write {0:?}, which matches every spelling of it")]
    NotNormal(String),
    /// A prefix that ends in several slashes: of these, one would be left out each time it is read.
    #[error("ends in \"//\", and a '/' at the end of a prefix means nothing; leave it out")]
    Slashes,
    /// More than [`MAX_SEGMENTS`].
    #[error("has more than {MAX_SEGMENTS} segments")]
    Segments,
    /// A parameter that is not a whole segment, or without a proper name.
    #[error(
        "has the segment {0:?}; a parameter is a whole segment such as {{id}}, named with letters, digits and '_'; \
         for less, use a regex"
    )]
    Parameter(String),
    /// A parameter's name that is there already.
    #[error("has two parameters {{{0}}}; give each a name of its own")]
    Twice(String),
    /// A template without a parameter.
    #[error("has no parameter such as {{id}}; use exact")]
    NoParameter,
    /// Not a regular expression; the syntax is that of Rust's `regex` crate.
    #[error("is no regular expression: {0}")]
    Syntax(String),
    /// A regular expression that would take too much memory.
    #[error("is too large a regular expression; use fewer or shorter repetitions")]
    TooLarge,
    /// Not the name of a header field.
    #[error("is no field name; use letters, digits and '-', as in \"x-version\"")]
    HeaderName,
    /// More than [`MAX_CONDITIONS`].
    #[error("are more than {MAX_CONDITIONS} conditions of headers and query together")]
    Conditions,
    /// Not the name of a method.
    #[error("holds {0:?}, which is no method; write \"GET\", in capitals")]
    Method(String),
    /// More than [`MAX_METHODS`].
    #[error("are more than {MAX_METHODS} methods; leave them out for all")]
    Methods,
    /// Out of [`PRIORITIES`].
    #[error("is not from {} to {}", PRIORITIES.start(), PRIORITIES.end())]
    Priority,
}
