//! What to purge.

use gateway_proto::registry::v1::cache_purge::What;

use super::*;
use crate::registry::{
    purge::{Mode, Target},
    validate::purge,
};

fn read(what: What) -> Result<String, RegistryError> {
    let wire = pb::CachePurge { what: Some(what), ..pb::CachePurge::default() };
    purge(Some(wire)).map(|(target, _)| target.text().to_owned())
}

#[test]
fn urls_are_read_as_requests_are_stored() {
    for (given, stored) in [
        ("HTTP://Shop.Test:80", "http://shop.test/"),
        ("http://shop.test.?q=/%7e", "http://shop.test/?q=/%7e"),
        ("https://shop.test:443/A/../b?C", "https://shop.test/A/../b?C"),
        ("https://shop.test:80/", "https://shop.test:80/"),
        ("http://[2001:DB8:0::1]:81/a", "http://[2001:db8::1]:81/a"),
    ] {
        assert_eq!(read(What::Url(given.into())).unwrap(), stored);
    }
    assert_eq!(read(What::Prefix("HTTP://Shop.Test:80/a?b".into())).unwrap(), "http://shop.test/a?b");
    assert_eq!(read(What::Host("Shop.Test.".into())).unwrap(), "shop.test");
    assert_eq!(read(What::Tag("Product 7,8".into())).unwrap(), "Product 7,8");
    let wire = pb::CachePurge { what: Some(What::Tag("a".into())), soft: true, revision: 9, created_at: None };
    assert_eq!(purge(Some(wire)).unwrap(), (Target::Tag("a".into()), Mode::Soft));
}

#[test]
fn what_no_response_is_stored_by_is_refused_with_its_field_and_what_would_be_right() {
    let long = format!("http://a.test/{}", "x".repeat(8192));
    for (what, expected) in [
        (What::Url("shop.test/a".into()), "purge.url: \"shop.test/a\" is no http or https URL; write http://HOST/PATH"),
        (What::Url("ftp://a.test/".into()), "is no http or https URL"),
        (What::Url("http:///a".into()), "purge.url: has the host of \"http:///a\", which is empty"),
        (What::Url("http://u@a.test/".into()), "which holds '@'"),
        (What::Url("http://*.a.test/".into()), "which holds '*'"),
        (What::Url("http://a.test/#x".into()), "has a fragment, which no client sends; leave it out"),
        (What::Url("http://a.test/a b".into()), "holds ' '; percent-encode it"),
        (What::Url(long.clone()), "has 8206 bytes; give at most 8192, or a prefix of it"),
        (
            What::Prefix("http://a.test".into()),
            "purge.prefix: \"http://a.test\" does not hold the '/' that ends the host",
        ),
        (What::Prefix("http://a.test?a".into()), "does not hold the '/' that ends the host; add it"),
        (What::Prefix("/a".into()), "is no http or https URL"),
        (What::Host("*.a.test".into()), "purge.host: \"*.a.test\" is a wildcard; purge each host, or a tag"),
        (What::Host("a.test:80".into()), "has a port"),
        (What::Host(String::new()), "is empty"),
        (What::Tag(String::new()), "purge.tag: has 0 bytes; a tag has 1 to 256"),
        (What::Tag("x".repeat(257)), "has 257 bytes"),
        (What::Tag(" a".into()), "is no tag; use printable ASCII without spaces around"),
        (What::Tag("a\n".into()), "is no tag"),
        (What::Tag("ü".into()), "is no tag"),
    ] {
        let found = wrong(read(what));
        assert!(found.len() == 1 && found[0].contains(expected), "{found:?} instead of {expected}");
    }
    assert_eq!(wrong(purge(None)), ["purge: is missing; say what to purge"]);
    let nothing = purge(Some(pb::CachePurge::default()));
    assert_eq!(wrong(nothing), ["purge: says nothing; give a url, a host, a prefix or a tag"]);
}
