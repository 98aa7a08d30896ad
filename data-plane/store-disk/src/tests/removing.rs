use super::{Keys, URL, body, folder, get, open, put, version, version_of, written};
use crate::removals::{Left, MAX_REMOVALS, Presence, Removals};

#[tokio::test]
async fn what_is_removed_is_gone_at_once_even_if_it_still_waits() {
    let dir = folder();
    let disk = open(dir.path()).await;
    let keys = Keys::new(3);
    put(&disk, URL, &version(1), &body(1000));
    disk.remove(&keys.of(URL));
    assert_eq!(version_of(&disk, URL).await, None);
    written(&disk).await;
    assert_eq!(version_of(&disk, URL).await, None);
    put(&disk, URL, &version(2), &body(1000));
    assert_eq!(version_of(&disk, URL).await, Some(2));
    written(&disk).await;
    disk.remove(&keys.of(URL));
    assert_eq!(version_of(&disk, URL).await, None);
}

#[tokio::test]
async fn what_was_asked_for_before_a_removal_is_not_put_after_it() {
    let dir = folder();
    let disk = open(dir.path()).await;
    let keys = Keys::new(3);
    let stamp = disk.stamp();
    disk.remove(&keys.of(URL));
    disk.put(&keys.of(URL), &version(1), &body(10), stamp);
    disk.put(&keys.of("https://a.test/y"), &version(1), &body(10), stamp);
    assert_eq!(disk.stats().overtaken, 1);
    assert_eq!(version_of(&disk, URL).await, None);
    assert_eq!(version_of(&disk, "https://a.test/y").await, Some(1));
}

#[tokio::test]
async fn what_was_removed_stays_so_in_the_next_run_and_may_be_put_again() {
    let dir = folder();
    let keys = Keys::new(3);
    let disk = open(dir.path()).await;
    put(&disk, URL, &version(1), &body(10));
    put(&disk, "https://a.test/y", &version(1), &body(10));
    written(&disk).await;
    disk.remove(&keys.of(URL));
    disk.close().await.unwrap();
    drop(disk);
    let disk = open(dir.path()).await;
    assert_eq!(version_of(&disk, URL).await, None);
    assert!(!get(&disk, "https://a.test/y").await.expect("it was not removed").is_stale);
    put(&disk, URL, &version(2), &body(10));
    assert_eq!(version_of(&disk, URL).await, Some(2));
}

#[test]
fn too_many_removals_leave_doubts_and_never_bring_anything_back() {
    let mut removals = Removals::begin(1, None);
    let old = removals.now();
    let last = MAX_REMOVALS as u128;
    for hash in 0..=last {
        removals.remove(hash, Presence::Held);
    }
    assert_eq!(removals.left([0, 0], old), Left::Doubtful, "it is not remembered, and not trusted");
    assert_eq!(removals.left([last + 1, 0], old), Left::Doubtful);
    assert_eq!(removals.left([0, 0], removals.now()), Left::There);
}

#[test]
fn too_many_removals_of_what_is_not_there_cost_only_what_is_on_its_way() {
    let mut removals = Removals::begin(1, None);
    let old = removals.now();
    for hash in 0..=MAX_REMOVALS as u128 {
        removals.remove(hash, Presence::Absent);
    }
    assert_eq!(removals.left([0, 0], old), Left::There);
    assert!(!removals.admits([0, 0], old), "it may have been asked for before its removal");
    assert!(removals.admits([0, 0], removals.now()));
}
