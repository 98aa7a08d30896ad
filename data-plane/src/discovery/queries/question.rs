//! From a request as it is described to the head that a client would send.

use gateway_proto::{
    discovery::v1 as pb,
    host::Authority,
    registry::v1::HeaderField,
    violation::{Path, Shown, Violations},
};
use gateway_routing::Methods;
use http::{HeaderName, HeaderValue};

/// What all URLs begin with.
const SCHEME: &str = "http://";

/// The head of the request, with its empty line.
///
/// # Errors
/// Everything that is wrong with it, in one line.
pub(super) fn head(query: &pb::ExplainQuery) -> Result<Vec<u8>, String> {
    let pb::ExplainQuery { method, url, headers } = query;
    let mut violations = Violations::default();
    if let Err(err) = Methods::parse([method.as_str()]) {
        violations.add(&Path::Root("method"), err);
    }
    let target = target(url, &Path::Root("url"), &mut violations);
    let fields = fields(headers, target.as_ref(), &Path::Root("headers"), &mut violations);
    let head = target.map(|Target { host, path, query }| {
        let path = if path.is_empty() { "/" } else { path };
        let line = format!("{method} {path}{query} HTTP/1.1\r\nHost: {host}\r\n");
        [line.as_bytes(), &fields, b"\r\n"].concat()
    });
    let told = |all: Vec<_>| all.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    violations.finish(head).map_err(told)
}

/// What a URL says.
struct Target<'q> {
    /// Host and port.
    host: &'q str,
    path: &'q str,
    /// With its `?`.
    query: &'q str,
}

fn target<'q>(url: &'q str, path: &Path<'_>, violations: &mut Violations) -> Option<Target<'q>> {
    let (scheme, rest) = url.split_at_checked(SCHEME.len()).unwrap_or((url, ""));
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        violations.add(path, format_args!("{} is no http URL; write http://HOST/PATH", Shown(url)));
        return None;
    }
    if let Some(c) = rest.chars().find(|c| !c.is_ascii_graphic()) {
        violations.add(path, format_args!("{} holds {c:?}; percent-encode it, as clients do", Shown(url)));
        return None;
    }
    if rest.contains('#') {
        violations.add(path, format_args!("{} has a fragment, which no client sends; leave it out", Shown(url)));
        return None;
    }
    let (host, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    if let Err(err) = Authority::parse(host) {
        violations.add(path, format_args!("has the host {}, which {err}", Shown(host)));
        return None;
    }
    let (path, query) = rest.split_at(rest.find('?').unwrap_or(rest.len()));
    Some(Target { host, path, query })
}

/// The lines of fields, but for Host, which is the URL's.
fn fields(wire: &[HeaderField], target: Option<&Target<'_>>, path: &Path<'_>, violations: &mut Violations) -> Vec<u8> {
    let mut lines = Vec::new();
    for (at, HeaderField { name, value }) in wire.iter().enumerate() {
        let path = path.item(at);
        if HeaderName::try_from(name).is_err() {
            let message = format_args!("{} is no field name; use letters, digits and '-'", Shown(name));
            violations.add(&path.field("name"), message);
        }
        if HeaderValue::from_str(value).is_err() {
            let message = format_args!("{} holds what no field does; use printable ASCII", Shown(value));
            violations.add(&path.field("value"), message);
        }
        if name.eq_ignore_ascii_case("host") {
            check_host(value, target, &path.field("value"), violations);
        } else {
            lines.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
    }
    lines
}

/// A client that says two hosts is refused or misunderstood.
fn check_host(given: &str, target: Option<&Target<'_>>, path: &Path<'_>, violations: &mut Violations) {
    let Some(Target { host, .. }) = target else { return };
    if Authority::parse(given) != Authority::parse(host) {
        let message = format_args!("{} is not the host of the URL; write that host into the URL", Shown(given));
        violations.add(path, message);
    }
}
