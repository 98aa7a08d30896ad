//! Host names: the one parser for those that operators register and those that clients send.

use std::{borrow::Cow, fmt, net::Ipv6Addr};

/// The longest host name in characters (RFC 1035 section 2.3.4, without the root's dot).
const MAX_HOST: usize = 253;
/// The longest label of a host name in characters.
const MAX_LABEL: usize = 63;

/// Why a text is not a host, a pattern or an authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostError {
    /// There is nothing.
    Empty,
    /// Longer than 253 characters.
    TooLong,
    /// Two dots in a row, a dot in front, or a label longer than 63 characters.
    Label,
    /// Something that no host name holds.
    Character(char),
    /// A `*` anywhere but as the whole first label, or with nothing behind it.
    Wildcard,
    /// Brackets without an IPv6 address in them.
    Ipv6,
    /// A port that is not a number up to 65535.
    Port,
    /// A port where only a host is wanted.
    UnexpectedPort,
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("is empty; give a host such as \"mail.example.com\""),
            Self::TooLong => write!(f, "is longer than {MAX_HOST} characters"),
            Self::Label => write!(f, "has an empty label or one longer than {MAX_LABEL} characters"),
            Self::Character(c) if !c.is_ascii() => {
                write!(f, "holds {c:?}; write international names in their ASCII form (xn--…)")
            }
            Self::Character(c) => write!(f, "holds {c:?}; use letters, digits, '-', '_' and '.'"),
            Self::Wildcard => f.write_str("has a '*' that is not its whole first label; write \"*.example.com\""),
            Self::Ipv6 => f.write_str("has brackets without an IPv6 address in them"),
            Self::Port => f.write_str("has a port that is not a number from 0 to 65535"),
            Self::UnexpectedPort => f.write_str("has a port; hosts are matched without it, so leave it away"),
        }
    }
}

impl std::error::Error for HostError {}

/// A host that a service answers for: exact, or every name below a suffix.
///
/// Patterns are lower case and without a trailing dot, so that equal patterns are equal texts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HostPattern {
    /// This host alone.
    Exact(Box<str>),
    /// Every name of one or more labels in front of this suffix, which is kept without the `*.`.
    Wildcard(Box<str>),
}

impl HostPattern {
    /// Reads `mail.example.com`, `*.example.com`, `192.0.2.1` or `[2001:db8::1]`.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence to follow the field's name.
    pub fn parse(text: &str) -> Result<Self, HostError> {
        if let Some(suffix) = text.strip_prefix("*.") {
            if suffix.starts_with('[') || suffix.is_empty() {
                return Err(HostError::Wildcard);
            }
            let suffix = host_only(suffix)?;
            return Ok(Self::Wildcard(suffix.into()));
        }
        Ok(Self::Exact(host_only(text)?.into()))
    }

    /// Whether a request for `host`, in the form of [`Authority::host`], is meant.
    #[must_use]
    pub fn matches(&self, host: &str) -> bool {
        match self {
            Self::Exact(exact) => **exact == *host,
            Self::Wildcard(suffix) => {
                host.strip_suffix(&**suffix).is_some_and(|front| front.len() > 1 && front.ends_with('.'))
            }
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(host) => f.write_str(host),
            Self::Wildcard(suffix) => write!(f, "*.{suffix}"),
        }
    }
}

/// The host and port of a request, as a `Host` field or a target's authority gives them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority<'a> {
    /// Lower case, without a trailing dot; an IPv6 address in brackets and in its shortest form.
    pub host: Cow<'a, str>,
    /// The port, where there is one.
    pub port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// Reads `host[:port]` (RFC 9110 section 7.2, RFC 3986 section 3.2), without user information.
    ///
    /// Percent-encoded names are refused: no DNS name needs them, and two spellings of one host
    /// must not take two routes.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &'a str) -> Result<Self, HostError> {
        if let Some(rest) = text.strip_prefix('[') {
            let (address, after) = rest.split_once(']').ok_or(HostError::Ipv6)?;
            let address: Ipv6Addr = address.parse().map_err(|_| HostError::Ipv6)?;
            let port = match after.strip_prefix(':') {
                Some(port) => parse_port(port)?,
                None if after.is_empty() => None,
                None => return Err(HostError::Ipv6),
            };
            return Ok(Self { host: Cow::Owned(format!("[{address}]")), port });
        }
        let (host, port) = match text.split_once(':') {
            Some((host, port)) => (host, parse_port(port)?),
            None => (text, None),
        };
        Ok(Self { host: normalize(host)?, port })
    }
}

/// RFC 3986 section 3.2.3 allows an empty port, which is the same as none.
fn parse_port(text: &str) -> Result<Option<u16>, HostError> {
    if text.is_empty() {
        return Ok(None);
    }
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(HostError::Port);
    }
    text.parse().map(Some).map_err(|_| HostError::Port)
}

/// A host that must come without a port.
fn host_only(text: &str) -> Result<Cow<'_, str>, HostError> {
    if text.contains('*') {
        return Err(HostError::Wildcard);
    }
    let authority = Authority::parse(text)?;
    if authority.port.is_some() || (text.contains(':') && !text.starts_with('[')) {
        return Err(HostError::UnexpectedPort);
    }
    Ok(authority.host)
}

