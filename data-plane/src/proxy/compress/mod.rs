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

use crate::http1::{
    field::{Name, elements},
    head::{Fields, ResponseHead},
};

/// What a client would have, of a service that compresses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish<'p> {
    policy: &'p Compression,
    /// `None` is content as it is.
    algorithm: Option<CompressionAlgorithm>,
}

impl<'p> Wish<'p> {
    /// Of the request with these fields.
    pub(crate) fn of(policy: &'p Compression, fields: &Fields, head: &[u8]) -> Self {
        // RFC 9111 section 5.2.1.6: the client asks that nothing be transformed.
        let algorithm = if forbids_transforming(fields, head) {
            None
        } else {
            negotiate::negotiate(fields.others(head, "accept-encoding"), &policy.algorithms)
        };
        Self { policy, algorithm }
    }

    /// What becomes of this response. To HEAD, it says what it would say to GET (RFC 9110 section 9.3.2).
    pub(crate) fn treat(&self, response: &ResponseHead, head: &[u8]) -> Treatment {
        treat::treat(self.policy, self.algorithm, response, head)
    }
}

/// RFC 9110 section 7.7: whoever says so must get what the origin made.
fn forbids_transforming(fields: &Fields, head: &[u8]) -> bool {
    let mut directives = fields.values(head, Name::CacheControl).flat_map(elements);
    directives.any(|directive| directive.eq_ignore_ascii_case(b"no-transform"))
}
