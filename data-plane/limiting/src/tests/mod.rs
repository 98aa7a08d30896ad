//! The whole of it: against a model that is exact, from several threads, and in a flood.

mod cells;
mod clients;
mod flood;
mod heard;
mod leased;
mod model;
mod several;
mod threads;

use std::time::Duration;

use crate::{Check, Counts, LimitId, Rate, Share, Table, admit, push_part};

const SECOND: u64 = 1_000_000_000;

/// Whether a request of this key is admitted by one limit.
fn ask(table: &Table, rate: Rate, key: u64, now: u64) -> bool {
    admit(table, &mut [check(table, rate, key)], now)
}

fn check<'t>(table: &Table, rate: Rate, key: u64) -> Check<'t> {
    shared(table, rate, key, Share::WHOLE)
}

fn shared<'t>(table: &Table, rate: Rate, key: u64, share: Share) -> Check<'t> {
    let mut parts = Vec::new();
    push_part(&mut parts, &key.to_le_bytes());
    Check::new(table.key(LimitId(1), &parts), rate, share, Counts::Requests)
}

fn per_second(count: u64, burst: u64) -> Rate {
    Rate::requests(count, Duration::from_secs(1), burst).unwrap()
}
