//! The parameters of a query.

use std::borrow::Cow;

use memchr::{memchr, memchr2};

use crate::path::decoded;

/// The decoded values of the parameters of this name. Only a value that is encoded is copied.
pub(crate) fn values<'q>(query: &'q [u8], name: &'q str) -> impl Iterator<Item = Cow<'q, [u8]>> {
    query.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).filter_map(move |pair| {
        let end = memchr(b'=', pair).unwrap_or(pair.len());
        let is_named = decoded(&pair[..end], b' ').eq(name.bytes());
        is_named.then(|| decode(pair.get(end + 1..).unwrap_or_default()))
    })
}

fn decode(raw: &[u8]) -> Cow<'_, [u8]> {
    match memchr2(b'%', b'+', raw) {
        Some(_) => Cow::Owned(decoded(raw, b' ').collect()),
        None => Cow::Borrowed(raw),
    }
}

#[cfg(test)]
mod tests {
    use super::values;

    #[test]
    fn names_and_values_are_decoded() {
        let query = b"a=1&b=x%20y+z&&%61=2&a&a=%zz&aa=3&=4";
        let of =
            |name| values(query, name).map(|value| String::from_utf8_lossy(&value).into_owned()).collect::<Vec<_>>();
        assert_eq!(of("a"), ["1", "2", "", "%zz"]);
        assert_eq!(of("b"), ["x y z"]);
        assert_eq!(of(""), ["4"]);
        assert_eq!(of("c"), [""; 0]);
    }
}
