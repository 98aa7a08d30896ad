use std::{fs, os::unix::fs::MetadataExt, path::Path, time::Duration};

use gateway_proto::process::Failure;
use tokio::{sync::watch, time::Instant};

use super::{Cache, HEADER, Unusable, keep};
use crate::discovery::{
    apply::State,
    tests::{full, resource},
};

fn state(sequence: u64) -> State {
    let resources: Vec<_> = (0..5)
        .map(|at| resource(&format!("s{at}"), &[&format!("s{at}.test")], u16::try_from(sequence).unwrap()))
        .collect();
    State::default().apply(full(sequence, &resources)).unwrap().0
}

fn loaded(cache: &Cache) -> Option<State> {
    cache.load().unwrap().map(|response| State::default().apply(response).unwrap().0)
}

fn files(directory: &Path) -> Vec<String> {
    fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn what_was_stored_is_loaded() {
    let directory = tempfile::tempdir().unwrap();
    let cache = Cache::open(&directory.path().join("made/if/missing")).unwrap();
    assert_eq!(loaded(&cache), None);
    cache.store(&State::default()).unwrap();
    assert_eq!(loaded(&cache), None, "nothing held is nothing to store");
    for sequence in [1, 2] {
        cache.store(&state(sequence)).unwrap();
        assert_eq!(loaded(&cache), Some(state(sequence)));
    }
    assert_eq!(files(&cache.directory), ["snapshot"]);
    assert_eq!(fs::metadata(cache.file()).unwrap().mode() & 0o777, 0o600);
}

#[test]
fn every_damage_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let cache = Cache::open(directory.path()).unwrap();
    cache.store(&state(1)).unwrap();
    let good = fs::read(cache.file()).unwrap();
    for length in 0..good.len() {
        fs::write(cache.file(), &good[..length]).unwrap();
        assert!(cache.load().is_err(), "cut to {length}");
    }
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 0x10;
        fs::write(cache.file(), bytes).unwrap();
        let err = cache.load().unwrap_err();
        let other_format = at < 12;
        assert_eq!(matches!(err, Unusable::Format), other_format, "bit in {at}: {err}");
    }
    fs::write(cache.file(), [&*good, b"x"].concat()).unwrap();
    assert!(matches!(cache.load(), Err(Unusable::Damaged)));
    assert!(good.len() > HEADER);
}

#[test]
fn unfinished_files_go_and_others_stay() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["snapshot-0123456789abcdef.tmp", "notes.tmp", "snapshot"] {
        fs::write(directory.path().join(name), "x").unwrap();
    }
    Cache::open(directory.path()).unwrap();
    let mut left = files(directory.path());
    left.sort_unstable();
    assert_eq!(left, ["notes.tmp", "snapshot"]);
}

#[test]
fn a_directory_that_cannot_be_used_is_a_failure_that_names_the_flag() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [file.clone(), file.join("below")] {
        let failure = Cache::open(&path).unwrap_err();
        assert!(matches!(failure, Failure::Failed(_)));
        assert!(failure.to_string().starts_with(&format!("--cache-dir {}: ", path.display())), "{failure}");
    }
}

/// Lets the keeper come to rest. The paused clock stands still while the blocking thread writes.
async fn after(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

#[tokio::test(start_paused = true)]
async fn states_are_written_at_once_then_with_pauses_and_the_last_one_at_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let cache = Cache::open(directory.path()).unwrap();
    let sender = watch::Sender::new(State::default());
    let keeper = tokio::spawn(keep(cache.clone(), sender.subscribe()));
    sender.send_replace(state(1));
    after(500).await;
    assert_eq!(loaded(&cache), Some(state(1)));
    for sequence in 2..=5 {
        sender.send_replace(state(sequence));
    }
    after(400).await;
    assert_eq!(loaded(&cache), Some(state(1)), "not before the pause is over");
    after(600).await;
    assert_eq!(loaded(&cache), Some(state(5)));

    sender.send_replace(state(6));
    let ending = Instant::now();
    drop(sender);
    keeper.await.unwrap();
    assert_eq!(loaded(&cache), Some(state(6)));
    assert_eq!(ending.elapsed(), Duration::ZERO, "the end waits for no pause");
}

#[tokio::test(start_paused = true)]
async fn a_failed_write_is_tried_again_and_does_not_hold_up_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let cache = Cache::open(&directory.path().join("cache")).unwrap();
    fs::remove_dir(&*cache.directory).unwrap();
    let sender = watch::Sender::new(State::default());
    let keeper = tokio::spawn(keep(cache.clone(), sender.subscribe()));
    sender.send_replace(state(1));
    after(500).await;
    fs::create_dir(&*cache.directory).unwrap();
    after(400).await;
    assert_eq!(loaded(&cache), None);
    after(600).await;
    assert_eq!(loaded(&cache), Some(state(1)));

    fs::remove_dir_all(&*cache.directory).unwrap();
    sender.send_replace(state(2));
    drop(sender);
    keeper.await.unwrap();
}
