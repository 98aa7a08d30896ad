//! A store that cannot be used is said so in a sentence; nothing panics, nothing acknowledged is lost.

use std::{
    fs,
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::process::Command;

use crate::harness::{ControlPlane, Gateway, Process, ctl, eventually, loopback, planes::CONTROL_PLANE, process::Exit};

/// How a control plane ends that cannot use this directory.
async fn refused(data_dir: &Path) -> Exit {
    let ip = loopback::fresh();
    let mut command = Command::new(CONTROL_PLANE);
    command.args(["--listen", &format!("{ip}:0"), "--http-listen", &format!("{ip}:0"), "--data-dir"]).arg(data_dir);
    Process::spawn("a control plane without a store", command).exit().await
}

fn says_why(exit: &Exit, words: &[&str]) {
    assert_eq!(exit.code(), 1, "{}", exit.stderr);
    assert!(!exit.stderr.contains("panicked"), "{}", exit.stderr);
    assert!(!exit.stdout.contains("ready"), "{}", exit.stdout);
    let errors: Vec<_> = exit.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    let [error] = errors[..] else { panic!("not one error:\n{}", exit.stderr) };
    for word in words {
        assert!(error.contains(word), "no {word:?} in: {error}");
    }
}

#[tokio::test]
async fn a_second_process_on_the_same_directory_is_refused() {
    let gateway = Gateway::start().await;
    gateway.ctl(&["service", "register", "shop", "--host", "shop.test", "--endpoint", "192.0.2.1:80"]).await.ok();
    let data_dir = &gateway.control_plane.data_dir;
    says_why(&refused(data_dir).await, &["--data-dir", data_dir.to_str().unwrap()]);
    // The first one does not notice.
    gateway.ctl(&["service", "register", "late", "--host", "late.test", "--endpoint", "192.0.2.1:80"]).await.ok();
}

#[tokio::test]
async fn a_directory_that_cannot_be_made_or_used_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "not a directory").unwrap();
    // Permissions mean nothing to root, so a file stands where a directory must be.
    for path in [file.clone(), file.join("below")] {
        says_why(&refused(&path).await, &["--data-dir", path.to_str().unwrap()]);
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "not a directory");
    if !rustix::process::geteuid().is_root() {
        let locked = dir.path().join("locked");
        fs::create_dir(&locked).unwrap();
        let none = std::os::unix::fs::PermissionsExt::from_mode(0o000);
        fs::set_permissions(&locked, none).unwrap();
        says_why(&refused(&locked).await, &["--data-dir", locked.to_str().unwrap()]);
    }
}

#[tokio::test]
async fn a_damaged_store_is_never_taken_for_a_good_one() {
    let dir = tempfile::tempdir().unwrap();
    let good = dir.path().join("good");
    let mut control_plane = ControlPlane::start(&good, &[]).await;
    for number in 0..20 {
        let (name, host) = (format!("service-{number}"), format!("{number}.test"));
        let args = ["service", "register", &name, "--host", &host, "--endpoint", "192.0.2.1:80", "--title", "t"];
        ctl::ctl(&control_plane.url(), &args).await.ok();
    }
    let exported = ctl::ctl(&control_plane.url(), &["export"]).await.ok().stdout;
    assert_eq!(control_plane.terminate().await.code(), 0);
    assert!(exported.matches("service-").count() >= 20);

    let seed: u64 = rand::rng().random();
    let mut rng = StdRng::seed_from_u64(seed);
    let mut found = 0;
    for round in 0..12 {
        let copy = dir.path().join(format!("copy-{round}"));
        let files = copy_tree(&good, &copy);
        let largest = files.iter().max_by_key(|file| file.metadata().unwrap().len()).unwrap();
        damage(largest, round, &mut rng);
        let ip = loopback::fresh();
        let mut command = Command::new(CONTROL_PLANE);
        command.args(["--listen", &format!("{ip}:0"), "--http-listen", &format!("{ip}:0"), "--data-dir"]).arg(&copy);
        let mut process = Process::spawn("a control plane of a damaged store", command);
        let listening = process.event("listening").await;
        if process.line().await.is_none() {
            says_why(&process.exit().await, &[copy.to_str().unwrap()]);
            found += 1;
            continue;
        }
        // The damage was where nothing is kept: then nothing may be missing.
        let url = format!("http://{}", listening["listeners"]["grpc"].as_str().unwrap());
        let held = ctl::ctl(&url, &["export"]).await.ok().stdout;
        assert_eq!(held, exported, "seed {seed}, round {round}: came up with something else");
        assert_eq!(process.terminate().await.code(), 0);
    }
    assert!(found > 0, "seed {seed}: no damage was found");
}

