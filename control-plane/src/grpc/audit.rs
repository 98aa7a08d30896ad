//! Who changed what, from the store.

use std::sync::Arc;

use gateway_proto::{admin::v1 as pb, code::Reason};
use jiff::Timestamp;
use tokio::task::spawn_blocking;
use tonic::Status;

use super::{invalid, refuse};
use crate::{
    registry::list::PageToken,
    store::{AuditPage, AuditQuery, Entry, Place, Store, StoreError},
    time::timestamp,
};

/// Entries unless it is told, and at the most.
const DEFAULT_LIMIT: u32 = 100;
const MAX_LIMIT: u32 = 1000;

/// Answers a request.
pub(super) async fn list(
    store: Arc<dyn Store>,
    request: pb::ListAuditRequest,
) -> Result<pb::ListAuditResponse, Status> {
    let query = query(request)?;
    let read = spawn_blocking(move || store.audit(&query)).await.unwrap_or(Err(StoreError::Closed));
    let AuditPage { entries, next } =
        read.map_err(|err| refuse(Reason::StoreUnavailable, format!("the audit cannot be read: {err}")))?;
    Ok(pb::ListAuditResponse {
        entries: entries.into_iter().map(wire).collect(),
        next_page_token: next.map(|place| PageToken::write(&place.0.to_string())).unwrap_or_default(),
    })
}

fn query(request: pb::ListAuditRequest) -> Result<AuditQuery, Status> {
    let pb::ListAuditRequest { since, limit, page_token } = request;
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
    let before = if page_token.is_empty() {
        None
    } else {
        let place = PageToken::read(&page_token).and_then(|place| place.parse().ok());
        Some(Place(
            place.ok_or_else(|| invalid("page_token", "is none; use the last response's next_page_token, or none"))?,
        ))
    };
    Ok(AuditQuery { before, since, limit: usize::try_from(limit).unwrap_or(usize::MAX) })
}

fn wire((place, entry): (Place, Entry)) -> pb::AuditEntry {
    let Entry { at, actor, actions, more } = entry;
    pb::AuditEntry { revision: place.revision().0, time: Some(timestamp(at)), actor, actions, more }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use gateway_proto::admin::v1 as pb;
    use tonic::Code;

    use super::list;
    use crate::{
        registry::list::PageToken,
        store::{Batch, Store, memory::MemoryStore},
    };

    #[tokio::test]
    async fn the_audit_is_read_page_by_page() {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new("cluster").unwrap());
        for _ in 0..3 {
            store.commit(Batch::default()).await.unwrap().unwrap();
        }
        let mut request = pb::ListAuditRequest { limit: 2, ..pb::ListAuditRequest::default() };
        let mut revisions = Vec::new();
        for _ in 0..2 {
            let page = list(Arc::clone(&store), request.clone()).await.unwrap();
            revisions.extend(page.entries.iter().map(|entry| entry.revision));
            request.page_token = page.next_page_token;
        }
        assert_eq!((revisions, &*request.page_token), (vec![3, 2, 1], ""));
        for token in ["7".to_owned(), PageToken::write("x")] {
            let wrong = pb::ListAuditRequest { page_token: token, ..request.clone() };
            let refused = list(Arc::clone(&store), wrong).await.unwrap_err();
            assert!(refused.code() == Code::InvalidArgument && refused.message().contains("page_token"), "{refused}");
        }
    }
}
