//! From the connection's request to one that can be routed, or a refusal.

use gateway_proto::host::{Authority, HostError};
use http::{HeaderMap, HeaderValue, Method, Request, Uri, header, request::Parts, uri::PathAndQuery};

use crate::error::ProxyError;

/// A request whose target and host are certain.
#[derive(Debug)]
pub(crate) struct ParsedRequest<B> {
    /// As the client sent it; the target is in origin or asterisk form.
    pub head: Parts,
    /// As the client sends it.
    pub body: B,
    /// What is routed by: lower case, without port and trailing dot.
    pub host: Box<str>,
}

/// Settles the target and the host (RFC 9112 section 3.2, RFC 9110 section 7.2).
pub(crate) fn request<B>(raw: Request<B>) -> Result<ParsedRequest<B>, ProxyError> {
    let (mut head, body) = raw.into_parts();
    let sent_host = host_field(&head.headers)?;
    if head.method == Method::CONNECT {
        return Err(ProxyError::BadRequest("CONNECT is not allowed"));
    }
    if head.uri.path() == "*" && head.method != Method::OPTIONS {
        return Err(ProxyError::BadRequest("the target '*' is for OPTIONS only"));
    }
    let host = if let Some(authority) = head.uri.authority() {
        if head.uri.scheme_str() != Some("http") {
            return Err(ProxyError::BadRequest("the target's scheme is not http"));
        }
        // RFC 9112 section 3.2.2: the absolute form wins, and the Host field is rewritten to it.
        let authority = authority.as_str().to_owned();
        let host = parse_host(&authority)?;
        let field =
            HeaderValue::try_from(authority).map_err(|_| ProxyError::BadRequest("the target's host is invalid"))?;
        head.headers.insert(header::HOST, field);
        head.uri = origin_form(&head.uri);
        host
    } else {
        parse_host(sent_host.ok_or(ProxyError::BadRequest("the Host field is missing"))?)?
    };
    Ok(ParsedRequest { head, body, host })
}

/// The one Host field; RFC 9112 section 3.2 wants a 400 for more than one.
fn host_field(headers: &HeaderMap) -> Result<Option<&str>, ProxyError> {
    let mut fields = headers.get_all(header::HOST).iter();
    let Some(field) = fields.next() else { return Ok(None) };
    if fields.next().is_some() {
        return Err(ProxyError::BadRequest("there is more than one Host field"));
    }
    let text = field.to_str().map_err(|_| ProxyError::BadRequest("the Host field is invalid"))?;
    Ok(Some(text))
}

fn parse_host(text: &str) -> Result<Box<str>, ProxyError> {
    match Authority::parse(text) {
        Ok(authority) => Ok(authority.host.into()),
        Err(HostError::Empty) => Err(ProxyError::BadRequest("the host is empty")),
        Err(HostError::Port) => Err(ProxyError::BadRequest("the host's port is invalid")),
        Err(
            HostError::TooLong
            | HostError::Label
            | HostError::Character(_)
            | HostError::Wildcard
            | HostError::Ipv6
            | HostError::UnexpectedPort,
        ) => Err(ProxyError::BadRequest("the host is invalid")),
    }
}

/// Path and query alone, their bytes unchanged.
fn origin_form(uri: &Uri) -> Uri {
    uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/")).into()
}

#[cfg(test)]
mod tests {
    use http::{Method, Request};

    use super::{ParsedRequest, request};
    use crate::error::ProxyError;

    fn parse(method: Method, target: &str, hosts: &[&str]) -> Result<ParsedRequest<()>, ProxyError> {
        let mut builder = Request::builder().method(method).uri(target);
        for host in hosts {
            builder = builder.header("host", *host);
        }
        request(builder.body(()).unwrap())
    }

    #[test]
    fn the_host_field_decides_in_origin_form() {
        let parsed = parse(Method::GET, "/a/../b?x=%2F", &["MAIL.test.:80"]).unwrap();
        assert_eq!(&*parsed.host, "mail.test");
        assert_eq!(parsed.head.uri, "/a/../b?x=%2F");
        assert_eq!(parsed.head.headers["host"], "MAIL.test.:80");
    }

    #[test]
    fn the_absolute_form_wins_and_is_rewritten() {
        let parsed = parse(Method::GET, "http://mail.test:81/a?b", &["other.test"]).unwrap();
        assert_eq!(&*parsed.host, "mail.test");
        assert_eq!(parsed.head.uri, "/a?b");
        assert_eq!(parsed.head.headers["host"], "mail.test:81");
        assert_eq!(parse(Method::GET, "http://mail.test", &["x"]).unwrap().head.uri, "/");
    }

    #[test]
    fn what_is_ambiguous_is_refused() {
        for (method, target, hosts) in [
            (Method::GET, "/", &[][..]),
            (Method::GET, "/", &["a.test", "a.test"]),
            (Method::GET, "/", &[""]),
            (Method::GET, "/", &["a.test, b.test"]),
            (Method::GET, "/", &["user@a.test"]),
            (Method::GET, "/", &["a.test:99999"]),
            (Method::GET, "*", &["a.test"]),
            (Method::GET, "https://a.test/", &["a.test"]),
            (Method::GET, "http://user@a.test/", &["a.test"]),
            (Method::GET, "http://a.test/", &["a.test", "b.test"]),
            (Method::CONNECT, "a.test:443", &["a.test:443"]),
        ] {
            let refused = parse(method.clone(), target, hosts).map(|_| ());
            assert!(matches!(refused, Err(ProxyError::BadRequest(_))), "{method} {target} {hosts:?}: {refused:?}");
        }
        assert!(parse(Method::OPTIONS, "*", &["a.test"]).is_ok());
    }
}
