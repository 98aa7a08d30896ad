//! How programs of one user on one machine find each other's tokens without being told.
//!
//! A control plane leaves a note at its address: where its data directory is, which holds the tokens.
//! The note is no secret, the tokens are files that only their owner can read, and what is found this
//! way is for loopback alone. The notes are in a directory that nobody else can write to, and each is
//! locked for as long as its control plane runs, so that one that died leads nobody astray.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use rustix::process::getuid;

/// The tokens in a data directory.
pub const ADMIN_TOKEN: &str = "admin.token";
/// See [`ADMIN_TOKEN`].
pub const DATA_PLANE_TOKEN: &str = "data-plane.token";

/// Where everybody has a place for himself; not `TMPDIR`, which two shells of one user may have set apart.
const COMMON: &str = "/tmp";
/// The longest path in a note.
const MAX_PATH: u64 = 4096;
/// Whoever reads a note has it for a moment.
const LOCK_TRIES: u32 = 50;
const LOCK_PAUSE: Duration = Duration::from_millis(2);

/// A note that lies at its address until this value is dropped.
#[derive(Debug)]
pub struct Note {
    path: PathBuf,
    _file: File,
}

impl Drop for Note {
    fn drop(&mut self) {
        // It would lead nowhere, but others need not look at it.
        let _ = fs::remove_file(&self.path);
    }
}

/// Leaves a note that the data directory of who listens here is this.
///
/// # Errors
/// There is no place for notes, or another process has its note there.
pub fn leave_note(address: SocketAddr, data_dir: &Path) -> io::Result<Note> {
    let place = place();
    if let Err(err) = DirBuilder::new().mode(0o700).create(&place)
        && err.kind() != io::ErrorKind::AlreadyExists
    {
        return Err(err);
    }
    check(&place)?;
    // One at a time, so that nobody takes a note that is just being written for a dead one.
    let guard = open(&place.join("lock"))?;
    guard.lock()?;
    sweep(&place);
    let path = place.join(address.to_string());
    let mut file = open(&path)?;
    lock(&file)?;
    file.set_len(0)?;
    file.write_all(fs::canonicalize(data_dir)?.as_os_str().as_bytes())?;
    Ok(Note { path, _file: file })
}

/// The control plane that has left a note at a loopback address: the address itself, and its data directory.
#[must_use]
pub fn noted(host: &str, port: u16) -> Option<(SocketAddr, PathBuf)> {
    let place = place();
    check(&place).ok()?;
    loopback(host)?.into_iter().find_map(|ip| {
        // Who listens on every address of one family has none of the other.
        let any = match ip {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let note = |ip| read(&place.join(SocketAddr::new(ip, port).to_string()));
        Some((SocketAddr::new(ip, port), note(ip).or_else(|| note(any))?))
    })
}

/// The addresses of a host that is this machine's loopback by its name alone.
#[must_use]
pub fn loopback(host: &str) -> Option<Vec<IpAddr>> {
    if host.eq_ignore_ascii_case("localhost") {
        return Some(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
    }
    let ip: IpAddr = host.trim_start_matches('[').trim_end_matches(']').parse().ok()?;
    ip.is_loopback().then(|| vec![ip])
}

fn place() -> PathBuf {
    Path::new(COMMON).join(format!("gateway-{}", getuid().as_raw()))
}

/// Whether a directory is this user's own and nobody else's.
fn check(place: &Path) -> io::Result<()> {
    let metadata = fs::symlink_metadata(place)?;
    if metadata.is_dir() && metadata.uid() == getuid().as_raw() && metadata.mode() & 0o077 == 0 {
        return Ok(());
    }
    Err(io::Error::other(format!("{} is not this user's own directory", place.display())))
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

fn lock(file: &File) -> io::Result<()> {
    for _ in 1..LOCK_TRIES {
        if file.try_lock().is_ok() {
            return Ok(());
        }
        thread::sleep(LOCK_PAUSE);
    }
    file.try_lock().map_err(|err| io::Error::other(format!("another process has its note there: {err}")))
}

/// Removes the notes of control planes that died.
fn sweep(place: &Path) {
    for entry in fs::read_dir(place).into_iter().flatten().flatten() {
        if entry.file_name() != "lock" && File::open(entry.path()).is_ok_and(|file| file.try_lock_shared().is_ok()) {
            // Whoever cannot remove it does not need to.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// What a note says, if who left it still runs.
fn read(note: &Path) -> Option<PathBuf> {
    let file = File::open(note).ok()?;
    if file.try_lock_shared().is_ok() {
        return None;
    }
    let mut path = Vec::new();
    file.take(MAX_PATH).read_to_end(&mut path).ok()?;
    (!path.is_empty()).then(|| PathBuf::from(std::ffi::OsString::from_vec(path)))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::{leave_note, loopback, noted, place};

    #[test]
    fn a_note_is_found_as_long_as_who_left_it_runs() {
        let directory = tempfile::tempdir().unwrap();
        // Addresses that nobody has: each test process takes its own.
        let process = std::process::id().to_be_bytes();
        let ip = std::net::Ipv4Addr::new(127, 200 + (process[1] & 31), process[2], process[3]);
        let address = SocketAddr::new(ip.into(), 9);
        let note = leave_note(address, directory.path()).unwrap();
        assert_eq!(noted(&ip.to_string(), 9).unwrap(), (address, directory.path().canonicalize().unwrap()));
        assert_eq!(noted(&ip.to_string(), 10), None);
        assert!(leave_note(address, directory.path()).is_err(), "it is another's");
        drop(note);
        assert_eq!(noted(&ip.to_string(), 9), None);
        // What is left of one that was killed.
        std::fs::write(place().join(address.to_string()), "/").unwrap();
        assert_eq!(noted(&ip.to_string(), 9), None);
        drop(leave_note(address, directory.path()).unwrap());
        assert!(!place().join(address.to_string()).exists());
    }

    #[test]
    fn a_note_is_found_under_the_addresses_that_it_is_of_alone() {
        let directory = tempfile::tempdir().unwrap();
        // Ports that only root may take, so that no control plane of a test has a note there.
        let port = u16::try_from(std::process::id() % 400).unwrap() + 100;
        for (listen, hosts) in [
            ("127.0.0.1", [("localhost", Some("127.0.0.1")), ("127.0.0.1", Some("127.0.0.1")), ("[::1]", None)]),
            ("::1", [("localhost", Some("::1")), ("127.0.0.1", None), ("[::1]", Some("::1"))]),
            ("0.0.0.0", [("localhost", Some("127.0.0.1")), ("127.9.9.9", Some("127.9.9.9")), ("[::1]", None)]),
            ("::", [("localhost", Some("::1")), ("127.0.0.1", None), ("[::1]", Some("::1"))]),
        ] {
            let _note = leave_note(SocketAddr::new(listen.parse().unwrap(), port), directory.path()).unwrap();
            for (host, found) in hosts {
                let found = found.map(|ip| SocketAddr::new(ip.parse().unwrap(), port));
                assert_eq!(noted(host, port).map(|(address, _)| address), found, "{listen} by {host}");
            }
        }
    }

    #[test]
    fn only_loopback_is_loopback() {
        for host in ["127.0.0.1", "127.9.9.9", "[::1]", "::1", "localhost", "LOCALHOST"] {
            assert!(loopback(host).is_some(), "{host}");
        }
        for host in ["", "10.0.0.1", "localhost.example.com", "control-plane", "0.0.0.0", "127.0.0.1.example.com"] {
            assert!(loopback(host).is_none(), "{host}");
        }
    }
}
