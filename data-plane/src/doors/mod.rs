//! Doors to the inside for the fuzz targets in `fuzz/` and the benchmarks in `benches/`. Nothing
//! here is a promise, and no program calls it.
//!
//! A fuzz target is a function of bytes that panics when the gateway breaks its word. It measures
//! the gateway by the readers in `reference`, which are slow and share no code with it.

pub mod bench;
mod chunked;
mod compressed;
mod cuts;
mod fields;
mod reference;
mod request_head;
mod response_relay;
#[cfg(test)]
mod tests;
mod token;
pub mod tokens;
mod wires;

#[cfg(test)]
pub(crate) use self::compressed::decode;
pub use self::{
    chunked::chunked, compressed::compressed, request_head::request_head, response_relay::response_relay, token::token,
};

/// What became of the bytes that a fuzz target was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// They are a whole message, and went on as what they are.
    Passed,
    /// They are none, and nothing of them went on.
    Refused,
    /// A part went on, or waits for the rest, and nobody can take it for the whole.
    Cut,
}
