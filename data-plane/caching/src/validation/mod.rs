//! Asking whether a stored response is still the one (RFC 9111 section 4.3), in both directions.

mod answer;
mod condition;
mod etag;
mod freshen;
mod update;
mod validators;

pub use answer::{is_not_modified, is_on_304};
pub use condition::{Conditions, conditions, is_replaced};
pub use etag::{EntityTag, entity_tags};
pub use freshen::{HeadEffect, freshen_by_head, freshened};
pub use update::update;
pub use validators::Validators;
