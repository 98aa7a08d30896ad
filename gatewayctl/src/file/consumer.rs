//! A consumer's part of the declarative file. What he is known by is no part of any file.

use gateway_proto::registry::v1 as pb;

use super::{at::At, rate_limit};

/// The fields of a consumer.
pub(super) const CONSUMER: [&str; 4] = ["name", "title", "groups", "rate_limits"];

pub(super) fn consumer(at: &mut At<'_>) -> pb::Consumer {
    if !at.has_fields(&CONSUMER) {
        return pb::Consumer::default();
    }
    at.needs("name");
    pb::Consumer {
        name: at.field("name", |at| at.filled_text()).unwrap_or_default(),
        title: at.field("title", |at| at.text()).unwrap_or_default(),
        groups: at.field("groups", |at| at.texts()).unwrap_or_default(),
        rate_limits: at.field("rate_limits", rate_limit::own_rate_limits),
        ..pb::Consumer::default()
    }
}
