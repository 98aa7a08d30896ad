//! Paths that two programs may read as two different paths.

use std::fmt;

use crate::path::{decoded, escaped};

/// Why an upstream may read a path differently from the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ambiguity {
    /// `%2F`: a slash to programs that decode before they split.
    EncodedSlash,
    /// `%5C`: a slash to some, once it is decoded.
    EncodedBackslash,
    /// `\`: a slash to some.
    Backslash,
    /// `//`: one slash to some.
    EmptySegment,
    /// `.` or `..` as a segment, encoded or not: removed by some, looked up by others.
    DotSegment,
    /// `..;`, with or without more: a dot segment to programs that cut parameters off segments.
    DotsWithParameter,
    /// `;` or `%3B` in another segment: Java servers cut it off with what follows, some of them once it is
    /// decoded, so that `/admin;x` is `/admin`.
    Parameter,
    /// `%3F` or `%23`: the end of the path to programs that decode it and pass it on as a target.
    EncodedDelimiter,
    /// `%25`: another escape to programs that decode twice.
    EncodedPercent,
    /// `%00` to `%1F` and `%7F`: the end of the path, or of a line, to some.
    EncodedControl,
    /// A `%` without two hexadecimal digits behind it.
    InvalidEncoding,
    /// What is encoded is no UTF-8 (RFC 3629), such as `%C0%AF`: a slash to careless decoders.
    NotUtf8,
}

impl Ambiguity {
    /// What is wrong, as a sentence.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::EncodedSlash => "the path holds an encoded slash",
            Self::EncodedBackslash => "the path holds an encoded backslash",
            Self::Backslash => "the path holds a backslash",
            Self::EmptySegment => "the path holds an empty segment",
            Self::DotSegment => "the path holds a dot segment",
            Self::DotsWithParameter => "the path holds a dot segment with a parameter",
            Self::Parameter => "the path holds a segment with a parameter",
            Self::EncodedDelimiter => "the path holds an encoded question mark or number sign",
            Self::EncodedPercent => "the path holds an encoded percent sign",
            Self::EncodedControl => "the path holds an encoded control character",
            Self::InvalidEncoding => "the path holds a '%' that is not followed by two hexadecimal digits",
            Self::NotUtf8 => "the path is not UTF-8 once it is decoded",
        }
    }
}

impl fmt::Display for Ambiguity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

/// A reason why the path, as the client sent it, may be read in two ways; `None` if there is none. For
/// policies that refuse such requests: routing itself is certain either way.
///
/// What only some file systems take for one another (case, dots and spaces at the end of a name) is not
/// among them, nor is what is one character to people and another to URLs, such as a fullwidth slash.
#[must_use]
pub fn ambiguity(path: &[u8]) -> Option<Ambiguity> {
    let at_first = (0..path.len()).find_map(|at| match path[at] {
        b'/' => of_segment(&path[at + 1..]),
        b'\\' => Some(Ambiguity::Backslash),
        b';' => Some(Ambiguity::Parameter),
        b'%' => of_escape(path, at),
        _ => None,
    });
    at_first.or_else(|| (!is_utf8(path)).then_some(Ambiguity::NotUtf8))
}

fn is_utf8(path: &[u8]) -> bool {
    let decoded = || decoded(path, b'+');
    decoded().all(|byte| byte.is_ascii()) || str::from_utf8(&decoded().collect::<Vec<_>>()).is_ok()
}

/// What is wrong with the segment that begins here.
fn of_segment(rest: &[u8]) -> Option<Ambiguity> {
    let dot = |rest: &[u8]| match rest {
        [b'.', ..] => 1,
        [b'%', b'2', b'e' | b'E', ..] => 3,
        _ => 0,
    };
    let first = dot(rest);
    let after = first + dot(&rest[first..]);
    match &rest[after..] {
        [b'/', ..] if after == 0 => Some(Ambiguity::EmptySegment),
        _ if after == 0 => None,
        [] | [b'/', ..] => Some(Ambiguity::DotSegment),
        [b';', ..] | [b'%', b'3', b'b' | b'B', ..] => Some(Ambiguity::DotsWithParameter),
        _ => None,
    }
}

fn of_escape(path: &[u8], at: usize) -> Option<Ambiguity> {
    match escaped(path, at) {
        None => Some(Ambiguity::InvalidEncoding),
        Some(b'/') => Some(Ambiguity::EncodedSlash),
        Some(b'\\') => Some(Ambiguity::EncodedBackslash),
        Some(b';') => Some(Ambiguity::Parameter),
        Some(b'?' | b'#') => Some(Ambiguity::EncodedDelimiter),
        Some(b'%') => Some(Ambiguity::EncodedPercent),
        Some(..0x20 | 0x7f) => Some(Ambiguity::EncodedControl),
        Some(_) => None,
    }
}
