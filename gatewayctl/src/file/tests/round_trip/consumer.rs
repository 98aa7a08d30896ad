//! Consumers as the control plane stores them.

use gateway_proto::registry::v1 as pb;
use proptest::{collection::vec, option, prelude::*};

use super::{
    rate_limit::{rate_limits, stored_rate_limits},
    text,
};

prop_compose! {
    pub(super) fn consumer()(
        title in text(),
        groups in vec("[a-z0-9]{1,6}", 0..3),
        limits in option::of(rate_limits()),
        keys in 0..3_u32,
        has_password: bool,
    ) -> pb::Consumer {
        let key = |number: u32| pb::ApiKey { id: format!("{number:012x}"), ..pb::ApiKey::default() };
        pb::Consumer {
            name: String::new(),
            title,
            groups,
            rate_limits: limits.map(own).filter(|limits| !limits.limits.is_empty()),
            revision: 7,
            created_at: Some(prost_types::Timestamp { seconds: 5, nanos: 0 }),
            updated_at: Some(prost_types::Timestamp { seconds: 9, nanos: 0 }),
            keys: (0..keys).map(key).collect(),
            has_password,
        }
    }
}

/// Limits whose key is the consumer.
fn own(mut limits: pb::RateLimits) -> pb::RateLimits {
    for limit in &mut limits.limits {
        limit.key.clear();
        (limit.ipv4_prefix, limit.ipv6_prefix) = (None, None);
    }
    limits
}

/// Fills in what the control plane would, by rate_limit.proto.
pub(super) fn stored_consumer(consumer: pb::Consumer) -> pb::Consumer {
    pb::Consumer { rate_limits: consumer.rate_limits.map(stored_rate_limits), ..consumer }
}

/// Without what is no part of files: what he is known by, too.
pub(super) fn consumer_without_read_only(consumer: pb::Consumer) -> pb::Consumer {
    let (revision, created_at, updated_at, keys, has_password) = (0, None, None, Vec::new(), false);
    pb::Consumer { revision, created_at, updated_at, keys, has_password, ..consumer }
}
