//! Consumers, and what they are known by.

use gateway_proto::api_key::ApiKey;

use super::*;
use crate::{
    registry::{
        consumer::MAX_KEYS,
        model::{ConsumerName, PasswordHash},
    },
    store::CredentialChange,
};

fn anna() -> ConsumerName {
    sample::consumer_name("anna")
}

/// Consumer `anna` of group `staff`, with the key 1 and a password.
fn known() -> Desired {
    let now = create_consumer(&Desired::default(), sample::consumer("anna", &["staff"]), at(1)).unwrap().next;
    let now = create_key(&now, &anna(), &sample::secret_key(1), None, at(2)).unwrap().next;
    set_password(&now, &anna(), PasswordHash::parse(sample::PASSWORD_HASH), at(3)).unwrap().next
}

fn only(plan: &Plan) -> &Outcome<Consumer> {
    assert_eq!(plan.consumers.len(), 1);
    &plan.consumers[0]
}

fn ids(consumer: &Consumer) -> Vec<&str> {
    consumer.keys.iter().map(|key| key.id.as_str()).collect()
}

#[test]
fn a_consumer_carries_his_revision_and_times_and_keeps_what_he_is_known_by() {
    let now = known();
    let before = Consumer::clone(&now.consumers["anna"]);
    assert_eq!((before.revision, before.created_at, before.updated_at), (Revision(3), at(1), at(3)));
    let updated = update_consumer(&now, sample::consumer("anna", &["admins"]), Some(Revision(3)), at(5)).unwrap();
    let outcome = only(&updated);
    let expected =
        Consumer { groups: vec!["admins".into()], revision: Revision(4), updated_at: at(5), ..before.clone() };
    assert_eq!((&*outcome.resource, outcome.change), (&expected, ChangeKind::Updated));
    let batch = updated.batch.unwrap();
    let key = Key::Consumer(anna());
    assert_eq!(batch.preconditions, [Precondition { key: key.clone(), expect: Expect::At(Revision(3)) }]);
    assert!(batch.credentials.is_empty());

    let wanted = Wanted { consumers: vec![sample::consumer("anna", &["staff"])], ..Wanted::default() };
    let applied = super::super::apply(&updated.next, wanted.clone(), at(6)).unwrap();
    assert_eq!((&only(&applied).resource.keys, &only(&applied).resource.password), (&before.keys, &before.password));
    let again = super::super::apply(&applied.next, wanted, at(7)).unwrap();
    assert!(again.batch.is_none() && only(&again).change == ChangeKind::Unchanged);

    let deleted = delete_consumer(&applied.next, &anna(), Some(Revision(5)), at(8)).unwrap();
    assert_eq!((deleted.next.revision, deleted.next.consumers.len()), (Revision(6), 0));
    assert_eq!(deleted.batch.unwrap().deletes, [key]);
    assert!(deleted.next.key_holder(&sample::key(1).id).is_none());
    // Whoever comes after him by that name has nothing of his.
    let next = create_consumer(&deleted.next, sample::consumer("anna", &[]), at(9)).unwrap();
    assert_eq!((only(&next).resource.keys.len(), &only(&next).resource.password), (0, &None));
}

#[test]
fn what_is_not_there_or_stale_is_refused() {
    let now = known();
    let nobody = sample::consumer_name("nobody");
    let missing = RegistryError::NotFound(Key::Consumer(nobody.clone()));
    let refusals = [
        update_consumer(&now, sample::consumer("nobody", &[]), None, at(5)),
        delete_consumer(&now, &nobody, None, at(5)),
        set_password(&now, &nobody, None, at(5)),
        create_key(&now, &nobody, &sample::secret_key(2), None, at(5)),
    ];
    for refused in refusals {
        assert_eq!(refused.unwrap_err(), missing);
    }
    assert_eq!(revoke_key(&now, &sample::key(2).id, at(5)).unwrap_err(), RegistryError::KeyNotFound);
    let exists = create_consumer(&now, sample::consumer("anna", &[]), at(5)).unwrap_err();
    assert_eq!(exists, RegistryError::Exists(Key::Consumer(anna())));
    let (key, expected, actual) = (Key::Consumer(anna()), Revision(2), Revision(3));
    let stale = RegistryError::StaleRevision { key, expected, actual };
    let update = update_consumer(&now, sample::consumer("anna", &[]), Some(expected), at(5));
    assert_eq!(update.unwrap_err(), stale);
    assert_eq!(delete_consumer(&now, &anna(), Some(expected), at(5)).unwrap_err(), stale);
}

