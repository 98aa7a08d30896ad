//! Where requests are sent, as it is typed: services with shares, what clients are recognised by,
//! URLs to redirect to.

use gateway_proto::registry::v1::{self as pb, redirect::PathRewrite, sticky::Key};

/// Reads `NAME` or `NAME=SHARE`.
///
/// # Errors
/// A sentence with what is wrong.
pub(super) fn service(text: &str) -> Result<pb::WeightedService, String> {
    let (name, weight) = match text.split_once('=') {
        Some((name, weight)) => (name, Some(share(weight)?)),
        None => (text, None),
    };
    Ok(pb::WeightedService { name: filled(name)?, weight })
}

/// Reads `NAME=SHARE`.
///
/// # Errors
/// A sentence with what is wrong.
pub(super) fn share_of(text: &str) -> Result<pb::WeightedService, String> {
    let read = service(text)?;
    if read.weight.is_none() {
        return Err("there is no share; write NAME=SHARE, such as shop=900 or shop=90%".into());
    }
    Ok(read)
}

/// Reads `NAME`, for every request, or `NAME=SHARE`.
///
/// # Errors
/// A sentence with what is wrong.
pub(super) fn mirror(text: &str) -> Result<pb::Mirror, String> {
    let pb::WeightedService { name, weight } = service(text)?;
    if weight == Some(0) {
        return Err("a share of 0 mirrors nothing; leave the mirror away".into());
    }
    Ok(pb::Mirror { service: name, per_mille: weight })
}

/// Reads a share: per mille such as `900`, or per cent such as `90%` and `0.5%`.
fn share(text: &str) -> Result<u32, String> {
    let per_mille = match text.strip_suffix('%') {
        Some(percent) => per_cent(percent),
        None => number(text),
    };
    per_mille.filter(|share| *share <= 1000).ok_or_else(|| {
        format!("{text:?} is no share; write 0 to 1000, in per mille, or a percentage such as 90% or 0.5%")
    })
}

/// Per mille from per cent with up to one decimal.
fn per_cent(text: &str) -> Option<u32> {
    let (whole, tenths) = text.split_once('.').unwrap_or((text, "0"));
    let tenths = if tenths.len() == 1 { number(tenths)? } else { return None };
    number(whole)?.checked_mul(10)?.checked_add(tenths)
}

/// A number of digits alone: `parse` would take a sign.
fn number(text: &str) -> Option<u32> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// Reads `header:NAME`, `cookie:NAME` or `client-address`.
///
/// # Errors
/// A sentence with what is wrong.
pub(super) fn sticky(text: &str) -> Result<Key, String> {
    match text.split_once(':') {
        Some(("header", name)) => Ok(Key::Header(filled(name)?)),
        Some(("cookie", name)) => Ok(Key::Cookie(filled(name)?)),
        None if text == "client-address" => Ok(Key::ClientAddress(true)),
        Some(_) | None => Err("write header:NAME, cookie:NAME or client-address".into()),
    }
}

/// Reads a URL or parts of one: `https://`, `https://host:8443`, `//host`, `/path`.
///
/// # Errors
/// A sentence with what is wrong.
pub(super) fn redirect(text: &str) -> Result<pb::Redirect, String> {
    const REMEDY: &str = "write a URL or parts of one, such as https://, //new.example.com or /new/{id}";
    if let Some(at) = text.find(['?', '#']) {
        return Err(format!("{:?} is no part of where a redirect leads; the client's query is kept", &text[at..]));
    }
    let (scheme, rest) = match text.split_once("//") {
        Some(("", rest)) => ("", Some(rest)),
        Some((scheme @ ("http:" | "https:"), rest)) => (scheme.trim_end_matches(':'), Some(rest)),
        // Two slashes further back belong to a path.
        Some(_) | None if text.starts_with('/') => ("", None),
        Some(_) | None => return Err(REMEDY.into()),
    };
    let (authority, path) = match rest {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => ("", text),
    };
    if scheme.is_empty() && authority.is_empty() && path.is_empty() {
        return Err(REMEDY.into());
    }
    let (host, port) = match authority.rsplit_once(':') {
        // What follows the last colon of an IPv6 address is no port.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        Some(_) | None => (authority, None),
    };
    let port = port.map(|port| port.parse::<u16>().ok().filter(|port| *port > 0).ok_or("a port is 1 to 65535"));
    Ok(pb::Redirect {
        scheme: scheme.to_owned(),
        host: host.to_owned(),
        port: port.transpose()?.unwrap_or_default().into(),
        path_rewrite: Some(path.to_owned()).filter(|path| !path.is_empty()).map(PathRewrite::Path),
        ..pb::Redirect::default()
    })
}

fn filled(name: &str) -> Result<String, String> {
    if name.is_empty() { Err("there is no name".into()) } else { Ok(name.to_owned()) }
}

#[cfg(test)]
mod tests {
    use gateway_proto::registry::v1::{self as pb, redirect::PathRewrite, sticky::Key};

    use super::{mirror, redirect, service, share_of, sticky};

    #[test]
    fn a_share_is_per_mille_or_per_cent() {
        for (text, weight) in [
            ("shop", None),
            ("shop=0", Some(0)),
            ("shop=900", Some(900)),
            ("shop=90%", Some(900)),
            ("shop=0.5%", Some(5)),
            ("shop=100%", Some(1000)),
        ] {
            assert_eq!(service(text), Ok(pb::WeightedService { name: "shop".into(), weight }), "{text}");
        }
        for text in
            ["", "=5", "shop=", "shop=1001", "shop=-1", "shop=+1", "shop=101%", "shop=0.05%", "shop=%", "shop=1.%"]
        {
            assert!(service(text).is_err(), "{text}");
        }
        assert!(share_of("shop").is_err());
        assert_eq!(mirror("shadow=5%"), Ok(pb::Mirror { service: "shadow".into(), per_mille: Some(50) }));
        assert!(mirror("shadow=0").is_err());
    }

    #[test]
    fn a_client_is_recognised_by_one_thing() {
        assert_eq!(sticky("header:X-User"), Ok(Key::Header("X-User".into())));
        assert_eq!(sticky("cookie:session"), Ok(Key::Cookie("session".into())));
        assert_eq!(sticky("client-address"), Ok(Key::ClientAddress(true)));
        for text in ["", "header", "header:", "client", "client-address:x", "query:a"] {
            assert!(sticky(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_redirect_leads_to_a_url_or_to_parts_of_one() {
        for (text, scheme, host, port, path) in [
            ("https://", "https", "", 0, None),
            ("http://new.test", "http", "new.test", 0, None),
            ("https://new.test:8443/a/{id}", "https", "new.test", 8443, Some("/a/{id}")),
            ("//new.test", "", "new.test", 0, None),
            ("//[::1]:80", "", "[::1]", 80, None),
            ("//[::1]/", "", "[::1]", 0, Some("/")),
            ("//:81", "", "", 81, None),
            ("/new", "", "", 0, Some("/new")),
            ("/a//b", "", "", 0, Some("/a//b")),
        ] {
            let path_rewrite = path.map(|path: &str| PathRewrite::Path(path.into()));
            let expected =
                pb::Redirect { scheme: scheme.into(), host: host.into(), port, path_rewrite, ..Default::default() };
            assert_eq!(redirect(text), Ok(expected), "{text}");
        }
        for text in ["", "//", "new.test", "ftp://a", "a//b", "https://a:0", "https://a:x", "/a?b", "/a#b"] {
            assert!(redirect(text).is_err(), "{text}");
        }
    }
}
