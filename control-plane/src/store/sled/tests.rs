use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use super::{SledStore, StoredConsumer, codec, marker, meta_key, piece_key, stored};
use crate::{
    auth::sample::kept,
    registry::{
        model::{Consumer, Desired, Key, Record, Revision, Route, Service},
        purge::Target,
        sample,
    },
    store::{AuditQuery, Batch, Store, StoreError, TokenNote, codec::Meta},
};

fn open(path: &Path) -> Result<SledStore, StoreError> {
    SledStore::open(path.to_owned(), "cluster")
}

/// Commits so many batches of some services and routes each, which overwrite each other.
async fn fill(store: &SledStore, batches: usize) -> Result<(), StoreError> {
    for batch in 0..batches {
        let number = |at: usize| (batch * 37 + at * 61) % 3000;
        let services = (0..50).map(|at| Record::from(sample::service(&format!("s{}", number(at)), &[])));
        let route = |at| sample::route(&format!("r{at}"), &[&format!("h{at}.test")], "/", &format!("s{at}"));
        let routes = (0..10).map(|at| Record::from(route(number(at))));
        let batch = Batch { puts: services.chain(routes).collect(), ..Batch::default() };
        store.commit(batch).await.unwrap()?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.join("blobs")).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap).filter(|entry| entry.file_type().unwrap().is_file()) {
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// A file of the store by the beginning of its name.
fn file(directory: &Path, prefix: &str) -> Option<PathBuf> {
    let mut paths = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    paths.find(|path| path.file_name().unwrap().to_str().unwrap().starts_with(prefix))
}

/// sled makes a snapshot when it likes.
fn remove_snapshot(directory: &Path) {
    if let Some(path) = file(directory, "snap") {
        fs::remove_file(path).unwrap();
    }
}

#[tokio::test]
async fn damage_is_told_and_never_served() {
    let directory = tempfile::tempdir().unwrap();
    let origin = directory.path().join("origin");
    fill(&open(&origin).unwrap(), 60).await.unwrap();
    let store = open(&origin).unwrap();
    fill(&store, 2).await.unwrap();
    let whole = store.load().unwrap().desired;
    drop(store);

    let (mut seed, mut refused) = (7_u64, 0);
    for round in 0..40 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let damaged = directory.path().join(format!("{round}"));
        copy(&origin, &damaged);
        let name = ["db", "db", "db", "snap", "conf"][round % 5];
        let path = file(&damaged, name).unwrap_or_else(|| damaged.join("db"));
        let mut bytes = fs::read(&path).unwrap();
        let at = usize::try_from(seed >> 20).unwrap() % bytes.len();
        match round % 3 {
            0 => bytes[at] ^= 1 << (seed % 8),
            1 => bytes.truncate(at),
            _ => bytes[at..].iter_mut().take(64).for_each(|byte| *byte = 0xaa),
        }
        fs::write(&path, bytes).unwrap();
        match open(&damaged) {
            // What was hit was not in use.
            Ok(store) => assert_same(&store.load().unwrap().desired, &whole),
            Err(StoreError::Damaged { .. } | StoreError::Lost { .. }) => refused += 1,
            Err(other) => panic!("round {round} at {at} of {}: {other}", path.display()),
        }
        fs::remove_dir_all(&damaged).unwrap();
    }
    assert!(refused > 10, "{refused}");
}

fn assert_same(found: &Desired, whole: &Desired) {
    assert_eq!(found.revision, whole.revision);
    assert!(found.services == whole.services && found.routes == whole.routes);
}

#[tokio::test]
async fn a_store_that_has_lost_acknowledged_commits_says_so() {
    let directory = tempfile::tempdir().unwrap();
    fill(&open(directory.path()).unwrap(), 3).await.unwrap();
    let old = fs::read(directory.path().join("db")).unwrap();
    fill(&open(directory.path()).unwrap(), 3).await.unwrap();
    fs::write(directory.path().join("db"), old).unwrap();
    remove_snapshot(directory.path());
    let err = open(directory.path()).unwrap_err();
    let StoreError::Lost { found, acknowledged, .. } = err.clone() else { panic!("{err}") };
    assert!(found < acknowledged && acknowledged == Revision(6), "{err}");
    // The remedy that the error names.
    fs::remove_file(directory.path().join(marker::NAME)).unwrap();
    assert_eq!(open(directory.path()).unwrap().load().unwrap().desired.revision, found);
}

#[test]
fn a_new_directory_is_for_its_owner_alone_and_one_that_is_there_stays_as_it_is() {
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let directory = tempfile::tempdir().unwrap();
    let new = directory.path().join("new/store");
    drop(open(&new).unwrap());
    assert_eq!(mode(&new), 0o700);
    fs::set_permissions(&new, fs::Permissions::from_mode(0o750)).unwrap();
    drop(open(&new).unwrap());
    assert_eq!(mode(&new), 0o750);
}

