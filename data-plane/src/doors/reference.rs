//! HTTP/1.1 (RFC 9112) read slowly: whole messages, line by line, by the letter of the rules, and
//! with nothing of the gateway's own readers.

use std::str;

use http::Method;

/// The most bytes of a chunk-size line behind its digits, its CR included.
const MAX_EXTENSION: usize = 256;
/// The most bytes of a trailer section.
const MAX_TRAILERS: usize = 8 * 1024;
/// The most fields of a trailer section.
const MAX_TRAILER_FIELDS: usize = 64;
/// The most interim responses in front of the final one.
const MAX_INTERIM: usize = 16;

/// A field's name and value.
pub(super) type Field<'b> = (&'b [u8], &'b [u8]);

/// A head, and what stands behind it.
#[derive(Debug, Clone)]
pub(super) struct Head<'b> {
    /// The request line or the status line.
    pub first: &'b [u8],
    pub fields: Vec<Field<'b>>,
    pub rest: &'b [u8],
}

/// Where a message says that its body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    /// It does not say.
    Unsaid,
    Bytes(u64),
    Chunked,
}

/// A response with the interim ones in front of it.
#[derive(Debug)]
pub(super) struct Response<'b> {
    pub interim: Vec<Head<'b>>,
    pub head: Head<'b>,
    pub status: u16,
    pub body: Body<'b>,
}

/// A body as far as it is there.
#[derive(Debug)]
pub(super) struct Body<'b> {
    pub content: Vec<u8>,
    pub end: End<'b>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End<'b> {
    /// The trailer section without its empty line, and what stands behind the body.
    Whole(&'b [u8], &'b [u8]),
    /// The end is not there yet.
    Open,
    /// This is no body of its kind.
    Malformed,
}

impl<'b> Head<'b> {
    /// The head at the beginning of `bytes`; none if it is malformed or not whole.
    pub(super) fn read(bytes: &'b [u8]) -> Option<Self> {
        let Line::Whole(first, mut rest) = line(bytes) else { return None };
        let mut fields = Vec::new();
        loop {
            let Line::Whole(text, behind) = line(rest) else { return None };
            rest = behind;
            if text.is_empty() {
                return Some(Self { first, fields, rest });
            }
            fields.push(field(text)?);
        }
    }

    /// The values of the fields of this name.
    pub(super) fn values(&self, name: &str) -> Vec<&'b [u8]> {
        self.fields.iter().filter(|field| is(field, name)).map(|field| field.1).collect()
    }

    /// The elements of the lists in the fields of this name, in lower case.
    pub(super) fn elements(&self, name: &str) -> Vec<Vec<u8>> {
        let list = self.values(name).join(&b","[..]).to_ascii_lowercase();
        let elements = list.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        elements.filter(|element| !element.is_empty()).map(<[u8]>::to_vec).collect()
    }

    /// What Content-Length and Transfer-Encoding say together; none if that is ambiguous.
    pub(super) fn length(&self, version: &[u8]) -> Option<Length> {
        match (&self.values("content-length")[..], &self.values("transfer-encoding")[..]) {
            ([], []) => Some(Length::Unsaid),
            ([digits], []) if digits.iter().all(u8::is_ascii_digit) => {
                Some(Length::Bytes(str::from_utf8(digits).ok()?.parse().ok()?))
            }
            ([], [coding]) if coding.eq_ignore_ascii_case(b"chunked") && version == b"HTTP/1.1" => {
                Some(Length::Chunked)
            }
            _ => None,
        }
    }
}

/// The answer to a request of this method that `bytes` hold; none if they hold none. `ended` tells
/// whether the connection was closed behind them.
pub(super) fn response<'b>(mut bytes: &'b [u8], method: &Method, ended: bool) -> Option<Response<'b>> {
    let mut interim = Vec::new();
    while interim.len() <= MAX_INTERIM {
        let head = Head::read(bytes)?;
        let (version, status) = status_line(head.first)?;
        let length = head.length(version)?;
        // RFC 9110 section 8.6, RFC 9112 section 6.1; and nobody has asked for another protocol.
        let is_bodiless = matches!(status, 100..=199 | 204);
        if status == 101 || (is_bodiless && !matches!(length, Length::Unsaid | Length::Bytes(0))) {
            return None;
        }
        if matches!(status, 100..=199) {
            bytes = head.rest;
            interim.push(head);
            continue;
        }
        let is_bodiless = is_bodiless || *method == Method::HEAD || status == 304;
        let body = body(head.rest, if is_bodiless { Length::Bytes(0) } else { length }, ended);
        return Some(Response { interim, head, status, body });
    }
    None
}

fn body(bytes: &[u8], length: Length, ended: bool) -> Body<'_> {
    match length {
        Length::Chunked => chunks(bytes),
        Length::Unsaid => Body { content: bytes.to_vec(), end: if ended { End::Whole(b"", b"") } else { End::Open } },
        Length::Bytes(length) => {
            let here = clamp(length, bytes);
            let is_whole = here as u64 == length;
            let end = if is_whole { End::Whole(b"", &bytes[here..]) } else { End::Open };
            Body { content: bytes[..here].to_vec(), end }
        }
    }
}

