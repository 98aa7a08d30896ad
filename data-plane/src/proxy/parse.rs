//! From a head to a request that can be routed, or a refusal.

use std::ops::Range;

use gateway_proto::host::{Authority, HostError};
use http::Method;

use super::query;
use crate::{
    error::ProxyError,
    http1::{
        field::Name,
        framing::{self, ConnectionOptions, Framing},
        head::{HeadError, RequestHead, Version},
    },
};

/// A request whose target, host and length are certain. Ranges are places in the head's bytes.
#[derive(Debug, Default)]
pub(crate) struct ParsedRequest {
    pub head: RequestHead,
    pub options: ConnectionOptions,
    pub framing: Framing,
    pub target: Target,
    /// Host and port as the client sent them.
    pub authority: Range<usize>,
    /// The protocol that the client wants to change to, where a tunnel can be made.
    pub upgrade: Option<Range<usize>>,
    /// How many more hops may forward it; TRACE and OPTIONS only.
    pub max_forwards: Option<u32>,
    /// What is routed by, where it is not the authority as it was sent: lower case, without port
    /// and trailing dot.
    normalized_host: Option<Box<str>>,
    host: Range<usize>,
}

/// What to send as the request's target; the client's bytes, unchanged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// Path and query.
    Origin(Range<usize>),
    /// The absolute form had no path, which means `/`; this is the query with its `?`, if any.
    Root(Range<usize>),
    /// `*`, the server as a whole.
    Asterisk,
}

impl Default for Target {
    fn default() -> Self {
        Self::Root(0..0)
    }
}

impl ParsedRequest {
    /// The host to route by.
    pub(crate) fn host<'b>(&'b self, head: &'b [u8]) -> &'b str {
        match &self.normalized_host {
            Some(host) => host,
            // The range was cut out of ASCII text.
            None => std::str::from_utf8(&head[self.host.clone()]).unwrap_or_default(),
        }
    }

