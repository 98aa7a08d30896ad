//! What paths a route is for.

use std::{
    collections::BTreeSet,
    fmt,
    hash::{Hash, Hasher},
};

use smol_str::SmolStr;

use super::{MAX_PATTERN, MAX_SEGMENTS, MatchError, Pattern};
use crate::path::normalize;

/// The kinds of [`PathMatcher`], in the order of precedence, last first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PathKind {
    /// Every path.
    Any,
    /// Those that a regular expression is found in.
    Regex,
    /// One path and all below it.
    Prefix,
    /// Those that have the same segments but for parameters.
    Template,
    /// One path.
    Exact,
}

/// The paths that a route is for, in normal form. Two are equal if they are of one kind and match the
/// same paths: the names of parameters do not count.
#[derive(Debug, Clone)]
pub struct PathMatcher {
    kind: PathKind,
    /// Of a prefix, without the slash at its end; of an expression, nothing. Where it is short, it is no
    /// memory of its own: most are.
    text: SmolStr,
    pattern: Option<Pattern>,
}

/// A segment of a path that is matched by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Segment<'a> {
    Literal(&'a str),
    Parameter,
}

impl Default for PathMatcher {
    fn default() -> Self {
        Self { kind: PathKind::Any, text: SmolStr::default(), pattern: None }
    }
}

impl PathMatcher {
    /// One path, such as `/users/me`.
    ///
    /// # Errors
    /// It does not begin with `/`, is not in normal form, holds what no path does, is longer than
    /// [`MAX_PATTERN`] or has more than [`MAX_SEGMENTS`]; so for the others.
    pub fn exact(text: &str) -> Result<Self, MatchError> {
        check_literal(text)?;
        Ok(Self { kind: PathKind::Exact, text: text.into(), pattern: None })
    }

    /// A path and all below it: `/users` covers `/users`, `/users/` and `/users/me`, but not
    /// `/usersx`. A slash at the end means nothing.
    ///
    /// # Errors
    /// As for [`PathMatcher::exact`]; or it ends in more than one slash.
    pub fn prefix(text: &str) -> Result<Self, MatchError> {
        check_literal(text)?;
        Ok(Self { kind: PathKind::Prefix, text: without_slash(text)?.into(), pattern: None })
    }

    /// A path with parameters, such as `/users/{id}/orders`. A parameter is one whole segment, which
    /// must not be empty.
    ///
    /// # Errors
    /// As for [`PathMatcher::exact`]; or there is no parameter, one that is not a whole segment, or two
    /// of one name.
    pub fn template(text: &str) -> Result<Self, MatchError> {
        check(text)?;
        let mut names = BTreeSet::new();
        for segment in segments(text).filter(|segment| segment.contains(['{', '}'])) {
            let name = parameter(segment).ok_or_else(|| MatchError::Parameter(segment.to_owned()))?;
            if !names.insert(name) {
                return Err(MatchError::Twice(name.to_owned()));
            }
        }
        if names.is_empty() {
            return Err(MatchError::NoParameter);
        }
        Ok(Self { kind: PathKind::Template, text: text.into(), pattern: None })
    }

