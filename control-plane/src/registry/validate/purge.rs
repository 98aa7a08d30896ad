//! Reading what to purge.

use gateway_proto::{
    host::{Authority, HostPattern},
    registry::v1::{self as pb, cache_purge::What},
    violation::{Path, Shown, Violations},
};

use crate::{
    error::RegistryError,
    registry::purge::{Mode, Target},
};

/// Bytes of a URL or prefix at the most.
const MAX_URL: usize = 8192;
/// Bytes of a tag at the most.
const MAX_TAG: usize = 256;

/// Schemes, with what begins their URLs and their default port.
const SCHEMES: [(&str, u16); 2] = [("http://", 80), ("https://", 443)];

/// Reads what to purge, into the form in which requests are stored.
///
/// # Errors
/// Everything that is wrong with it.
pub fn purge(wire: Option<pb::CachePurge>) -> Result<(Target, Mode), RegistryError> {
    let Some(wire) = wire else { return Err(RegistryError::invalid("purge", "is missing; say what to purge")) };
    let pb::CachePurge { revision: _, what, soft, created_at: _ } = wire;
    let mut violations = Violations::default();
    let path = Path::Root("purge");
    let target = match what {
        Some(What::Url(url)) => read_url(&url, &path.field("url"), &mut violations).map(Target::Url),
        Some(What::Host(host)) => read_host(&host, &path.field("host"), &mut violations).map(Target::Host),
        Some(What::Prefix(prefix)) => read_prefix(&prefix, &path.field("prefix"), &mut violations).map(Target::Prefix),
        Some(What::Tag(tag)) => read_tag(tag, &path.field("tag"), &mut violations).map(Target::Tag),
        None => {
            violations.add(&path, "says nothing; give a url, a host, a prefix or a tag");
            None
        }
    };
    let mode = if soft { Mode::Soft } else { Mode::Hard };
    violations.finish(target.map(|target| (target, mode))).map_err(RegistryError::Invalid)
}

/// `scheme://host[:port]/path?query`; without a path, `/` is meant.
fn read_url(text: &str, path: &Path<'_>, violations: &mut Violations) -> Option<String> {
    let (origin, rest) = read_origin(text, path, violations)?;
    let slash = if rest.starts_with('/') { "" } else { "/" };
    Some(format!("{origin}{slash}{rest}"))
}

fn read_prefix(text: &str, path: &Path<'_>, violations: &mut Violations) -> Option<String> {
    let (origin, rest) = read_origin(text, path, violations)?;
    if !rest.starts_with('/') {
        // "http://shop.example.com" begins "http://shop.example.com.other.test/", too.
        let message = format_args!("{} does not hold the '/' that ends the host; add it", Shown(text));
        violations.add(path, message);
        return None;
    }
    Some(format!("{origin}{rest}"))
}

/// Scheme and authority as requests are stored by, and what follows, as it was given.
fn read_origin<'t>(text: &'t str, path: &Path<'_>, violations: &mut Violations) -> Option<(String, &'t str)> {
    let scheme = SCHEMES.into_iter().find_map(|(scheme, port)| {
        let (front, rest) = text.split_at_checked(scheme.len())?;
        front.eq_ignore_ascii_case(scheme).then_some((scheme, port, rest))
    });
    let Some((scheme, default_port, rest)) = scheme else {
        violations.add(path, format_args!("{} is no http or https URL; write http://HOST/PATH", Shown(text)));
        return None;
    };
    if text.len() > MAX_URL {
        let message = format_args!("has {} bytes; give at most {MAX_URL}, or a prefix of it", text.len());
        violations.add(path, message);
        return None;
    }
    if let Some(c) = rest.chars().find(|c| !c.is_ascii_graphic()) {
        violations.add(path, format_args!("{} holds {c:?}; percent-encode it, as clients do", Shown(text)));
        return None;
    }
    if rest.contains('#') {
        violations.add(path, format_args!("{} has a fragment, which no client sends; leave it out", Shown(text)));
        return None;
    }
    let (authority, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let authority = Authority::parse(authority);
    let read =
        authority.map_err(|err| violations.add(path, format_args!("has the host of {}, which {err}", Shown(text))));
    let Authority { host, port } = read.ok()?;
    let origin = match port.filter(|port| *port != default_port) {
        Some(port) => format!("{scheme}{host}:{port}"),
        None => format!("{scheme}{host}"),
    };
    Some((origin, rest))
}

fn read_host(text: &str, path: &Path<'_>, violations: &mut Violations) -> Option<String> {
    match HostPattern::parse(text) {
        Ok(HostPattern::Exact(host)) => Some(host.into()),
        Ok(HostPattern::Wildcard(_)) => {
            let message = format_args!("{} is a wildcard; purge each host, or a tag that they share", Shown(text));
            violations.add(path, message);
            None
        }
        Err(err) => {
            violations.add(path, format_args!("{} {err}", Shown(text)));
            None
        }
    }
}

fn read_tag(text: String, path: &Path<'_>, violations: &mut Violations) -> Option<String> {
    if text.is_empty() || text.len() > MAX_TAG {
        violations.add(path, format_args!("has {} bytes; a tag has 1 to {MAX_TAG}", text.len()));
        return None;
    }
    let is_printable = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    if !is_printable || text.trim() != text {
        let message = format_args!("{} is no tag; use printable ASCII without spaces around", Shown(&text));
        violations.add(path, message);
        return None;
    }
    Some(text)
}
