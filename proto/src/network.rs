//! Networks, as `10.0.0.0/8` or `2001:db8::/32` or one address: in flags, policies and the declarative file.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    str::FromStr,
};

/// The addresses that begin with certain bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    /// IPv4 as in `::ffff:0:0/96`, so that there is one kind of comparison.
    first: u128,
    /// How many bits count, of 128.
    bits: u8,
}

/// Why a text is not a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetworkError {
    /// There is no address.
    Address,
    /// The prefix is longer than this many bits, or no number.
    Prefix(u8),
    /// It has bits that do not count; without them it would be this.
    Beyond(Network),
}

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address => {
                f.write_str("is no address and no network; write one as 10.0.0.0/8, 2001:db8::/32 or 192.0.2.7")
            }
            Self::Prefix(most) => write!(f, "has a prefix that is no number of bits from 0 to {most}"),
            Self::Beyond(network) => write!(f, "has bits behind its prefix; write {network}"),
        }
    }
}

impl std::error::Error for NetworkError {}

impl Network {
    /// Whether an address is in it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        (mapped(address) ^ self.first) & mask(self.bits) == 0
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().map_err(|_| NetworkError::Address)?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let bits = match prefix {
            None => width,
            Some(prefix) => {
                let is_number = !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_digit());
                let bits = prefix.parse().ok().filter(|bits| is_number && *bits <= width);
                bits.ok_or(NetworkError::Prefix(width))?
            }
        };
        let bits = bits + (128 - width);
        let all = mapped(address);
        let network = Self { first: all & mask(bits), bits };
        if network.first == all { Ok(network) } else { Err(NetworkError::Beyond(network)) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = Ipv6Addr::from_bits(self.first);
        match (address.to_ipv4_mapped(), self.bits.checked_sub(96)) {
            (Some(address), Some(bits)) => write!(f, "{address}/{bits}"),
            _ => write!(f, "{address}/{}", self.bits),
        }
    }
}

fn mapped(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

const fn mask(bits: u8) -> u128 {
    match bits {
        0 => 0,
        bits => u128::MAX << (128 - bits),
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::Network;

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    #[test]
    fn networks_hold_what_begins_like_them() {
        for (text, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.6"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::"),
            ("::1", "::1", "::2"),
            ("::ffff:10.0.0.0/104", "10.1.2.3", "11.0.0.0"),
            ("10.0.0.0/8", "::ffff:10.0.0.1", "::a00:1"),
        ] {
            let address = |text: &str| text.parse::<IpAddr>().unwrap();
            assert!(network(text).contains(address(inside)), "{text} {inside}");
            assert!(!network(text).contains(address(outside)), "{text} {outside}");
        }
        assert!(network("::/0").contains(IpAddr::from([127, 0, 0, 1])));
    }

    #[test]
    fn networks_are_written_as_they_are_read() {
        for text in ["10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32", "::/0", "0.0.0.0/0", "::1/128"] {
            assert_eq!(network(text).to_string(), text);
            assert_eq!(network(&network(text).to_string()), network(text));
        }
        assert_eq!(network("192.0.2.7").to_string(), "192.0.2.7/32");
    }

    #[test]
    fn what_is_none_says_what_would_be_right() {
        for (text, words) in [
            ("", "is no address and no network; write one as"),
            ("example.com", "is no address and no network"),
            ("10.0.0/8", "is no address and no network"),
            ("10.0.0.0/33", "no number of bits from 0 to 32"),
            ("::/129", "no number of bits from 0 to 128"),
            ("10.0.0.0/", "no number of bits"),
            ("10.0.0.0/+8", "no number of bits"),
            ("10.0.0.1/8", "has bits behind its prefix; write 10.0.0.0/8"),
        ] {
            let err = text.parse::<Network>().unwrap_err().to_string();
            assert!(err.contains(words), "{text}: {err}");
        }
    }
}
