//! Reading origins.

use std::fmt;

use gateway_proto::host::{Authority, HostError};

use crate::route::AllowOrigin;

/// The longest scheme in characters.
const MAX_SCHEME: usize = 32;

/// What is wrong with an origin, as a sentence to follow it.
pub(super) enum Wrong {
    /// There is no `scheme://`.
    NoScheme,
    /// It is what browsers say instead of an origin.
    Null,
    /// It goes on behind the host and port.
    Path,
    /// What is wrong with the host.
    Host(HostError),
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoScheme => f.write_str("does not begin with a scheme; write \"https://app.example.com\""),
            Self::Null => f.write_str("is what every sandboxed page says, whoever it is of; give an origin, or \"*\""),
            Self::Path => f.write_str("goes on behind its host and port, where an origin ends; leave the rest out"),
            Self::Host(err) => err.fmt(f),
        }
    }
}

/// An origin as browsers write it (RFC 6454 section 6.2), or one with `*.` for every host below.
pub(super) fn origin(text: &str) -> Result<AllowOrigin, Wrong> {
    match text {
        "*" => return Ok(AllowOrigin::Any),
        "null" => return Err(Wrong::Null),
        _ => {}
    }
    let (scheme, rest) = text.split_once("://").filter(|(scheme, _)| is_scheme(scheme)).ok_or(Wrong::NoScheme)?;
    if rest.contains(['/', '?', '#']) {
        return Err(Wrong::Path);
    }
    let scheme = scheme.to_ascii_lowercase();
    let below = rest.strip_prefix("*.");
    let Authority { host, port } = Authority::parse(below.unwrap_or(rest)).map_err(|err| star(rest, err))?;
    if below.is_some() && host.starts_with('[') {
        return Err(Wrong::Host(HostError::Wildcard));
    }
    let own_port = match scheme.as_str() {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => None,
    };
    let port = port.filter(|port| Some(*port) != own_port).map(|port| format!(":{port}")).unwrap_or_default();
    Ok(match below {
        None => AllowOrigin::Exact(format!("{scheme}://{host}{port}").into()),
        Some(_) => {
            let (scheme, suffix) = (format!("{scheme}://").into(), format!(".{host}{port}").into());
            AllowOrigin::Below { scheme, suffix }
        }
    })
}

/// A star in the wrong place has a remedy of its own.
fn star(rest: &str, err: HostError) -> Wrong {
    Wrong::Host(if rest.contains('*') { HostError::Wildcard } else { err })
}

/// RFC 3986 section 3.1.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.len() <= MAX_SCHEME
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}
