//! The families of the store of responses, which all services share.

use std::fmt;

use gateway_cache_store::Stats;
use prometheus_client::encoding::DescriptorEncoder;

use super::{counter, gauge};

pub(super) fn encode(stats: &Stats, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let Stats {
        entries,
        stored_bytes,
        held_bytes,
        memory_bytes,
        stored,
        evicted,
        purged,
        coalesced,
        handed_over,
        released,
        fills,
        aborted,
        passed,
        overtaken,
        outpaced,
    } = *stats;
    gauge(encoder, "cache_entries", "Keys that responses are stored under", entries)?;
    gauge(encoder, "cache_stored_bytes", "Bytes of the responses that are stored", stored_bytes)?;
    let help = "Bytes that responses hold: stored, being received, or still being sent after they went";
    gauge(encoder, "cache_held_bytes", help, held_bytes)?;
    gauge(encoder, "cache_memory_bytes", "Bytes that responses may hold", memory_bytes)?;
    counter(encoder, "cache_stored", "Responses that were stored", stored)?;
    counter(encoder, "cache_evicted", "Responses that had to make room for others", evicted)?;
    counter(encoder, "cache_purged", "Responses that were purged or invalidated, and taken out", purged)?;
    counter(encoder, "cache_coalesced", "Requests that waited for another one of the same key", coalesced)?;
    let help = "Times a waiting request took the place of one that failed";
    counter(encoder, "cache_handed_over", help, handed_over)?;
    counter(encoder, "cache_released", "Requests that waited for an answer that was for another one alone", released)?;
    counter(encoder, "cache_fills", "Answers that began to be stored", fills)?;
    counter(encoder, "cache_fills_aborted", "Of these, broken off", aborted)?;
    let help = "Of these, too large for the policy or the memory, and only passed on";
    counter(encoder, "cache_fills_passed", help, passed)?;
    let help = "Of these, not stored as a purge came in between";
    counter(encoder, "cache_fills_overtaken", help, overtaken)?;
    counter(encoder, "cache_readers_outpaced", "Clients that were too slow for an answer that is not stored", outpaced)
}
