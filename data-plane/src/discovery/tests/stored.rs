//! A real store of responses, without the HTTP that fills it.

use std::time::Instant;

use gateway_cache_store::{KeyRef, Lookup, Metadata, Store, Verdict};

use crate::discovery::{Responses, Served};

/// The tags of a response are all of its head.
#[derive(Debug)]
pub(crate) struct Head(&'static [&'static str]);

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

/// What a data plane has stored.
pub(crate) struct Stored(Store<Head>);

impl Stored {
    pub(crate) fn new() -> Self {
        Self(Store::new(1 << 20, 7))
    }

    /// What discovery gets of it, with so many hits and misses.
    pub(crate) fn responses(&self, hits: u64, misses: u64) -> Responses {
        Responses::of(&self.0, move || Served { hits, misses, stale: 0 })
    }

    /// A response to each URL, with these tags.
    pub(crate) fn fill(&self, urls: &[&str], tags: &'static [&'static str]) {
        for url in urls {
            let Lookup::Lead(leader) = self.0.lookup(&self.key(url), Instant::now(), |_| Verdict::Other) else {
                panic!("nobody else asks for {url}")
            };
            let mut fill = leader.begin(Head(tags), 1 << 10);
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