/// The chunked body at the beginning of `bytes`.
pub(super) fn chunks(mut bytes: &[u8]) -> Body<'_> {
    let mut content = Vec::new();
    let end = loop {
        let (size, rest) = match line(bytes) {
            Line::Whole(text, rest) => (chunk_size(text, MAX_EXTENSION - 1), rest),
            Line::Open(b"") => break End::Open,
            Line::Open(text) => break open_if(chunk_size(text, MAX_EXTENSION).is_some()),
            Line::AtLf(text) => break open_if(chunk_size(text, MAX_EXTENSION - 1).is_some()),
            Line::Malformed => break End::Malformed,
        };
        let here = match size {
            None => break End::Malformed,
            Some(0) => break trailer_section(rest),
            Some(size) => clamp(size, rest),
        };
        content.extend_from_slice(&rest[..here]);
        match &rest[here..] {
            [b'\r', b'\n', behind @ ..] => bytes = behind,
            [] | [b'\r'] => break End::Open,
            _ => break End::Malformed,
        }
    };
    Body { content, end }
}

/// RFC 9112 section 7.1, with `OWS` where its `BWS` allows it, and extensions of any content.
fn chunk_size(text: &[u8], max_extension: usize) -> Option<u64> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (digits, behind) = text.split_at(digits);
    let extension = trim(behind);
    let is_valid = (1..=16).contains(&digits.len())
        && behind.len() <= max_extension
        && (extension.is_empty() || extension.starts_with(b";"))
        && is_text(extension);
    if is_valid { u64::from_str_radix(str::from_utf8(digits).ok()?, 16).ok() } else { None }
}

fn trailer_section(bytes: &[u8]) -> End<'_> {
    let mut rest = bytes;
    loop {
        let before = bytes.len() - rest.len();
        let (length, behind) = match line(rest) {
            Line::Whole(b"", behind) => return End::Whole(&bytes[..before], behind),
            Line::Whole(text, behind) => (before + text.len() + 2, Some(behind)),
            Line::Open(text) => (before + text.len(), None),
            Line::AtLf(b"") => return End::Open,
            Line::AtLf(text) => (before + text.len() + 1, None),
            Line::Malformed => return End::Malformed,
        };
        match behind {
            Some(behind) if length <= MAX_TRAILERS => rest = behind,
            Some(_) | None => return open_if(length <= MAX_TRAILERS),
        }
    }
}

/// The fields of a trailer section; none if it is malformed.
pub(super) fn trailers(mut section: &[u8]) -> Option<Vec<Field<'_>>> {
    let mut fields = Vec::new();
    while !section.is_empty() {
        let Line::Whole(text, rest) = line(section) else { return None };
        fields.push(field(text)?);
        section = rest;
    }
    (fields.len() <= MAX_TRAILER_FIELDS).then_some(fields)
}

/// RFC 9112 section 4. A reason may be missing, and its space then, too.
fn status_line(text: &[u8]) -> Option<(&[u8], u16)> {
    let (version, rest) = text.split_at_checked(b"HTTP/1.1".len())?;
    let (status, reason) = rest.strip_prefix(b" ")?.split_at_checked(3)?;
    let is_valid = (version == b"HTTP/1.0" || version == b"HTTP/1.1")
        && status.iter().all(u8::is_ascii_digit)
        && matches!(status[0], b'1'..=b'5')
        && (reason.is_empty() || reason.starts_with(b" "))
        && is_text(reason);
    if is_valid { Some((version, str::from_utf8(status).ok()?.parse().ok()?)) } else { None }
}

/// RFC 9112 section 5.
fn field(text: &[u8]) -> Option<Field<'_>> {
    let colon = text.iter().position(|byte| *byte == b':')?;
    let (name, value) = (&text[..colon], trim(&text[colon + 1..]));
    let is_token = name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte));
    (is_token && !name.is_empty() && is_text(value)).then_some((name, value))
}

pub(super) fn is(field: &Field<'_>, name: &str) -> bool {
    field.0.eq_ignore_ascii_case(name.as_bytes())
}

enum Line<'b> {
    /// Without its CR LF, and what stands behind that.
    Whole(&'b [u8], &'b [u8]),
    /// All but its CR LF may be there.
    Open(&'b [u8]),
    /// All but its LF is there; the text without the CR.
    AtLf(&'b [u8]),
    /// A CR or LF stands alone.
    Malformed,
}

fn line(bytes: &[u8]) -> Line<'_> {
    let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n')) else { return Line::Open(bytes) };
    match bytes.split_at(end) {
        (text, [b'\r', b'\n', rest @ ..]) => Line::Whole(text, rest),
        (text, [b'\r']) => Line::AtLf(text),
        _ => Line::Malformed,
    }
}

const fn open_if<'b>(is_valid: bool) -> End<'b> {
    if is_valid { End::Open } else { End::Malformed }
}

/// How much of `length` bytes is in `bytes`.
fn clamp(length: u64, bytes: &[u8]) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX).min(bytes.len())
}

/// RFC 9110 section 5.5: visible characters, spaces and tabs, and what is not ASCII.
fn is_text(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~' | 0x80..))
}

fn trim(bytes: &[u8]) -> &[u8] {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let Some(start) = bytes.iter().position(|byte| !is_blank(byte)) else { return b"" };
    let end = bytes.iter().rposition(|byte| !is_blank(byte)).map_or(0, |at| at + 1);
    &bytes[start..end]
}
