//! HTTP/1.1 on the wire (RFC 9112), without I/O: heads, framing, chunks.
//!
//! Stricter than the RFC allows a recipient to be, on both sides alike: what two implementations
//! could read differently is refused, not repaired.

pub(crate) mod chunked;
pub(crate) mod field;
pub(crate) mod framing;
pub(crate) mod head;
pub(crate) mod scan;
