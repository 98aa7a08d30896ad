//! Who the client is, behind proxies that are trusted.
//!
//! Each proxy adds the address that it was connected from to the end of `X-Forwarded-For`, or of `Forwarded`
//! (RFC 7239). Read from the end, what a trusted proxy has written is true, and the first address that is
//! not a trusted proxy's is the client's; what stands in front of it anybody can have written.

mod forwarded;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The client's address: the connection's, or, where a trusted proxy has connected, what the fields say.
/// Their values are in the order in which they came.
///
/// Where there are both fields, they have to say the same. If they do not, or if what they say cannot be
/// read, nobody knows who the client is: `None`. It is not the proxy, for a client can bring that about, and
/// what the proxy may do it may not.
pub fn client_address<'a>(
    connection: IpAddr,
    is_trusted: impl Fn(IpAddr) -> bool,
    x_forwarded_for: impl Iterator<Item = &'a [u8]>,
    forwarded: impl Iterator<Item = &'a [u8]>,
) -> Option<IpAddr> {
    let connection = connection.to_canonical();
    if !is_trusted(connection) {
        return Some(connection);
    }
    let mut plain = Walk::new(&is_trusted);
    x_forwarded_for.for_each(|value| value.split(|&byte| byte == b',').for_each(|hop| plain.step(address(trim(hop)))));
    let mut named = Walk::new(&is_trusted);
    forwarded.for_each(|value| forwarded::each_for(value, |hop| named.step(hop)));
    match (plain.seen, named.seen) {
        (Seen::Nothing, Seen::Nothing) => Some(connection),
        (Seen::Client(client), Seen::Nothing) | (Seen::Nothing, Seen::Client(client)) => Some(client),
        (Seen::Client(one), Seen::Client(other)) if one == other => Some(one),
        (Seen::Unreadable, _) | (_, Seen::Unreadable) | (Seen::Client(_), Seen::Client(_)) => None,
    }
}

/// So many of an address's first bits, by its kind; one client usually has very many IPv6 addresses. An
/// IPv4 address stays one, however it is written.
#[must_use]
pub fn prefix(address: IpAddr, ipv4_bits: u8, ipv6_bits: u8) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let beyond = u32::MAX.checked_shr(u32::from(ipv4_bits)).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & !beyond))
        }
        IpAddr::V6(address) => {
            let beyond = u128::MAX.checked_shr(u32::from(ipv6_bits)).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !beyond))
        }
    }
}

/// What a field says, as far as it has been read.
#[derive(Debug, Clone, Copy)]
enum Seen {
    /// Nothing yet.
    Nothing,
    /// This would be the client, if only trusted proxies stand behind it.
    Client(IpAddr),
    /// What would be the client cannot be read.
    Unreadable,
}

/// Reads a field from its beginning, and finds what reading from its end would: the last address that is
/// not trusted, or the first one where all are.
struct Walk<'t, T> {
    is_trusted: &'t T,
    seen: Seen,
}

impl<'t, T: Fn(IpAddr) -> bool> Walk<'t, T> {
    const fn new(is_trusted: &'t T) -> Self {
        Self { is_trusted, seen: Seen::Nothing }
    }

    fn step(&mut self, hop: Option<IpAddr>) {
        self.seen = match (hop, self.seen) {
            (None, _) => Seen::Unreadable,
            (Some(hop), Seen::Client(_) | Seen::Unreadable) if (self.is_trusted)(hop) => return,
            (Some(hop), Seen::Nothing | Seen::Client(_) | Seen::Unreadable) => Seen::Client(hop),
        };
    }
}

/// An address as proxies write it: alone, in brackets, or with a port, which some add.
fn address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    let address = match text.strip_prefix('[') {
        Some(bracketed) => {
            let (address, port) = bracketed.split_once(']')?;
            is_port(port).then_some(())?;
            IpAddr::V6(address.parse().ok()?)
        }
        None => match text.split_once(':') {
            Some((address, port)) if !port.contains(':') => {
                is_port(&text[address.len()..]).then_some(())?;
                IpAddr::V4(address.parse().ok()?)
            }
            Some(_) | None => text.parse().ok()?,
        },
    };
    Some(address.to_canonical())
}

/// Nothing, or a colon and a port, which may be hidden behind a name (RFC 7239 section 6).
fn is_port(text: &str) -> bool {
    let Some(port) = text.strip_prefix(':') else { return text.is_empty() };
    let is_number = (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit());
    let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    is_number || port.strip_prefix('_').is_some_and(|name| !name.is_empty() && is_name(name))
}

fn trim(text: &[u8]) -> &[u8] {
    text.trim_ascii()
}