#[test]
fn keys_come_and_go_one_by_one_and_the_audit_is_told() {
    let now = known();
    let day = Duration::from_secs(24 * 3600);
    let made = create_key(&now, &anna(), &sample::secret_key(0), Some(day), at(5)).unwrap();
    let consumer = Arc::clone(&only(&made).resource);
    assert_eq!(ids(&consumer), ["000000000000", "000000000001"]);
    let kept = &consumer.keys[0];
    assert_eq!((kept.created_at, kept.expires_at), (at(5), Some(at(5 + 24 * 3600))));
    assert_eq!((kept.sha256, consumer.password.is_some()), (sample::key(0).sha256, true));
    assert_eq!(made.batch.unwrap().credentials, [CredentialChange::CreateKey(anna(), kept.id.clone())]);

    let revoked = revoke_key(&made.next, &sample::key(1).id, at(6)).unwrap();
    assert_eq!(ids(&only(&revoked).resource), ["000000000000"]);
    assert_eq!(revoked.batch.unwrap().credentials, [CredentialChange::RevokeKey(anna(), sample::key(1).id)]);
    assert!(revoked.next.key_holder(&sample::key(1).id).is_none());
    assert_eq!(revoke_key(&revoked.next, &sample::key(1).id, at(7)).unwrap_err(), RegistryError::KeyNotFound);
}

#[test]
fn a_consumer_who_goes_takes_along_what_he_is_known_by_and_the_audit_is_told() {
    let deleted = delete_consumer(&known(), &anna(), None, at(5)).unwrap();
    let expected = [CredentialChange::RevokeKey(anna(), sample::key(1).id), CredentialChange::RemovePassword(anna())];
    assert_eq!(deleted.batch.unwrap().credentials, expected);
}

#[test]
fn a_key_whose_id_another_has_is_not_made() {
    let now = create_consumer(&known(), sample::consumer("ben", &[]), at(4)).unwrap().next;
    // Another secret of the same id.
    let taken = ApiKey::from_bits(1, [9; 4]);
    for name in ["anna", "ben"] {
        let plan = create_key(&now, &sample::consumer_name(name), &taken, None, at(5)).unwrap();
        assert!(plan.batch.is_none() && plan.consumers.is_empty(), "{plan:?}");
    }
}

#[test]
fn a_consumer_has_so_many_keys_and_no_more() {
    let mut now = known();
    for number in 2..=MAX_KEYS as u64 {
        now = create_key(&now, &anna(), &sample::secret_key(number), None, at(5)).unwrap().next;
    }
    let refused = create_key(&now, &anna(), &sample::secret_key(99), None, at(5)).unwrap_err();
    let RegistryError::Invalid(violations) = &refused else { panic!("{refused}") };
    assert!(violations[0].field == "consumer" && violations[0].message.contains("has 16 keys already"), "{refused}");
    let now = revoke_key(&now, &sample::key(3).id, at(6)).unwrap().next;
    assert!(create_key(&now, &anna(), &sample::secret_key(99), None, at(7)).is_ok());
}

#[test]
fn a_password_is_set_replaced_and_taken_away() {
    let now = known();
    let other = PasswordHash::parse(&sample::PASSWORD_HASH.replace("c2Fs", "c2Ft"));
    assert!(other.is_some());
    let replaced = set_password(&now, &anna(), other.clone(), at(5)).unwrap();
    assert_eq!(only(&replaced).resource.password, other);
    assert_eq!(replaced.batch.unwrap().credentials, [CredentialChange::SetPassword(anna())]);
    let removed = set_password(&replaced.next, &anna(), None, at(6)).unwrap();
    assert_eq!((&only(&removed).resource.password, ids(&only(&removed).resource).len()), (&None, 1));
    assert_eq!(removed.batch.unwrap().credentials, [CredentialChange::RemovePassword(anna())]);
    let again = set_password(&removed.next, &anna(), None, at(7)).unwrap();
    assert!(again.batch.is_none() && only(&again).change == ChangeKind::Unchanged);
}
