//! Consumers, their keys and their passwords.

use argon2::{Argon2, PasswordVerifier};
use aws_lc_rs::digest::{SHA256, digest};
use futures_util::StreamExt;
use gateway_proto::admin::v1::ListAuditRequest;
use prost::Message;

use super::*;
use crate::{
    grpc::audit,
    registry::{model::Revision, sample},
    store::Store,
};

const PASSWORD: &str = "correct horse";

async fn create_consumer(rpc: &RegistryRpc, wire: pb::Consumer) -> Result<pb::Consumer, Status> {
    let request = Request::new(pb::CreateConsumerRequest { consumer: Some(wire) });
    rpc.create_consumer(request).await.map(|response| response.into_inner().consumer.unwrap())
}

fn anna(groups: &[&str]) -> pb::Consumer {
    let groups = groups.iter().map(ToString::to_string).collect();
    pb::Consumer { name: "anna".into(), groups, ..pb::Consumer::default() }
}

async fn get(rpc: &RegistryRpc) -> Result<pb::Consumer, Status> {
    let request = Request::new(pb::GetConsumerRequest { name: "anna".into() });
    rpc.get_consumer(request).await.map(|response| response.into_inner().consumer.unwrap())
}

async fn create_key(rpc: &RegistryRpc, consumer: &str) -> Result<pb::CreateKeyResponse, Status> {
    let lifetime = Some(prost_types::Duration { seconds: 3600, nanos: 0 });
    let request = Request::new(pb::CreateKeyRequest { consumer: consumer.into(), lifetime });
    rpc.create_key(request).await.map(Response::into_inner)
}

async fn set_password(rpc: &RegistryRpc, password: Option<&str>) -> Result<pb::Consumer, Status> {
    let request = pb::SetPasswordRequest { consumer: "anna".into(), password: password.map(Into::into) };
    rpc.set_password(Request::new(request)).await.map(|response| response.into_inner().consumer.unwrap())
}

async fn revoke(rpc: &RegistryRpc, id: &str) -> Result<pb::RevokeKeyResponse, Status> {
    rpc.revoke_key(Request::new(pb::RevokeKeyRequest { id: id.into() })).await.map(Response::into_inner)
}