    /// Host and port as the client sent them, read.
    pub(crate) fn authority<'b>(&self, head: &'b [u8]) -> Result<Authority<'b>, ProxyError> {
        Authority::parse(text(&head[self.authority.clone()])?).map_err(refuse_host)
    }

    /// Reads a whole head.
    pub(crate) fn parse(&mut self, head: &[u8], max_fields: usize) -> Result<(), ProxyError> {
        self.head.parse(head, max_fields).map_err(refuse_head)?;
        self.framing = framing::of_request(&self.head, head).map_err(ProxyError::BadRequest)?;
        self.options = ConnectionOptions::of(&self.head.fields, head);
        self.upgrade = self.upgrade(head);
        self.max_forwards = self.max_forwards(head);
        self.settle_target(head)
    }

    /// Takes a parameter out of the query, in its place, whether it was there or not.
    pub(crate) fn forget_parameter(&mut self, head: &mut [u8], name: &str) {
        let (Target::Origin(at) | Target::Root(at)) = &mut self.target else { return };
        at.end = at.start + query::forget(&mut head[at.clone()], name);
    }

    /// The head again, as it is now: without what was forgotten of it.
    pub(crate) fn write(&self, head: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(head.len());
        let (version, authority) = (self.head.version, &head[self.authority.clone()]);
        let pieces: &[&[u8]] = match &self.target {
            Target::Origin(at) => &[b"http://", authority, &head[at.clone()]],
            Target::Root(at) => &[b"http://", authority, b"/", &head[at.clone()]],
            Target::Asterisk => &[b"*"],
        };
        let version: &[u8] = match version {
            Version::Http10 => b" HTTP/1.0\r\n",
            Version::Http11 => b" HTTP/1.1\r\n",
        };
        out.extend_from_slice(self.head.method.as_str().as_bytes());
        out.push(b' ');
        pieces.iter().for_each(|piece| out.extend_from_slice(piece));
        out.extend_from_slice(version);
        self.head.fields.iter().for_each(|field| out.extend_from_slice(&head[field.line()]));
        out.extend_from_slice(b"\r\n");
        out
    }

    /// RFC 9110 section 7.8. An upgrade to HTTP/2 would be a way around everything that the gateway
    /// checks, and a request with a body would have to be sent before the answer is known.
    fn upgrade(&self, head: &[u8]) -> Option<Range<usize>> {
        if !self.options.upgrade || self.head.version != Version::Http11 || self.framing != Framing::None {
            return None;
        }
        let mut fields = self.head.fields.iter().filter(|field| field.name == Name::Upgrade);
        let (field, None) = (fields.next()?, fields.next()) else { return None };
        let protocol = field.value(head);
        let is_http =
            protocol.get(..2).is_some_and(|start| start.eq_ignore_ascii_case(b"h2")) || protocol.contains(&b',');
        (!is_http && !protocol.is_empty()).then(|| field.value_range())
    }

    /// RFC 9110 section 7.6.2.
    fn max_forwards(&self, head: &[u8]) -> Option<u32> {
        if self.head.method != Method::TRACE && self.head.method != Method::OPTIONS {
            return None;
        }
        std::str::from_utf8(self.head.fields.values(head, Name::MaxForwards).next()?).ok()?.parse().ok()
    }

    /// Whether the client means to keep the connection.
    pub(crate) fn persists(&self) -> bool {
        self.options.persists(self.head.version)
    }

    /// RFC 9112 section 3.2: the forms of a target; RFC 9110 section 7.2: the Host field.
    fn settle_target(&mut self, head: &[u8]) -> Result<(), ProxyError> {
        let field = self.host_field(head)?;
        if self.head.method == Method::CONNECT {
            return Err(ProxyError::BadRequest("CONNECT is not allowed"));
        }
        let at = self.head.target.clone();
        let target = &head[at.clone()];
        if target == b"*" {
            if self.head.method != Method::OPTIONS {
                return Err(ProxyError::BadRequest("the target '*' is for OPTIONS only"));
            }
            self.target = Target::Asterisk;
        } else if target.starts_with(b"/") {
            self.target = Target::Origin(at);
        } else {
            return self.settle_absolute(head, at);
        }
        self.settle_host(head, field.ok_or(ProxyError::BadRequest("the Host field is missing"))?)
    }

    /// The absolute form wins over the Host field, which is rewritten to it.
    fn settle_absolute(&mut self, head: &[u8], at: Range<usize>) -> Result<(), ProxyError> {
        const SCHEME: &[u8] = b"http://";
        let target = &head[at.clone()];
        if !target.get(..SCHEME.len()).is_some_and(|scheme| scheme.eq_ignore_ascii_case(SCHEME)) {
            return Err(ProxyError::BadRequest("the target is neither a path nor an http URL"));
        }
        let start = at.start + SCHEME.len();
        let length = head[start..at.end].iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(at.end - start);
        let path = start + length..at.end;
        self.target = match head.get(path.start).filter(|_| !path.is_empty()) {
            Some(b'/') => Target::Origin(path),
            // RFC 9112 section 3.2.4.
            None if self.head.method == Method::OPTIONS => Target::Asterisk,
            Some(_) | None => Target::Root(path),
        };
        self.settle_host(head, start..start + length)
    }

    fn settle_host(&mut self, head: &[u8], authority: Range<usize>) -> Result<(), ProxyError> {
        let text = text(&head[authority.clone()])?;
        let parsed = Authority::parse(text).map_err(refuse_host)?;
        self.normalized_host = None;
        match parsed.host {
            std::borrow::Cow::Borrowed(host) => self.host = authority.start..authority.start + host.len(),
            std::borrow::Cow::Owned(host) => self.normalized_host = Some(host.into()),
        }
        self.authority = authority;
        Ok(())
    }

    /// The place of the one Host field. HTTP/1.0 may do without; more than one is ambiguous.
    fn host_field(&self, head: &[u8]) -> Result<Option<Range<usize>>, ProxyError> {
        let mut fields = self.head.fields.iter().filter(|field| field.name == Name::Host);
        let Some(field) = fields.next() else {
            return match self.head.version {
                Version::Http10 => Ok(None),
                Version::Http11 => Err(ProxyError::BadRequest("the Host field is missing")),
            };
        };
        if fields.next().is_some() {
            return Err(ProxyError::BadRequest("there is more than one Host field"));
        }
        Authority::parse(text(field.value(head))?).map_err(refuse_host)?;
        Ok(Some(field.value_range()))
    }
}