    /// Paths in which a regular expression is found; see [`Pattern`]. `^` and `$` anchor it.
    ///
    /// # Errors
    /// As for [`Pattern::parse`].
    pub fn regex(text: &str) -> Result<Self, MatchError> {
        let pattern = Some(Pattern::parse(text)?);
        Ok(Self { kind: PathKind::Regex, text: SmolStr::default(), pattern })
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> PathKind {
        self.kind
    }

    /// The text as it would be written; empty for every path.
    #[must_use]
    pub fn text(&self) -> &str {
        match (&self.pattern, self.kind) {
            (Some(pattern), _) => pattern.as_str(),
            (None, PathKind::Prefix) if self.text.is_empty() => "/",
            (None, _) => &self.text,
        }
    }

    /// Whether a path in normal form is meant.
    #[must_use]
    pub fn matches(&self, path: &[u8]) -> bool {
        let is_below = |rest: &[u8]| rest.is_empty() || rest.starts_with(b"/");
        match self.kind {
            PathKind::Any => true,
            PathKind::Exact => path == self.text.as_bytes(),
            PathKind::Prefix => path.starts_with(b"/") && path.strip_prefix(self.text.as_bytes()).is_some_and(is_below),
            PathKind::Template => self.fits(path),
            PathKind::Regex => self.pattern.as_ref().is_some_and(|pattern| pattern.matches(path)),
        }
    }

    fn fits(&self, path: &[u8]) -> bool {
        let mut rest = path.split(|byte| *byte == b'/').skip(1);
        let fits = self.segments().all(|segment| match (segment, rest.next()) {
            (Segment::Literal(literal), Some(there)) => literal.as_bytes() == there,
            (Segment::Parameter, Some(there)) => !there.is_empty(),
            (_, None) => false,
        });
        fits && rest.next().is_none() && path.starts_with(b"/")
    }

    /// The segment that a template's parameter stands for in a path in normal form that it matches.
    pub(crate) fn parameter<'p>(&self, name: &str, path: &'p [u8]) -> Option<&'p [u8]> {
        if self.kind != PathKind::Template {
            return None;
        }
        let at = segments(&self.text).position(|segment| parameter(segment) == Some(name))?;
        path.split(|byte| *byte == b'/').skip(1).nth(at)
    }

    /// What of a path that it matches is behind what it is matched by; the whole path where that has no
    /// end.
    pub(crate) fn rest<'p>(&self, path: &'p [u8]) -> &'p [u8] {
        match self.kind {
            PathKind::Exact => b"",
            PathKind::Prefix => path.strip_prefix(self.text.as_bytes()).unwrap_or(path),
            PathKind::Any | PathKind::Regex | PathKind::Template => path,
        }
    }

    /// The segments of an exact path, a prefix or a template.
    pub(crate) fn segments(&self) -> impl Iterator<Item = Segment<'_>> {
        segments(&self.text).map(|segment| match parameter(segment) {
            Some(_) => Segment::Parameter,
            None => Segment::Literal(segment),
        })
    }

    /// Whether it is a template with a parameter of this name.
    pub(crate) fn has_parameter(&self, name: &str) -> bool {
        self.kind == PathKind::Template && segments(&self.text).any(|segment| parameter(segment) == Some(name))
    }

    pub(crate) fn pattern(&self) -> Option<&Pattern> {
        self.pattern.as_ref()
    }

    /// The whole segments that each path begins with in which the expression is found.
    pub(crate) fn regex_segments(&self) -> impl Iterator<Item = &[u8]> {
        let start = self.pattern.as_ref().map_or(&b""[..], Pattern::start);
        let whole = start.iter().rposition(|byte| *byte == b'/').map_or(&b""[..], |end| &start[..end]);
        whole.split(|byte| *byte == b'/').skip(1).take(MAX_SEGMENTS)
    }
}

impl fmt::Display for PathMatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.text();
        match self.kind {
            PathKind::Any => f.write_str("every path"),
            PathKind::Exact => write!(f, "exact {text}"),
            PathKind::Prefix => write!(f, "prefix {text}"),
            PathKind::Template => write!(f, "template {text}"),
            PathKind::Regex => write!(f, "regex {text}"),
        }
    }
}

impl PartialEq for PathMatcher {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind && self.pattern == other.pattern && self.segments().eq(other.segments())
    }
}

impl Eq for PathMatcher {}

impl Hash for PathMatcher {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.kind.hash(state);
        self.pattern.hash(state);
        self.segments().for_each(|segment| segment.hash(state));
    }
}

fn segments(text: &str) -> impl Iterator<Item = &str> {
    text.split('/').skip(1)
}

/// The name in `{name}`.
fn parameter(segment: &str) -> Option<&str> {
    let name = segment.strip_prefix('{')?.strip_suffix('}')?;
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name.then_some(name)
}

fn check_literal(text: &str) -> Result<(), MatchError> {
    if text.contains(['{', '}']) {
        return Err(MatchError::Brace);
    }
    check(text)
}

/// What holds for all that is matched by but regular expressions.
fn check(text: &str) -> Result<(), MatchError> {
    check_path(text)?;
    if segments(text).any(|segment| segment == "*") { Err(MatchError::Star) } else { Ok(()) }
}

/// A prefix without the slash at its end. There is but one, so that what is left reads as the same again.
pub(crate) fn without_slash(prefix: &str) -> Result<&str, MatchError> {
    let text = prefix.strip_suffix('/').unwrap_or(prefix);
    if text.ends_with('/') { Err(MatchError::Slashes) } else { Ok(text) }
}

/// What holds for every path that is written down.
pub(crate) fn check_path(text: &str) -> Result<(), MatchError> {
    if text.len() > MAX_PATTERN {
        return Err(MatchError::TooLong);
    }
    if !text.starts_with('/') {
        return Err(if text.is_empty() { MatchError::Empty } else { MatchError::NoSlash });
    }
    match text.chars().find(|c| !c.is_ascii_graphic() || matches!(c, '?' | '#')) {
        Some(c @ ('?' | '#')) => return Err(MatchError::BehindPath(c)),
        Some(c) => return Err(MatchError::Character(c)),
        None => {}
    }
    if segments(text).count() > MAX_SEGMENTS {
        return Err(MatchError::Segments);
    }
    let normal = normalize(text.as_bytes());
    if *normal == *text.as_bytes() {
        return Ok(());
    }
    Err(MatchError::NotNormal(String::from_utf8_lossy(&normal).into_owned()))
}
