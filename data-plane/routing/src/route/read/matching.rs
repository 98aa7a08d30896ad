//! Reading what a route matches.

use std::fmt;

use gateway_proto::{
    registry::v1 as pb,
    violation::{Path, Shown, Violations, check_count},
};
use http::HeaderName;

use crate::{
    MAX_CONDITIONS, MAX_METHODS, MAX_PATTERN, Match, MatchError, Methods, PRIORITIES, PathMatcher, Pattern, Test,
};

/// A priority; `None` if it is refused.
pub(super) fn priority(wire: i32, path: &Path<'_>, violations: &mut Violations) -> Option<i16> {
    let priority = i16::try_from(wire).ok().filter(|priority| PRIORITIES.contains(priority));
    if priority.is_none() {
        violations.add(path, format_args!("{wire} {}", MatchError::Priority));
    }
    priority
}

/// A match of priority 0; `None` if anything is wrong with its path or its conditions.
pub(super) fn rule(wire: Option<&pb::RouteMatch>, path: &Path<'_>, violations: &mut Violations) -> Option<Match> {
    let Some(wire) = wire else { return Some(Match::default()) };
    let pb::RouteMatch { path: matched, methods: names, headers, query } = wire;
    let matched = match matched {
        Some(wire) => path_matcher(wire, &path.field("path"), violations),
        None => Some(PathMatcher::default()),
    };
    let methods = methods(names, &path.field("methods"), violations);
    let rule = matched.map(|matched| Match::new(matched).methods(methods));
    with_conditions(rule, headers, query, path, violations)
}

/// The rule with these conditions, each once and in one order; `None` if there is no rule.
pub(super) fn with_conditions(
    rule: Option<Match>,
    headers: &[pb::Condition],
    query: &[pb::Condition],
    path: &Path<'_>,
    violations: &mut Violations,
) -> Option<Match> {
    let count = headers.len() + query.len();
    if count > MAX_CONDITIONS {
        let message = "conditions of headers and query together";
        violations.add(path, format_args!("has {count} {message}; give {MAX_CONDITIONS} at the most"));
    }
    let headers = conditions(headers, Kind::Header, &path.field("headers"), violations);
    let query = conditions(query, Kind::Query, &path.field("query"), violations);
    let rule = headers.into_iter().try_fold(rule?, |rule, (name, test)| rule.header(name, test).ok());
    query.into_iter().try_fold(rule?, |rule, (name, test)| rule.query(name, test).ok())
}

pub(super) fn path_matcher(wire: &pb::PathMatch, path: &Path<'_>, violations: &mut Violations) -> Option<PathMatcher> {
    use pb::path_match::Kind;
    let pb::PathMatch { kind } = wire;
    let Some(kind) = kind else {
        violations.add(path, "says nothing; give one of exact, prefix, template and regex, or leave the path out");
        return None;
    };
    let (field, text, read) = match kind {
        Kind::Exact(text) => ("exact", text, PathMatcher::exact(text)),
        Kind::Prefix(text) => ("prefix", text, PathMatcher::prefix(text)),
        Kind::Template(text) => ("template", text, PathMatcher::template(text)),
        Kind::Regex(text) => ("regex", text, PathMatcher::regex(text)),
    };
    noted(read, text, &path.field(field), violations)
}

/// The value, or what is wrong with the text that it was read from.
fn noted<T, E: fmt::Display>(
    read: Result<T, E>,
    text: &str,
    path: &Path<'_>,
    violations: &mut Violations,
) -> Option<T> {
    read.map_err(|err| violations.add(path, format_args!("{} {err}", Shown(text)))).ok()
}

pub(super) fn methods(names: &[String], path: &Path<'_>, violations: &mut Violations) -> Methods {
    check_count(names.len(), MAX_METHODS, path, violations);
    for (at, name) in names.iter().enumerate().take(MAX_METHODS) {
        if let Err(err) = Methods::parse([name.as_str()]) {
            violations.add(&path.item(at), err);
        }
    }
    Methods::parse(names.iter().map(String::as_str)).unwrap_or_default()
}

/// What conditions are on.
#[derive(Clone, Copy)]
enum Kind {
    Header,
    Query,
}

fn conditions<'w>(
    wire: &'w [pb::Condition],
    kind: Kind,
    path: &Path<'_>,
    violations: &mut Violations,
) -> Vec<(&'w str, Test)> {
    let items = wire.iter().enumerate().take(MAX_CONDITIONS);
    items.filter_map(|(at, wire)| condition(wire, kind, &path.item(at), violations)).collect()
}

fn condition<'w>(
    wire: &'w pb::Condition,
    kind: Kind,
    path: &Path<'_>,
    violations: &mut Violations,
) -> Option<(&'w str, Test)> {
    let pb::Condition { name, test } = wire;
    if let Err(err) = check_name(name, kind) {
        violations.add(&path.field("name"), format_args!("{} {err}", Shown(name)));
    }
    let test = self::test(test.as_ref(), kind, path, violations)?;
    Some((name, test))
}

fn check_name(name: &str, kind: Kind) -> Result<(), MatchError> {
    check_length(name)?;
    match kind {
        Kind::Header if name.is_empty() || HeaderName::try_from(name).is_err() => Err(MatchError::HeaderName),
        Kind::Query if name.is_empty() => Err(MatchError::Empty),
        Kind::Header | Kind::Query => Ok(()),
    }
}

fn test(wire: Option<&pb::condition::Test>, kind: Kind, path: &Path<'_>, violations: &mut Violations) -> Option<Test> {
    use pb::condition::Test as Wire;
    match wire {
        Some(Wire::Exact(text)) => {
            let checked = check_length(text).map_err(|err| err.to_string()).and_then(|()| check_value(text, kind));
            noted(checked, text, &path.field("exact"), violations).map(|()| Test::Exact(text.as_str().into()))
        }
        Some(Wire::Present(true)) => Some(Test::Present),
        Some(Wire::Present(false)) => {
            violations.add(&path.field("present"), "is false; say true, or leave the condition out");
            None
        }
        Some(Wire::Prefix(text)) => {
            let checked = check_prefix(text).map_err(|err| err.to_string()).and_then(|()| check_value(text, kind));
            noted(checked, text, &path.field("prefix"), violations).map(|()| Test::Prefix(text.as_str().into()))
        }
        Some(Wire::Regex(text)) => noted(Pattern::parse(text), text, &path.field("regex"), violations).map(Test::Regex),
        None => {
            violations.add(path, "says nothing of the value; give one of exact, present, prefix and regex");
            None
        }
    }
}

fn check_length(text: &str) -> Result<(), MatchError> {
    if text.len() > MAX_PATTERN { Err(MatchError::TooLong) } else { Ok(()) }
}

fn check_prefix(text: &str) -> Result<(), MatchError> {
    if text.is_empty() { Err(MatchError::Empty) } else { check_length(text) }
}

/// What no field's value is like would never match: it comes in one line, and without the white space
/// around it (RFC 9110 section 5.5).
fn check_value(text: &str, kind: Kind) -> Result<(), String> {
    match kind {
        Kind::Header if text.contains(|c: char| c.is_ascii_control() && c != '\t') => {
            Err("holds a control character, which no header field does; leave it out".into())
        }
        Kind::Header if text.starts_with([' ', '\t']) => {
            Err("begins with white space, which is no part of a header field's value; leave it out".into())
        }
        Kind::Header | Kind::Query => Ok(()),
    }
}
