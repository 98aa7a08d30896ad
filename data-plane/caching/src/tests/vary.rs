//! Which request gets which of the responses that are stored for one URI.

use super::*;
use crate::{key::Rules, vary::Vary};

fn variant(vary: &str, request: &str) -> Vec<u8> {
    let vary = Vary::of(&[("Vary", vary)][..]).unwrap();
    let mut bytes = Vec::new();
    Rules::default().variant(&vary, Message::of(request).fields(), &mut bytes);
    bytes
}

type Case = (&'static str, &'static str, &'static str, &'static str, bool);

/// Rule, `Vary`, the request that was stored for, another one, and whether they match.
#[rustfmt::skip] // A case is a line.
const CASES: &[Case] = &[
    ("9111 §4.1: MUST NOT use it unless all match", "Foo", "GET | Foo: 1", "GET | Foo: 1", true),
    ("9111 §4.1: MUST NOT use it unless all match", "Foo", "GET | Foo: 1", "GET | Foo: 2", false),
    ("9111 §4.1: MUST NOT use it unless all match", "Foo, Bar", "GET | Foo: 1 | Bar: 2", "GET | Bar: 2 | Foo: 1", true),
    ("9111 §4.1: MUST NOT use it unless all match", "Foo, Bar", "GET | Foo: 1 | Bar: 2", "GET | Foo: 1 | Bar: 3", false),
    ("9111 §4.1: MUST NOT use it unless all match", "Foo, Bar", "GET | Foo: 1 | Bar: 2", "GET | Foo: 2 | Bar: 1", false),
    ("9111 §4.1: MUST NOT use it unless all match", "Foo", "GET | Foo: a", "GET | Foo: A", false),
    ("9111 §4.1: others do not count", "Foo", "GET | Foo: 1 | Bar: 1", "GET | Foo: 1 | Bar: 2", true),
    ("9110 §5.1: names in any case", "foo", "GET | FOO: 1", "GET | Foo: 1", true),
    ("9111 §4.1: absent matches absent", "Foo", "GET", "GET | Bar: 1", true),
    ("9111 §4.1: absent matches absent only", "Foo", "GET", "GET | Foo: 1", false),
    ("9111 §4.1: absent matches absent only", "Foo", "GET", "GET | Foo:", false),
    ("9111 §4.1: lines are combined", "Foo", "GET | Foo: 1 | Foo: 2", "GET | Foo: 1, 2", true),
    ("9111 §4.1: in their order", "Foo", "GET | Foo: 1 | Foo: 2", "GET | Foo: 2 | Foo: 1", false),
    ("9111 §4.1: white space counts where it may", "User-Agent", "GET | User-Agent: a,b", "GET | User-Agent: a, b", false),
    ("9111 §4.1: white space of lists", "Accept", "GET | Accept: a/b,c/d", "GET | Accept: a/b ,\t c/d", true),
    ("9111 §4.1: white space in quotes", "Accept", "GET | Accept: a/b;p=\"x,y\"", "GET | Accept: a/b;p=\"x, y\"", false),
    ("9111 §4.1: case of parameters", "Accept", "GET | Accept: a/b;p=X", "GET | Accept: a/b;p=x", false),
    ("9111 §4.1: case of languages", "Accept-Language", "GET | Accept-Language: en-US, de", "GET | Accept-Language: EN-us,DE", true),
    ("9111 §4.1: order of languages", "Accept-Language", "GET | Accept-Language: en, de", "GET | Accept-Language: de, en", false),
    ("9111 §4.1: order of codings", "Accept-Encoding", "GET | Accept-Encoding: gzip, br", "GET | Accept-Encoding: BR | Accept-Encoding: gzip", true),
    ("9111 §4.1: weights of codings", "Accept-Encoding", "GET | Accept-Encoding: gzip;q=0, br", "GET | Accept-Encoding: gzip, br", false),
    ("9111 §4.1: absent matches absent only", "Accept-Encoding", "GET", "GET | Accept-Encoding:", false),
    ("own: no value runs into the next", "A, B", "GET | A: 1 | B: 2, 3", "GET | A: 1, 2 | B: 3", false),
    ("own: no value runs into the next", "A, B", "GET | A: 1", "GET | B: 1", false),
];

#[test]
fn which_requests_match() {
    hold(CASES, |(_, vary, one, other, ought)| (variant(vary, one) == variant(vary, other), *ought));
}

#[test]
fn names_are_a_set() {
    let of = |lines: &[(&str, &str)]| Vary::of(lines).unwrap();
    let both = of(&[("Vary", "b, A"), ("vary", ", a,,B")]);
    assert_eq!(both, of(&[("Vary", "a,b")]));
    assert_eq!(both.names().collect::<Vec<_>>(), ["a", "b"]);
    assert!(of(&[]).is_empty() && of(&[("Vary", " , ")]).is_empty());
    assert_ne!(variant("a", "GET"), variant("b", "GET"));
}

/// The order of many codings is not worth an allocation.
#[test]
fn more_codings_than_are_sorted_match_in_their_order() {
    let many: Vec<_> = (0..20).map(|at| format!("x{at}")).collect();
    let one = variant("accept-encoding", &format!("GET | Accept-Encoding: {}", many.join(",")));
    assert_eq!(one, variant("accept-encoding", &format!("GET | Accept-Encoding: {}", many.join(" , ").to_uppercase())));
}
