//! What a response has to be able to do, to be kept on a disk.

use gateway_cache_store::Metadata;

/// A head that can be written down. What was written by another version of the program may be read:
/// the encoding says which it is.
pub trait Persist: Metadata + Sized {
    /// Appends all that there is to know.
    fn encode(&self, out: &mut Vec<u8>);

    /// The same again; nothing, if these are not bytes that [`Persist::encode`] has written, as this
    /// version understands them.
    fn decode(bytes: &[u8]) -> Option<Self>;

    /// Tells those apart that are stored under one key for different requests: a hash of the fields that
    /// select it and their values. Two that [`Metadata::replaces`] each other have the same.
    fn variant(&self) -> u64;

    /// As it is if something may have made it invalid: not to be sent before it is validated, however
    /// fresh or stale it is, and whatever else allows it (RFC 9111 section 4.4).
    #[must_use]
    fn must_validate(self) -> Self;
}