#[tokio::test]
async fn an_emptied_store_is_not_taken_for_a_new_one() {
    let directory = tempfile::tempdir().unwrap();
    fill(&open(directory.path()).unwrap(), 3).await.unwrap();
    fs::remove_file(directory.path().join("db")).unwrap();
    remove_snapshot(directory.path());
    assert!(matches!(open(directory.path()), Err(StoreError::Lost { found: Revision(0), .. })));
}

#[tokio::test]
async fn a_record_that_is_missing_outdated_or_strange_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    fill(&open(&path).unwrap(), 3).await.unwrap();
    let with_sled = |change: &dyn Fn(&::sled::Db)| {
        let copied = directory.path().join("copy");
        let _ = fs::remove_dir_all(&copied);
        copy(&path, &copied);
        let db = super::open::open_sled(&copied).unwrap();
        change(&db);
        drop(db);
        open(&copied).err().map(|err| err.to_string()).unwrap_or_default()
    };
    let first_piece = |key: &str| piece_key(key.as_bytes(), 0);
    for (one, other) in [("ss0", "ss61"), ("rr0", "rr61"), ("rr0", "ss0")] {
        let (one, other) = (first_piece(one), first_piece(other));
        let removed = with_sled(&|db| drop(db.remove(&one).unwrap().unwrap()));
        assert!(removed.contains("records are missing or outdated"), "{removed}");
        let swapped = with_sled(&|db| drop(db.insert(&one, db.get(&other).unwrap().unwrap()).unwrap()));
        assert!(swapped.contains("checksum"), "{swapped}");
    }
    let sealed = |key: &str, route: &Route| codec::seal(key.as_bytes(), codec::LATEST, &stored::of_route(route));
    let rival = sample::route("rival", &["h0.test"], "/", "s0");
    let conflict = with_sled(&|db| drop(db.insert(first_piece("rrival"), sealed("rrival", &rival)).unwrap()));
    assert!(conflict.contains("two routes match the same requests"), "{conflict}");
    let odd = sample::route("Odd", &["odd.test"], "/", "s0");
    let refused = with_sled(&|db| drop(db.insert(first_piece("rodd"), sealed("rodd", &odd)).unwrap()));
    assert!(refused.contains("a route record is none: route.name: \"Odd\" is not a name"), "{refused}");
    let sealed =
        |key: &str, consumer: &Consumer| codec::seal(key.as_bytes(), codec::LATEST, &StoredConsumer::from(consumer));
    let (anna, ben) = (sample::full_consumer("anna"), sample::full_consumer("ben"));
    let conflict = with_sled(&|db| {
        for (key, consumer) in [("uanna", &anna), ("uben", &ben)] {
            db.insert(first_piece(key), sealed(key, consumer)).unwrap();
        }
    });
    assert!(conflict.contains("two consumers have the same key"), "{conflict}");
    let unnoticed = with_sled(&|db| drop(db.insert(first_piece("uanna"), sealed("uanna", &anna)).unwrap()));
    assert!(unnoticed.contains("records are missing or outdated"), "{unnoticed}");
    let headless = with_sled(&|db| drop(db.remove(piece_key(&meta_key(), 0)).unwrap().unwrap()));
    assert!(headless.contains("the record of the store itself is missing"), "{headless}");
    let strange = with_sled(&|db| drop(db.insert(b"other", b"thing").unwrap()));
    assert!(strange.contains("unknown kind"), "{strange}");
    assert_eq!(with_sled(&|_| ()), "");
}

/// Earlier programs read records in the order of their keys, and refuse a store
/// with the right words when they find a later format. The store's own record comes before routes,
/// purges and consumers.
#[tokio::test]
async fn a_store_is_open_to_earlier_programs_exactly_while_it_holds_nothing_new() {
    let directory = tempfile::tempdir().unwrap();
    let route = Key::Route(sample::route_name("r"));
    let with_policies = Service { policies: sample::policies(), ..sample::service("a", &[]) };
    let put = |record: Record| Batch { puts: vec![record], ..Batch::default() };
    for (batch, meta, services) in [
        (put(sample::service("a", &[]).into()), 1, 1),
        (put(sample::route("r", &["x.test"], "/", "a").into()), 2, 1),
        (Batch { deletes: vec![route], ..Batch::default() }, 1, 1),
        (put(with_policies.into()), 1, 3),
        (put(sample::service("a", &[]).into()), 1, 1),
        (put(sample::purge(6, Target::Host("a.test".into())).into()), 3, 1),
        (Batch { deletes: vec![Key::Purge(Revision(6))], ..Batch::default() }, 1, 1),
        (put(sample::full_consumer("anna").into()), 5, 1),
        (Batch { deletes: vec![Key::Consumer(sample::consumer_name("anna"))], ..Batch::default() }, 1, 1),
    ] {
        let store = open(directory.path()).unwrap();
        store.commit(batch).await.unwrap().unwrap();
        drop(store);
        let db = super::open::open_sled(directory.path()).unwrap();
        let format = |key: &[u8]| {
            let record = db.get(piece_key(key, 0)).unwrap().unwrap();
            u16::from_le_bytes([record[4], record[5]])
        };
        assert_eq!((format(&meta_key()), format(b"sa")), (meta, services));
    }
    let store = open(directory.path()).unwrap();
    let _ = store.note_tokens(vec![TokenNote::First(kept(1))]).await;
    drop(store);
    let db = super::open::open_sled(directory.path()).unwrap();
    let meta = db.get(piece_key(&meta_key(), 0)).unwrap().unwrap();
    assert_eq!(u16::from_le_bytes([meta[4], meta[5]]), codec::TOKENS);
    assert!([b"p", b"r", b"u"].iter().all(|key| meta_key() < key.to_vec()));
}

