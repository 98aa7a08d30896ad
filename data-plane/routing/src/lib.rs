//! How a request meets its route. The proxy and `gatewayctl explain` run the same code, so that
//! what is explained is what happens. There is no I/O, no clock and no chance in here.
//!
//! # What a route matches
//! A [`Match`] has a path, methods, header conditions and query conditions; all of them must hold,
//! and what is left out always does.
//!
//! - **Path**, one of: `exact`; `prefix`, by whole segments, so that `/a` covers `/a`, `/a/` and
//!   `/a/b` but not `/ab`; `template`, in which `{name}` stands for one segment that is not empty;
//!   `regex`, found anywhere in the path unless it is anchored with `^` and `$`; or every path.
//!   Paths are compared in their normal form ([`normalize`]), as bytes, with regard to case.
//! - **Methods**: one of the set. GET does not mean HEAD too.
//! - **Header conditions**: a field of this name is `exact`, `present`, begins with a `prefix`, or
//!   matches a `regex`. Of several fields of one name, one has to.
//! - **Query conditions**: the same of the query's parameters. Names and values are compared after
//!   percent-decoding, with `+` read as a space, as forms send them.
//!
//! # Which route wins
//! The most specific host pattern that anything is bound to decides alone. Among the routes of that
//! host that match, the first difference in this list decides:
//!
//! 1. the higher `priority` (−1000 to 1000; 0 if not given);
//! 2. the kind of path: exact, template, prefix, regex, every path;
//! 3. of two templates: more literal segments; then more segments; then the one that is literal
//!    where the two first differ in that;
//! 4. of two prefixes: more segments; then more bytes;
//! 5. of two regular expressions: the longer text;
//! 6. one with methods before one without;
//! 7. more header conditions;
//! 8. more query conditions;
//! 9. more bytes in the values of the conditions;
//! 10. the name, from a to z.
//!
//! The service that owns the host gets what no route matches. The order of creation never matters. Two
//! routes of one host that match the very same requests at the same priority are a [`Conflict`].
//!
//! # Bounds
//! A path, a value, a name or a regular expression has up to [`MAX_PATTERN`] bytes, a path up to
//! [`MAX_SEGMENTS`] segments, a match up to [`MAX_CONDITIONS`] conditions. A regular expression is
//! compiled into no more than 64 KiB, and matched in time that is linear in what it is matched with.
//!
//! # What it costs
//! Exact paths, prefixes and templates are looked up segment by segment in a trie. Regular
//! expressions that begin with `^` and whole literal segments hang there too; others are tried one
//! after the other, and so are routes that differ in conditions alone, and all where there are four at
//! the most. What no route of the host asks about is not looked at.

mod ambiguity;
mod explain;
mod host_routes;
mod matcher;
mod path;
mod precedence;
mod query;
mod request;
mod rewrite;
pub mod route;
#[cfg(test)]
mod tests;
mod trie;

pub use ambiguity::{Ambiguity, ambiguity};
pub use explain::{Explanation, PassedOver, Why};
pub use host_routes::{Conflict, HostRoutes, Rule, Selected};
pub use matcher::{
    Condition, MAX_CONDITIONS, MAX_METHODS, MAX_PATTERN, MAX_SEGMENTS, Match, MatchError, Methods, PRIORITIES,
    PathKind, PathMatcher, Pattern, Test,
};
pub use path::normalize;
pub use request::Request;
