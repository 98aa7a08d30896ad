//! Any bytes as a client's request head.

use std::net::Ipv4Addr;

use rand::{SeedableRng, rngs::SmallRng};

use super::{
    Verdict, fields,
    reference::{Field, Head, Length},
};
use crate::{
    http1::{framing::Framing, head::MAX_FIELDS, scan::Scan},
    proxy::{
        edits::RequestEdits,
        headers,
        identity::{ClientAddress, RequestId},
        parse::{ParsedRequest, Target},
    },
    worker::limits::Limits,
};

const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 7);
/// What the gateway writes itself, whatever the client says.
const OWN: [&str; 8] = [
    "host",
    "via",
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-request-id",
    "max-forwards",
];

/// `input` is what comes on a connection.
///
/// # Panics
/// When a head goes on that is not, for every reader, the one that came: its method, its target, its
/// host, where its body ends, and all fields that are meant for the other end.
pub fn request_head(input: &[u8]) -> Verdict {
    // RFC 9112 section 2.2: an empty line in front of a request is passed over.
    let bytes = input.strip_prefix(b"\r\n").unwrap_or(input);
    let head = match scan(bytes) {
        Some(Some(length)) => &bytes[..length],
        Some(None) => return Verdict::Cut,
        None => return Verdict::Refused,
    };
    let mut request = ParsedRequest::default();
    if request.parse(head, Limits::default().request_head().fields).is_err() {
        return Verdict::Refused;
    }
    let written = write(head, &request);
    let (came, sent) = (Request::read(head), Request::read(&written));
    reads_the_same_everywhere(&sent, &written);
    says_what_came(&came, &sent);
    says_whence_it_came(&came, &sent);
    belongs_to_this_hop(&came, &sent, &request);
    Verdict::Passed
}

/// The length of the head, if it is whole; nothing at all if it is refused. Whole and byte by byte
/// must come to the same.
fn scan(bytes: &[u8]) -> Option<Option<usize>> {
    let whole = Scan::default().find_end(bytes, &Limits::default().request_head()).ok();
    let mut scan = Scan::default();
    let mut steps = (0..=bytes.len()).map(|here| scan.find_end(&bytes[..here], &Limits::default().request_head()).ok());
    assert_eq!(steps.find(|found| *found != Some(None)).unwrap_or(Some(None)), whole, "byte by byte it is another");
    whole
}

fn write(head: &[u8], request: &ParsedRequest) -> Vec<u8> {
    let id = RequestId::of(&request.head.fields, head, &mut SmallRng::seed_from_u64(1));
    let mut out = Vec::new();
    headers::write_request(
        &mut out,
        head,
        request,
        &ClientAddress::new(CLIENT.into()),
        &id,
        &RequestEdits::default(),
        b"",
    );
    out
}

/// A head as the slow reader sees it.
#[derive(Debug)]
struct Request<'b> {
    method: &'b [u8],
    target: &'b [u8],
    version: &'b [u8],
    head: Head<'b>,
    length: Length,
}

impl<'b> Request<'b> {
    fn read(bytes: &'b [u8]) -> Self {
        let Some(head) = Head::read(bytes) else { panic!("no head: {}", bytes.escape_ascii()) };
        assert!(head.rest.is_empty(), "more than a head: {}", bytes.escape_ascii());
        let words: Vec<_> = head.first.split(|byte| *byte == b' ').collect();
        let [method, target, version] = words[..] else { panic!("no request line: {}", bytes.escape_ascii()) };
        let Some(length) = head.length(version) else { panic!("its end is ambiguous: {}", bytes.escape_ascii()) };
        Self { method, target, version, head, length }
    }

    /// What it asks for, and whom (RFC 9112 section 3.2): an absolute form wins over Host.
    fn target_and_authority(&self) -> (Vec<u8>, &'b [u8]) {
        let is_absolute = self.target != b"*" && !self.target.starts_with(b"/");
        if !is_absolute {
            let [host] = self.head.values("host")[..] else { panic!("not one Host in {self:?}") };
            return (self.target.to_vec(), host);
        }
        let (scheme, rest) = self.target.split_at(b"http://".len());
        assert!(scheme.eq_ignore_ascii_case(b"http://"), "no URL in {self:?}");
        let end = rest.iter().position(|byte| b"/?".contains(byte)).unwrap_or(rest.len());
        let target = match &rest[end..] {
            b"" if self.method == b"OPTIONS" => b"*".to_vec(),
            path if path.starts_with(b"/") => path.to_vec(),
            query => [b"/", query].concat(),
        };
        (target, &rest[..end])
    }
}

