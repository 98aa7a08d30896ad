//! Who asks, and how the request is called.

use std::{fmt::Write, net::IpAddr};

use gateway_limiting::client_address;
use gateway_proto::network::Network;
use gateway_routing::route::Scheme;
use rand::{Rng, RngExt};

use crate::http1::{field::Name, head::Fields};

/// The client's address as fields name it, written once per connection.
#[derive(Debug)]
pub(crate) struct ClientAddress {
    text: Box<str>,
    ip: IpAddr,
    /// Whether it is the client's own, and not that of a proxy that does not say who its client is.
    is_known: bool,
}

impl ClientAddress {
    /// An IPv4 client of an IPv6 listener is an IPv4 client.
    pub(crate) fn new(address: IpAddr) -> Self {
        let address = address.to_canonical();
        Self { text: address.to_string().into(), ip: address, is_known: true }
    }

    /// The client's own, where a trusted proxy tells of one; `self` is the connection's. Where what it tells
    /// cannot be read, all whom it brings in such a way count as one: the proxy, but for what that may do.
    pub(crate) fn behind(&self, trusted: &[Network], fields: &Fields, head: &[u8]) -> Option<Self> {
        if !self.is_among(trusted) {
            return None;
        }
        let is_trusted = |address| trusted.iter().any(|network| network.contains(address));
        let (plain, forwarded) = (fields.values(head, Name::XForwardedFor), fields.values(head, Name::Forwarded));
        match client_address(self.ip, is_trusted, plain, forwarded) {
            Some(ip) => (ip != self.ip).then(|| Self::new(ip)),
            None => Some(Self { is_known: false, ..Self::new(self.ip) }),
        }
    }

    fn is_among(&self, trusted: &[Network]) -> bool {
        trusted.iter().any(|network| network.contains(self.ip))
    }

    /// What the client uses, where a trusted proxy says so; else what the gateway is asked by. Two words of
    /// it are none.
    pub(crate) fn scheme(&self, trusted: &[Network], fields: &Fields, head: &[u8]) -> Scheme {
        if !self.is_among(trusted) {
            return Scheme::Http;
        }
        let mut told = fields.values(head, Name::XForwardedProto);
        match (told.next(), told.next()) {
            (Some(only), None) if only.eq_ignore_ascii_case(b"https") => Scheme::Https,
            _ => Scheme::Http,
        }
    }

    pub(crate) const fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) const fn ip(&self) -> IpAddr {
        self.ip
    }

    /// The address, if it is known to be the client's own.
    pub(crate) fn known(&self) -> Option<IpAddr> {
        self.is_known.then_some(self.ip)
    }

    /// As in `X-Forwarded-For`.
    pub(crate) fn plain(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// As in `Forwarded`: RFC 7239 section 6 wants IPv6 in brackets, and so in quotes.
    pub(crate) fn write_node(&self, out: &mut Vec<u8>) {
        let (before, after): (&[u8], &[u8]) = if self.ip.is_ipv6() { (b"\"[", b"]\"") } else { (b"", b"") };
        out.extend_from_slice(before);
        out.extend_from_slice(self.plain());
        out.extend_from_slice(after);
    }
}

/// The longest name that a client may give its request.
const MAX_ID: usize = 128;

/// Names a request in the answer, at the upstream and in logs; safe in a field and in JSON.
#[derive(Clone, Copy)]
pub(crate) struct RequestId {
    text: [u8; MAX_ID],
    length: u8,
}

impl RequestId {
    /// The client's own name for its request where it is short and harmless, otherwise a new one.
    pub(crate) fn of(fields: &Fields, head: &[u8], rng: &mut impl Rng) -> Self {
        let mut given = fields.values(head, Name::XRequestId);
        match (given.next(), given.next()) {
            (Some(id), None) if is_harmless(id) => Self::copy(id),
            _ => Self::random(rng),
        }
    }

    /// 32 hexadecimal digits.
    pub(crate) fn random(rng: &mut impl Rng) -> Self {
        let mut id = Self { text: [0; MAX_ID], length: 32 };
        let mut random = rng.random::<u128>();
        for byte in &mut id.text[..32] {
            *byte = b"0123456789abcdef"[(random & 15) as usize];
            random >>= 4;
        }
        id
    }

    fn copy(given: &[u8]) -> Self {
        let mut id = Self { text: [0; MAX_ID], length: 0 };
        for (slot, byte) in id.text.iter_mut().zip(given) {
            *slot = *byte;
            id.length += 1;
        }
        id
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.text[..usize::from(self.length)]
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

impl std::fmt::Debug for RequestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_char('"')?;
        f.write_str(self.as_str())?;
        f.write_char('"')
    }
}

/// What may be copied into fields, logs and JSON without escaping.
fn is_harmless(id: &[u8]) -> bool {
    (1..=MAX_ID).contains(&id.len()) && id.iter().all(|c| c.is_ascii_alphanumeric() || b"-_.:/+=@".contains(c))
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::SmallRng};

    use super::{ClientAddress, RequestId};
    use crate::http1::head::RequestHead;

    fn id(fields: &str) -> String {
        let head = format!("GET / HTTP/1.1\r\n{fields}\r\n");
        let mut parsed = RequestHead::default();
        parsed.parse(head.as_bytes(), 10).unwrap();
        RequestId::of(&parsed.fields, head.as_bytes(), &mut SmallRng::seed_from_u64(1)).as_str().to_owned()
    }

    #[test]
    fn a_request_keeps_its_name_if_that_is_harmless() {
        assert_eq!(id("X-Request-ID: abc-1\r\n"), "abc-1");
        let long = "a".repeat(128);
        assert_eq!(id(&format!("X-Request-ID: {long}\r\n")), long);
        for fields in [
            String::new(),
            "X-Request-ID:\r\n".into(),
            "X-Request-ID: a b\r\n".into(),
            "X-Request-ID: \"x\"\r\n".into(),
            "X-Request-ID: a\r\nX-Request-ID: b\r\n".into(),
            format!("X-Request-ID: a{long}\r\n"),
        ] {
            let made = id(&fields);
            assert!(made.len() == 32 && made.bytes().all(|byte| byte.is_ascii_hexdigit()), "{fields:?}: {made}");
        }
    }

    #[test]
    fn new_names_differ() {
        let mut rng = SmallRng::seed_from_u64(1);
        assert_ne!(RequestId::random(&mut rng).as_str(), RequestId::random(&mut rng).as_str());
    }

    #[test]
    fn addresses_are_written_as_each_field_wants_them() {
        let written = |address: &str| {
            let client = ClientAddress::new(address.parse().unwrap());
            let mut node = Vec::new();
            client.write_node(&mut node);
            (String::from_utf8(client.plain().to_vec()).unwrap(), String::from_utf8(node).unwrap())
        };
        assert_eq!(written("192.0.2.7"), ("192.0.2.7".into(), "192.0.2.7".into()));
        assert_eq!(written("::ffff:192.0.2.7"), ("192.0.2.7".into(), "192.0.2.7".into()));
        assert_eq!(written("2001:db8::1"), ("2001:db8::1".into(), "\"[2001:db8::1]\"".into()));
    }
}
