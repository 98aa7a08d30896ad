//! Reading what takes the place of a path.

use std::fmt;

use gateway_proto::violation::{Path, Shown, Violations};

use crate::{
    MatchError, PathKind, PathMatcher,
    matcher::{check_path, without_slash},
    route::{PathRewrite, Piece},
};

/// What is wrong with a path that takes the place of another, as a sentence to follow it.
enum Wrong {
    /// What is wrong with any path.
    Path(MatchError),
    /// Only a prefix, or the one path there is, has something that takes its place.
    NoPrefix,
    /// A parameter in what is no template.
    Brace,
    /// A brace without the other one, or without a proper name between them.
    Parameter,
    /// A parameter that nothing gives a value.
    Unknown(String),
    /// What is in front of or behind a parameter could make something else of its value.
    Touches(String),
    /// A `%` that encodes nothing, which could with what comes behind it.
    Percent,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(err) => err.fmt(f),
            Self::NoPrefix => f.write_str(
                "takes the place of a prefix, but the route matches by none; \
                 match by a prefix or an exact path, or replace the whole path",
            ),
            Self::Brace => f.write_str("holds a brace; only what replaces the whole path has parameters"),
            Self::Parameter => f.write_str(
                "has a brace that is no parameter such as {id}, named with letters, digits and '_'; \
                 a brace that is meant is %7B or %7D",
            ),
            Self::Unknown(name) => write!(
                f,
                "has {{{name}}}, which is no parameter of the template that the route matches; use one that it has"
            ),
            Self::Touches(name) => write!(
                f,
                "has {{{name}}} with a letter, a digit or a parameter right behind it; put '/', '-' or '.' between"
            ),
            Self::Percent => f.write_str("has a '%' without two hexadecimal digits behind it; write %25"),
        }
    }
}

/// What takes the place of the prefix that is `matched`, unless something is wrong with that.
pub(super) fn prefix(
    text: &str,
    matched: Option<&PathMatcher>,
    path: &Path<'_>,
    violations: &mut Violations,
) -> Option<PathRewrite> {
    let has_prefix = matched.is_none_or(|matched| match matched.kind() {
        PathKind::Prefix | PathKind::Exact => true,
        PathKind::Any | PathKind::Regex | PathKind::Template => false,
    });
    let checked = if text.contains(['{', '}']) { Err(Wrong::Brace) } else { check(text) };
    let checked = checked.and(if has_prefix { Ok(()) } else { Err(Wrong::NoPrefix) });
    let prefix = checked.and_then(|()| without_slash(text).map_err(Wrong::Path));
    let rewrite = prefix.map(|prefix| PathRewrite::Prefix(prefix.into()));
    noted(rewrite, text, path, violations)
}

/// What takes the place of the whole path that is `matched`, unless something is wrong with that.
pub(super) fn whole(
    text: &str,
    matched: Option<&PathMatcher>,
    path: &Path<'_>,
    violations: &mut Violations,
) -> Option<PathRewrite> {
    let pieces = check(text).and_then(|()| pieces(text, matched));
    noted(pieces.map(|pieces| PathRewrite::Whole(pieces.into())), text, path, violations)
}

fn noted<T>(read: Result<T, Wrong>, text: &str, path: &Path<'_>, violations: &mut Violations) -> Option<T> {
    read.map_err(|wrong| violations.add(path, format_args!("{} {wrong}", Shown(text)))).ok()
}

/// Nothing but what a path in normal form holds, so that what is sent is in normal form too.
fn check(text: &str) -> Result<(), Wrong> {
    check_path(text).map_err(Wrong::Path)?;
    let mut escapes = text.split('%').skip(1).map(|after| after.as_bytes().get(..2));
    let is_escape = |digits: Option<&[u8]>| digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
    if escapes.all(is_escape) { Ok(()) } else { Err(Wrong::Percent) }
}

fn pieces(text: &str, matched: Option<&PathMatcher>) -> Result<Vec<Piece>, Wrong> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((literal, behind)) = rest.split_once('{') {
        let (name, after) = behind.split_once('}').ok_or(Wrong::Parameter)?;
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if literal.contains('}') || !is_name {
            return Err(Wrong::Parameter);
        }
        if matched.is_some_and(|matched| !matched.has_parameter(name)) {
            return Err(Wrong::Unknown(name.to_owned()));
        }
        // A segment may end in a '%', which is not to become an escape.
        if after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '{') {
            return Err(Wrong::Touches(name.to_owned()));
        }
        pieces.extend((!literal.is_empty()).then(|| Piece::Literal(literal.into())));
        pieces.push(Piece::Parameter(name.into()));
        rest = after;
    }
    if rest.contains('}') {
        return Err(Wrong::Parameter);
    }
    pieces.extend((!rest.is_empty()).then(|| Piece::Literal(rest.into())));
    Ok(pieces)
}
