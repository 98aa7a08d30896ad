//! The normal form of paths, in which they are compared.

use std::{borrow::Cow, iter};

use memchr::{memchr2_iter, memrchr};

/// The path in its normal form (RFC 3986 section 6.2.2), so that spellings of one path take one route.
///
/// Percent-encoded unreserved characters are decoded, the hexadecimal digits of the others are in
/// upper case, and dot segments are removed (section 5.2.4), encoded ones too. Everything else stays
/// byte for byte: `%2F` is no slash, `//` holds an empty segment, and `%zz` encodes nothing. Nothing
/// is decoded into an escape that was not there: `%%32e` does not become `%2e`.
///
/// The result is never longer, and normalising it again changes nothing. Nothing is allocated for a
/// path in normal form, nor for one that does not begin with `/`, which stays as it is.
#[must_use]
pub fn normalize(path: &[u8]) -> Cow<'_, [u8]> {
    let is_normal = !path.starts_with(b"/") || !memchr2_iter(b'%', b'.', path).any(|at| changes(path, at));
    if is_normal { Cow::Borrowed(path) } else { Cow::Owned(rewrite(path)) }
}

/// Whether normalising touches the `%` or the `.` at this place.
fn changes(path: &[u8], at: usize) -> bool {
    if path[at] == b'%' {
        return escaped(path, at)
            .is_some_and(|byte| is_unreserved(byte) || path[at + 1..at + 3].iter().any(u8::is_ascii_lowercase));
    }
    path[..at].ends_with(b"/") && matches!(&path[at + 1..], [] | [b'/', ..] | [b'.'] | [b'.', b'/', ..])
}

fn rewrite(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    let mut at = 0;
    while let Some(&byte) = path.get(at) {
        match escaped(path, at) {
            Some(decoded) if is_unreserved(decoded) && !completes_escape(&out, decoded) => out.push(decoded),
            Some(_) => out.extend(path[at..at + 3].iter().map(u8::to_ascii_uppercase)),
            None => {
                if byte == b'/' {
                    close_segment(&mut out);
                }
                out.push(byte);
                at += 1;
                continue;
            }
        }
        at += 3;
    }
    if close_segment(&mut out) {
        out.push(b'/');
    }
    out
}

/// Removes the last segment if it is a dot segment, with the one before it if it is `..`, each with
/// the slash in front; whether there was one.
fn close_segment(out: &mut Vec<u8>) -> bool {
    let Some(slash) = memrchr(b'/', out) else { return false };
    let keep = match &out[slash + 1..] {
        b"." => slash,
        b".." => memrchr(b'/', &out[..slash]).unwrap_or(0),
        _ => return false,
    };
    out.truncate(keep);
    true
}

/// Whether this byte would make an escape of a `%` that is none. A `%` among the last two bytes is no
/// escape, which would have three.
fn completes_escape(out: &[u8], byte: u8) -> bool {
    byte.is_ascii_hexdigit() && matches!(out, [.., b'%'] | [.., b'%', b'0'..=b'9' | b'A'..=b'F' | b'a'..=b'f'])
}

/// What the escape at this place encodes, if there is one.
pub(crate) fn escaped(text: &[u8], at: usize) -> Option<u8> {
    let [b'%', high, low] = *text.get(at..at + 3)? else { return None };
    Some(hex(high)? << 4 | hex(low)?)
}

/// The bytes with each escape as what it encodes; `+` is a space in queries, and itself in paths.
pub(crate) fn decoded(text: &[u8], plus: u8) -> impl Iterator<Item = u8> {
    let mut at = 0;
    iter::from_fn(move || {
        let byte = *text.get(at)?;
        let escaped = escaped(text, at);
        at += if escaped.is_some() { 3 } else { 1 };
        Some(escaped.unwrap_or(if byte == b'+' { plus } else { byte }))
    })
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// RFC 3986 section 2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}
