//! Responses that are a part of something, and parts that are put together (RFC 9111 section 3.4).

use std::{ops::Range, sync::Arc};

use gateway_cache_store::{KeyRef, Store, Stored, Verdict};
use gateway_caching::ranges::{ContentRange, Held};

use super::{entry::Entry, wanted::Wanted};

/// The bytes that a part has.
pub(super) fn held(part: &ContentRange) -> Held {
    let mut held = Held::default();
    // One part never disagrees with nothing.
    let _ = held.add(part);
    held
}

/// Whether an entry has what is wanted: what is whole always does, and a part only where it is the part.
pub(super) fn serve(entry: &Entry, wanted: &Wanted<'_>) -> bool {
    let Some(part) = &entry.part else { return true };
    !wanted.is_head() && held(part).serves(&wanted.fields(), &entry.validators()).is_some()
}

/// A stored part that a new one continues: what of it comes in front of the new bytes, and what behind.
pub(super) struct Rest {
    pub stored: Arc<Stored<Entry>>,
    pub before: Range<u64>,
    pub behind: Range<u64>,
}

/// What is stored of the content that `new` is a part of, and touches it. The new part is then of both, or
/// whole.
pub(super) fn join((store, key): (&Store<Entry>, &KeyRef<'_>), wanted: &Wanted<'_>, new: &mut Entry) -> Option<Rest> {
    let own = new.part.as_deref()?.clone();
    let touches = |entry: &Entry| {
        let Some(part) = entry.part.as_deref() else { return false };
        let meets = part.bytes.start <= own.bytes.end && own.bytes.start <= part.bytes.end;
        let is_more = part.bytes.start < own.bytes.start || part.bytes.end > own.bytes.end;
        let is_same_length = part.length.is_none() || own.length.is_none() || part.length == own.length;
        meets && is_more && is_same_length && entry.is_same_content(new)
    };
    let judge = |entry: &Entry| {
        let is_for_it = wanted.variant(&entry.vary) == entry.variant();
        if is_for_it && touches(entry) { Verdict::Fresh } else { Verdict::Other }
    };
    let (stored, _) = store.get(key, judge)?;
    let old = stored.meta().part.as_deref()?.clone();
    let first = old.bytes.start;
    let before = 0..own.bytes.start.saturating_sub(first);
    let behind = own.bytes.end.saturating_sub(first)..(old.bytes.end - first).max(own.bytes.end.saturating_sub(first));
    let bytes = own.bytes.start.min(first)..own.bytes.end.max(old.bytes.end);
    new.become_part(ContentRange { bytes, length: own.length.or(old.length) });
    Some(Rest { stored, before, behind })
}
