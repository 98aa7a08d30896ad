//! Who changed what, as it is kept: in words, so that it says what it said however programs change, and
//! holds nothing that is secret.

use std::{fmt, ops::RangeTo};

use jiff::Timestamp;

use super::{Change, CredentialChange, StoreError, TokenChange};
use crate::{
    auth::{Actor, token::Kept},
    registry::model::Revision,
};

/// Changes that are kept; each commit takes away what is older.
pub(super) const KEPT: u64 = if cfg!(test) { 100 } else { 100_000 };
/// Actions of one entry at the most, and bytes of them together: a thousand entries fit into a message.
const MAX_ACTIONS: usize = 100;
const MAX_BYTES: usize = 2048;
/// Entries that are looked at for one page.
const MAX_LOOKED_AT: usize = 10_000;

/// Where an entry is among the others, in the order in which they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place(pub u64);

impl Place {
    /// That of a commit.
    pub(super) const fn of(revision: Revision) -> Self {
        Self(revision.0.saturating_mul(2))
    }

    /// That of what came after a commit without being one.
    pub(super) const fn after(revision: Revision) -> Self {
        Self(Self::of(revision).0.saturating_add(1))
    }

    /// The revision that was reached.
    #[must_use]
    pub const fn revision(self) -> Revision {
        Revision(self.0 / 2)
    }

    /// What is not kept any more once a revision is reached.
    pub(super) const fn outdated(reached: Revision) -> RangeTo<Self> {
        ..Self::of(Revision(reached.0.saturating_add(1).saturating_sub(KEPT)))
    }
}

/// What was done at once, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When it was asked for.
    pub at: Timestamp,
    /// Who asked for it; empty where nobody did.
    pub actor: String,
    /// What was done.
    pub actions: Vec<String>,
    /// How many more actions there were.
    pub more: u32,
}

impl Entry {
    /// Nothing yet.
    pub(super) fn begin(at: Timestamp, actor: &Actor) -> Self {
        Self { at, actor: actor.to_string(), actions: Vec::new(), more: 0 }
    }

    /// What a commit has done.
    pub(super) fn of(change: &Change) -> Self {
        let Change { revision: _, at, deletes, puts, tokens, credentials, actor } = change;
        let mut entry = Self::begin(*at, actor);
        deletes.iter().for_each(|key| entry.add(format_args!("delete {key}")));
        puts.iter().for_each(|record| entry.add(format_args!("put {}", record.key())));
        for change in tokens {
            match change {
                TokenChange::Create(kept) => entry.add_token(kept),
                TokenChange::Revoke(id) => entry.add(format_args!("revoke token {id}")),
            }
        }
        credentials.iter().for_each(|change| entry.add_credential(change));
        entry
    }

    /// Adds that a token was made.
    pub(super) fn add_token(&mut self, kept: &Kept) {
        let (id, role, comma) = (&kept.id, kept.role.as_str(), if kept.name.is_empty() { "" } else { ", " });
        self.add(format_args!("create token {id} ({role}{comma}{})", kept.name));
    }

    fn add_credential(&mut self, change: &CredentialChange) {
        match change {
            CredentialChange::CreateKey(name, id) => {
                self.add(format_args!("create key {id} of consumer \"{name}\""));
            }
            CredentialChange::RevokeKey(name, id) => {
                self.add(format_args!("revoke key {id} of consumer \"{name}\""));
            }
            CredentialChange::SetPassword(name) => {
                self.add(format_args!("set the password of consumer \"{name}\""));
            }
            CredentialChange::RemovePassword(name) => {
                self.add(format_args!("remove the password of consumer \"{name}\""));
            }
        }
    }

    fn add(&mut self, action: fmt::Arguments<'_>) {
        // Once one is left out, all are: what is told is what came first.
        if self.more == 0 && self.actions.len() < MAX_ACTIONS {
            let bytes: usize = self.actions.iter().map(String::len).sum();
            let action = action.to_string();
            if bytes + action.len() <= MAX_BYTES {
                return self.actions.push(action);
            }
        }
        self.more = self.more.saturating_add(1);
    }
}

/// What to read of it.
#[derive(Debug, Clone, Copy)]
pub struct AuditQuery {
    /// Only what came before this; `None` is everything.
    pub before: Option<Place>,
    /// Only what was asked for at this time or later.
    pub since: Timestamp,
    /// Entries at the most.
    pub limit: usize,
}

