//! Who changed what, beside what was changed.

use jiff::Timestamp;

use super::{Fixture, delete, put};
use crate::{
    auth::{
        Actor,
        sample::{kept, kept_as},
        token::Role,
    },
    registry::{model::Revision, sample},
    store::{AuditQuery, Batch, Entry, Place, TokenChange, TokenNote, audit::KEPT},
};

const ALL: AuditQuery = AuditQuery { before: None, since: Timestamp::MIN, limit: 1000 };

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// Revision, who and what, the newest first.
fn told(fixture: &Fixture) -> Vec<String> {
    let page = fixture.store().audit(&ALL).unwrap();
    let line =
        |(place, entry): &(Place, Entry)| format!("{} {}: {}", place.revision(), entry.actor, entry.actions.join(", "));
    page.entries.iter().map(line).collect()
}

pub(super) async fn who_changed_what_is_kept_with_the_change(mut fixture: Fixture) {
    assert_eq!(fixture.store().audit(&ALL).unwrap().entries, []);
    let (one, two) = (kept(1), kept_as(2, Role::DataPlane));
    let first = [one.clone(), two.clone()].map(TokenNote::First).to_vec();
    let _ = fixture.store().note_tokens(first).await;
    let actor = Actor::token(&one.id, "somebody");
    fixture.commit(Batch { actor: actor.clone(), ..put(&[sample::service("a", &[])]) }).await.unwrap();
    let tokens = vec![TokenChange::Create(kept(3)), TokenChange::Revoke(two.id.clone())];
    fixture.commit(Batch { actor: actor.clone(), tokens, ..Batch::default() }).await.unwrap();
    let stale = Batch { base: Some(Revision(1)), actor: actor.clone(), ..delete("a") };
    fixture.commit(stale).await.unwrap_err();
    fixture.commit(Batch { actor: actor.clone(), ..delete("a") }).await.unwrap();
    let name = |number: u64| format!("{}, number {number}", Role::Viewer.as_str());
    let expected = [
        format!("3 {actor}: delete service \"a\""),
        format!("2 {actor}: create token {} ({}), revoke token {}", kept(3).id, name(3), two.id),
        format!("1 {actor}: put service \"a\""),
        format!("0 first start: create token {} ({}), create token {} (data-plane, number 2)", one.id, name(1), two.id),
    ];
    assert_eq!(told(&fixture), expected);
    fixture.reopen();
    if fixture.directory.is_some() {
        assert_eq!(told(&fixture), expected);
    }
    // It goes on where it was.
    fixture.commit(Batch { actor: Actor::insecure(), ..put(&[sample::service("b", &[])]) }).await.unwrap();
    assert_eq!(told(&fixture)[0], "4 insecure: put service \"b\"");
}

pub(super) async fn pages_of_the_audit_fit_together(fixture: Fixture) {
    for second in 1..=5 {
        fixture.commit(Batch { at: at(second), ..put(&[sample::service("a", &[])]) }).await.unwrap();
    }
    let mut query = AuditQuery { since: at(2), limit: 2, ..ALL };
    let mut revisions = Vec::new();
    loop {
        let page = fixture.store().audit(&query).unwrap();
        revisions.push(page.entries.iter().map(|(place, _)| place.revision().0).collect::<Vec<_>>());
        query.before = page.next;
        if page.next.is_none() {
            break;
        }
    }
    assert_eq!(revisions, [vec![5, 4], vec![3, 2], vec![]]);
}

pub(super) async fn the_audit_keeps_so_many_changes(mut fixture: Fixture) {
    let _ = fixture.store().note_tokens(vec![TokenNote::First(kept(1))]).await;
    let commits: Vec<_> = (0..KEPT + 50).map(|_| fixture.store().commit(put(&[sample::service("a", &[])]))).collect();
    for commit in commits {
        commit.await.unwrap().unwrap();
    }
    for reopened in [false, true] {
        if reopened && fixture.directory.is_some() {
            fixture.reopen();
        }
        let entries = fixture.store().audit(&ALL).unwrap().entries;
        let (newest, oldest) = (entries.first().unwrap().0, entries.last().unwrap().0);
        assert_eq!(entries.len() as u64, KEPT);
        assert_eq!([newest.revision(), oldest.revision()], [Revision(KEPT + 50), Revision(51)]);
    }
}
