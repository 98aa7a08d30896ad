//! Keys: what is one entry, and what never is.

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{
    key::{Key, Query, Rules, Scheme, Target, has_cookie},
    vary::Vary,
};

const TARGET: Target<'_> =
    Target { service: "shop", route: "r", scheme: Scheme::Http, authority: b"shop.test", path: b"/a", query: None };

fn primary(rules: &Rules, target: &Target<'_>) -> Key {
    let mut key = Key::default();
    rules.primary(target, &mut key);
    key
}

fn with_query(query: Query) -> Rules {
    Rules::new(query, vec![], vec![])
}

fn queried(rules: &Rules, query: &str) -> Key {
    let query = query.strip_prefix('?');
    primary(rules, &Target { query: query.map(str::as_bytes), ..TARGET })
}

/// A store on disk keeps these bytes: what changes them makes it worthless.
#[test]
fn a_url_is_in_front_and_behind_it_is_where_parts_end() {
    let key = queried(&Rules::default(), "?b=1");
    assert_eq!(key.bytes(), b"http://shop.test/a?b=1shopr\0\0\0\0\0\0\0\0\0\0\0\x10\0\0\0\x12\0\0\0\x16\0\0\0\x1a");
    let parts = |authority: &str, query| {
        let key = primary(&Rules::default(), &Target { authority: authority.as_bytes(), query, ..TARGET });
        let text = String::from_utf8_lossy(key.bytes()).into_owned();
        (text[..key.url()].to_owned(), text[key.host()].to_owned())
    };
    for (authority, url, host) in [
        ("Shop.test:80", "http://shop.test/a", "shop.test"),
        ("shop.test:8080", "http://shop.test:8080/a", "shop.test"),
        ("[2001:DB8::1]:8080", "http://[2001:db8::1]:8080/a", "[2001:db8::1]"),
        ("[2001:db8::1]", "http://[2001:db8::1]/a", "[2001:db8::1]"),
    ] {
        assert_eq!(parts(authority, None), (url.to_owned(), host.to_owned()));
    }
    assert_eq!(parts("shop.test", Some(b"")).0, "http://shop.test/a?");
}

#[test]
fn services_and_routes_share_nothing() {
    let of = |service, route| primary(&Rules::default(), &Target { service, route, ..TARGET });
    let all = [of("shop", "r"), of("shop", ""), of("sho", "pr"), of("", "shopr"), of("shop", "s")];
    for (at, one) in all.iter().enumerate() {
        assert!(all[..at].iter().all(|other| other != one), "{one:?}");
    }
}

#[test]
fn spellings_of_one_authority_are_one() {
    let of = |scheme, authority: &str| {
        primary(&Rules::default(), &Target { scheme, authority: authority.as_bytes(), ..TARGET })
    };
    for authority in ["SHOP.test", "shop.test:80", "shop.test:"] {
        assert_eq!(of(Scheme::Http, authority), primary(&Rules::default(), &TARGET), "{authority}");
    }
    for authority in ["shop.test:443", "shop.test:8080", "shop.test.", "shop.test80", "hop.test"] {
        assert_ne!(of(Scheme::Http, authority), primary(&Rules::default(), &TARGET), "{authority}");
    }
    assert_eq!(of(Scheme::Https, "shop.test:443"), of(Scheme::Https, "shop.test"));
    assert_ne!(of(Scheme::Https, "shop.test"), of(Scheme::Http, "shop.test"));
    assert_eq!(
        primary(&Rules::default(), &Target { path: b"", ..TARGET }),
        primary(&Rules::default(), &Target { path: b"/", ..TARGET })
    );
}

