use std::{
    fs::{self, OpenOptions},
    os::unix::fs::FileExt,
    path::Path,
};

use gateway_cache_store::{Mode, Purge};

use super::{CLUSTER, Keys, URL, body, bytes, folder, get, open, put, try_open, version, version_of, written};
use crate::MIN_SIZE;

#[tokio::test]
async fn entries_are_there_again_after_a_restart() {
    let dir = folder();
    let content = body(300_000);
    let disk = open(dir.path()).await;
    put(&disk, URL, &version(1), &content);
    disk.close().await.expect("it can be written");
    put(&disk, URL, &version(2), &content);
    assert!(get(&disk, URL).await.is_none(), "it is closed");
    drop(disk);

    let disk = try_open(dir.path(), MIN_SIZE).await.unwrap();
    assert!(get(&disk, URL).await.is_none(), "purges are not known yet");
    disk.begin(CLUSTER, 0).await.unwrap();
    let whole = get(&disk, URL).await.expect("it is there");
    assert_eq!((whole.meta, whole.is_stale), (version(1), false));
    assert!(bytes(&whole.body) == bytes(&content));
}

#[tokio::test]
async fn what_a_killed_run_has_left_is_there_but_doubtful() {
    let dir = folder();
    let disk = open(dir.path()).await;
    put(&disk, URL, &version(1), &body(10));
    written(&disk).await;
    drop(disk);

    let disk = open(dir.path()).await;
    let whole = get(&disk, URL).await.expect("it is there");
    assert!(whole.is_stale && whole.meta.must_validate, "a removal may be forgotten");
    put(&disk, URL, &version(2), &body(10));
    let whole = get(&disk, URL).await.expect("it is there");
    assert!(!whole.is_stale && !whole.meta.must_validate, "it is of this run");
    // What is doubtful stays so, however the next run ends.
    put(&disk, "https://a.test/y", &version(1), &body(10));
    written(&disk).await;
    disk.close().await.unwrap();
    drop(disk);
    let disk = open(dir.path()).await;
    assert!(!get(&disk, "https://a.test/y").await.expect("it is there").is_stale);
}

#[tokio::test]
async fn a_purge_holds_across_a_restart() {
    let dir = folder();
    let disk = open(dir.path()).await;
    let urls = ["https://a.test/1", "https://a.test/2", "https://a.test/3"];
    disk.purge(4, Purge::Url(b"https://a.test/0"), Mode::Hard);
    for url in urls {
        put(&disk, url, &version(1), &body(10));
    }
    disk.purge(5, Purge::Url(urls[0].as_bytes()), Mode::Hard);
    disk.close().await.unwrap();
    drop(disk);

    // All that the control plane keeps comes again, and one that came meanwhile.
    let disk = try_open(dir.path(), MIN_SIZE).await.unwrap();
    disk.purge(4, Purge::Url(b"https://a.test/0"), Mode::Hard);
    disk.purge(5, Purge::Url(urls[0].as_bytes()), Mode::Hard);
    disk.purge(6, Purge::Url(urls[1].as_bytes()), Mode::Soft);
    disk.begin(CLUSTER, 4).await.unwrap();
    assert_eq!(version_of(&disk, urls[0]).await, None);
    assert!(get(&disk, urls[1]).await.expect("it is there").is_stale);
    assert!(!get(&disk, urls[2]).await.expect("it is there").is_stale);
    disk.close().await.unwrap();
    drop(disk);

    let disk = try_open(dir.path(), MIN_SIZE).await.unwrap();
    disk.begin(CLUSTER, 5).await.unwrap();
    assert_eq!(version_of(&disk, urls[2]).await, None, "the fifth is not kept, and may have been about it");
}

