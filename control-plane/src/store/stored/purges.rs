//! Purges as they are stored.

use prost::Message;

use super::StoredTime;
use crate::registry::{
    model::{Purge, Revision},
    purge::{Mode, Target},
};

#[derive(Clone, PartialEq, Message)]
pub(in crate::store) struct StoredPurge {
    #[prost(uint64, tag = "1")]
    revision: u64,
    /// 1: URL, 2: host, 3: prefix, 4: tag.
    #[prost(uint32, tag = "2")]
    kind: u32,
    #[prost(string, tag = "3")]
    text: String,
    #[prost(bool, tag = "4")]
    soft: bool,
    #[prost(uint64, tag = "5")]
    floor: u64,
    #[prost(message, required, tag = "6")]
    created_at: StoredTime,
}

impl From<&Purge> for StoredPurge {
    fn from(purge: &Purge) -> Self {
        let Purge { revision, target, mode, floor, created_at } = purge;
        let kind = match target {
            Target::Url(_) => 1,
            Target::Host(_) => 2,
            Target::Prefix(_) => 3,
            Target::Tag(_) => 4,
        };
        Self {
            revision: revision.0,
            kind,
            text: target.text().to_owned(),
            soft: *mode == Mode::Soft,
            floor: floor.0,
            created_at: (*created_at).into(),
        }
    }
}

impl StoredPurge {
    /// The purge that was stored; `None` if it is none.
    pub(in crate::store) fn into_purge(self) -> Option<Purge> {
        let Self { revision, kind, text, soft, floor, created_at } = self;
        let target = match kind {
            1 => Target::Url(text),
            2 => Target::Host(text),
            3 => Target::Prefix(text),
            4 => Target::Tag(text),
            _ => return None,
        };
        let mode = if soft { Mode::Soft } else { Mode::Hard };
        let created_at = created_at.into_timestamp()?;
        Some(Purge { revision: Revision(revision), target, mode, floor: Revision(floor), created_at })
    }
}
