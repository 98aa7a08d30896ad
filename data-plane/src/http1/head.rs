//! Request and response heads: where their parts are in the bytes that came.

use std::{mem::MaybeUninit, ops::Range};

use http::{Method, StatusCode};
use httparse::Header;

use super::field::Name;

/// The most fields that a head can have, whatever the limits say.
pub(crate) const MAX_FIELDS: usize = 256;

/// The most fields that a trailer section can have.
const MAX_TRAILERS: usize = 64;

/// Why a head is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeadError {
    /// It is not HTTP, or not unambiguous; the text says in which way.
    Malformed(&'static str),
    /// The request line is longer than the limit.
    LineTooLong,
    /// The head is larger than the limit, or has more fields.
    TooLarge,
}

/// The minor version of an HTTP/1 message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Version {
    Http10,
    #[default]
    Http11,
}

/// One field line. Offsets count from the head's first byte.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    pub name: Name,
    name_at: (u32, u32),
    value_at: (u32, u32),
    /// One past its line's CR LF.
    line_end: u32,
}

/// The fields of a head, in order; the bytes stay where they are.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    list: Vec<Field>,
}

/// A request's head.
#[derive(Debug, Default)]
pub(crate) struct RequestHead {
    pub method: Method,
    pub target: Range<usize>,
    pub version: Version,
    pub fields: Fields,
}

/// A response's head.
#[derive(Debug, Default)]
pub(crate) struct ResponseHead {
    pub status: StatusCode,
    pub reason: Range<usize>,
    pub version: Version,
    pub fields: Fields,
}

impl Field {
    pub(crate) fn name_bytes<'b>(&self, head: &'b [u8]) -> &'b [u8] {
        &head[self.name_at.0 as usize..self.name_at.1 as usize]
    }

    /// Whether this is its name, in whatever case.
    pub(crate) fn is_named(&self, head: &[u8], name: &str) -> bool {
        self.name_bytes(head).eq_ignore_ascii_case(name.as_bytes())
    }

    pub(crate) fn value<'b>(&self, head: &'b [u8]) -> &'b [u8] {
        &head[self.value_range()]
    }

    pub(crate) const fn value_range(&self) -> Range<usize> {
        self.value_at.0 as usize..self.value_at.1 as usize
    }

    /// The whole line with its CR LF.
    pub(crate) const fn line(&self) -> Range<usize> {
        self.name_at.0 as usize..self.line_end as usize
    }
}

impl Fields {
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Field> {
        self.list.iter()
    }

    /// Every value of the fields of this name, in order.
    pub(crate) fn values<'b>(&self, head: &'b [u8], name: Name) -> impl Iterator<Item = &'b [u8]> {
        self.list.iter().filter(move |field| field.name == name).map(move |field| field.value(head))
    }

    /// Every value of the fields of a name that [`Name`] does not list, in order.
    pub(crate) fn others<'b>(&self, head: &'b [u8], name: &str) -> impl Iterator<Item = &'b [u8]> {
        let named = move |field: &&Field| field.name == Name::Other && field.is_named(head, name);
        self.list.iter().filter(named).map(move |field| field.value(head))
    }

    /// Forgets the other fields. Their bytes stay where they are, and belong to nothing.
    pub(crate) fn retain(&mut self, keep: impl FnMut(&Field) -> bool) {
        self.list.retain(keep);
    }

    /// Shortens the values of the fields of this name, in their place: `shorten` moves what stays to the
    /// front, and tells how much that is. A field of which nothing stays is forgotten.
    pub(crate) fn shorten(&mut self, head: &mut [u8], name: Name, shorten: impl Fn(&mut [u8]) -> usize) {
        for field in self.list.iter_mut().filter(|field| field.name == name) {
            let value = field.value_range();
            let length = shorten(&mut head[value.clone()]);
            if length < value.len() {
                let end = value.start + length;
                // There was more in its place than this.
                head[end..end + 2].copy_from_slice(b"\r\n");
                (field.value_at.1, field.line_end) = (to_u32(end), to_u32(end + 2));
            }
        }
        self.list.retain(|field| field.name != name || !field.value_range().is_empty());
    }

    /// Reads field lines that stand alone, each with its CR LF.
    pub(crate) fn parse_trailers(&mut self, lines: &[u8]) -> Result<(), HeadError> {
        let section = [lines, b"\r\n"].concat();
        let mut slots = [httparse::EMPTY_HEADER; MAX_TRAILERS];
        match httparse::parse_headers(&section, &mut slots).map_err(refusal)? {
            httparse::Status::Complete((length, fields)) if length == section.len() => self.fill(&section, fields),
            httparse::Status::Complete(_) | httparse::Status::Partial => {
                Err(HeadError::Malformed("the trailers end before their empty line"))
            }
        }
    }

    fn fill(&mut self, head: &[u8], parsed: &[Header<'_>]) -> Result<(), HeadError> {
        self.list.clear();
        for (at, header) in parsed.iter().enumerate() {
            let name = span(head, header.name.as_bytes());
            let line_end = match parsed.get(at + 1) {
                Some(next) => span(head, next.name.as_bytes()).0,
                // The empty line ends the head.
                None => to_u32(head.len() - 2),
            };
            // An empty value has no place of its own in the parser's answer.
            let value = if header.value.is_empty() { (name.1, name.1) } else { span(head, header.value) };
            if header.name.is_empty() {
                return Err(HeadError::Malformed("a field has no name"));
            }
            self.list.push(Field { name: Name::of(header.name.as_bytes()), name_at: name, value_at: value, line_end });
        }
        Ok(())
    }
}

