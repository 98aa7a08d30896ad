//! Parameters of queries that are taken out, and nothing else of them touched.

use std::iter;

/// The values of a parameter, as they stand. Its name may be percent-encoded: servers decode it.
pub(crate) fn values<'q>(query: &'q [u8], name: &str) -> impl Iterator<Item = &'q [u8]> {
    pairs(query).filter(move |pair| is_named(pair, name)).map(|pair| {
        let equals = memchr::memchr(b'=', pair);
        equals.map_or(&b""[..], |equals| &pair[equals + 1..])
    })
}

/// Takes a parameter out of what is behind the `?` of a target, and with the last parameter the `?`, too.
/// What stays is moved to the front; tells how much that is.
pub(crate) fn forget(target: &mut [u8], name: &str) -> usize {
    let Some(question) = memchr::memchr(b'?', target) else { return target.len() };
    if !pairs(&target[question + 1..]).any(|pair| is_named(pair, name)) {
        return target.len();
    }
    let (mut at, mut end) = (question + 1, question + 1);
    while at <= target.len() {
        let length = memchr::memchr(b'&', &target[at..]).unwrap_or(target.len() - at);
        if !is_named(&target[at..at + length], name) {
            if end > question + 1 {
                target[end] = b'&';
                end += 1;
            }
            target.copy_within(at..at + length, end);
            end += length;
        }
        at += length + 1;
    }
    if end == question + 1 { question } else { end }
}

fn pairs(query: &[u8]) -> impl Iterator<Item = &[u8]> {
    query.split(|byte| *byte == b'&')
}

fn is_named(pair: &[u8], name: &str) -> bool {
    let there = &pair[..memchr::memchr(b'=', pair).unwrap_or(pair.len())];
    there.len() >= name.len() && decoded(there).eq(name.bytes())
}

/// With each escape as what it encodes (RFC 3986 section 2.1).
fn decoded(text: &[u8]) -> impl Iterator<Item = u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut at = 0;
    iter::from_fn(move || {
        let byte = *text.get(at)?;
        let escaped = match text.get(at..at + 3) {
            Some([b'%', high, low]) => digit(*high).zip(digit(*low)).map(|(high, low)| high << 4 | low),
            Some(_) | None => None,
        };
        at += if escaped.is_some() { 3 } else { 1 };
        Some(escaped.unwrap_or(byte))
    })
}

#[cfg(test)]
mod tests {
    use super::{forget, values};

    #[test]
    fn a_parameter_goes_wherever_it_stands_and_nothing_else_changes() {
        for (target, left) in [
            ("/a?key=1", "/a"),
            ("/a?key", "/a"),
            ("/a?key=1&b=2", "/a?b=2"),
            ("/a?b=2&key=1", "/a?b=2"),
            ("/a?b=%26&key=1&c=?&key=2&d", "/a?b=%26&c=?&d"),
            ("/a?%6bey=1&KEY=2&keys=3&xkey=4", "/a?KEY=2&keys=3&xkey=4"),
            ("/a?k%65y=1", "/a"),
            ("/a?b&&key=1&", "/a?b&&"),
            ("/a?", "/a?"),
            ("/key=1", "/key=1"),
            ("?key=1", ""),
            ("/a?%", "/a?%"),
            ("/a?%zzkey=1", "/a?%zzkey=1"),
        ] {
            let mut bytes = target.as_bytes().to_vec();
            let length = forget(&mut bytes, "key");
            assert_eq!(String::from_utf8_lossy(&bytes[..length]), left, "{target}");
        }
    }

    #[test]
    fn values_are_as_they_stand() {
        let found: Vec<_> = values(b"key=%31&b=2&%6Bey=&key&key==", "key").collect();
        assert_eq!(found, [&b"%31"[..], b"", b"", b"="]);
    }
}
