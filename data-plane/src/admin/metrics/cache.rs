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

/// The families of the disk behind it, where there is one.
pub(super) fn encode_disk(stats: &gateway_cache_disk::Stats, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let gateway_cache_disk::Stats {
        size_bytes,
        queued_bytes,
        hits,
        misses,
        dead,
        damaged,
        failed,
        busy,
        written,
        dropped,
        too_large,
        overtaken,
    } = *stats;
    gauge(encoder, "cache_disk_size_bytes", "Bytes that the files on disk have", size_bytes)?;
    gauge(encoder, "cache_disk_queued_bytes", "Bytes of responses that wait to be written to disk", queued_bytes)?;
    let help = "Requests for which a response was on disk that was not in memory";
    counter(encoder, "cache_disk_hits", help, hits)?;
    counter(encoder, "cache_disk_misses", "Requests for which nothing of use was on disk", misses)?;
    let help = "Responses that were read and not used: purged, invalidated, or of another cluster";
    counter(encoder, "cache_disk_dead", help, dead)?;
    counter(encoder, "cache_disk_damaged", "Responses on disk that were not as they were written", damaged)?;
    counter(encoder, "cache_disk_failed", "Responses on disk that could not be read", failed)?;
    counter(encoder, "cache_disk_busy", "Responses on disk that could not be read in time", busy)?;
    counter(encoder, "cache_disk_written", "Responses that were taken to be written to disk", written)?;
    let help = "Responses that were not, as too much waited to be written";
    counter(encoder, "cache_disk_dropped", help, dropped)?;
    counter(encoder, "cache_disk_too_large", "Responses that were not, for being too large", too_large)?;
    let help = "Responses that were not, as something made them invalid meanwhile";
    counter(encoder, "cache_disk_overtaken", help, overtaken)
}