type Case = (&'static str, Keep, &'static str, &'static str, bool);

#[derive(Debug, Clone, Copy)]
enum Keep {
    All,
    WithoutUtm,
    OnlyId,
}

/// What it shows, the rule, two queries, and whether they have one key.
#[rustfmt::skip] // A case is a line.
const QUERIES: &[Case] = &[
    ("byte for byte", Keep::All, "?a=1&b=2", "?a=1&b=2", true),
    ("byte for byte", Keep::All, "?a=1&b=2", "?b=2&a=1", false),
    ("byte for byte", Keep::All, "?a=%31", "?a=1", false),
    ("byte for byte", Keep::All, "?", "", false),
    ("without a parameter", Keep::WithoutUtm, "?utm=1&a=2", "?a=2&utm=3", true),
    ("without a parameter", Keep::WithoutUtm, "?utm=1", "", true),
    ("without a parameter", Keep::WithoutUtm, "?utm&&", "?", true),
    ("others stay", Keep::WithoutUtm, "?utm=1&a=2", "?a=3", false),
    ("others stay", Keep::WithoutUtm, "?utms=1", "", false),
    ("others stay, in their order", Keep::WithoutUtm, "?a=1&b=2", "?b=2&a=1", false),
    ("others stay, each of them", Keep::WithoutUtm, "?a=1&a=2", "?a=1", false),
    ("no cloaking: ; separates at some origins", Keep::WithoutUtm, "?utm=1;a=2", "?utm=1;a=3", false),
    ("no cloaking: ; separates at some origins", Keep::WithoutUtm, "?utm=1&amp;a=2", "?utm=1&amp;a=3", false),
    ("no cloaking: case and escapes", Keep::WithoutUtm, "?UTM=1", "", false),
    ("no cloaking: & in a value is no separator", Keep::WithoutUtm, "?utm=1%26a=2", "?utm=1", true),
    ("only a parameter", Keep::OnlyId, "?id=1&a=2", "?a=3&id=1&b", true),
    ("only a parameter", Keep::OnlyId, "?id=1", "?id=2", false),
    ("only a parameter", Keep::OnlyId, "?a=2", "", true),
    ("each of its values", Keep::OnlyId, "?id=1&id=2", "?id=2&id=1", false),
    ("no cloaking: escapes", Keep::OnlyId, "?%69d=1", "", false),
    ("no cloaking: case", Keep::OnlyId, "?ID=1", "?ID=2", false),
    ("no cloaking: arrays", Keep::OnlyId, "?id[]=1", "", false),
    ("no cloaking: arrays", Keep::OnlyId, "?id%5B0]=1", "", false),
    ("no cloaking: spaces", Keep::OnlyId, "?+id=1", "?%20id=2", false),
    ("no cloaking: a NUL", Keep::OnlyId, "?id%00x=1", "", false),
    ("no cloaking: ;", Keep::OnlyId, "?a=1;id=2", "?a=1", false),
];

#[test]
fn which_parameters_count() {
    let names = |name: &str| vec![Box::from(name)];
    hold(QUERIES, |(_, keep, one, other, ought)| {
        let rules = with_query(match keep {
            Keep::All => Query::All,
            Keep::WithoutUtm => Query::Without(names("utm")),
            Keep::OnlyId => Query::Only(names("id")),
        });
        (queried(&rules, one) == queried(&rules, other), *ought)
    });
}

#[test]
fn names_with_dots_are_names_with_underscores() {
    let rules = with_query(Query::Only(vec!["user_id".into()]));
    assert_ne!(queried(&rules, "?user.id=1"), queried(&rules, ""));
}

fn variant(rules: &Rules, request: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    rules.variant(&Vary::default(), Message::of(request).fields(), &mut bytes);
    bytes
}

#[test]
fn a_policy_can_add_headers_and_cookies() {
    let rules = Rules::new(Query::All, vec!["X-Country".into()], vec!["lang".into(), "tier".into()]);
    let cases = [
        ("a header", "GET | X-Country: de", "GET | x-country: de | X-Other: 1", true),
        ("a header", "GET | X-Country: de", "GET | X-Country: fr", false),
        ("a header that is absent", "GET", "GET | X-Country:", false),
        ("a cookie", "GET | Cookie: a=1; lang=de", "GET | Cookie: lang=de; b=2", true),
        ("a cookie", "GET | Cookie: lang=de", "GET | Cookie: lang=fr", false),
        ("a cookie that is absent", "GET | Cookie: a=1", "GET", true),
        ("a cookie that is absent", "GET", "GET | Cookie: lang=", false),
        ("a cookie of another name", "GET | Cookie: lang=x", "GET | Cookie: tier=x", false),
        ("each of its values", "GET | Cookie: lang=de; lang=fr", "GET | Cookie: lang=de", false),
        ("lines of one cookie field", "GET | Cookie: a=1 | Cookie: lang=de", "GET | Cookie: a=1; lang=de", true),
        ("no cloaking: quotes", "GET | Cookie: a=\"; lang=de; \"", "GET | Cookie: lang=de", false),
        ("no cloaking: commas", "GET | Cookie: lang=de, lang=fr", "GET | Cookie: lang=de", false),
        ("no cloaking: case and escapes", "GET | Cookie: LANG=de", "GET", false),
        ("no cloaking: case and escapes", "GET | Cookie: l%61ng=de", "GET", false),
    ];
    hold(&cases, |(_, one, other, ought)| (variant(&rules, one) == variant(&rules, other), *ought));
}

/// What was stored before a policy has changed is not found by the new one.
#[test]
fn rules_tell_what_they_are_made_of() {
    let rules = Rules::new(Query::Without(vec!["a".into()]), vec!["X-A".into()], vec!["Theme".into()]);
    assert_eq!(*rules.query(), Query::Without(vec!["a".into()]));
    assert_eq!((rules.headers(), rules.cookies()), (&["x-a".into()][..], &["Theme".into()][..]));
}

#[test]
fn a_cookie_is_there_if_some_origin_finds_it() {
    for field in ["a=1", "b; a", " A =1", "%61=1", "b=2;a=", "a[0]=1"] {
        assert!(has_cookie(field.as_bytes(), "a"), "{field}");
    }
    for field in ["", "b=a", "aa=1", "b=1; c=2"] {
        assert!(!has_cookie(field.as_bytes(), "a"), "{field}");
    }
}

#[test]
fn other_rules_have_other_keys() {
    let header = |name: &str| Rules::new(Query::All, vec![name.into()], vec![]);
    let all = [
        Rules::default(),
        header("a"),
        header("b"),
        Rules::new(Query::All, vec![], vec!["a".into()]),
        with_query(Query::Without(vec![])),
        with_query(Query::Only(vec![])),
        with_query(Query::Only(vec!["a".into()])),
        with_query(Query::Only(vec!["a".into(), "b".into()])),
        with_query(Query::Only(vec!["ab".into()])),
    ];
    for (at, one) in all.iter().enumerate() {
        for other in &all[..at] {
            assert_ne!(primary(one, &TARGET), primary(other, &TARGET), "{one:?} {other:?}");
        }
    }
    assert_eq!(primary(&header("A"), &TARGET), primary(&header("a"), &TARGET));
    assert_eq!(with_query(Query::All), Rules::default());
}

/// Bytes that would run together if there were no lengths in between.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![Just(b'a'), Just(b'/'), Just(0), Just(1), Just(0xff)], 0..6)
}

