//! Where a message's body ends (RFC 9112 section 6).

use http::{Method, StatusCode};

use super::{
    field::{Name, elements},
    head::{Fields, MAX_FIELDS, RequestHead, ResponseHead, Version},
};

/// How a body ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Framing {
    /// There is none.
    #[default]
    None,
    /// After so many bytes.
    Length(u64),
    /// With the last chunk and the trailers.
    Chunked,
    /// With the connection; responses only.
    UntilClose,
}

/// The framing of a request; an `Err` says what is ambiguous.
pub(crate) fn of_request(head: &RequestHead, bytes: &[u8]) -> Result<Framing, &'static str> {
    match declared(&head.fields, head.version, bytes)? {
        Some(framing) => Ok(framing),
        None => Ok(Framing::None),
    }
}

/// The framing of a response to `method`; an `Err` says what is ambiguous.
pub(crate) fn of_response(head: &ResponseHead, method: &Method, bytes: &[u8]) -> Result<Framing, &'static str> {
    let declared = declared(&head.fields, head.version, bytes)?;
    if head.status.is_informational() || head.status == StatusCode::NO_CONTENT {
        // RFC 9110 section 8.6 and RFC 9112 section 6.1 forbid both; a zero is harmless and common.
        return match declared {
            None | Some(Framing::Length(0)) => Ok(Framing::None),
            Some(_) => Err("the status has no body, and yet a length is given"),
        };
    }
    if *method == Method::HEAD || head.status == StatusCode::NOT_MODIFIED {
        return Ok(Framing::None);
    }
    Ok(declared.unwrap_or(Framing::UntilClose))
}

/// What the fields say; `None` if they say nothing.
fn declared(fields: &Fields, version: Version, bytes: &[u8]) -> Result<Option<Framing>, &'static str> {
    let mut length = None;
    let mut chunked = false;
    let mut options = 0;
    for field in fields.iter() {
        match field.name {
            Name::ContentLength if length.is_some() => return Err("Content-Length is given twice"),
            Name::ContentLength => length = Some(parse_length(field.value(bytes))?),
            Name::TransferEncoding if chunked => return Err("Transfer-Encoding is given twice"),
            Name::TransferEncoding if !field.value(bytes).eq_ignore_ascii_case(b"chunked") => {
                return Err("Transfer-Encoding is not chunked");
            }
            Name::TransferEncoding => chunked = true,
            Name::Connection => options += elements(field.value(bytes)).count(),
            _ => {}
        }
    }
    // Each of them is looked for among all fields: the product has to be small.
    if options > MAX_FIELDS {
        return Err("Connection names more fields than a head can have");
    }
    match (chunked, length) {
        (true, Some(_)) => Err("both Content-Length and Transfer-Encoding are given"),
        // RFC 9112 section 6.1: an HTTP/1.0 peer may have passed it on without understanding it.
        (true, None) if version == Version::Http10 => Err("Transfer-Encoding is given in HTTP/1.0"),
        (true, None) => Ok(Some(Framing::Chunked)),
        (false, Some(length)) => Ok(Some(Framing::Length(length))),
        (false, None) => Ok(None),
    }
}

/// The length that the fields of a good head declare.
pub(crate) fn content_length(fields: &Fields, bytes: &[u8]) -> Option<u64> {
    fields.values(bytes, Name::ContentLength).next().and_then(|value| parse_length(value).ok())
}

fn parse_length(value: &[u8]) -> Result<u64, &'static str> {
    const MALFORMED: &str = "Content-Length is no number";
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(MALFORMED);
    }
    value
        .iter()
        .try_fold(0_u64, |sum, digit| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
        .ok_or(MALFORMED)
}

/// What `Connection` says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ConnectionOptions {
    pub close: bool,
    pub keep_alive: bool,
    pub upgrade: bool,
    /// It names further fields.
    pub nominates: bool,
}

impl ConnectionOptions {
    pub(crate) fn of(fields: &Fields, bytes: &[u8]) -> Self {
        let mut options = Self::default();
        for option in fields.values(bytes, Name::Connection).flat_map(elements) {
            if option.eq_ignore_ascii_case(b"close") {
                options.close = true;
            } else if option.eq_ignore_ascii_case(b"keep-alive") {
                options.keep_alive = true;
            } else if option.eq_ignore_ascii_case(b"upgrade") {
                options.upgrade = true;
            } else {
                options.nominates = true;
            }
        }
        options
    }