/// httparse and the gateway's own parser see in it what the slow reader sees.
fn reads_the_same_everywhere(sent: &Request<'_>, written: &[u8]) {
    let mut slots = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut other = httparse::Request::new(&mut slots);
    assert_eq!(other.parse(written), Ok(httparse::Status::Complete(written.len())));
    assert_eq!(other.method.map(str::as_bytes), Some(sent.method));
    assert_eq!(other.path.map(str::as_bytes), Some(sent.target));
    assert_eq!(other.version, Some(1));
    let fields: Vec<Field<'_>> = other.headers.iter().map(|field| (field.name.as_bytes(), field.value)).collect();
    assert_eq!(fields, sent.head.fields);

    let mut own = ParsedRequest::default();
    assert_eq!(scan(written), Some(Some(written.len())));
    assert_eq!(own.parse(written, MAX_FIELDS), Ok(()));
    let target = match &own.target {
        Target::Origin(at) => &written[at.clone()],
        Target::Root(_) => panic!("the target was not rewritten: {sent:?}"),
        Target::Asterisk => b"*",
    };
    assert_eq!((own.head.method.as_str().as_bytes(), target), (sent.method, sent.target));
    assert_eq!(length(own.framing), sent.length);
}

/// Method, target, host, length and every field for the other end are the client's.
fn says_what_came(came: &Request<'_>, sent: &Request<'_>) {
    let (target, authority) = came.target_and_authority();
    assert_eq!((sent.method, sent.target), (came.method, &*target));
    assert_eq!(sent.head.values("host"), [authority]);
    assert_eq!(sent.length, came.length);
    let mut meant = fields::of_client(&came.head, &OWN);
    // RFC 9110 section 10.1.1.
    meant.retain(|(name, _)| came.version != b"HTTP/1.0" || !name.eq_ignore_ascii_case(b"expect"));
    assert_eq!(fields::end_to_end(&sent.head, &OWN), meant);
    let hops = came.head.values("max-forwards");
    let counted = (came.method == b"TRACE" || came.method == b"OPTIONS")
        .then(|| hops.first().and_then(|hops| str::from_utf8(hops).ok()?.parse::<u32>().ok()))
        .flatten();
    match counted {
        Some(hops) => assert_eq!(sent.head.values("max-forwards"), [hops.saturating_sub(1).to_string().as_bytes()]),
        None => assert_eq!(sent.head.values("max-forwards"), hops),
    }
}

/// The gateway's own word on where the request comes from stands once, and behind all others.
fn says_whence_it_came(came: &Request<'_>, sent: &Request<'_>) {
    let (_, authority) = came.target_and_authority();
    let version = if came.version == b"HTTP/1.0" { "1.0" } else { "1.1" };
    let client = CLIENT.to_string();
    let forwarded = [b"for=", client.as_bytes(), b";host=\"", authority, b"\";proto=http"].concat();
    let via = format!("{version} gateway");
    for (name, own) in [("via", via.as_bytes()), ("x-forwarded-for", client.as_bytes()), ("forwarded", &*forwarded)] {
        let mut list = came.head.values(name);
        list.retain(|value| !value.is_empty() && (name != "forwarded" || fields::is_terminated(value)));
        list.push(own);
        assert_eq!(sent.head.values(name), [list.join(&b", "[..])]);
    }
    assert_eq!(sent.head.values("x-forwarded-host"), [authority]);
    assert_eq!(sent.head.values("x-forwarded-proto"), [b"http"]);
    assert_eq!(sent.head.values("x-request-id").len(), 1);
}

/// Of the fields of one hop, only the gateway's own are there.
fn belongs_to_this_hop(came: &Request<'_>, sent: &Request<'_>, request: &ParsedRequest) {
    let te = came.head.elements("te").contains(&b"trailers".to_vec());
    let protocol = request.upgrade.as_ref().map(|_| came.head.values("upgrade"));
    let mut expected: Vec<Field<'_>> = Vec::new();
    if te {
        expected.push((b"TE", b"trailers"));
    }
    match (te, &protocol) {
        (true, Some(_)) => expected.push((b"Connection", b"TE, upgrade")),
        (true, None) => expected.push((b"Connection", b"TE")),
        (false, Some(_)) => expected.push((b"Connection", b"upgrade")),
        (false, None) => {}
    }
    expected.extend(protocol.iter().flatten().map(|protocol| (&b"Upgrade"[..], *protocol)));
    if came.length == Length::Chunked {
        expected.push((b"Transfer-Encoding", b"chunked"));
    }
    assert_eq!(fields::hop_by_hop(&sent.head), expected);
    if protocol.is_some() {
        assert!(came.head.elements("connection").contains(&b"upgrade".to_vec()), "nobody asked: {came:?}");
        assert_eq!((came.version, came.length), (&b"HTTP/1.1"[..], Length::Unsaid));
    }
}

const fn length(framing: Framing) -> Length {
    match framing {
        Framing::None | Framing::UntilClose => Length::Unsaid,
        Framing::Length(length) => Length::Bytes(length),
        Framing::Chunked => Length::Chunked,
    }
}
