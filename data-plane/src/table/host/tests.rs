use std::{collections::BTreeMap, sync::Arc};

use gateway_proto::host::{Authority, HostPattern};
use proptest::prelude::*;

use super::{Bound, HostIndex};
use crate::table::tests::service;

/// Gives the pattern to a service of the same name.
fn own(index: &mut HostIndex, pattern: &HostPattern) {
    index.update(pattern, |bound| bound.owner = Some(Arc::new(service(&pattern.to_string()))));
}

fn disown(index: &mut HostIndex, pattern: &HostPattern) {
    index.update(pattern, |bound| bound.owner = None);
}

fn name(bound: &Bound) -> &str {
    &bound.owner.as_ref().unwrap().name
}

fn index(patterns: &[&str]) -> HostIndex {
    let mut index = HostIndex::default();
    for pattern in patterns {
        own(&mut index, &HostPattern::parse(pattern).unwrap());
    }
    index
}

fn found<'a>(index: &'a HostIndex, host: &str) -> Option<&'a str> {
    index.find(&Authority::parse(host).unwrap().host).map(name)
}

#[test]
fn the_exact_host_wins_then_the_longest_wildcard() {
    let index = index(&["a.shop.test", "*.shop.test", "*.eu.shop.test", "*.test"]);
    assert_eq!(found(&index, "a.shop.test"), Some("a.shop.test"));
    assert_eq!(found(&index, "b.shop.test"), Some("*.shop.test"));
    assert_eq!(found(&index, "b.a.shop.test"), Some("*.shop.test"));
    assert_eq!(found(&index, "b.eu.shop.test"), Some("*.eu.shop.test"));
    assert_eq!(found(&index, "eu.shop.test"), Some("*.shop.test"));
    assert_eq!(found(&index, "shop.test"), Some("*.test"));
    assert_eq!(found(&index, "test"), None);
    assert_eq!(found(&index, "a.shop.testing"), None);
    assert_eq!(found(&index, "[2001:db8::1]"), None);
}

#[test]
fn names_at_the_limits_of_dns_are_found() {
    let deepest = format!("{}a", "a.".repeat(125));
    let pattern = format!("*.{deepest}");
    let index = index(&[&pattern]);
    assert_eq!(found(&index, &format!("b.{deepest}")), Some(&*pattern));
    assert_eq!(found(&index, &deepest), None);
}

#[test]
fn a_removed_wildcard_leaves_no_trace() {
    let mut index = index(&["*.a.test", "*.b.test"]);
    disown(&mut index, &HostPattern::parse("*.a.test").unwrap());
    assert_eq!(found(&index, "x.a.test"), None);
    assert_eq!(found(&index, "x.b.test"), Some("*.b.test"));
    disown(&mut index, &HostPattern::parse("*.b.test").unwrap());
    disown(&mut index, &HostPattern::parse("*.b.test").unwrap());
    assert_eq!(index, HostIndex::default());
}

/// Few labels, so that hosts and patterns meet often.
fn host() -> impl Strategy<Value = String> {
    prop::collection::vec("[ab]", 1..6).prop_map(|labels| labels.join("."))
}

fn pattern() -> impl Strategy<Value = HostPattern> {
    (any::<bool>(), host())
        .prop_map(|(wild, host)| HostPattern::parse(&if wild { format!("*.{host}") } else { host }).unwrap())
}

proptest! {
    #[test]
    fn finds_what_trying_every_pattern_finds(
        changes in prop::collection::vec((any::<bool>(), pattern()), 0..40),
        hosts in prop::collection::vec(host(), 20),
    ) {
        let mut index = HostIndex::default();
        let mut model = BTreeMap::new();
        for (insert, pattern) in changes {
            let name = pattern.to_string();
            if insert {
                own(&mut index, &pattern);
                model.insert(name, pattern);
            } else {
                disown(&mut index, &pattern);
                model.remove(&name);
            }
        }
        for host in hosts {
            let exact = |pattern: &HostPattern| matches!(pattern, HostPattern::Exact(_));
            let expected = model.values().filter(|pattern| pattern.matches(&host))
                .max_by_key(|pattern| (exact(pattern), pattern.to_string().len())).map(ToString::to_string);
            prop_assert_eq!(index.find(&host).map(|bound| name(bound).to_owned()), expected);
        }
    }
}
