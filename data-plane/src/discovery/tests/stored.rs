//! A real store of responses, without the HTTP that fills it.

use std::{path::Path, time::Instant};

use gateway_cache_disk::{Config, Disk, MIN_SIZE, Persist};
use gateway_cache_store::{Body, Chunk, KeyRef, Lookup, Metadata, Store, Verdict};

use super::control_plane::SOON;
use crate::discovery::{Responses, Served};

/// The tags of a response are all of its head.
#[derive(Debug)]
pub(crate) struct Head(Vec<String>);

impl Head {
    fn tagged(tags: &[&str]) -> Self {
        Self(tags.iter().map(|tag| (*tag).to_owned()).collect())
    }
}

impl Metadata for Head {
    fn weight(&self) -> usize {
        0
    }

    fn replaces(&self, _: &Self) -> bool {
        true
    }

    fn tags(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(|tag| tag.as_bytes())
    }
}

impl Persist for Head {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.0.join(" ").bytes());
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        Some(Self::tagged(&str::from_utf8(bytes).ok()?.split(' ').collect::<Vec<_>>()))
    }

    fn variant(&self) -> u64 {
        0
    }

    fn must_validate(self) -> Self {
        self
    }
}

/// What a data plane has stored.
pub(crate) struct Stored(Store<Head>, Option<Disk<Head>>);

impl Stored {
    pub(crate) fn new() -> Self {
        Self(Store::new(1 << 20, 7), None)
    }

    /// With a disk behind it.
    pub(crate) async fn on_disk(dir: &Path) -> Self {
        let config = Config { dir: dir.to_owned(), size: MIN_SIZE, seed: 7, patience: SOON };
        Self(Store::new(1 << 20, 7), Some(Disk::open(config).await.expect("the folder can be used")))
    }

    /// What discovery gets of it, with so many hits and misses.
    pub(crate) fn responses(&self, hits: u64, misses: u64) -> Responses {
        let responses = Responses::of(&self.0, move || Served { hits, misses, stale: 0 });
        self.1.iter().fold(responses, Responses::and)
    }

    fn disk(&self) -> &Disk<Head> {
        self.1.as_ref().expect("it has one")
    }

    /// A response to each URL on disk alone, with these tags.
    pub(crate) fn fill_disk(&self, urls: &[&str], tags: &[&str]) {
        let body: Body = [Chunk::from(&b"body"[..])].into_iter().collect();
        for url in urls {
            self.disk().put(&self.key(url), &Head::tagged(tags), &body, self.disk().stamp());
        }
    }

    /// Those of these URLs that are found on disk, and not stale.
    pub(crate) async fn on_disk_fresh<'u>(&self, urls: &[&'u str]) -> Vec<&'u str> {
        let mut found = Vec::new();
        for url in urls {
            let whole = self.disk().get(&self.key(url), |_| Verdict::Fresh).await;
            found.extend(whole.filter(|whole| !whole.is_stale).map(|_| *url));
        }
        found
    }

    /// Ends, so that another one can begin with what is on disk.
    pub(crate) async fn close(self) {
        self.disk().close().await.expect("it can be written");
    }

    /// A response to each URL, with these tags.
    pub(crate) fn fill(&self, urls: &[&str], tags: &[&str]) {
        for url in urls {
            let Lookup::Lead(leader) = self.0.lookup(&self.key(url), Instant::now(), |_| Verdict::Other) else {
                panic!("nobody else asks for {url}")
            };
            let mut fill = leader.begin(Head::tagged(tags), 1 << 10);
            fill.append(b"body");
            fill.finish().expect("it is stored");
        }
    }

    /// Those of these URLs that can be served without asking.
    pub(crate) fn fresh<'u>(&self, urls: &[&'u str]) -> Vec<&'u str> {
        let is_fresh = |url: &&&str| {
            self.0.get(&self.key(url), |_| Verdict::Fresh).is_some_and(|(_, verdict)| verdict == Verdict::Fresh)
        };
        urls.iter().filter(is_fresh).copied().collect()
    }

    /// Those of these URLs of which there is anything.
    pub(crate) fn known<'u>(&self, urls: &[&'u str]) -> Vec<&'u str> {
        urls.iter().filter(|url| self.0.get(&self.key(url), |_| Verdict::Fresh).is_some()).copied().collect()
    }

    pub(crate) fn entries(&self) -> u64 {
        self.0.stats().entries
    }

    /// The URL is the whole key.
    fn key<'k>(&self, url: &'k str) -> KeyRef<'k> {
        let start = url.find("//").expect("a scheme") + 2;
        let end = url[start..].find([':', '/']).map_or(url.len(), |at| start + at);
        self.0.key(url.as_bytes(), url.len(), start..end)
    }
}
