//! Demands and shares, as they are sent.

use gateway_proto::{code::Reason, discovery::v1 as pb};
use tonic::Status;

use crate::{
    grpc::refuse,
    leases::{Answer, Demand, KeyId, Lease, MAX_KEYS, MAX_KEYS_OF_LIMIT, MAX_PARTS},
    snapshot::session::MAX_NODE_TEXT,
};

/// Who a data plane says that it is.
#[derive(Debug)]
pub(super) struct Introduction {
    pub(super) id: String,
    pub(super) nodes: u32,
}

pub(super) fn introduction(first: &pb::LimitDemand) -> Result<Introduction, Status> {
    let pb::LimitDemand { node_id, nodes, limits: _, leaving: _ } = first;
    if node_id.is_empty() || node_id.len() > MAX_NODE_TEXT {
        let message = format!("the first node_id is the data plane's id, of 1 to {MAX_NODE_TEXT} bytes");
        return Err(refuse(Reason::Invalid, message));
    }
    Ok(Introduction { id: node_id.clone(), nodes: *nodes })
}

/// What is asked of a data plane.
///
/// # Errors
/// It names too many keys, one twice, or an amount that is none.
pub(super) fn demands(wire: pb::LimitDemand) -> Result<Vec<Demand>, Status> {
    let pb::LimitDemand { node_id: _, nodes: _, limits, leaving: _ } = wire;
    let mut demands = Vec::new();
    for (at, pb::DemandOfLimit { limit, keys }) in limits.into_iter().enumerate() {
        if keys.len() > MAX_KEYS_OF_LIMIT {
            return Err(invalid(
                &format!("limits[{at}].keys"),
                &format!("name the {MAX_KEYS_OF_LIMIT} largest at most"),
            ));
        }
        if demands.len() + keys.len() > MAX_KEYS {
            return Err(invalid("limits", &format!("name {MAX_KEYS} keys in all at most")));
        }
        for key in keys {
            let demand = demand(limit, &key);
            demands.push(demand.map_err(|what| invalid(&format!("limits[{at}].keys"), what))?);
        }
    }
    demands.sort_unstable_by_key(|demand| demand.key);
    if demands.windows(2).any(|pair| pair[0].key == pair[1].key) {
        return Err(invalid("limits", "name each limit and each key of it once"));
    }
    Ok(demands)
}

fn demand(limit: u64, wire: &pb::DemandOfKey) -> Result<Demand, &'static str> {
    let pb::DemandOfKey { key_high, key_low, asked, passed, used, share } = *wire;
    if asked.max(passed).max(used) > MAX_PARTS {
        return Err("no amount is more than 2^52");
    }
    let key = KeyId { limit, hash: u128::from(key_high) << 64 | u128::from(key_low) };
    Ok(Demand { key, asked, passed, used, held: share.map(u64::from) })
}

fn invalid(field: &str, what: &str) -> Status {
    super::super::invalid(field, what)
}

/// Shares, in the order of their limits.
pub(super) fn lease(answer: Answer) -> pb::LimitLease {
    let Answer { nodes, complete, leases } = answer;
    let mut limits: Vec<pb::LeaseOfLimit> = Vec::new();
    for Lease { key: KeyId { limit, hash }, share, shift } in leases {
        // The halves are what is wanted.
        let (key_high, key_low) = ((hash >> 64) as u64, hash as u64);
        let share = share.map(|share| u32::try_from(share).unwrap_or(u32::MAX));
        let key = pb::LeaseOfKey { key_high, key_low, share, shift };
        match limits.last_mut() {
            Some(last) if last.limit == limit => last.keys.push(key),
            _ => limits.push(pb::LeaseOfLimit { limit, keys: vec![key] }),
        }
    }
    pb::LimitLease { nodes, complete, limits }
}
