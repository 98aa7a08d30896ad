//! Names and passwords of consumers (RFC 7617).

use std::{net::IpAddr, rc::Rc};

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{caller::Caller, place::of_scheme, verdict::Verdict};
use crate::{http1::field::Name, proxy::parse::ParsedRequest, table::RoutingTable, worker::Worker};

/// The longest credentials in bytes: names have up to 63, passwords up to 128.
const MAX_CREDENTIALS: usize = 512;

/// Whose name and password these are. May be given up at any moment.
pub(super) async fn check<'t>(
    worker: &Rc<Worker>,
    table: &'t RoutingTable,
    credentials: Credentials,
    client: IpAddr,
) -> Verdict<'t> {
    let Credentials { name, password } = credentials;
    let consumer = table.consumers().named(&name);
    let hash = consumer.and_then(|consumer| consumer.password());
    match (worker.passwords().verify(&name, password, hash, client).await, consumer) {
        (Some(true), Some(consumer)) => Verdict::Accepted(Caller::Consumer(consumer)),
        (Some(_), _) => Verdict::Refused,
        (None, _) => Verdict::Unknown,
    }
}

/// What the request has of this kind, as it is encoded.
pub(super) fn find<'b>(request: &'b ParsedRequest, head: &'b [u8]) -> Option<&'b [u8]> {
    // Of several, it is not known which one is meant; they have been refused before.
    let value = request.head.fields.values(head, Name::Authorization).next()?;
    of_scheme(value, "basic")
}

/// A name and a password.
pub(super) struct Credentials {
    name: String,
    password: Vec<u8>,
}

impl Credentials {
    /// Section 2: a name without colon, then the password, neither with control characters.
    pub(super) fn read(encoded: &[u8]) -> Option<Self> {
        if encoded.len() > MAX_CREDENTIALS.div_ceil(3) * 4 {
            return None;
        }
        let mut decoded = STANDARD.decode(encoded).ok()?;
        let colon = memchr::memchr(b':', &decoded)?;
        if decoded.iter().any(u8::is_ascii_control) {
            return None;
        }
        let password = decoded.split_off(colon + 1);
        decoded.truncate(colon);
        Some(Self { name: String::from_utf8(decoded).ok()?, password })
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::STANDARD};

    use super::Credentials;

    fn read(text: &[u8]) -> Option<(String, Vec<u8>)> {
        Credentials::read(STANDARD.encode(text).as_bytes()).map(|read| (read.name, read.password))
    }

    #[test]
    fn credentials_are_a_name_and_a_password() {
        assert_eq!(read(b"anna:secret"), Some(("anna".into(), b"secret".to_vec())));
        assert_eq!(read("anna:p:\u{e4} ".as_bytes()), Some(("anna".into(), "p:\u{e4} ".as_bytes().to_vec())));
        assert_eq!(read(b":"), Some((String::new(), Vec::new())));
        for wrong in [&b"anna"[..], b"an\x00na:x", b"anna:x\x7f", b"\xff:x", &[b'x'; 600]] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
        for wrong in [&b"YW5uYTp4"[..7], b"YW5u YTp4", b"YW5uYTp4=", b"-_-_", b""] {
            assert!(Credentials::read(wrong).is_none(), "{wrong:?}");
        }
        assert!(Credentials::read(b"YW5uYTp4").is_some());
    }
}
