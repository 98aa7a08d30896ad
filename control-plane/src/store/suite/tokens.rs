//! Tokens, beside what is registered.

use jiff::Timestamp;

use super::{Fixture, put};
use crate::{
    auth::{
        Actor,
        sample::{kept, kept_as},
        token::{Kept, Role},
    },
    registry::{model::Revision, sample},
    store::{Batch, TokenChange, TokenNote},
};

fn ids(fixture: &Fixture) -> Vec<String> {
    fixture.store().tokens().borrow().keys().map(ToString::to_string).collect()
}

pub(super) async fn tokens_are_kept_and_ended_with_commits(mut fixture: Fixture) {
    let (one, two) = (kept(1), kept_as(2, Role::DataPlane));
    let lasting =
        Kept { expires_at: Some(Timestamp::MAX), last_used_at: Some(Timestamp::UNIX_EPOCH), ..Kept::clone(&two) };
    let create = [one.clone(), lasting.clone().into()].map(TokenChange::Create).to_vec();
    let actor = Actor::token(&one.id, "somebody");
    let batch = Batch { tokens: create.clone(), actor: actor.clone(), ..put(&[sample::service("a", &[])]) };
    assert_eq!(fixture.commit(batch).await, Ok(Revision(1)));
    let change = fixture.store().watch(Revision(0)).unwrap().next().await.unwrap();
    assert_eq!((&change.actor, &change.tokens), (&actor, &create));
    fixture.reopen();
    assert_eq!(*fixture.store().tokens().borrow()[&*two.id.to_string()], lasting);
    assert_eq!(*fixture.store().tokens().borrow()[&*one.id.to_string()], *one);

    let revoke =
        Batch { tokens: [one.id.clone(), one.id.clone()].map(TokenChange::Revoke).to_vec(), ..Batch::default() };
    assert_eq!(fixture.commit(revoke).await, Ok(Revision(2)));
    assert_eq!(ids(&fixture), [two.id.to_string()]);
    fixture.reopen();
    assert_eq!(ids(&fixture), [two.id.to_string()]);
    assert_eq!(fixture.names(), ["a"]);
}

pub(super) async fn tokens_are_noted_without_consuming_revisions(mut fixture: Fixture) {
    let (one, two) = (kept(1), kept(2));
    let _ = fixture.store().note_tokens(vec![TokenNote::First(one.clone()), TokenNote::First(two.clone())]).await;
    assert_eq!((ids(&fixture).len(), fixture.desired().revision), (2, Revision(0)));
    fixture.reopen();
    let used = |id: &Kept, second| TokenNote::Used(id.id.clone(), Timestamp::from_second(second).unwrap());
    let _ = fixture.store().note_tokens(vec![used(&one, 7), used(&kept(3), 7)]).await;
    fixture.reopen();
    let expected = Kept { last_used_at: Some(Timestamp::from_second(7).unwrap()), ..Kept::clone(&one) };
    assert_eq!(*fixture.store().tokens().borrow()[&*one.id.to_string()], expected);
    assert_eq!(ids(&fixture), [one.id.to_string(), two.id.to_string()]);

    // What was revoked is not brought back by having been used.
    let revoke = Batch { tokens: vec![TokenChange::Revoke(one.id.clone())], ..Batch::default() };
    assert_eq!(fixture.commit(revoke).await, Ok(Revision(1)));
    let _ = fixture.store().note_tokens(vec![used(&one, 9)]).await;
    fixture.reopen();
    assert_eq!(ids(&fixture), [two.id.to_string()]);
}
