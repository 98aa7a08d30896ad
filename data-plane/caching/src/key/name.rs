//! Names of query parameters and cookies, as an origin may read them.

use std::iter;

/// The name of a `name=value` pair, as it was sent.
pub(super) fn of(pair: &[u8]) -> &[u8] {
    pair.split(|byte| *byte == b'=').next().unwrap_or_default()
}

/// Whether some origin takes this name for the one that is known.
///
/// Origins differ in what they make of names: they decode escapes, take off spaces around them, ignore case,
/// end at `[` or a NUL, and turn dots and spaces into underscores. Whatever comes out as the known name in
/// one of these ways is meant: two keys for one response do no harm, and one key for two does.
pub(super) fn is_same(known: &[u8], name: &[u8]) -> bool {
    folded(known).eq(folded(name)) || folded(known).eq(folded(name.trim_ascii_end()))
}

fn folded(name: &[u8]) -> impl Iterator<Item = u8> {
    let spaced = decoded(name).skip_while(|byte| byte.is_ascii_whitespace());
    spaced.take_while(|byte| !matches!(byte, b'[' | 0)).map(|byte| match byte {
        b'.' | b' ' => b'_',
        _ => byte.to_ascii_lowercase(),
    })
}

fn decoded(text: &[u8]) -> impl Iterator<Item = u8> {
    let mut at = 0;
    iter::from_fn(move || {
        let byte = *text.get(at)?;
        let escaped = text.get(at + 1..at + 3).filter(|_| byte == b'%').and_then(escaped);
        at += if escaped.is_some() { 3 } else { 1 };
        Some(escaped.unwrap_or(if byte == b'+' { b' ' } else { byte }))
    })
}

fn escaped(digits: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(digits[at]).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(0)? << 4 | digit(1)?)
}