/// Checks a name's characters and labels; lower case, and the root's dot left away.
fn normalize(text: &str) -> Result<Cow<'_, str>, HostError> {
    let name = text.strip_suffix('.').unwrap_or(text);
    if name.is_empty() {
        return Err(if text.is_empty() { HostError::Empty } else { HostError::Label });
    }
    if name.len() > MAX_HOST {
        return Err(HostError::TooLong);
    }
    let mut label = 0;
    let mut upper = false;
    for (at, byte) in name.bytes().enumerate() {
        match byte {
            b'.' if label == 0 => return Err(HostError::Label),
            b'.' => label = 0,
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => label += 1,
            b'A'..=b'Z' => {
                upper = true;
                label += 1;
            }
            _ => return Err(HostError::Character(name[at..].chars().next().unwrap_or('\u{fffd}'))),
        }
        if label > MAX_LABEL {
            return Err(HostError::Label);
        }
    }
    if label == 0 {
        return Err(HostError::Label);
    }
    Ok(if upper { Cow::Owned(name.to_ascii_lowercase()) } else { Cow::Borrowed(name) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Authority, HostError, HostPattern};

    fn authority(text: &str) -> Result<(String, Option<u16>), HostError> {
        Authority::parse(text).map(|authority| (authority.host.into_owned(), authority.port))
    }

    #[test]
    fn case_port_and_trailing_dot_do_not_matter() {
        for text in ["mail.test", "MAIL.test", "mail.test.", "mail.test:80", "Mail.Test.:8080", "mail.test:"] {
            assert_eq!(Authority::parse(text).unwrap().host, "mail.test", "{text}");
        }
        assert_eq!(authority("[2001:DB8:0:0::1]:443"), Ok(("[2001:db8::1]".into(), Some(443))));
        assert_eq!(authority("192.0.2.1"), Ok(("192.0.2.1".into(), None)));
        assert_eq!(authority("api_v1.test"), Ok(("api_v1.test".into(), None)));
    }

    #[test]
    fn what_is_not_an_authority_is_refused() {
        for (text, error) in [
            ("", HostError::Empty),
            (":80", HostError::Empty),
            (".", HostError::Label),
            ("a..b", HostError::Label),
            (".a", HostError::Label),
            ("a..", HostError::Label),
            ("a b", HostError::Character(' ')),
            ("a/b", HostError::Character('/')),
            ("user@a", HostError::Character('@')),
            ("%61.test", HostError::Character('%')),
            ("bücher.test", HostError::Character('ü')),
            ("a\0b", HostError::Character('\0')),
            ("a,b", HostError::Character(',')),
            ("a:65536", HostError::Port),
            ("a:+80", HostError::Port),
            ("a:80:80", HostError::Port),
            ("2001:db8::1", HostError::Port),
            ("[2001:db8::1", HostError::Ipv6),
            ("[2001:db8::1]x", HostError::Ipv6),
            ("[::1%25lo]", HostError::Ipv6),
            ("[mail.test]", HostError::Ipv6),
        ] {
            assert_eq!(Authority::parse(text), Err(error), "{text:?}");
        }
        assert_eq!(authority(&format!("{}.test", "a".repeat(64))), Err(HostError::Label));
        assert_eq!(authority(&"a.".repeat(127)), Ok(("a.".repeat(126) + "a", None)));
        assert_eq!(authority(&"a.".repeat(128)), Err(HostError::TooLong));
    }

    #[test]
    fn patterns_are_exact_or_a_suffix() {
        assert_eq!(HostPattern::parse("Mail.TEST."), Ok(HostPattern::Exact("mail.test".into())));
        assert_eq!(HostPattern::parse("*.Mail.test"), Ok(HostPattern::Wildcard("mail.test".into())));
        for text in ["*", "*.", "*x.test", "a.*.test", "*.*.test", "**.test", "*.[::1]"] {
            assert_eq!(HostPattern::parse(text), Err(HostError::Wildcard), "{text}");
        }
        for text in ["mail.test:80", "[::1]:80", "mail.test:", "*.mail.test:80"] {
            assert_eq!(HostPattern::parse(text), Err(HostError::UnexpectedPort), "{text}");
        }
    }

    #[test]
    fn a_wildcard_covers_every_name_below_and_not_the_name_itself() {
        let wildcard = HostPattern::parse("*.mail.test").unwrap();
        assert!(wildcard.matches("a.mail.test"));
        assert!(wildcard.matches("a.b.mail.test"));
        assert!(!wildcard.matches("mail.test"));
        assert!(!wildcard.matches(".mail.test"));
        assert!(!wildcard.matches("amail.test"));
        assert!(!wildcard.matches("a.mail.test.evil"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,300}") {
            let _ = Authority::parse(&text);
            let _ = HostPattern::parse(&text);
        }

        #[test]
        fn reading_a_pattern_twice_changes_nothing(text in "(\\*\\.)?[a-zA-Z0-9_-]{1,9}(\\.[a-zA-Z0-9]{1,9}){0,3}\\.?") {
            let pattern = HostPattern::parse(&text).unwrap();
            prop_assert_eq!(HostPattern::parse(&pattern.to_string()), Ok(pattern));
        }
    }
}