impl RequestHead {
    /// Reads a whole head, as [`super::scan::Scan`] found it.
    pub(crate) fn parse(&mut self, head: &[u8], max_fields: usize) -> Result<(), HeadError> {
        let mut slots = [const { MaybeUninit::uninit() }; MAX_FIELDS];
        let mut request = httparse::Request::new(&mut []);
        let limit = max_fields.min(MAX_FIELDS);
        let status = httparse::ParserConfig::default()
            .parse_request_with_uninit_headers(&mut request, head, &mut slots[..limit])
            .map_err(refusal)?;
        let (Some(method), Some(target), Some(minor)) = (request.method, request.path, request.version) else {
            return Err(HeadError::Malformed("the request line is incomplete"));
        };
        if status.is_partial() || status.unwrap() != head.len() {
            return Err(HeadError::Malformed("the head ends before its empty line"));
        }
        if !target.bytes().all(|byte| (b'!'..=b'~').contains(&byte) && byte != b'#') {
            return Err(HeadError::Malformed("the target holds a byte that no URI holds"));
        }
        self.method =
            Method::from_bytes(method.as_bytes()).map_err(|_| HeadError::Malformed("the method is no token"))?;
        let (start, end) = span(head, target.as_bytes());
        self.target = start as usize..end as usize;
        self.version = version(minor)?;
        self.fields.fill(head, request.headers)
    }
}

impl ResponseHead {
    /// Reads a whole head, as [`super::scan::Scan`] found it.
    pub(crate) fn parse(&mut self, head: &[u8], max_fields: usize) -> Result<(), HeadError> {
        let mut slots = [const { MaybeUninit::uninit() }; MAX_FIELDS];
        let mut response = httparse::Response::new(&mut []);
        let limit = max_fields.min(MAX_FIELDS);
        let status = httparse::ParserConfig::default()
            .parse_response_with_uninit_headers(&mut response, head, &mut slots[..limit])
            .map_err(refusal)?;
        let (Some(code), Some(reason), Some(minor)) = (response.code, response.reason, response.version) else {
            return Err(HeadError::Malformed("the status line is incomplete"));
        };
        if status.is_partial() || status.unwrap() != head.len() {
            return Err(HeadError::Malformed("the head ends before its empty line"));
        }
        if !(100..=599).contains(&code) {
            return Err(HeadError::Malformed("the status is none"));
        }
        self.status = StatusCode::from_u16(code).map_err(|_| HeadError::Malformed("the status is none"))?;
        let (start, end) = if reason.is_empty() { (0, 0) } else { span(head, reason.as_bytes()) };
        self.reason = start as usize..end as usize;
        self.version = version(minor)?;
        self.fields.fill(head, response.headers)
    }
}

/// Where `part`, a piece of `whole`, is in it.
fn span(whole: &[u8], part: &[u8]) -> (u32, u32) {
    let start = part.as_ptr().addr() - whole.as_ptr().addr();
    (to_u32(start), to_u32(start + part.len()))
}

