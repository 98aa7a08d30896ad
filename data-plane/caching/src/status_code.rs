//! Which status codes say what to caches.

use http::StatusCode;

use crate::policy::Partial;

/// Whether a response without explicit expiration may be stored (RFC 9110 section 15.1).
pub(crate) fn is_heuristically_cacheable(status: StatusCode) -> bool {
    matches!(status.as_u16(), 200 | 203 | 204 | 206 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501)
}

/// Whether this cache does all that is specified for the status (RFC 9111 section 3). 304 updates
/// responses, and is not stored.
pub(crate) fn is_understood(status: StatusCode, partial: Partial) -> bool {
    match status.as_u16() {
        206 => partial == Partial::Store,
        200..=205 | 300..=303 | 305 | 307 | 308 | 400..=417 | 421 | 422 | 426 | 500..=505 => true,
        _ => false,
    }
}

/// Whether it says that the origin fails, as RFC 5861 section 4 has it.
pub(crate) fn is_failure(status: StatusCode) -> bool {
    matches!(status.as_u16(), 500 | 502 | 503 | 504)
}

/// Whether it answers something that no key holds: a precondition, a range, an expectation, the size of
/// the header, the version, or the proxy's own credentials. Stored, it would be the answer to requests
/// that have none of these.
pub(crate) fn is_of_one_request(status: StatusCode) -> bool {
    matches!(status.as_u16(), 304 | 407 | 412 | 416 | 417 | 426 | 431)
}