proptest! {
    #[test]
    fn keys_are_equal_if_and_only_if_their_parts_are(
        one in (vec(0_u8..3, 0..3), any::<bool>(), bytes(), bytes(), prop::option::of(bytes())),
        other in (vec(0_u8..3, 0..3), any::<bool>(), bytes(), bytes(), prop::option::of(bytes())),
    ) {
        type Parts = (Vec<u8>, bool, Vec<u8>, Vec<u8>, Option<Vec<u8>>);
        let key = |(service, is_https, authority, path, query): &Parts| {
            let service = str::from_utf8(service).unwrap();
            let scheme = if *is_https { Scheme::Https } else { Scheme::Http };
            primary(&Rules::default(), &Target { service, route: "", scheme, authority, path, query: query.as_deref() })
        };
        let path = |parts: &Parts| if parts.3.is_empty() { b"/".to_vec() } else { parts.3.clone() };
        let is_same = (&one.0, one.1, &one.2, path(&one), &one.4) == (&other.0, other.1, &other.2, path(&other), &other.4);
        prop_assert_eq!(key(&one) == key(&other), is_same);
    }

    #[test]
    fn variants_are_equal_if_and_only_if_their_values_are(
        one in (prop::option::of(bytes()), prop::option::of(bytes())),
        other in (prop::option::of(bytes()), prop::option::of(bytes())),
    ) {
        type Values = (Option<Vec<u8>>, Option<Vec<u8>>);
        let rules = Rules::new(Query::All, vec!["x".into()], vec![]);
        let vary = Vary::of(&[("Vary", "y")][..]).unwrap();
        let variant = |(x, y): &Values| {
            let lines: Vec<_> = [("x", x), ("y", y)].into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect();
            let mut bytes = Vec::new();
            rules.variant(&vary, &lines[..], &mut bytes);
            bytes
        };
        prop_assert_eq!(variant(&one) == variant(&other), one == other);
    }
}
