//! What identifies a version of a representation (RFC 9110 section 8.8).

use std::time::Duration;

use super::EntityTag;
use crate::{
    date,
    fields::{Fields, single},
    time::Time,
};

/// The validators of a response.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Validators<'a> {
    /// `ETag`, if it is valid.
    pub entity_tag: Option<EntityTag<'a>>,
    /// `Last-Modified`, if it is valid, as it was sent and as a time.
    pub last_modified: Option<(&'a [u8], Time)>,
    /// When the response was made.
    dated: Option<Time>,
}

impl<'a> Validators<'a> {
    /// Of these fields. `dated` is the response's `Date`, or when it came ([`crate::Dated::date`]).
    #[must_use]
    pub fn of(response: &'a (impl Fields + ?Sized), dated: Time) -> Self {
        let last_modified = single(response, "last-modified");
        Self {
            entity_tag: single(response, "etag").and_then(EntityTag::parse),
            last_modified: last_modified.and_then(|value| Some((value, date::parse(value, dated)?))),
            dated: Some(dated),
        }
    }

    /// Whether an origin can be asked with them.
    #[must_use]
    pub fn can_validate(&self) -> bool {
        self.entity_tag.is_some() || self.last_modified.is_some()
    }

    /// The entity tag, if it is strong.
    #[must_use]
    pub fn strong_tag(&self) -> Option<EntityTag<'a>> {
        self.entity_tag.filter(EntityTag::is_strong)
    }

    /// `Last-Modified`, if it was a strong validator when it was sent: RFC 9110 section 8.8.2.2 wants it at
    /// least one second before `Date`.
    #[must_use]
    pub fn strong_date(&self) -> Option<&'a [u8]> {
        let (value, modified) = self.last_modified?;
        (self.dated?.since(modified) >= Duration::from_secs(1)).then_some(value)
    }

    /// Whether both are surely of the same bytes, so that parts of them may be put together (RFC 9110
    /// section 15.3.7.3): by their entity tags, or by their dates if neither has one.
    #[must_use]
    pub fn is_same_content(&self, other: &Self) -> bool {
        match (self.entity_tag, other.entity_tag) {
            (Some(one), Some(other)) => one.matches_strongly(&other),
            (None, None) => self.strong_date().is_some() && self.strong_date() == other.strong_date(),
            (Some(_), None) | (None, Some(_)) => false,
        }
    }
}
