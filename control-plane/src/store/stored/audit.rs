//! Entries of the audit as they are stored, each under its place.

use prost::Message;

use super::StoredTime;
use crate::store::audit::Entry;

#[derive(Clone, PartialEq, Message)]
pub(in crate::store) struct StoredEntry {
    #[prost(message, required, tag = "1")]
    at: StoredTime,
    #[prost(string, tag = "2")]
    actor: String,
    #[prost(string, repeated, tag = "3")]
    actions: Vec<String>,
    #[prost(uint32, tag = "4")]
    more: u32,
}

impl From<&Entry> for StoredEntry {
    fn from(entry: &Entry) -> Self {
        let Entry { at, actor, actions, more } = entry;
        Self { at: (*at).into(), actor: actor.clone(), actions: actions.clone(), more: *more }
    }
}

impl StoredEntry {
    /// The entry that was stored; `None` if it is none.
    pub(in crate::store) fn into_entry(self) -> Option<Entry> {
        let Self { at, actor, actions, more } = self;
        Some(Entry { at: at.into_timestamp()?, actor, actions, more })
    }
}
