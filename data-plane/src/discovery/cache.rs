//! The last good snapshot on disk, from which a data plane boots when no control plane answers.
//! A convenience: checksummed, and ignored where anything about it is wrong.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use gateway_proto::{discovery::v1 as pb, process::Failure};
use prost::Message;
use tokio::{sync::watch, task, time::Instant};
use tracing::{debug, warn};

use super::apply::State;
use crate::table::{Stamp, Version};

/// Begins every snapshot file.
const MAGIC: [u8; 8] = *b"GWYSNAP\n";
/// Changes with the layout of the file.
const FORMAT: u32 = 1;
/// Magic, format, checksum and length of the body.
const HEADER: usize = 8 + 4 + 4 + 8;
const FILE: &str = "snapshot";
const TEMPORARY: &str = ".tmp";

/// The shortest time between two writes.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
/// The pause is at least this many times as long as the write before it took.
const PAUSE_PER_WRITE: u32 = 20;

/// A directory for the snapshot file.
#[derive(Debug, Clone)]
pub(super) struct Cache {
    directory: Arc<Path>,
}

/// Why a snapshot file is not used.
#[derive(Debug)]
pub(super) enum Unusable {
    /// It cannot be read.
    Io(io::Error),
    /// It is not what this program writes.
    Format,
    /// It was cut short, or bits of it have changed.
    Damaged,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(err) => write!(f, "cannot be read: {err}"),
            Self::Format => f.write_str("is not a snapshot in this program's format"),
            Self::Damaged => f.write_str("is damaged"),
        }
    }
}

impl Cache {
    /// A cache in this directory, which is made if it is missing.
    ///
    /// # Errors
    /// A failure that names `--cache-dir`, if files cannot be listed, written and removed there.
    pub(super) fn open(directory: &Path) -> Result<Self, Failure> {
        let cannot = |err: io::Error| {
            let remedy = "choose a directory that this program may read and write, or none";
            Failure::Failed(format!("--cache-dir {}: cannot be used: {err}; {remedy}", directory.display()))
        };
        fs::create_dir_all(directory).map_err(cannot)?;
        for entry in fs::read_dir(directory).map_err(cannot)? {
            let path = entry.map_err(cannot)?.path();
            // Left by a process that was killed while it wrote.
            if is_temporary(&path) {
                debug!(path = %path.display(), "removing an unfinished snapshot file");
                remove(&path);
            }
        }
        let cache = Self { directory: directory.into() };
        let probe = cache.temporary();
        File::create(&probe).and_then(|_| fs::remove_file(&probe)).map_err(cannot)?;
        Ok(cache)
    }

    fn file(&self) -> PathBuf {
        self.directory.join(FILE)
    }

    /// A name that no other process uses, even if its process id is the same in its container.
    fn temporary(&self) -> PathBuf {
        self.directory.join(format!("{FILE}-{:016x}{TEMPORARY}", rand::random::<u64>()))
    }

    /// The snapshot as a full response; `None` if there never was one.
    pub(super) fn load(&self) -> Result<Option<pb::DiscoveryResponse>, Unusable> {
        match fs::read(self.file()) {
            Ok(bytes) => decode(&bytes).map(Some),
            Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(err) => Err(Unusable::Io(err)),
        }
    }

    /// Replaces the snapshot file: whoever reads it finds the old one or the new one, whole.
    fn store(&self, state: &State) -> io::Result<()> {
        let Some(stamp) = state.stamp() else { return Ok(()) };
        let bytes = encode(stamp, state);
        let temporary = self.temporary();
        let result = write_synced(&temporary, &bytes).and_then(|()| fs::rename(&temporary, self.file()));
        if result.is_err() {
            remove(&temporary);
        }
        result?;
        // The rename itself survives a power cut only once the directory is on disk.
        File::open(&self.directory)?.sync_all()
    }
}

