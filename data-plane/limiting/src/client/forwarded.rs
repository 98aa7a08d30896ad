//! `Forwarded` (RFC 7239 section 4), as far as it says for whom.

use std::net::IpAddr;

use super::{address, trim};

/// Calls `hop` for each element with the address that it is for; `None` where it says none, or hides it,
/// or cannot be read. What follows something unreadable cannot be read either.
pub(super) fn each_for(value: &[u8], mut hop: impl FnMut(Option<IpAddr>)) {
    let mut rest = value;
    loop {
        match element(rest) {
            Some((found, behind)) => {
                hop(found);
                match behind {
                    Some(behind) => rest = behind,
                    None => return,
                }
            }
            None => return hop(None),
        }
    }
}

/// Whom an element is for.
type Node = Option<IpAddr>;

/// Reads one element; what is behind its comma, if there is one.
fn element(text: &[u8]) -> Option<(Node, Option<&[u8]>)> {
    let mut node = None;
    let mut rest = text;
    loop {
        let equals = rest.iter().position(|byte| b"=;,\"".contains(byte));
        let name_end = equals.unwrap_or(rest.len());
        let name = trim(&rest[..name_end]);
        if rest.get(name_end) != Some(&b'=') {
            // RFC 7239 section 4: pairs may be empty, as in `for=a;`; anything else is not a pair.
            name.is_empty().then_some(())?;
        } else {
            let (value, behind) = pair_value(&rest[name_end + 1..])?;
            rest = behind;
            if name.eq_ignore_ascii_case(b"for") {
                // Twice in one element is not allowed.
                node.is_none().then_some(())?;
                node = Some(address(value));
            }
            match rest.split_first() {
                None => return Some((node.flatten(), None)),
                Some((b',', behind)) => return Some((node.flatten(), Some(behind))),
                Some((b';', behind)) => rest = behind,
                Some(_) => return None,
            }
            continue;
        }
        match rest.get(name_end) {
            None => return Some((node.flatten(), None)),
            Some(b',') => return Some((node.flatten(), Some(&rest[name_end + 1..]))),
            Some(b';') => rest = &rest[name_end + 1..],
            Some(_) => return None,
        }
    }
}

/// A token or a quoted string, and what follows up to a separator. No address needs an escape, so that a
/// value with one is not an address.
fn pair_value(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let Some(quoted) = text.strip_prefix(b"\"") else {
        let end = text.iter().position(|byte| b",;\"".contains(byte)).unwrap_or(text.len());
        return Some((trim(&text[..end]), &text[end..]));
    };
    let mut is_escaped = false;
    let end = quoted.iter().position(|&byte| {
        let ends = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    })?;
    Some((&quoted[..end], quoted[end + 1..].trim_ascii_start()))
}