/// A part of it, the newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditPage {
    /// What was found, which may be less than was asked for though there is more.
    pub entries: Vec<(Place, Entry)>,
    /// Before what to go on; `None` at the end.
    pub next: Option<Place>,
}

/// Reads what a disk keeps of it, beside the disk's writer.
pub(super) trait ReadAudit: fmt::Debug + Send + Sync {
    /// The page that is asked for. It may wait for the disk.
    fn page(&self, query: &AuditQuery) -> Result<AuditPage, StoreError>;
}

/// The page that a query asks for of these, which begin where it says, the newest first.
pub(super) fn page(
    entries: impl Iterator<Item = Result<(Place, Entry), StoreError>>,
    query: &AuditQuery,
) -> Result<AuditPage, StoreError> {
    let AuditQuery { before: _, since, limit } = *query;
    let mut page = AuditPage::default();
    let mut last = None;
    for (looked_at, entry) in entries.enumerate() {
        if page.entries.len() == limit || looked_at == MAX_LOOKED_AT {
            page.next = last;
            break;
        }
        let (place, entry) = entry?;
        last = Some(place);
        // A clock may go back, so that what is older may hide what is not.
        if entry.at >= since {
            page.entries.push((place, entry));
        }
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{AuditQuery, Entry, MAX_LOOKED_AT, Place, page};
    use crate::{
        auth::Actor,
        registry::{
            consumer::MAX_KEYS,
            model::{Key, Revision},
            sample,
        },
        store::{Change, CredentialChange},
    };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn deleting(names: impl Iterator<Item = String>) -> Change {
        Change {
            revision: Revision(1),
            at: at(7),
            deletes: names.map(|name| Key::Consumer(sample::consumer_name(&name))).collect(),
            puts: vec![],
            tokens: vec![],
            credentials: vec![],
            actor: Actor::insecure(),
        }
    }

    #[test]
    fn a_change_of_many_is_told_by_its_first_and_how_many_more_there_were() {
        let short = Entry::of(&deleting((0..10_000).map(|at| at.to_string())));
        assert_eq!((short.actions.len(), short.more, &*short.actor), (100, 9900, "insecure"));
        let long = Entry::of(&deleting((0..100).map(|at| format!("{at:063}"))));
        assert_eq!((long.actions.len(), long.more), (25, 75));
        assert_eq!(long.actions[24], format!("delete consumer \"{:063}\"", 24));
    }

    #[test]
    fn every_key_that_ends_with_a_consumer_is_named() {
        let name = sample::consumer_name(&"x".repeat(63));
        let keys = (0..MAX_KEYS as u64).map(|number| CredentialChange::RevokeKey(name.clone(), sample::key(number).id));
        let credentials = keys.chain([CredentialChange::RemovePassword(name.clone())]).collect();
        let entry = Entry::of(&Change { credentials, ..deleting([name.to_string()].into_iter()) });
        assert_eq!((entry.actions.len(), entry.more), (MAX_KEYS + 2, 0));
    }

    #[test]
    fn a_page_looks_at_so_many_and_says_where_to_go_on() {
        let entry = |second| Entry::begin(at(second), &Actor::insecure());
        let pages = |count: u64, since, limit| {
            let entries = (0..count).rev().map(|number| Ok((Place(number), entry(i64::try_from(number).unwrap()))));
            let page = page(entries, &AuditQuery { before: None, since: at(since), limit }).unwrap();
            (page.entries.len(), page.next)
        };
        assert_eq!(pages(3, 0, 2), (2, Some(Place(1))));
        assert_eq!(pages(2, 0, 2), (2, None));
        assert_eq!(pages(3, 1, 9), (2, None));
        let many = MAX_LOOKED_AT as u64 + 1;
        assert_eq!(pages(many, i64::MAX >> 30, 9), (0, Some(Place(1))));
    }

    #[test]
    fn so_many_commits_are_kept_with_what_came_between_them() {
        let outdated = |reached| Place::outdated(Revision(reached)).end;
        assert_eq!([outdated(1), outdated(99)], [Place(0); 2]);
        assert_eq!(outdated(100), Place::of(Revision(1)));
        assert!(Place::after(Revision(0)) < outdated(100) && outdated(101) == Place::of(Revision(2)));
        assert_eq!([Place::of(Revision(7)), Place::after(Revision(7))].map(Place::revision), [Revision(7); 2]);
    }
}
