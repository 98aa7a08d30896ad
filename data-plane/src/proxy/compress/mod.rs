//! Compression of response bodies, by what the client accepts (RFC 9110 section 12.5.3).

mod encoder;
mod negotiate;
mod press;
mod treat;

pub(crate) use encoder::EncoderFailed;
pub(crate) use negotiate::coding;
pub(crate) use press::{Press, Presses, SLICE};
pub(crate) use treat::{Treatment, is_false_of_other_content};

use gateway_routing::route::{Compression, CompressionAlgorithm};
use http::header::CACHE_CONTROL;

use super::destination::InForce;
use crate::http1::{
    field::{Name, elements},
    head::{Fields, ResponseHead},
};

/// What a client would have, of a service that compresses.
#[derive(Debug)]
pub(crate) struct Wish<'p> {
    policy: &'p Compression,
    /// `None` is content as it is.
    algorithm: Option<CompressionAlgorithm>,
    /// What it has already: its `If-None-Match`, if any of that is weak, as what was compressed is.
    has: Option<Box<[u8]>>,
}

impl<'p> Wish<'p> {
    /// Of the request with these fields; none where the operator has answers say that nothing may be done
    /// to them.
    pub(crate) fn under(policies: &InForce<'p>, fields: &Fields, head: &[u8]) -> Option<Self> {
        let policy = policies.compression?;
        let mut told = policies.response_fields.told();
        let is_forbidden = told.any(|(name, value)| *name == CACHE_CONTROL && is_no_transform(value.as_bytes()));
        (!is_forbidden).then(|| Self::of(policy, fields, head))
    }

    fn of(policy: &'p Compression, fields: &Fields, head: &[u8]) -> Self {
        // RFC 9111 section 5.2.1.6: the client asks that nothing be transformed.
        let algorithm = if forbids_transforming(fields, head) {
            None
        } else {
            negotiate::negotiate(fields.others(head, "accept-encoding"), &policy.algorithms)
        };
        let tags = || fields.others(head, "if-none-match");
        let is_weak = |tags: &[u8]| tags.windows(2).any(|start| start == b"W/");
        let has = tags().any(is_weak).then(|| tags().collect::<Vec<_>>().join(&b", "[..]).into());
        Self { policy, algorithm, has }
    }

    /// What becomes of this response. To HEAD, it says what it would say to GET (RFC 9110 section 9.3.2).
    pub(crate) fn treat(&self, response: &ResponseHead, head: &[u8]) -> Treatment {
        treat::treat(self.policy, self.algorithm, self.has.as_deref(), response, head)
    }
}

/// RFC 9110 section 7.7: whoever says so must get what the origin made.
fn forbids_transforming(fields: &Fields, head: &[u8]) -> bool {
    fields.values(head, Name::CacheControl).any(is_no_transform)
}

/// Whether a `Cache-Control` says so.
fn is_no_transform(value: &[u8]) -> bool {
    elements(value).any(|directive| directive.eq_ignore_ascii_case(b"no-transform"))
}