/// Heads are smaller than their limit, which is far below 4 GiB.
fn to_u32(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

const fn version(minor: u8) -> Result<Version, HeadError> {
    match minor {
        0 => Ok(Version::Http10),
        1 => Ok(Version::Http11),
        _ => Err(HeadError::Malformed("the version is not HTTP/1.0 or HTTP/1.1")),
    }
}

const fn refusal(err: httparse::Error) -> HeadError {
    match err {
        httparse::Error::TooManyHeaders => HeadError::TooLarge,
        httparse::Error::HeaderName => HeadError::Malformed("a field name is no token"),
        httparse::Error::HeaderValue => HeadError::Malformed("a field value holds a control character"),
        httparse::Error::NewLine => HeadError::Malformed("a line does not end with CR LF"),
        httparse::Error::Status => HeadError::Malformed("the status line is invalid"),
        httparse::Error::Token => HeadError::Malformed("the first line is invalid"),
        httparse::Error::Version => HeadError::Malformed("the version is not HTTP/1.0 or HTTP/1.1"),
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::{HeadError, Name, RequestHead, ResponseHead, Version};

    fn request(head: &[u8]) -> Result<RequestHead, HeadError> {
        let mut parsed = RequestHead::default();
        parsed.parse(head, 4).map(|()| parsed)
    }

    #[test]
    fn every_part_is_found_where_it_stands() {
        let head = b"GET /a?b HTTP/1.1\r\nHost:a\r\nX-Empty:\r\nX-Last:  b c \r\n\r\n";
        let parsed = request(head).unwrap();
        assert_eq!(parsed.method, Method::GET);
        assert_eq!(&head[parsed.target.clone()], b"/a?b");
        assert_eq!(parsed.version, Version::Http11);
        let fields: Vec<_> =
            parsed.fields.iter().map(|field| (field.name, field.value(head), &head[field.line()])).collect();
        assert_eq!(
            fields,
            [
                (Name::Host, b"a".as_slice(), b"Host:a\r\n".as_slice()),
                (Name::Other, b"", b"X-Empty:\r\n"),
                (Name::Other, b"b c", b"X-Last:  b c \r\n"),
            ]
        );
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for head in [
            &b"GET /\r\n\r\n"[..],
            b"GET / HTTP/0.9\r\n\r\n",
            b"GET / HTTP/2.0\r\n\r\n",
            b"GET / http/1.1\r\n\r\n",
            b"GET  / HTTP/1.1\r\n\r\n",
            b"GET /\tx HTTP/1.1\r\n\r\n",
            b"GET /\x00 HTTP/1.1\r\n\r\n",
            b"GET /\x80 HTTP/1.1\r\n\r\n",
            b"GET /#a HTTP/1.1\r\n\r\n",
            b"G(T / HTTP/1.1\r\n\r\n",
            b" GET / HTTP/1.1\r\n\r\n",
            b"GET / HTTP/1.1 \r\n\r\n",
            b"GET / HTTP/1.1\r\nA : b\r\n\r\n",
            b"GET / HTTP/1.1\r\n: b\r\n\r\n",
            b"GET / HTTP/1.1\r\nA\r\n\r\n",
            b"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
            b"GET / HTTP/1.1\r\n A: b\r\n\r\n",
            b"GET / HTTP/1.1\r\nA: b\rc\r\n\r\n",
            b"GET / HTTP/1.1\r\nA: b\x00c\r\n\r\n",
            b"GET / HTTP/1.1\r\nA: b\x7fc\r\n\r\n",
            b"GET / HTTP/1.1\r\nA\x00: b\r\n\r\n",
            b"GET / HTTP/1.1\r\nA\xc3: b\r\n\r\n",
        ] {
            let refused = request(head).map(|_| ());
            assert!(
                matches!(refused, Err(HeadError::Malformed(_))),
                "{:?}: {refused:?}",
                head.escape_ascii().to_string()
            );
        }
        let many = b"GET / HTTP/1.1\r\na: b\r\na: b\r\na: b\r\na: b\r\na: b\r\n\r\n";
        assert_eq!(request(many).map(|_| ()), Err(HeadError::TooLarge));
    }

    #[test]
    fn a_status_line_is_read_with_or_without_a_reason() {
        for (head, status, reason) in [
            (&b"HTTP/1.1 200 OK\r\n\r\n"[..], 200, &b"OK"[..]),
            (b"HTTP/1.0 404 Not Found\r\nA: b\r\n\r\n", 404, b"Not Found"),
            (b"HTTP/1.1 204 \r\n\r\n", 204, b""),
            (b"HTTP/1.1 204\r\n\r\n", 204, b""),
        ] {
            let mut parsed = ResponseHead::default();
            parsed.parse(head, 4).unwrap();
            assert_eq!((parsed.status.as_u16(), &head[parsed.reason.clone()]), (status, reason));
        }
        for head in [
            &b"HTTP/1.1 099 X\r\n\r\n"[..],
            b"HTTP/1.1 600 X\r\n\r\n",
            b"HTTP/1.1 20 X\r\n\r\n",
            b"HTTP/1.1 2000 X\r\n\r\n",
            b"HTTP/2 200 OK\r\n\r\n",
            b"ICY 200 OK\r\n\r\n",
            b"HTTP/1.1 200 O\x00K\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
        ] {
            assert!(ResponseHead::default().parse(head, 4).is_err(), "{:?}", head.escape_ascii().to_string());
        }
    }
}
