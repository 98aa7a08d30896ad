//! Conditions that ask an origin about stored responses (RFC 9111 section 4.3.1).

use super::{EntityTag, Validators};
use crate::fields::is_one_of;

/// The condition fields of a request for validation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conditions<'a> {
    /// `If-None-Match`: all entity tags of the stored responses.
    pub if_none_match: Option<Vec<u8>>,
    /// `If-Modified-Since`: the `Last-Modified` of a stored response that is the only one.
    pub if_modified_since: Option<&'a [u8]>,
}

/// What to ask about these stored responses of one URI. What the client itself has asked is left out
/// ([`is_replaced`]) and answered from what comes of it ([`super::is_not_modified`]); so a 304 is always
/// about what is stored here.
#[must_use]
pub fn conditions<'a>(stored: &[Validators<'a>]) -> Conditions<'a> {
    let tags: Vec<&[u8]> = stored.iter().filter_map(|each| each.entity_tag).map(|tag| EntityTag::bytes(&tag)).collect();
    let date = match stored {
        [only] => only.last_modified.map(|(value, _)| value),
        _ => None,
    };
    Conditions { if_none_match: (!tags.is_empty()).then(|| tags.join(&b", "[..])), if_modified_since: date }
}

/// Whether a field of a client's request is left out of the request that fills or validates an entry: it
/// makes the answer one for this client, and not for all.
#[must_use]
pub fn is_replaced(name: &[u8]) -> bool {
    is_one_of(name, &["if-none-match", "if-modified-since", "if-range", "range"])
}
