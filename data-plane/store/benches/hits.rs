//! What a hit costs, alone and beside other threads, and what a miss does.

#![allow(missing_docs, reason = "criterion's macros make public functions")]

use std::{
    hint::black_box,
    iter,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::Instant,
};

use criterion::{Bencher, Criterion, criterion_group, criterion_main};
use gateway_cache_store::{Lookup, Metadata, Mode, Purge, Store, Verdict};

const KEYS: usize = 100_000;
const MEMORY: u64 = 1 << 30;

struct Meta;

impl Metadata for Meta {
    fn weight(&self) -> usize {
        0
    }

    fn replaces(&self, _older: &Self) -> bool {
        true
    }

    fn tags(&self) -> impl Iterator<Item = &[u8]> {
        iter::once(&b"page"[..])
    }
}

fn url(number: usize) -> String {
    format!("https://shop.example.com/items/{number}")
}

/// A hit, as the proxy does it; says whether it was one.
fn ask(store: &Store<Meta>, url: &str) -> bool {
    let key = store.key(url.as_bytes(), url.len(), 8..24);
    match store.lookup(&key, Instant::now(), |_| Verdict::Fresh) {
        Lookup::Hit(stored) => black_box(stored.body().chunks().len()) == 1,
        Lookup::Lead(_) | Lookup::Follow(_) | Lookup::Pass(_) => false,
    }
}

fn fill(store: &Store<Meta>, url: &str, body: &[u8]) {
    let key = store.key(url.as_bytes(), url.len(), 8..24);
    if let Lookup::Lead(leader) = store.lookup(&key, Instant::now(), |_| Verdict::Fresh) {
        let mut fill = leader.begin(Meta, u64::MAX);
        fill.append(body);
        fill.finish();
    }
}

/// Measures with another thread that does the same all the time.
fn beside(bencher: &mut Bencher<'_>, store: &Store<Meta>, urls: &[String]) {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut urls = urls.iter().rev().cycle();
            while !is_over.load(Relaxed) {
                urls.next().map(|url| ask(store, url));
            }
        });
        let mut urls = urls.iter().cycle();
        bencher.iter(|| urls.next().map(|url| ask(store, url)));
        is_over.store(true, Relaxed);
    });
}

fn hits(criterion: &mut Criterion) {
    let store = Store::new(MEMORY, 7);
    // Far from each other, so that the processor's cache is not all that is measured.
    let urls: Vec<_> = (0..KEYS).map(|at| url(at * 7919 % KEYS)).collect();
    urls.iter().for_each(|url| fill(&store, url, &[b'x'; 128]));
    assert!(urls.iter().all(|url| ask(&store, url)));
    let mut group = criterion.benchmark_group("hit");
    for (name, urls) in [("one key", &urls[..1]), ("spread", &urls[..])] {
        let mut next = urls.iter().cycle();
        group.bench_function(name, |bencher| bencher.iter(|| next.next().map(|url| ask(&store, url))));
        group.bench_function(format!("{name}, two threads"), |bencher| beside(bencher, &store, urls));
    }
    let mut next = urls.iter().cycle();
    group.bench_function("first after a purge", |bencher| {
        bencher.iter(|| {
            store.purge(Purge::Tag(b"other"), Mode::Hard);
            next.next().map(|url| ask(&store, url))
        });
    });
    group.finish();
}

fn misses(criterion: &mut Criterion) {
    let store = Store::new(MEMORY / 16, 7);
    let mut group = criterion.benchmark_group("miss");
    let mut number = 0;
    for (name, len) in [("128 B", 128), ("16 KiB", 16 * 1024)] {
        let body = vec![b'x'; len];
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                number += 1;
                fill(&store, &url(number), &body);
            });
        });
    }
    group.finish();
}

criterion_group!(store, hits, misses);
criterion_main!(store);
