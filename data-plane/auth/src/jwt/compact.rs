//! The compact serialization (RFC 7515 section 7.1).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::Refused;

/// The longest token in bytes.
pub const MAX_TOKEN: usize = 8 * 1024;

/// A token in its three segments.
#[derive(Debug)]
pub(super) struct Compact<'t> {
    /// Header and payload, as they were signed.
    pub signed: &'t [u8],
    header: &'t [u8],
    payload: &'t [u8],
    /// Decoded.
    pub signature: Vec<u8>,
}

impl<'t> Compact<'t> {
    pub(super) fn split(token: &'t [u8]) -> Result<Self, Refused> {
        if token.len() > MAX_TOKEN {
            return Err(Refused::Malformed);
        }
        let mut segments = token.split(|byte| *byte == b'.');
        let (Some(header), Some(payload), Some(signature), None) =
            (segments.next(), segments.next(), segments.next(), segments.next())
        else {
            return Err(Refused::Malformed);
        };
        if header.is_empty() || payload.is_empty() || signature.is_empty() {
            return Err(Refused::Malformed);
        }
        let signature = decode(signature)?;
        let signed = &token[..header.len() + 1 + payload.len()];
        Ok(Self { signed, header, payload, signature })
    }

    pub(super) fn header(&self) -> Result<Vec<u8>, Refused> {
        decode(self.header)
    }

    pub(super) fn payload(&self) -> Result<Vec<u8>, Refused> {
        decode(self.payload)
    }
}

/// RFC 7515 section 2: base64url without padding. Bits behind the last byte must be zero, so that one
/// token has one spelling.
fn decode(segment: &[u8]) -> Result<Vec<u8>, Refused> {
    URL_SAFE_NO_PAD.decode(segment).map_err(|_| Refused::Malformed)
}
