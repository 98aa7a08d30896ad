//! What a million small entries take up beyond their content.

use std::{fs, iter, time::Instant};

use gateway_cache_store::{Lookup, Metadata, Mode, Purge, Store, Verdict};
use mimalloc::MiMalloc;

/// The data plane's.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const ENTRIES: usize = 1_000_000;
const MAX_OVERHEAD: usize = 600;
const BODY: usize = 128;
const HEAD: usize = 200;

/// A head as it came, and as much beside it as the data plane has.
struct Meta {
    head: Box<[u8]>,
    _beside: [u64; 12],
}

impl Metadata for Meta {
    fn weight(&self) -> usize {
        self.head.len()
    }

    fn replaces(&self, _older: &Self) -> bool {
        true
    }

    fn tags(&self) -> impl Iterator<Item = &[u8]> {
        iter::empty()
    }
}

/// Bytes of this process that are in memory.
fn resident() -> Option<usize> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<usize>().ok()? * 1024)
}

#[test]
#[ignore = "a gigabyte; cargo test --release -p gateway-cache-store --test million -- --ignored --nocapture"]
fn a_million_small_entries_take_little_beyond_their_content() {
    let store = Store::new(2 << 30, 7);
    let before = resident().unwrap();
    let (mut content, begun) = (0, Instant::now());
    for number in 0..ENTRIES {
        let url = format!("https://shop.example.com/items/{number:07}");
        let key = store.key(url.as_bytes(), url.len(), 8..24);
        let Lookup::Lead(leader) = store.lookup(&key, begun, |_: &Meta| Verdict::Fresh) else { panic!("it is new") };
        let head = vec![b'h'; HEAD].into_boxed_slice();
        let mut fill = leader.begin(Meta { head, _beside: [0; 12] }, u64::MAX);
        fill.append(&[b'b'; BODY]);
        fill.finish().unwrap();
        content += url.len() + HEAD + BODY;
    }
    let (resident, stats) = (resident().unwrap() - before, store.stats());
    assert_eq!((stats.entries, stats.evicted), (ENTRIES as u64, 0));
    let overhead = (resident - content) / ENTRIES;
    let weighed = usize::try_from(stats.stored_bytes).unwrap();
    println!(
        "{ENTRIES} entries: {overhead} B each beyond {} B of content; {} B each weighed; {:?} each to store",
        content / ENTRIES,
        weighed / ENTRIES,
        begun.elapsed() / u32::try_from(ENTRIES).unwrap(),
    );
    let begun = Instant::now();
    store.purge(Purge::Prefix(b"https://shop.example.com/items/00"), Mode::Hard);
    let purged = begun.elapsed();
    store.sweep();
    println!("{purged:?} to purge, {:?} to sweep", begun.elapsed() - purged);
    assert_eq!(store.stats().purged, ENTRIES as u64 / 10);
    assert!(overhead <= MAX_OVERHEAD);
    // What is weighed is what bounds the memory: it may not be much less than what is taken.
    assert!(weighed * 10 >= resident * 9, "{resident} B are taken, {weighed} B weighed");
}
