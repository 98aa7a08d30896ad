//! Range requests answered from what is stored (RFC 9110 section 14), and parts put together (RFC 9111
//! section 3.4). Bytes are the only unit.

mod content_range;
mod held;
mod select;

pub use content_range::ContentRange;
pub use held::{Held, MAX_PIECES, NotAdded};
pub use select::{Selected, select};
