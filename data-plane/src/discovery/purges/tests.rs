use gateway_proto::registry::v1::cache_purge::What;

use super::*;
use crate::discovery::tests::purge;

fn changes(resources: impl IntoIterator<Item = pb::Resource>) -> Changes {
    resources.into_iter().map(|resource| (Arc::from(&*resource.name), Some(Arc::new(resource)))).collect()
}

fn host() -> What {
    What::Host("a.test".into())
}

/// The revisions of what is due; nothing where everything is.
fn revisions(held: Option<u64>, purges: &[(u64, u64)]) -> Option<Vec<u64>> {
    let resources = purges.iter().map(|(revision, floor)| purge(*revision, host(), *floor));
    let due = due(held, 100, &changes(resources)).unwrap();
    assert_eq!(due.came.len(), purges.len(), "the disk hears of all");
    (due.memory != Missed::Unknown).then(|| due.missed().iter().map(|purge| purge.revision).collect())
}

#[test]
fn what_is_beyond_the_revision_that_is_held_is_due_in_order() {
    assert_eq!(revisions(Some(9), &[(10, 0), (9, 0), (11, 0), (2, 0)]), Some(vec![10, 11]));
    assert_eq!(revisions(Some(11), &[(10, 0), (11, 9)]), Some(vec![]));
    assert_eq!(revisions(None, &[(10, 9)]), Some(vec![]));
}

#[test]
fn everything_is_due_where_something_beyond_it_is_not_kept_any_more() {
    assert_eq!(revisions(Some(9), &[(12, 9), (20, 10)]), None);
    assert_eq!(revisions(Some(10), &[(12, 9), (20, 10)]), Some(vec![12, 20]));
    // What was pruned before something that was carried out is nothing new.
    assert_eq!(revisions(Some(20), &[(20, 19)]), Some(vec![]));
}

#[test]
fn what_goes_and_what_is_no_purge_makes_nothing_due() {
    let mut mixed = changes([purge(20, host(), 0)]);
    mixed.insert("purges/19".into(), None);
    mixed.insert("services/a".into(), None);
    mixed.insert("a".into(), None);
    let due = due(Some(1), 20, &mixed).unwrap();
    assert_eq!((due.memory, due.came.len()), (Missed::From(0), 1));
}

#[test]
fn every_violation_is_told_with_its_resource() {
    let named = |name: &str, resource| pb::Resource { name: name.into(), ..resource };
    let nothing = pb::Resource { name: "purges/4".into(), ..pb::Resource::default() };
    let bad = [named("purges/02", purge(2, host(), 0)), purge(3, host(), 3), nothing, purge(101, host(), 0)];
    let violations = due(Some(1), 100, &changes(bad)).unwrap_err();
    let expected = [
        "purges/02: holds a purge of another revision",
        "purges/101: is of a revision that is still to come, or of no later one than its floor",
        "purges/3: is of a revision that is still to come, or of no later one than its floor",
        "purges/4: holds nothing that this data plane knows; update the data plane",
    ];
    assert_eq!(violations, expected);
}