/// The audit is beside the records, so that nothing that is wrong with it keeps a store from being opened.
#[tokio::test]
async fn a_store_without_an_audit_begins_one_and_a_damaged_one_is_told() {
    let directory = tempfile::tempdir().unwrap();
    fill(&open(directory.path()).unwrap(), 3).await.unwrap();
    let with_sled = |change: &dyn Fn(&::sled::Db)| change(&super::open::open_sled(directory.path()).unwrap());
    with_sled(&|db| assert!(db.drop_tree("audit").unwrap()));
    let query = AuditQuery { before: None, since: jiff::Timestamp::MIN, limit: 9 };
    let store = open(directory.path()).unwrap();
    assert_eq!(store.audit(&query).unwrap().entries, []);
    fill(&store, 1).await.unwrap();
    let entries = store.audit(&query).unwrap().entries;
    assert_eq!((entries.len(), entries[0].0.revision(), entries[0].1.actions.len()), (1, Revision(4), 60));
    drop(store);

    with_sled(&|db| drop(db.open_tree("audit").unwrap().insert(8_u64.to_be_bytes(), b"thing").unwrap()));
    let store = open(directory.path()).unwrap();
    let told = store.audit(&query).unwrap_err().to_string();
    assert!(told.contains("the audit: a record is cut short"), "{told}");
    fill(&store, 1).await.unwrap();
    assert_eq!(store.failure().borrow().clone(), None);
}

#[test]
fn a_future_format_is_told() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path()).unwrap());
    let db = super::open::open_sled(directory.path()).unwrap();
    let key = meta_key();
    let record = codec::seal(&key, 9, &Meta { cluster_id: "c".into(), revision: 1, digest: 0 });
    db.insert(piece_key(&key, 0), record).unwrap();
    drop(db);
    let err = open(directory.path()).unwrap_err();
    assert!(matches!(err, StoreError::FutureFormat { found: 9, supported: 5, .. }), "{err}");
}

#[tokio::test]
async fn a_second_opener_is_refused_and_the_first_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let first = open(directory.path()).unwrap();
    let err = open(directory.path()).unwrap_err();
    assert_eq!(err, StoreError::InUse { path: directory.path().to_owned() });
    fill(&first, 1).await.unwrap();
    drop(first);
    assert_eq!(open(directory.path()).unwrap().load().unwrap().desired.revision, Revision(1));
}

#[test]
fn a_path_that_cannot_be_a_store_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let occupied = directory.path().join("file");
    fs::write(&occupied, "").unwrap();
    assert_eq!(open(&occupied).unwrap_err(), StoreError::NotADirectory { path: occupied.clone() });
    let below = occupied.join("below");
    assert_eq!(open(&below).unwrap_err(), StoreError::NotADirectory { path: below.clone() });
    // Nobody may make a directory here, not even root.
    let forbidden = PathBuf::from("/sys/gateway-store");
    assert_eq!(open(&forbidden).unwrap_err(), StoreError::Permission { path: forbidden.clone() });
}

#[test]
fn a_full_disk_stops_writing_and_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    // The system's limit on the size of files stands for a full disk.
    let child = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 3000; exec \"$0\" --exact --ignored --nocapture \"$1\""])
        .arg(std::env::current_exe().unwrap())
        .arg("store::sled::tests::fill_a_small_disk")
        .env("STORE_DIRECTORY", directory.path())
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{output}{}", String::from_utf8_lossy(&child.stderr));
    let acknowledged = output.lines().find_map(|line| line.split_once("acknowledged ")).unwrap().1;
    let store = open(directory.path()).unwrap();
    assert_eq!(store.load().unwrap().desired.revision.to_string(), acknowledged);
}

/// The other process of the test above.
#[tokio::test]
#[ignore = "the test above runs it, under a limit on the size of files"]
async fn fill_a_small_disk() {
    let path = PathBuf::from(std::env::var("STORE_DIRECTORY").unwrap());
    let store = open(&path).unwrap();
    let full = fill(&store, 10_000).await.unwrap_err();
    assert_eq!(full, StoreError::DiskFull { path });
    // It stays so, and readers see what is durable.
    assert_eq!(store.commit(Batch::default()).await.unwrap(), Err(full));
    println!("\nacknowledged {}", store.desired().borrow().revision);
}
