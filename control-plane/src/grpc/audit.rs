//! Who changed what, from the history of the store.

use gateway_proto::admin::v1 as pb;
use jiff::Timestamp;
use tonic::Status;

use super::invalid;
use crate::{
    store::{Change, CredentialChange, Store, TokenChange},
    time::timestamp,
};

/// Entries unless it is told, and at the most.
const DEFAULT_LIMIT: u32 = 100;
const MAX_LIMIT: u32 = 1000;
/// Actions of one entry at the most.
const MAX_ACTIONS: usize = 100;

/// Answers a request.
pub(super) fn list(store: &dyn Store, request: pb::ListAuditRequest) -> Result<pb::ListAuditResponse, Status> {
    let pb::ListAuditRequest { since, limit } = request;
    let limit = match limit {
        0 => DEFAULT_LIMIT,
        1..=MAX_LIMIT => limit,
        _ => return Err(invalid("limit", "must be from 1 to 1000")),
    };
    let since = match since {
        None => Timestamp::MIN,
        Some(since) => {
            Timestamp::new(since.seconds, since.nanos).map_err(|_| invalid("since", "must be a point in time"))?
        }
    };
    let latest = store.latest(usize::try_from(limit).unwrap_or(usize::MAX));
    let entries = latest.iter().filter(|change| change.at >= since).map(|change| entry(change)).collect();
    Ok(pb::ListAuditResponse { entries })
}

fn entry(change: &Change) -> pb::AuditEntry {
    let Change { revision, at, deletes, puts, tokens, credentials, actor } = change;
    let deletes = deletes.iter().map(|key| format!("delete {key}"));
    let puts = puts.iter().map(|record| format!("put {}", record.key()));
    let mut actions = deletes.chain(puts).chain(tokens.iter().map(token)).chain(credentials.iter().map(credential));
    let shown: Vec<String> = actions.by_ref().take(MAX_ACTIONS).collect();
    pb::AuditEntry {
        revision: revision.0,
        time: Some(timestamp(*at)),
        actor: actor.to_string(),
        actions: shown,
        more: u32::try_from(actions.count()).unwrap_or(u32::MAX),
    }
}

fn credential(change: &CredentialChange) -> String {
    match change {
        CredentialChange::CreateKey(consumer, id) => format!("create key {id} of consumer \"{consumer}\""),
        CredentialChange::RevokeKey(consumer, id) => format!("revoke key {id} of consumer \"{consumer}\""),
        CredentialChange::SetPassword(consumer) => format!("set the password of consumer \"{consumer}\""),
        CredentialChange::RemovePassword(consumer) => format!("remove the password of consumer \"{consumer}\""),
    }
}

fn token(change: &TokenChange) -> String {
    match change {
        TokenChange::Create(kept) if kept.name.is_empty() => {
            format!("create token {} ({})", kept.id, kept.role.as_str())
        }
        TokenChange::Create(kept) => format!("create token {} ({}, {})", kept.id, kept.role.as_str(), kept.name),
        TokenChange::Revoke(id) => format!("revoke token {id}"),
    }
}