/// Another kind of damage each round.
fn damage(path: &Path, round: usize, rng: &mut StdRng) {
    let mut bytes = Vec::new();
    let mut file = fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    file.read_to_end(&mut bytes).unwrap();
    // Files are sparse; what matters is where something is.
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    match round % 4 {
        // Everything is overwritten.
        0 => bytes[..end].iter_mut().for_each(|byte| *byte = 0x5a),
        // A stretch is wiped out.
        1 => {
            let at = rng.random_range(0..end);
            bytes[at..(at + 4096).min(end)].fill(0);
        }
        // One bit is another.
        2 => bytes[rng.random_range(0..end)] ^= 1 << rng.random_range(0..8),
        // The file breaks off in the middle.
        _ => file.set_len(rng.random_range(0..end as u64)).unwrap(),
    }
    if round % 4 != 3 {
        file.seek(SeekFrom::Start(0)).unwrap();
        file.write_all(&bytes).unwrap();
    }
}

fn copy_tree(from: &Path, to: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            files.extend(copy_tree(&entry.path(), &target));
        } else {
            fs::copy(entry.path(), &target).unwrap();
            files.push(target);
        }
    }
    files
}

#[tokio::test]
async fn a_full_disk_refuses_writes_and_loses_nothing() {
    let Some(disk) = SmallDisk::mount().await else { return };
    let mut control_plane = ControlPlane::start(&disk.path.join("store"), &[]).await;
    let url = control_plane.url();
    let register = async |number: usize| {
        let (name, host) = (format!("service-{number}"), format!("{number}.test"));
        let args = ["service", "register", &name, "--host", &host, "--endpoint", "192.0.2.1:80", "--no-health-check"];
        ctl::ctl(&url, &args).await
    };
    for number in 0..5 {
        register(number).await.ok();
    }
    // Somebody else fills the disk to the last byte.
    let ballast = disk.path.join("ballast");
    let mut file = fs::File::create(&ballast).unwrap();
    while file.write_all(&[0x5a; 4096]).is_ok() {}
    while file.write_all(&[0x5a; 1]).is_ok() {}
    drop(file);
    let mut kept = 5;
    let refused = loop {
        // What fits into blocks that are already there may still be acknowledged.
        let output = register(kept).await;
        if output.code != 0 {
            break output;
        }
        kept += 1;
        assert!(kept < 2_000, "the disk never fills");
    };
    assert!([1, 5].contains(&refused.code), "{refused:?}");
    assert!(refused.stderr.starts_with("error: "), "{refused:?}");
    assert!(!control_plane.log().contains("panicked"), "{}", control_plane.log());

    // With room again it works again, at the latest when it was restarted.
    fs::remove_file(&ballast).unwrap();
    control_plane.kill().await;
    control_plane.restart().await;
    let listed = ctl::ctl(&url, &["-o", "json", "service", "list"]).await.ok().json();
    let names: Vec<_> = listed.as_array().unwrap().iter().map(|service| service["name"].as_str().unwrap()).collect();
    for number in 0..kept {
        assert!(names.contains(&&*format!("service-{number}")), "service-{number} was acknowledged: {names:?}");
    }
    eventually("a write is taken again", async || (register(kept).await.code == 0).then_some(())).await;
}

/// A file system of a few megabytes, unmounted on drop.
struct SmallDisk {
    path: PathBuf,
    _dir: tempfile::TempDir,
}

impl SmallDisk {
    async fn mount() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("disk");
        fs::create_dir(&path).unwrap();
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=6m", "gateway-e2e"]).arg(&path).output().await;
        match mount {
            Ok(output) if output.status.success() => Some(Self { path, _dir: dir }),
            _ => {
                eprintln!("SKIPPED: a small file system cannot be mounted here; this test needs root");
                None
            }
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: the control plane may still be dying.
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.path).status();
    }
}