#[tokio::test]
async fn another_cluster_has_other_purges_so_that_nothing_is_left() {
    let dir = folder();
    let disk = open(dir.path()).await;
    put(&disk, URL, &version(1), &body(10));
    disk.close().await.unwrap();
    drop(disk);
    let disk = try_open(dir.path(), MIN_SIZE).await.unwrap();
    disk.begin("two", 0).await.unwrap();
    assert_eq!(version_of(&disk, URL).await, None);
    disk.purge(500, Purge::Tag(b"t"), Mode::Hard);
    put(&disk, URL, &version(2), &body(10));
    assert_eq!(version_of(&disk, URL).await, Some(2));
    disk.begin("three", 0).await.unwrap();
    put(&disk, URL, &version(3), &body(10));
    disk.purge(3, Purge::Host(b"a.test"), Mode::Hard);
    assert_eq!(version_of(&disk, URL).await, None, "it counts from one again");
    put(&disk, URL, &version(4), &body(10));
    written(&disk).await;
    assert_eq!(version_of(&disk, URL).await, Some(4));
    disk.begin(CLUSTER, 0).await.unwrap();
    assert_eq!(version_of(&disk, URL).await, None);
}

#[tokio::test]
async fn purges_that_come_before_the_first_beginning_are_of_the_cluster_that_it_tells() {
    let dir = folder();
    let disk = try_open(dir.path(), MIN_SIZE).await.unwrap();
    disk.purge(4, Purge::Host(b"a.test"), Mode::Hard);
    disk.begin(CLUSTER, 2).await.unwrap();
    put(&disk, URL, &version(1), &body(10));
    disk.close().await.unwrap();
    drop(disk);
    let disk = try_open(dir.path(), MIN_SIZE).await.unwrap();
    disk.purge(4, Purge::Host(b"a.test"), Mode::Hard);
    disk.begin(CLUSTER, 3).await.unwrap();
    assert_eq!(version_of(&disk, URL).await, Some(1), "it was stored behind the purge");
}

/// Where in the files the bytes are.
fn find(dir: &Path, wanted: &[u8]) -> Vec<(std::path::PathBuf, u64)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let content = fs::read(&path).unwrap();
        let at = content.windows(wanted.len()).position(|window| window == wanted);
        found.extend(at.map(|at| (path, at as u64)));
    }
    found
}

#[tokio::test]
async fn a_byte_that_was_changed_is_a_miss() {
    // In the key, the metadata, the body, and what foyer has in front of them.
    for offset in [-40_i64, -20, 0, 17, 5000] {
        let dir = folder();
        let disk = open(dir.path()).await;
        put(&disk, URL, &version(1), &body(10_000));
        put(&disk, "https://b.test/", &version(1), &body(10_000));
        disk.close().await.unwrap();
        drop(disk);
        let places = find(dir.path(), URL.as_bytes());
        let [(path, at)] = places.as_slice() else { panic!("{places:?}") };
        let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
        let at = at.checked_add_signed(offset).unwrap();
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ 0x10], at).unwrap();

        let disk = open(dir.path()).await;
        assert_eq!(version_of(&disk, URL).await, None, "{offset}");
        let stats = disk.stats();
        assert_eq!(stats.damaged + stats.failed, 1, "{offset}: {stats:?}");
        assert_eq!(version_of(&disk, "https://b.test/").await, Some(1), "{offset}");
    }
}

#[tokio::test]
async fn where_the_state_is_damaged_it_begins_anew() {
    let dir = folder();
    let disk = open(dir.path()).await;
    put(&disk, URL, &version(1), &body(10));
    disk.close().await.unwrap();
    drop(disk);
    let path = dir.path().join("state");
    let mut state = fs::read(&path).unwrap();
    *state.last_mut().unwrap() ^= 1;
    fs::write(&path, state).unwrap();
    let disk = open(dir.path()).await;
    assert_eq!(version_of(&disk, URL).await, None);
    disk.put(&Keys::new(1).of(URL), &version(2), &body(10), disk.stamp());
    assert_eq!(version_of(&disk, URL).await, Some(2));
}
