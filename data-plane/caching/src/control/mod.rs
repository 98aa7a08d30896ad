//! Cache directives: `Cache-Control` (RFC 9111 section 5.2), `CDN-Cache-Control` (RFC 9213) and `Pragma`.

mod directive;
mod named;
mod request;
mod response;
mod targeted;

pub use request::{MaxStale, RequestControl};
pub use response::{ResponseControl, Source};

pub(crate) use named::Named;

use std::time::Duration;

/// What a directive says that should give a number of seconds. Whatever cannot be read is as strict as
/// can be (RFC 9111 section 4.2.1), and so are two that differ.
fn strictest(known: Option<Duration>, new: Option<Duration>, strict: Duration) -> Option<Duration> {
    let new = new.unwrap_or(strict);
    Some(known.map_or(new, |known| if known == new { known } else { strict }))
}