fn is_temporary(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.starts_with(FILE) && name.ends_with(TEMPORARY)
}

fn remove(path: &Path) {
    if let Err(err) = fs::remove_file(path)
        && err.kind() != io::ErrorKind::NotFound
    {
        warn!(path = %path.display(), error = %err, "cannot remove a temporary file");
    }
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // What a snapshot says of the network behind the gateway is nobody else's business.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Header, then a response without resources, then each resource, each with its length in front:
/// so nothing is copied into one message only to be encoded.
fn encode(stamp: &Stamp, state: &State) -> Vec<u8> {
    let Stamp { cluster_id, version: Version { epoch, sequence }, revision } = stamp;
    let head = pb::DiscoveryResponse {
        version: Some(pb::Version { epoch: *epoch, sequence: *sequence }),
        revision: *revision,
        cluster_id: cluster_id.to_string(),
        last_chunk: true,
        digest: state.digest(),
        ..Default::default()
    };
    let mut body = head.encode_length_delimited_to_vec();
    state.write(&mut body);
    let mut file = Vec::with_capacity(HEADER + body.len());
    file.extend_from_slice(&MAGIC);
    file.extend_from_slice(&FORMAT.to_le_bytes());
    file.extend_from_slice(&crc32fast::hash(&body).to_le_bytes());
    file.extend_from_slice(&(body.len() as u64).to_le_bytes());
    file.extend_from_slice(&body);
    file
}

fn decode(bytes: &[u8]) -> Result<pb::DiscoveryResponse, Unusable> {
    let (magic, rest) = bytes.split_first_chunk::<8>().ok_or(Unusable::Format)?;
    let (format, rest) = rest.split_first_chunk().ok_or(Unusable::Format)?;
    if *magic != MAGIC || u32::from_le_bytes(*format) != FORMAT {
        return Err(Unusable::Format);
    }
    let (checksum, rest) = rest.split_first_chunk().ok_or(Unusable::Damaged)?;
    let (length, mut body) = rest.split_first_chunk().ok_or(Unusable::Damaged)?;
    if u64::from_le_bytes(*length) != body.len() as u64 || u32::from_le_bytes(*checksum) != crc32fast::hash(body) {
        return Err(Unusable::Damaged);
    }
    let damaged = |_| Unusable::Damaged;
    let mut response = pb::DiscoveryResponse::decode_length_delimited(&mut body).map_err(damaged)?;
    while !body.is_empty() {
        response.upserts.push(pb::Resource::decode_length_delimited(&mut body).map_err(damaged)?);
    }
    Ok(response)
}

/// Writes the sender's latest state: at once, with pauses between two writes, and once more when the
/// sender is gone; then it ends.
pub(super) async fn keep(cache: Cache, mut states: watch::Receiver<State>) {
    while states.changed().await.is_ok() {
        let state = states.borrow_and_update().clone();
        let started = Instant::now();
        let stored = store(&cache, state).await;
        let pause = SHORTEST_PAUSE.max(started.elapsed() * PAUSE_PER_WRITE);
        let ending = tokio::select! {
            () = tokio::time::sleep(pause) => false,
            () = sender_gone(states.clone()) => true,
        };
        match (stored, ending) {
            (true, _) => {}
            (false, true) => return,
            (false, false) => states.mark_changed(),
        }
    }
}

/// `changed` tells of the end only once nothing is unseen.
async fn sender_gone(mut states: watch::Receiver<State>) {
    while states.changed().await.is_ok() {}
}

async fn store(cache: &Cache, state: State) -> bool {
    let writer = cache.clone();
    let result =
        task::spawn_blocking(move || writer.store(&state)).await.unwrap_or_else(|err| Err(io::Error::other(err)));
    if let Err(err) = &result {
        warn!(path = %cache.file().display(), error = %err, "cannot write the snapshot file");
    }
    result.is_ok()
}

#[cfg(test)]
mod tests;