#[tokio::test]
async fn a_consumer_is_created_read_changed_listed_and_deleted() {
    let rpc = rpc();
    let created = create_consumer(&rpc, sample::wire_consumer("anna")).await.unwrap();
    assert!(created.revision == 1 && created.created_at.is_some() && created.keys.is_empty() && !created.has_password);
    assert_eq!(created.groups, ["admins", "staff"]);
    assert_eq!(get(&rpc).await.unwrap(), created);

    for (expected_revision, revision) in [(1, 2), (0, 2)] {
        let request = pb::UpdateConsumerRequest { consumer: Some(anna(&["staff"])), expected_revision };
        let updated = rpc.update_consumer(Request::new(request)).await.unwrap().into_inner();
        let consumer = updated.consumer.unwrap();
        assert_eq!((updated.revision, consumer.revision, &*consumer.title), (revision, 2, ""));
        assert!(consumer.rate_limits.is_none());
    }
    create_consumer(&rpc, pb::Consumer { name: "ben".into(), ..anna(&["staff"]) }).await.unwrap();
    create_consumer(&rpc, pb::Consumer { name: "carl".into(), ..anna(&[]) }).await.unwrap();
    let mut names = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = pb::ListConsumersRequest { group: "staff".into(), page_size: 1, page_token };
        let page = rpc.list_consumers(Request::new(request)).await.unwrap().into_inner();
        assert_eq!(page.revision, 4);
        names.extend(page.consumers.into_iter().map(|consumer| consumer.name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(names, ["anna", "ben"]);

    let delete = pb::DeleteConsumerRequest { name: "anna".into(), expected_revision: 2 };
    assert_eq!(rpc.delete_consumer(Request::new(delete)).await.unwrap().into_inner().revision, 5);
    let missing = get(&rpc).await.unwrap_err();
    assert_eq!(reason(&missing), (Code::NotFound, Reason::ConsumerNotFound.to_string()));
    assert_eq!(missing.get_error_details().error_info().unwrap().metadata["consumer"], "anna");
}

#[tokio::test]
async fn a_key_is_shown_once_and_kept_as_its_hash() {
    let rpc = rpc();
    create_consumer(&rpc, anna(&[])).await.unwrap();
    let first = create_key(&rpc, "anna").await.unwrap();
    let second = create_key(&rpc, "anna").await.unwrap();
    assert_ne!(first.secret, second.secret);
    let key = first.key.clone().unwrap();
    assert_eq!((first.revision, &*key.consumer), (2, "anna"));
    assert_eq!(key.expires_at.unwrap().seconds, 3600);
    let (id, secret) = first.secret.strip_prefix("gwk_").unwrap().split_once('_').unwrap();
    assert_eq!((id, secret.len()), (&*key.id, 64));
    let kept = rpc.registry.desired().borrow().consumers["anna"].clone();
    let kept = kept.keys.iter().find(|kept| kept.id.as_str() == key.id).unwrap();
    assert_eq!(kept.sha256, digest(&SHA256, first.secret.as_bytes()).as_ref());

    let list = async |consumer: &str| {
        let request = pb::ListKeysRequest { consumer: consumer.into(), ..pb::ListKeysRequest::default() };
        rpc.list_keys(Request::new(request)).await.map(|response| response.into_inner().keys)
    };
    let mut expected = vec![key.clone(), second.key.clone().unwrap()];
    expected.sort_by(|one, other| one.id.cmp(&other.id));
    assert_eq!(get(&rpc).await.unwrap().keys, expected);
    for consumer in ["", "anna"] {
        assert_eq!(list(consumer).await.unwrap(), expected);
    }
    assert_eq!(reason(&list("ben").await.unwrap_err()), (Code::NotFound, Reason::ConsumerNotFound.to_string()));

    let revoked = revoke(&rpc, &key.id).await.unwrap();
    assert_eq!((revoked.key.unwrap(), revoked.revision), (key.clone(), 4));
    assert_eq!(list("").await.unwrap().len(), 1);
    // A whole key that was given in place of its id is not shown.
    for id in [&*key.id, &*first.secret, ""] {
        let gone = revoke(&rpc, id).await.unwrap_err();
        assert_eq!(reason(&gone), (Code::NotFound, Reason::KeyNotFound.to_string()));
        assert!(id.is_empty() || !format!("{gone:?}").contains(id), "{gone:?}");
    }
}

#[tokio::test]
async fn a_password_is_kept_as_an_argon2id_hash() {
    let rpc = rpc();
    create_consumer(&rpc, anna(&[])).await.unwrap();
    assert!(set_password(&rpc, Some(PASSWORD)).await.unwrap().has_password);
    let hash = |rpc: &RegistryRpc| rpc.registry.desired().borrow().consumers["anna"].password.clone();
    let first = hash(&rpc).unwrap();
    assert!(Argon2::default().verify_password(PASSWORD.as_bytes(), first.reveal()).is_ok());
    // The same password again has another salt.
    assert!(set_password(&rpc, Some(PASSWORD)).await.unwrap().has_password);
    assert_ne!(hash(&rpc).as_ref(), Some(&first));
    let removed = set_password(&rpc, None).await.unwrap();
    assert_eq!((removed.has_password, removed.revision, hash(&rpc)), (false, 4, None));
    assert_eq!(set_password(&rpc, None).await.unwrap().revision, 4);
}

#[tokio::test]
async fn refusals_have_their_codes_and_change_nothing() {
    let rpc = rpc();
    create_consumer(&rpc, anna(&[])).await.unwrap();
    let exists = create_consumer(&rpc, anna(&["staff"])).await.unwrap_err();
    assert_eq!(reason(&exists), (Code::AlreadyExists, Reason::ConsumerExists.to_string()));
    let stale = pb::UpdateConsumerRequest { consumer: Some(anna(&[])), expected_revision: 9 };
    let stale = rpc.update_consumer(Request::new(stale)).await.unwrap_err();
    assert_eq!(reason(&stale), (Code::Aborted, Reason::StaleRevision.to_string()));
    assert!(stale.message().starts_with("consumer \"anna\" is at revision 1 and not at 9"), "{stale}");
    let stale = pb::DeleteConsumerRequest { name: "anna".into(), expected_revision: 9 };
    let stale = rpc.delete_consumer(Request::new(stale)).await.unwrap_err();
    assert_eq!(stale.get_error_details().error_info().unwrap().metadata["consumer"], "anna");
    let missing = create_key(&rpc, "ben").await.unwrap_err();
    assert_eq!(reason(&missing), (Code::NotFound, Reason::ConsumerNotFound.to_string()));
    let invalid = set_password(&rpc, Some("hunter2")).await.unwrap_err();
    assert_eq!(reason(&invalid), (Code::InvalidArgument, Reason::Invalid.to_string()));
    assert!(!format!("{invalid:?}").contains("hunter2"), "{invalid:?}");
    let nobody = pb::SetPasswordRequest { consumer: "ben".into(), password: Some(PASSWORD.into()) };
    let nobody = rpc.set_password(Request::new(nobody)).await.unwrap_err();
    assert_eq!(reason(&nobody), (Code::NotFound, Reason::ConsumerNotFound.to_string()));
    assert_eq!(rpc.registry.desired().borrow().revision.0, 1);
}

#[tokio::test]
async fn an_apply_leaves_what_consumers_are_known_by() {
    let rpc = rpc();
    create_consumer(&rpc, anna(&[])).await.unwrap();
    create_key(&rpc, "anna").await.unwrap();
    set_password(&rpc, Some(PASSWORD)).await.unwrap();
    let apply = async |consumers: Vec<pb::Consumer>, dry_run| {
        let services = vec![service("shop", "shop.test")];
        let request = pb::ApplyRequest { services, dry_run, consumers, ..pb::ApplyRequest::default() };
        rpc.apply(Request::new(request)).await.map(Response::into_inner)
    };
    let ben = pb::Consumer { name: "ben".into(), ..anna(&[]) };
    for (dry_run, revision) in [(true, 3), (false, 4)] {
        let applied = apply(vec![anna(&["staff"]), ben.clone()], dry_run).await.unwrap();
        let changes: Vec<_> = applied.consumer_changes.iter().map(|one| (&*one.name, one.change())).collect();
        assert_eq!(changes, [("anna", pb::ChangeKind::Updated), ("ben", pb::ChangeKind::Created)]);
        assert_eq!(applied.revision, revision);
    }
    let read = get(&rpc).await.unwrap();
    assert_eq!((read.keys.len(), read.has_password, &*read.groups), (1, true, &["staff".to_owned()][..]));
    let again = apply(vec![anna(&["staff"]), ben], false).await.unwrap();
    assert_eq!((again.consumer_changes[0].change(), again.revision), (pb::ChangeKind::Unchanged, 4));

    // All of it or nothing.
    let wrong = pb::Consumer { groups: vec!["Not ok".into()], ..anna(&[]) };
    let refused = apply(vec![anna(&["other"]), wrong], false).await.unwrap_err();
    assert!(refused.message().contains("consumers[1].groups[0]: \"Not ok\" is not a group"), "{refused}");
    assert_eq!(get(&rpc).await.unwrap(), read);
}

#[tokio::test]
async fn nothing_secret_is_in_history_watches_or_the_audit() {
    let store = Arc::new(MemoryStore::new("cluster").unwrap());
    let registry = Registry::open(Arc::clone(&store) as Arc<dyn Store>, Arc::new(|| Timestamp::UNIX_EPOCH)).unwrap();
    let (_verdicts, health) = watch::channel(HealthView::new());
    let rpc = RegistryRpc { registry, health, stop: CancellationToken::new() };
    create_consumer(&rpc, anna(&[])).await.unwrap();
    let made = create_key(&rpc, "anna").await.unwrap();
    set_password(&rpc, Some(PASSWORD)).await.unwrap();
    revoke(&rpc, &made.key.as_ref().unwrap().id).await.unwrap();
    set_password(&rpc, None).await.unwrap();

    let mut history = Vec::new();
    let mut followed = store.watch(Revision(0)).unwrap();
    for _ in 0..5 {
        history.push(followed.next().await.unwrap());
    }
    let changes: Vec<_> = history.iter().flat_map(|change| &change.puts).cloned().collect();
    let audit = audit::list(store, ListAuditRequest::default()).await.unwrap();
    let id = &made.key.as_ref().unwrap().id;
    let told: Vec<_> = audit.entries.iter().map(|entry| entry.actions[1..].join("; ")).collect();
    let expected = [
        "remove the password of consumer \"anna\"".to_owned(),
        format!("revoke key {id} of consumer \"anna\""),
        "set the password of consumer \"anna\"".to_owned(),
        format!("create key {id} of consumer \"anna\""),
        String::new(),
    ];
    assert_eq!(told, expected);
    let request = pb::WatchRequest { include_current: false, after_revision: Some(0) };
    let events = rpc.watch(Request::new(request)).await.unwrap().into_inner();
    let watched: Vec<_> = events.take(5).map(Result::unwrap).collect().await;
    let shown = format!("{history:?} {audit:?} {watched:?} {changes:?} {rpc:?} {made:?}");
    assert!(shown.contains(id) && !shown.contains(PASSWORD) && !shown.contains("argon2id"), "{shown}");
    assert!(!shown.contains(&made.secret[17..]), "{shown}");
    let sha256 = digest(&SHA256, made.secret.as_bytes());
    assert!(!shown.contains(&format!("{:?}", sha256.as_ref())), "{shown}");
    // What is sent is looked through too, not only what is shown of it.
    for event in watched {
        let sent = event.encode_to_vec();
        let has = |secret: &[u8]| sent.windows(secret.len()).any(|window| window == secret);
        assert!(!has(sha256.as_ref()) && !has(b"argon2id") && !has(&made.secret.as_bytes()[17..]));
    }
}
