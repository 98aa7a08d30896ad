use std::{fs, os::unix::fs::MetadataExt, path::Path, sync::mpsc};

use gateway_cache_store::{Mode, Purge, Verdict};

use super::{Keys, Meta, URL, body, bytes, folder, fresh, get, open, put, version, version_of, written};
use crate::{MIN_SIZE, QUEUE};

/// Bytes of all files, as they say and as they take up.
fn size_of(dir: &Path) -> (u64, u64) {
    let sizes = fs::read_dir(dir).unwrap().map(|entry| {
        let metadata = entry.unwrap().metadata().unwrap();
        (metadata.len(), metadata.blocks() * 512)
    });
    sizes.fold((0, 0), |sum, size| (sum.0 + size.0, sum.1 + size.1))
}

#[tokio::test]
async fn what_is_put_is_found_while_it_waits_and_when_it_is_written() {
    let dir = folder();
    let disk = open(dir.path()).await;
    let content = body(700_001);
    assert!(get(&disk, URL).await.is_none());
    put(&disk, URL, &version(1), &content);
    assert_eq!(version_of(&disk, URL).await, Some(1));
    written(&disk).await;
    let whole = get(&disk, URL).await.expect("it is there");
    assert!(bytes(&whole.body) == bytes(&content));
    assert_eq!((whole.meta, whole.is_stale), (version(1), false));
    assert!(get(&disk, "https://a.test/y").await.is_none());
    let stats = disk.stats();
    assert_eq!((stats.hits, stats.misses, stats.written, stats.damaged), (2, 2, 1, 0));
}

#[tokio::test]
async fn what_was_replaced_never_comes_back_while_the_new_one_waits() {
    let dir = folder();
    let disk = open(dir.path()).await;
    let content = body(20_000);
    for number in 1..=250 {
        put(&disk, URL, &version(number), &content);
        put(&disk, &format!("https://a.test/{number}"), &version(1), &content);
        let found = version_of(&disk, URL).await;
        assert!(found.is_none_or(|found| found == number), "{found:?} instead of {number}");
    }
    written(&disk).await;
    assert_eq!(version_of(&disk, URL).await, Some(250));
    assert_eq!(disk.stats().damaged, 0);
}

#[tokio::test]
async fn the_responses_of_a_key_are_kept_apart() {
    let dir = folder();
    let disk = open(dir.path()).await;
    for variant in [1, 2] {
        put(&disk, URL, &Meta { variant, version: 10 + variant, ..Meta::default() }, &body(10));
    }
    put(&disk, URL, &Meta { variant: 1, version: 21, ..Meta::default() }, &body(10));
    written(&disk).await;
    for (wanted, version) in [(1, Some(21)), (2, Some(12)), (3, None)] {
        let only = |meta: &Meta| if meta.variant == wanted { Verdict::Fresh } else { Verdict::Other };
        let found = disk.get(&Keys::new(3).of(URL), only).await;
        assert_eq!(found.map(|whole| whole.meta.version), version, "{wanted}");
    }
}

#[tokio::test]
async fn the_same_bytes_cut_otherwise_are_another_key() {
    let dir = folder();
    let disk = open(dir.path()).await;
    put(&disk, URL, &version(1), &body(10));
    written(&disk).await;
    let keys = Keys::new(4);
    assert!(disk.get(&keys.0.key(URL.as_bytes(), 3, 0..2), fresh).await.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn it_never_grows_beyond_its_size_and_keeps_the_youngest() {
    let dir = folder();
    let disk = open(dir.path()).await;
    let content = body(200_000);
    let urls: Vec<String> = (0..3 * MIN_SIZE / 200_000).map(|number| format!("https://a.test/{number}")).collect();
    for url in &urls {
        put(&disk, url, &version(1), &content);
        written(&disk).await;
    }
    let (len, taken) = size_of(dir.path());
    let margin = 64 * 1024;
    assert!(len <= MIN_SIZE + margin && taken <= MIN_SIZE + margin, "{len} {taken}");
    assert_eq!(version_of(&disk, urls.last().unwrap()).await, Some(1));
    assert_eq!(version_of(&disk, &urls[0]).await, None);
    let mut kept = 0;
    for url in &urls {
        kept += u64::from(version_of(&disk, url).await.is_some());
    }
    assert!(kept * 200_000 > MIN_SIZE / 2, "only {kept} are left");
}

#[tokio::test]
async fn a_disk_that_hangs_holds_nobody_up() {
    let dir = folder();
    let disk = open(dir.path()).await;
    put(&disk, URL, &version(1), &body(10));
    written(&disk).await;
    // Its own threads do nothing until they are let go.
    let (let_go, hung): (Vec<_>, Vec<_>) = (0..2).map(|_| mpsc::channel::<()>()).unzip();
    let (began, all_began) = mpsc::channel();
    for hang in hung {
        let began = began.clone();
        disk.engine().spawner().spawn(async move {
            began.send(()).unwrap();
            hang.recv().unwrap_err();
        });
    }
    all_began.recv().unwrap();
    all_began.recv().unwrap();
    let content = body(100_000);
    for number in 0..1000 {
        put(&disk, &format!("https://a.test/{number}"), &version(1), &content);
    }
    let stats = disk.stats();
    assert!(stats.queued_bytes <= QUEUE, "{stats:?}");
    assert!(stats.dropped > 800 && stats.written > 100, "{stats:?}");
    drop(let_go);
    written(&disk).await;
    // The first one was there before.
    let last_taken = format!("https://a.test/{}", stats.written - 2);
    assert_eq!(version_of(&disk, &last_taken).await, Some(1));
}

#[tokio::test]
async fn what_is_too_large_is_not_taken_and_what_it_replaces_is_gone() {
    let dir = folder();
    let disk = open(dir.path()).await;
    put(&disk, URL, &version(1), &body(10));
    written(&disk).await;
    put(&disk, URL, &version(2), &body(1024 * 1024));
    assert_eq!(disk.stats().too_large, 1);
    assert_eq!(version_of(&disk, URL).await, None, "it would be a step back");
    put(&disk, URL, &version(3), &body(1024 * 1024 - 8192));
    written(&disk).await;
    assert_eq!(version_of(&disk, URL).await, Some(3));
}

#[tokio::test]
async fn purges_are_met_by_what_is_older_and_by_nothing_else() {
    let dir = folder();
    let disk = open(dir.path()).await;
    let keys = Keys::new(5);
    disk.purge(3, Purge::Prefix(b"https://a.test/"), Mode::Hard);
    let stamp = disk.stamp();
    disk.purge(4, Purge::Tag(&[9]), Mode::Soft);
    disk.put(&keys.of(URL), &Meta { tag: 9, ..version(1) }, &body(10), stamp);
    disk.put(&keys.of("https://a.test/y"), &version(1), &body(10), stamp);
    let found = get(&disk, URL).await.expect("it is only stale");
    assert!(found.is_stale && !found.meta.must_validate);
    assert!(!get(&disk, "https://a.test/y").await.expect("no purge is about it").is_stale);
    disk.purge(5, Purge::Host(b"a.test"), Mode::Hard);
    assert_eq!(version_of(&disk, URL).await, None);
    assert_eq!(version_of(&disk, "https://a.test/y").await, None);
    assert_eq!(disk.stats().dead, 2);
}