fn text(bytes: &[u8]) -> Result<&str, ProxyError> {
    std::str::from_utf8(bytes).map_err(|_| ProxyError::BadRequest("the host is invalid"))
}

fn refuse_host(err: HostError) -> ProxyError {
    ProxyError::BadRequest(match err {
        HostError::Empty => "the host is empty",
        HostError::Port => "the host's port is invalid",
        HostError::TooLong
        | HostError::Label
        | HostError::Character(_)
        | HostError::Wildcard
        | HostError::Ipv6
        | HostError::UnexpectedPort => "the host is invalid",
    })
}

/// Whether a request can begin with these bytes: with a method, or an empty line in front of it.
pub(crate) fn may_become_request(bytes: &[u8]) -> bool {
    bytes.first().is_none_or(|byte| byte.is_ascii_graphic() || *byte == b'\r')
}

/// What the client is told of a head that is refused.
pub(crate) fn refuse_head(err: HeadError) -> ProxyError {
    match err {
        HeadError::Malformed(why) => ProxyError::BadRequest(why),
        HeadError::LineTooLong => ProxyError::UriTooLong,
        HeadError::TooLarge => ProxyError::HeadersTooLarge,
    }
}

#[cfg(test)]
mod tests {
    use super::{ParsedRequest, Target};
    use crate::error::ProxyError;

    fn parse(head: &str) -> Result<ParsedRequest, ProxyError> {
        let mut request = ParsedRequest::default();
        request.parse(head.as_bytes(), 20).map(|()| request)
    }

    fn settled(line: &str, host: &str) -> (String, String, String) {
        let head = format!("{line}\r\nHost: {host}\r\n\r\n");
        let request = parse(&head).unwrap();
        let target = match &request.target {
            Target::Origin(at) => head[at.clone()].to_owned(),
            Target::Root(at) => format!("/{}", &head[at.clone()]),
            Target::Asterisk => "*".to_owned(),
        };
        (target, head[request.authority.clone()].to_owned(), request.host(head.as_bytes()).to_owned())
    }

    #[test]
    fn the_host_field_decides_in_origin_form() {
        let (target, authority, host) = settled("GET /a/../%61?x=%2F HTTP/1.1", "MAIL.test.:80");
        assert_eq!((&*target, &*authority, &*host), ("/a/../%61?x=%2F", "MAIL.test.:80", "mail.test"));
        assert_eq!(settled("OPTIONS * HTTP/1.1", "a.test").0, "*");
    }

    #[test]
    fn the_absolute_form_wins() {
        for (line, target, authority) in [
            ("GET http://mail.test:81/a?b HTTP/1.1", "/a?b", "mail.test:81"),
            ("GET HTTP://mail.test HTTP/1.1", "/", "mail.test"),
            ("GET http://mail.test?q HTTP/1.1", "/?q", "mail.test"),
            ("OPTIONS http://mail.test HTTP/1.1", "*", "mail.test"),
            ("OPTIONS http://mail.test/ HTTP/1.1", "/", "mail.test"),
        ] {
            let (sent, host_and_port, host) = settled(line, "other.test");
            assert_eq!((&*sent, &*host_and_port, &*host), (target, authority, "mail.test"), "{line}");
        }
        assert!(parse("GET http://a.test/ HTTP/1.0\r\n\r\n").is_ok());
    }

    #[test]
    fn what_is_ambiguous_is_refused() {
        for head in [
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.0\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost:\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: \u{e4}\r\n\r\n",
            "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET a HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET http://a/ HTTP/1.1\r\n\r\n",
            "GET http://a/ HTTP/1.1\r\nHost: b c\r\n\r\n",
            "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
        ] {
            assert!(matches!(parse(head).map(|_| ()), Err(ProxyError::BadRequest(_))), "{head:?}");
        }
    }
}
