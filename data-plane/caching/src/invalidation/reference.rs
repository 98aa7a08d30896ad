//! References, resolved against the target of a request (RFC 3986 section 5.2).

use std::borrow::Cow;

use super::Invalid;
use crate::key::{Target, without_default_port};

/// What a reference means, if it is of the target's own origin (RFC 9110 section 4.3.1).
pub(super) fn resolve<'a>(reference: &'a [u8], target: &Target<'a>) -> Option<Invalid<'a>> {
    // White space and control bytes are not in URIs; who knows what others make of them.
    if reference.iter().any(|byte| !byte.is_ascii_graphic()) {
        return None;
    }
    let (reference, _fragment) = cut(reference, b'#');
    let rest = match scheme_of(reference) {
        Some(scheme) if scheme.eq_ignore_ascii_case(target.scheme.name()) => &reference[scheme.len() + 1..],
        Some(_) => return None,
        None => reference,
    };
    let has_scheme = rest.len() < reference.len();
    match rest.strip_prefix(b"//") {
        Some(rest) => of_authority(rest, target),
        None if has_scheme => None,
        None => Some(relative(rest, target)),
    }
}

/// Behind the two slashes.
fn of_authority<'a>(rest: &'a [u8], target: &Target<'a>) -> Option<Invalid<'a>> {
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    let same = |one: &[u8], other: &[u8]| {
        without_default_port(target.scheme, one).eq_ignore_ascii_case(without_default_port(target.scheme, other))
    };
    let (path, query) = cut(rest, b'?');
    let path = if path.is_empty() { Cow::Borrowed(&b"/"[..]) } else { without_dots(Cow::Borrowed(path)) };
    same(authority, target.authority).then_some(Invalid { path, query })
}

fn relative<'a>(reference: &'a [u8], target: &Target<'a>) -> Invalid<'a> {
    match cut(reference, b'?') {
        (b"", query) => Invalid { path: Cow::Borrowed(target.path), query: query.or(target.query) },
        (path, query) if path.starts_with(b"/") => Invalid { path: without_dots(Cow::Borrowed(path)), query },
        (path, query) => {
            let folder = target.path.iter().rposition(|byte| *byte == b'/').map_or(&b"/"[..], |at| &target.path[..=at]);
            Invalid { path: without_dots(Cow::Owned([folder, path].concat())), query }
        }
    }
}

/// Before the first of these bytes, and behind it if there is one.
fn cut(text: &[u8], at: u8) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(|byte| *byte == at) {
        Some(place) => (&text[..place], Some(&text[place + 1..])),
        None => (text, None),
    }
}

fn scheme_of(reference: &[u8]) -> Option<&[u8]> {
    let end = reference.iter().position(|byte| matches!(byte, b':' | b'/' | b'?'))?;
    let is_scheme = reference[end] == b':'
        && reference[..end].iter().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte));
    (is_scheme && reference.first().is_some_and(u8::is_ascii_alphabetic)).then(|| &reference[..end])
}

/// RFC 3986 section 5.2.4.
fn without_dots(path: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    let is_dots = |segment: &[u8]| matches!(segment, b"." | b"..");
    if !path.split(|byte| *byte == b'/').any(is_dots) {
        return path;
    }
    let mut kept: Vec<&[u8]> = Vec::new();
    let mut segments = path.split(|byte| *byte == b'/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        if segment == b".." {
            kept.pop();
        }
        match is_dots(segment) {
            false => kept.push(segment),
            true if is_last => kept.push(b""),
            true => {}
        }
    }
    let mut out = Vec::with_capacity(path.len());
    for segment in kept {
        out.push(b'/');
        out.extend(segment);
    }
    Cow::Owned(out)
}