    /// Whether the sender means to keep the connection (RFC 9112 section 9.3).
    pub(crate) fn persists(self, version: Version) -> bool {
        match version {
            Version::Http11 => !self.close,
            Version::Http10 => self.keep_alive && !self.close,
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::{ConnectionOptions, Framing, of_request, of_response};
    use crate::http1::head::{RequestHead, ResponseHead, Version};

    fn request(version: &str, fields: &str) -> Result<Framing, &'static str> {
        let head = format!("POST / {version}\r\n{fields}\r\n");
        let mut parsed = RequestHead::default();
        parsed.parse(head.as_bytes(), 10).unwrap();
        of_request(&parsed, head.as_bytes())
    }

    fn response(status: &str, fields: &str, method: &Method) -> Result<Framing, &'static str> {
        let head = format!("HTTP/1.1 {status}\r\n{fields}\r\n");
        let mut parsed = ResponseHead::default();
        parsed.parse(head.as_bytes(), 10).unwrap();
        of_response(&parsed, method, head.as_bytes())
    }

    #[test]
    fn a_request_ends_where_it_says() {
        for (fields, framing) in [
            ("", Framing::None),
            ("content-length: 0\r\n", Framing::Length(0)),
            ("content-length: 007\r\n", Framing::Length(7)),
            ("Content-Length: 18446744073709551615\r\n", Framing::Length(u64::MAX)),
            ("transfer-encoding: Chunked\r\n", Framing::Chunked),
        ] {
            assert_eq!(request("HTTP/1.1", fields), Ok(framing), "{fields}");
        }
    }

    #[test]
    fn what_two_readers_could_frame_differently_is_refused() {
        for fields in [
            "content-length: 1\r\ntransfer-encoding: chunked\r\n",
            "transfer-encoding: chunked\r\ncontent-length: 1\r\n",
            "content-length: 1\r\ncontent-length: 2\r\n",
            "content-length: 1\r\ncontent-length: 1\r\n",
            "content-length: 1, 1\r\n",
            "content-length: +1\r\n",
            "content-length: -1\r\n",
            "content-length: 0x1\r\n",
            "content-length: 1 2\r\n",
            "content-length:\r\n",
            "content-length: 18446744073709551616\r\n",
            "transfer-encoding: gzip\r\n",
            "transfer-encoding: gzip, chunked\r\n",
            "transfer-encoding: chunked, chunked\r\n",
            "transfer-encoding: chunked, identity\r\n",
            "transfer-encoding: chunked;q=1\r\n",
            "transfer-encoding: xchunked\r\n",
            "transfer-encoding: \"chunked\"\r\n",
            "transfer-encoding:\r\n",
            "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
            "transfer-encoding: identity\r\ntransfer-encoding: chunked\r\n",
        ] {
            assert!(request("HTTP/1.1", fields).is_err(), "{fields}");
        }
        assert!(request("HTTP/1.0", "transfer-encoding: chunked\r\n").is_err());
    }

    #[test]
    fn a_response_ends_where_status_and_method_say() {
        let get = Method::GET;
        assert_eq!(response("200 OK", "", &get), Ok(Framing::UntilClose));
        assert_eq!(response("200 OK", "content-length: 5\r\n", &get), Ok(Framing::Length(5)));
        assert_eq!(response("200 OK", "content-length: 5\r\n", &Method::HEAD), Ok(Framing::None));
        assert_eq!(response("304 Not Modified", "content-length: 5\r\n", &get), Ok(Framing::None));
        assert_eq!(response("204 No Content", "", &get), Ok(Framing::None));
        assert!(response("204 No Content", "content-length: 5\r\n", &get).is_err());
        assert!(response("204 No Content", "transfer-encoding: chunked\r\n", &get).is_err());
        assert!(response("103 Early Hints", "content-length: 5\r\n", &get).is_err());
        assert!(response("200 OK", "content-length: 5\r\ntransfer-encoding: chunked\r\n", &Method::HEAD).is_err());
    }

    #[test]
    fn connection_options_are_read_from_every_line() {
        let head = b"GET / HTTP/1.1\r\nConnection: Keep-Alive, X-Hop\r\nConnection: CLOSE\r\n\r\n";
        let mut parsed = RequestHead::default();
        parsed.parse(head, 10).unwrap();
        let options = ConnectionOptions::of(&parsed.fields, head);
        assert!(options.close && options.keep_alive && options.nominates && !options.upgrade);
        assert!(!options.persists(Version::Http11));
        assert!(ConnectionOptions::default().persists(Version::Http11));
        assert!(!ConnectionOptions::default().persists(Version::Http10));
    }
}
