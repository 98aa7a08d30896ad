//! Stories of the whole crate; each file its own.

mod closing;
mod encoding;
mod folders;
mod keeping;
mod removing;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use gateway_cache_store::{Body, Chunk, KeyRef, Metadata, Store, Verdict, Whole};
use tempfile::TempDir;
use tokio::task::yield_now;

use crate::{Config, Disk, MIN_SIZE, OpenError, Persist};

const URL: &str = "https://a.test/x";
const CLUSTER: &str = "one";

/// A head, as far as a disk can tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Meta {
    variant: u8,
    version: u8,
    tag: u8,
    must_validate: bool,
}

impl Metadata for Meta {
    fn weight(&self) -> usize {
        0
    }

    fn replaces(&self, older: &Self) -> bool {
        self.variant == older.variant
    }

    fn tags(&self) -> impl Iterator<Item = &[u8]> {
        [std::slice::from_ref(&self.tag)].into_iter()
    }
}

impl Persist for Meta {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend([self.variant, self.version, self.tag]);
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let &[variant, version, tag] = bytes else { return None };
        Some(Self { variant, version, tag, must_validate: false })
    }

    fn variant(&self) -> u64 {
        self.variant.into()
    }

    fn must_validate(self) -> Self {
        Self { must_validate: true, ..self }
    }
}

fn version(version: u8) -> Meta {
    Meta { version, ..Meta::default() }
}

fn fresh(_: &Meta) -> Verdict {
    Verdict::Fresh
}

fn body(len: usize) -> Body {
    let bytes: Vec<u8> = (0..len).map(|at| (at % 251) as u8 ^ (at / 251) as u8).collect();
    bytes.chunks(100_000).map(Chunk::from).collect()
}

fn bytes(body: &Body) -> Vec<u8> {
    body.chunks().concat()
}

/// Keys are of a store; each has a seed of its own, as each run has.
struct Keys(Store<Meta>);

impl Keys {
    fn new(seed: u64) -> Self {
        Self(Store::new(0, seed))
    }

    /// A URL is the whole key, and its host what comes behind `//`.
    fn of<'a>(&self, url: &'a str) -> KeyRef<'a> {
        let start = url.find("//").map_or(0, |at| at + 2);
        let end = url[start..].find('/').map_or(url.len(), |at| start + at);
        self.0.key(url.as_bytes(), url.len(), start..end)
    }
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("there is room for a folder")
}

async fn try_open(dir: &Path, size: u64) -> Result<Disk<Meta>, OpenError> {
    // Nothing is told by how fast a machine is that tests.
    Disk::open(Config { dir: dir.to_owned(), size, seed: 7, patience: Duration::from_secs(60) }).await
}

/// Opened, and nothing was purged.
async fn open(dir: &Path) -> Disk<Meta> {
    let disk = try_open(dir, MIN_SIZE).await.expect("the folder can be used");
    disk.begin(CLUSTER, 0).await.expect("the folder can be written to");
    disk
}

/// Puts what was asked for just now.
fn put(disk: &Disk<Meta>, url: &str, meta: &Meta, body: &Body) {
    disk.put(&Keys::new(1).of(url), meta, body, disk.stamp());
}

async fn get(disk: &Disk<Meta>, url: &str) -> Option<Whole<Meta>> {
    disk.get(&Keys::new(2).of(url), fresh).await
}

async fn version_of(disk: &Disk<Meta>, url: &str) -> Option<u8> {
    get(disk, url).await.map(|whole| whole.meta.version)
}

/// Waits until all is written.
async fn written(disk: &Disk<Meta>) {
    let begun = Instant::now();
    while disk.stats().queued_bytes > 0 {
        assert!(begun.elapsed().as_secs() < 60, "{disk:?}");
        yield_now().await;
    }
}
