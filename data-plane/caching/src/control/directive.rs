//! The syntax of `Cache-Control` (RFC 9111 section 5.2), and of what is not quite it.

use std::time::Duration;

use crate::{
    list::{closing, is_token, is_token_byte, quoted_members},
    time::{FOREVER, delta_seconds},
};

/// One member of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Directive<'a> {
    /// As it was sent: to be compared without regard to case.
    pub name: &'a [u8],
    pub argument: Argument<'a>,
}

/// What is behind the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Argument<'a> {
    Absent,
    /// As it was sent.
    Token(&'a [u8]),
    /// Between the quotes, with its escapes.
    Quoted(&'a [u8]),
    /// The integer of a structured field.
    Integer(i64),
    /// Something that the grammar does not allow: the directive is there, and nobody knows what it says.
    Malformed,
}

impl Argument<'_> {
    /// The number of seconds, in either form: senders ought to use the one, and recipients to take both.
    pub(super) fn seconds(self) -> Option<Duration> {
        match self {
            Self::Token(text) | Self::Quoted(text) => delta_seconds(text),
            Self::Integer(seconds) => Some(Duration::from_secs(u64::try_from(seconds).ok()?).min(FOREVER)),
            Self::Absent | Self::Malformed => None,
        }
    }
}

/// The directives of a field line, in time that is linear in its length.
///
/// What is malformed hides no directive: the name counts up to the first byte that names do not have
/// (`no-store; max-age=9` is a `no-store`).
pub(super) fn directives(line: &[u8]) -> impl Iterator<Item = Directive<'_>> {
    quoted_members(line, b"").filter_map(read)
}

fn read(member: &[u8]) -> Option<Directive<'_>> {
    let end = member.iter().position(|byte| !is_token_byte(*byte)).unwrap_or(member.len());
    let (name, rest) = member.split_at(end);
    let argument = match rest {
        [] => Argument::Absent,
        [b'=', b'"', quoted @ ..] => match closing(quoted) {
            Some(end) if end + 1 == quoted.len() => Argument::Quoted(&quoted[..end]),
            Some(_) | None => Argument::Malformed,
        },
        [b'=', token @ ..] if is_token(token) => Argument::Token(token),
        _ => Argument::Malformed,
    };
    (!name.is_empty()).then_some(Directive { name, argument })
}

#[cfg(test)]
mod tests {
    use super::{Argument::*, *};

    fn of(line: &str) -> Vec<(&str, Argument<'_>)> {
        directives(line.as_bytes()).map(|each| (str::from_utf8(each.name).unwrap(), each.argument)).collect()
    }

    #[test]
    fn names_have_tokens_or_quoted_strings_or_nothing() {
        let line = "no-store,max-age=60 ,\t private=\"a, b\", , x=\"\\\"\", y=\"\"";
        let expected = [
            ("no-store", Absent),
            ("max-age", Token(b"60")),
            ("private", Quoted(b"a, b")),
            ("x", Quoted(b"\\\"")),
            ("y", Quoted(b"")),
        ];
        assert_eq!(of(line), expected);
        assert_eq!(of(""), []);
        assert_eq!(of(" , ,"), []);
    }

    #[test]
    fn malformed_arguments_do_not_hide_names() {
        for line in ["a=", "a =1", "a= 1", "a=1 2", "a;b", "a b", "a=\"1\"2", "a=(1)", "a=\"1", "a=\"\\\"", "a=ä"] {
            assert_eq!(of(line)[0], ("a", Malformed), "{line}");
        }
        for line in ["=1", "\"a\"", ";", "(a)"] {
            assert_eq!(of(line), [], "{line}");
        }
    }

    #[test]
    fn an_unclosed_quote_quotes_nothing() {
        assert_eq!(of("x=\"1, no-store"), [("x", Malformed), ("no-store", Absent)]);
        let malformed = [("x", Malformed), ("no-store", Absent), ("z", Malformed)];
        for line in
            ["x=\"1, no-store, z=\"2\"3", "x\"1, no-store, z\"", "x=\"1, no-store, z=\"2", "x=1\", no-store, z=\"2"]
        {
            assert_eq!(of(line), malformed, "{line}");
        }
        assert_eq!(of("x=\"1, no-store\", z=\"2"), [("x", Quoted(b"1, no-store")), ("z", Malformed)]);
    }
}
