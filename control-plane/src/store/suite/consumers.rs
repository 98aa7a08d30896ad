//! Consumers, and what they are known by.

use super::{Fixture, key};
use crate::{
    registry::{
        model::{Consumer, Key, Record, Revision},
        sample,
    },
    store::{Batch, CredentialChange, Expect, Precondition, StoreError},
};

fn consumer_key(name: &str) -> Key {
    Key::Consumer(sample::consumer_name(name))
}

pub(super) async fn consumers_are_kept_with_what_they_are_known_by(mut fixture: Fixture) {
    // Of the same name as a service, and longer than a piece on disk.
    let full = Consumer { title: "x".repeat(30 * 1024), ..sample::full_consumer("a") };
    let records = [Record::from(sample::service("a", &[])), full.clone().into(), sample::consumer("b", &[]).into()];
    assert_eq!(fixture.commit(Batch { puts: records.to_vec(), ..Batch::default() }).await, Ok(Revision(1)));
    fixture.reopen();
    let desired = fixture.desired();
    assert_eq!(*desired.consumers["a"], Consumer { revision: Revision(1), ..full.clone() });
    assert_eq!((desired.services.len(), desired.consumers.len()), (1, 2));
    assert_eq!(desired.key_holder(&sample::key(2).id).map(|consumer| consumer.name.as_str()), Some("a"));

    let less = Consumer { keys: vec![sample::key(3)], password: None, title: String::new(), ..full };
    let done = vec![CredentialChange::CreateKey(less.name.clone(), sample::key(3).id)];
    let batch = Batch {
        puts: vec![less.clone().into()],
        deletes: vec![consumer_key("b")],
        credentials: done.clone(),
        ..Batch::default()
    };
    assert_eq!(fixture.commit(batch).await, Ok(Revision(2)));
    let mut changes = fixture.store().watch(Revision(1)).unwrap();
    assert_eq!(changes.next().await.unwrap().credentials, done);
    fixture.reopen();
    let desired = fixture.desired();
    assert_eq!((desired.consumers.len(), &*desired.consumers["a"]), (1, &Consumer { revision: Revision(2), ..less }));
    let held = [1, 2, 3].map(|number| desired.key_holder(&sample::key(number).id).is_some());
    assert_eq!(held, [false, false, true]);

    let delete = Batch { deletes: vec![consumer_key("a"), consumer_key("gone")], ..Batch::default() };
    assert_eq!(fixture.commit(delete).await, Ok(Revision(3)));
    fixture.reopen();
    assert!(fixture.desired().consumers.is_empty());
    assert_eq!(fixture.names(), ["a"]);
}

pub(super) async fn a_batch_with_consumers_is_all_or_nothing(mut fixture: Fixture) {
    let anna = sample::full_consumer("anna");
    let both = |expect| Batch {
        preconditions: vec![Precondition { key: consumer_key("anna"), expect }],
        puts: vec![sample::service("s", &[]).into(), anna.clone().into()],
        ..Batch::default()
    };
    let stale = Expect::At(Revision(1));
    let refused = StoreError::Precondition { key: consumer_key("anna"), expected: stale, actual: None };
    assert_eq!(fixture.commit(both(stale)).await, Err(refused));
    fixture.reopen();
    assert!(fixture.names().is_empty() && fixture.desired().consumers.is_empty());
    assert_eq!(fixture.commit(both(Expect::Absent)).await, Ok(Revision(1)));
    let mut changes = fixture.store().watch(Revision(0)).unwrap();
    let written: Vec<_> = changes.next().await.unwrap().puts.iter().map(Record::key).collect();
    assert_eq!(written, [key("s"), consumer_key("anna")]);
    fixture.reopen();
    assert_eq!(*fixture.desired().consumers["anna"], Consumer { revision: Revision(1), ..anna });
}
