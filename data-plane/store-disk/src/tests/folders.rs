use std::{fs, os::unix::fs::PermissionsExt};

use super::{URL, body, folder, open, put, try_open, version, version_of, written};
use crate::{MAX_SIZE, MIN_SIZE, OpenError};

#[tokio::test]
async fn it_is_made_for_its_user_alone() {
    let dir = folder();
    let inner = dir.path().join("made/here");
    let disk = open(&inner).await;
    put(&disk, URL, &version(1), &body(10));
    written(&disk).await;
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&inner), 0o700);
    for entry in fs::read_dir(&inner).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
}

#[tokio::test]
async fn one_process_at_a_time_has_it() {
    let dir = folder();
    let disk = open(dir.path()).await;
    let refused = try_open(dir.path(), MIN_SIZE).await.expect_err("it is taken");
    assert!(matches!(refused, OpenError::InUse { .. }), "{refused}");
    drop(disk);
}

#[tokio::test]
async fn what_is_not_ours_is_refused_and_left_alone() {
    for name in ["notes.txt", "state", "foyer-storage-direct-fs-00000000"] {
        let dir = folder();
        fs::write(dir.path().join(name), "mine").unwrap();
        let refused = try_open(dir.path(), MIN_SIZE).await.expect_err("it is somebody's");
        assert!(refused.to_string().contains(name), "{refused}");
        assert_eq!(fs::read_to_string(dir.path().join(name)).unwrap(), "mine");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
    let dir = folder();
    let file = dir.path().join("file");
    fs::write(&file, "mine").unwrap();
    let refused = try_open(&file, MIN_SIZE).await.expect_err("it is no folder");
    assert!(matches!(refused, OpenError::Io { .. }), "{refused}");
}

#[tokio::test]
async fn another_size_begins_anew_and_leaves_what_is_not_ours() {
    let dir = folder();
    let disk = try_open(dir.path(), 2 * MIN_SIZE).await.unwrap();
    disk.begin(super::CLUSTER, 0).await.unwrap();
    put(&disk, URL, &version(1), &body(10));
    disk.close().await.unwrap();
    drop(disk);
    fs::write(dir.path().join("notes.txt"), "mine").unwrap();
    let disk = open(dir.path()).await;
    assert_eq!(version_of(&disk, URL).await, None);
    let len: u64 = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum();
    assert!(len < MIN_SIZE + 64 * 1024, "{len}");
    assert!(dir.path().join("notes.txt").exists());
}

#[tokio::test]
async fn sizes_that_cannot_be_are_refused() {
    let dir = folder();
    for size in [0, MIN_SIZE - 1, MAX_SIZE + 1] {
        let refused = try_open(dir.path(), size).await.expect_err("it cannot be");
        assert!(matches!(refused, OpenError::Size { .. }), "{refused}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}
