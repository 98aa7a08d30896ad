//! Purges, which are known by their commits.

use super::{Fixture, put};
use crate::{
    registry::{
        model::{Key, Purge, Record, Revision},
        purge::{Mode, Target},
        sample,
    },
    store::Batch,
};

fn adding(purge: Purge) -> Batch {
    Batch { puts: vec![Record::from(purge)], ..Batch::default() }
}

pub(super) async fn purges_of_every_kind_are_read_back(mut fixture: Fixture) {
    // Longer than a piece on disk.
    let long = format!("http://a.test/{}", "x".repeat(8 * 1024));
    let targets = [
        Target::Url(long),
        Target::Host("a.test".into()),
        Target::Prefix("http://a.test/".into()),
        Target::Tag("a".into()),
    ];
    let mut expected = Vec::new();
    for (at, target) in (1..).zip(targets) {
        let floor = Revision(at - 1);
        let purge = Purge { mode: Mode::Soft, floor, ..sample::purge(at, target) };
        assert_eq!(fixture.commit(adding(purge.clone())).await, Ok(Revision(at)));
        expected.push(purge);
    }
    fixture.reopen();
    let purges: Vec<_> = fixture.desired().purges.iter().map(|purge| Purge::clone(purge)).collect();
    assert_eq!(purges, expected);
}

pub(super) async fn purges_are_kept_until_another_takes_them_away(mut fixture: Fixture) {
    fixture.commit(put(&[sample::service("a", &[])])).await.unwrap();
    let purge = |revision| sample::purge(revision, Target::Host("a.test".into()));
    for revision in 2..=11 {
        assert_eq!(fixture.commit(adding(purge(revision))).await, Ok(Revision(revision)));
    }
    let deletes = (2..=10).map(|revision| Key::Purge(Revision(revision))).collect();
    assert_eq!(fixture.commit(Batch { deletes, ..adding(purge(12)) }).await, Ok(Revision(12)));
    fixture.reopen();
    let kept: Vec<_> = fixture.desired().purges.iter().map(|purge| purge.revision).collect();
    assert_eq!((kept, fixture.names()), (vec![Revision(11), Revision(12)], vec!["a".to_owned()]));
}
