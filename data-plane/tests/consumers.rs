//! What a hundred thousand consumers take up. Each test measures its whole process, and so runs alone:
//! `cargo test -p data-plane --test consumers NAME -- --ignored --nocapture`

use std::fs;

use data_plane::doors::bench::Holding;
use mimalloc::MiMalloc;

/// The data plane's.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const CONSUMERS: u32 = 100_000;
/// As many as come in one change.
const STEP: u32 = 1_000;
/// The most that each may take up in the table.
const MOST: u64 = 200;

/// The most that each may take up with what is kept to resume from.
const MOST_IN_ALL: u64 = 600;

/// Bytes of this process that are in memory.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or_else(|| panic!("this system does not tell")) * 1024
}

/// They grow from change to change, so that what a change takes up for itself is small.
fn grown(after_each: impl Fn(&mut Holding)) -> u64 {
    let mut holding = Holding::default();
    holding.grow(STEP);
    let before = resident();
    for _ in 1..CONSUMERS / STEP {
        holding.grow(STEP);
        after_each(&mut holding);
    }
    (resident() - before) / u64::from(CONSUMERS - STEP)
}

#[test]
#[ignore = "it measures the process"]
fn a_consumer_in_the_table_is_small() {
    let each = grown(Holding::forget_stream);
    println!("{each} bytes for each consumer in the table");
    assert!(each <= MOST, "{each}");
}

#[test]
#[ignore = "it measures the process"]
fn a_consumer_is_small_with_what_is_held_of_the_stream() {
    let each = grown(|_| {});
    println!("{each} bytes for each consumer in all");
    assert!(each <= MOST_IN_ALL, "{each}");
}
