//! Any bytes as an upstream's answer.

use std::iter;

use http::Method;
use rand::{SeedableRng, rngs::SmallRng};

use super::{
    Verdict,
    cuts::{self, Cuts},
    fields,
    reference::{self, End, Field, Head, Response, is},
    wires::{Client, Ending, Upstream, Wires},
};
use crate::{
    http1::head::MAX_FIELDS,
    proxy::{
        edits::FieldEdits,
        forward::{self, Listener},
        headers::{self, ClientFraming, Onward, Persistence},
        identity::RequestId,
        relay::Relay,
        respond,
        variant::Variant,
    },
    worker::{buffer::Buffer, limits::Limits},
};

/// What the gateway writes itself, or adds where it is missing.
const OWN: [&str; 3] = ["via", "x-request-id", "date"];

/// The first line of `input` says how, for example `GET 1.1 abc z close`: the client's method and
/// version, the pieces in which the upstream's bytes come, those in which the client takes its own
/// (both as in `cuts`), and whether the upstream then closes, resets (`reset`) or stays
/// silent (`open`). The rest is what the upstream sends.
///
/// # Panics
/// When the client gets something else than the upstream said, or cannot see that it is not all.
pub fn response_relay(input: &[u8]) -> Verdict {
    let (how, bytes) = cuts::split(input);
    let case = Case::read(how, bytes);
    let (verdict, got) = case.relay();
    let seen = reference::response(&got, &case.method, verdict == Verdict::Passed);
    match (verdict, seen) {
        (Verdict::Passed, Some(seen)) => case.is_what_was_meant(&seen, &got),
        (Verdict::Cut, Some(seen)) => case.is_visibly_cut(&seen),
        (Verdict::Cut, None) => {
            assert!(case.meant.is_none(), "an answer was held back: {case:?}");
            case.has_only_interim(&got);
        }
        (Verdict::Refused, None) => {
            case.is_rightly_refused();
            case.has_only_interim(&got);
        }
        (verdict, seen) => panic!("{verdict:?}, and the client saw {seen:?}: {case:?}"),
    }
    verdict
}

#[derive(Debug)]
struct Case<'b> {
    method: Method,
    is_http10: bool,
    reads: &'b [u8],
    writes: &'b [u8],
    ending: Ending,
    bytes: &'b [u8],
    /// What the upstream's bytes mean; nothing if they mean nothing.
    meant: Option<Response<'b>>,
}

impl<'b> Case<'b> {
    fn read(how: &'b [u8], bytes: &'b [u8]) -> Self {
        let mut words = how.split(|byte| *byte == b' ');
        let mut word = || words.next().unwrap_or_default();
        let method = Method::from_bytes(word()).unwrap_or_default();
        let (is_http10, reads, writes) = (word() == b"1.0", word(), word());
        let ending = match word() {
            b"reset" => Ending::Resets,
            b"open" => Ending::StaysSilent,
            _ => Ending::Closes,
        };
        let meant = reference::response(bytes, &method, ending == Ending::Closes);
        Self { method, is_http10, reads, writes, ending, bytes, meant }
    }

    /// The way of an answer, as in `forward::converse` and `respond::relay`; and what the client got.
    fn relay(&self) -> (Verdict, Vec<u8>) {
        let (reads, writes) = (Cuts::new(self.reads), Cuts::new(self.writes));
        let upstream =
            Upstream { bytes: self.bytes, cuts: reads, ending: self.ending, paused: false, is_silent: false };
        let client = Client { got: Vec::new(), cuts: writes, paused: false };
        let mut wires = Wires { upstream, client, buffer: Buffer::default() };
        let verdict = self.pass(&mut wires);
        (verdict, wires.client.got)
    }

    fn pass(&self, wires: &mut Wires<'_>) -> Verdict {
        let mut listener = Listener::new(Limits::default().response_head(), self.is_http10);
        let heard = wires
            .drive(|cx, Wires { upstream, client, buffer }| listener.poll(cx, buffer, upstream, client, &self.method));
        let (head, head_len) = match heard {
            Some(Ok(heard)) => heard,
            Some(Err(_)) => return Verdict::Refused,
            None => return Verdict::Cut,
        };
        let Ok(heard) = forward::accept(head, head_len, &wires.buffer, &self.method, true, None) else {
            return Verdict::Refused;
        };
        let (framing, encode) = respond::client_framing(heard.framing, self.is_http10);
        let mut relay =
            Relay::new(heard.framing, encode, write(&wires.buffer.filled()[..head_len], &heard.head, framing));
        wires.buffer.consume(head_len);
        match wires.drive(|cx, Wires { upstream, client, buffer }| relay.poll(cx, buffer, upstream, client)) {
            Some(Ok(())) => Verdict::Passed,
            Some(Err(_)) if relay.written == 0 => Verdict::Refused,
            Some(Err(_)) | None => Verdict::Cut,
        }
    }

    fn is_what_was_meant(&self, seen: &Response<'_>, got: &[u8]) {
        let Some(meant) = &self.meant else { panic!("an answer was made up: {seen:?}, {self:?}") };
        self.has_the_same_heads(meant, seen);
        assert_eq!(seen.body.content, meant.body.content, "{self:?}");
        let (End::Whole(sent, behind), End::Whole(came, _)) = (seen.body.end, meant.body.end) else {
            panic!("a part was taken for the whole: {seen:?}, {self:?}")
        };
        assert!(behind.is_empty(), "more than the answer was passed on: {seen:?}, {self:?}");
        let trailers = if self.is_http10 { Some(Vec::new()) } else { reference::trailers(came) };
        let expected = trailers.map(|trailers| fields::of_trailers(&trailers));
        assert_eq!(reference::trailers(sent), expected, "{self:?}");
        reads_the_same_with_httparse(seen, got);
        // What does not say where it ends must say that the connection ends with it.
        let kept = reference::response(got, &self.method, false);
        let is_delimited = kept.is_some_and(|kept| matches!(kept.body.end, End::Whole(..)));
        assert!(is_delimited || seen.head.elements("connection") == [b"close"], "{seen:?}");
    }

    fn is_visibly_cut(&self, seen: &Response<'_>) {
        let Some(meant) = &self.meant else { panic!("an answer was made up: {seen:?}, {self:?}") };
        assert_eq!(seen.body.end, End::Open, "{self:?}");
        self.has_the_same_heads(meant, seen);
        assert!(meant.body.content.starts_with(&seen.body.content), "{seen:?}, {self:?}");
        assert!(!self.is_good(meant), "a good answer was cut: {seen:?}, {self:?}");
    }

    fn is_rightly_refused(&self) {
        let Some(meant) = &self.meant else { return };
        // The reference knows no limits of size.
        let limits = Limits::default().response_head();
        let has_many =
            |head: &Head<'_>| head.fields.len() > limits.fields || head.elements("connection").len() > MAX_FIELDS;
        if self.bytes.len() > limits.line || has_many(&meant.head) || meant.interim.iter().any(has_many) {
            return;
        }
        // Bytes behind an answer without a body make it suspect.
        let is_suspect = meant.body.content.is_empty() && matches!(meant.body.end, End::Whole(_, [_, ..]));
        assert!(is_suspect || !self.is_good(meant), "a good answer was refused: {self:?}");
    }

    /// Whether the answer is whole, and can be passed on whole.
    fn is_good(&self, meant: &Response<'_>) -> bool {
        match meant.body.end {
            End::Whole(trailers, _) => self.is_http10 || reference::trailers(trailers).is_some(),
            End::Open | End::Malformed => false,
        }
    }

    fn has_the_same_heads(&self, meant: &Response<'_>, seen: &Response<'_>) {
        assert_eq!(seen.status, meant.status, "{self:?}");
        has_the_same_fields(&meant.head, &seen.head, meant.status == 204);
        let expected = if self.is_http10 { 0 } else { meant.interim.len() };
        assert_eq!(seen.interim.len(), expected, "HTTP/1.0 knows no interim responses: {self:?}");
        for (meant, seen) in meant.interim.iter().zip(&seen.interim) {
            has_the_same_fields(meant, seen, true);
        }
    }

    /// Behind whole interim responses, an error of the gateway's own can follow.
    fn has_only_interim(&self, got: &[u8]) {
        assert!(!self.is_http10 || got.is_empty(), "{}: {self:?}", got.escape_ascii());
        let mut rest = got;
        while !rest.is_empty() {
            let head = Head::read(rest).filter(|head| head.first.starts_with(b"HTTP/1.1 1"));
            let Some(head) = head else { panic!("{}: {self:?}", got.escape_ascii()) };
            rest = head.rest;
        }
    }
}

fn write(bytes: &[u8], head: &crate::http1::head::ResponseHead, framing: ClientFraming) -> Vec<u8> {
    let persistence = match framing {
        ClientFraming::UntilClose => Persistence::Closes,
        ClientFraming::AsDeclared | ClientFraming::Chunked => Persistence::Stays,
    };
    let id = RequestId::random(&mut SmallRng::seed_from_u64(1));
    let mut out = Vec::new();
    let (date, fields) = ("Thu, 01 Jan 1970 00:00:00 GMT", FieldEdits::default());
    let variant = Variant::default();
    headers::write_response(
        &mut out,
        bytes,
        head,
        Onward { framing, persistence, id: &id, date, fields, variant, limits: None, cache: None },
    );
    out
}

/// RFC 9110 section 8.6: what is `lengthless` has no Content-Length, not even a zero.
fn has_the_same_fields(meant: &Head<'_>, seen: &Head<'_>, lengthless: bool) {
    let mut expected = fields::end_to_end(meant, &OWN);
    expected.retain(|field| !(lengthless && is(field, "content-length")));
    assert_eq!(fields::end_to_end(seen, &OWN), expected);
    let framing = seen.values("transfer-encoding").len() + seen.values("content-length").len();
    assert!(framing <= 1, "{seen:?}");
}

fn reads_the_same_with_httparse(seen: &Response<'_>, got: &[u8]) {
    let mut rest = got;
    for head in seen.interim.iter().chain(iter::once(&seen.head)) {
        let mut slots = [httparse::EMPTY_HEADER; MAX_FIELDS + 8];
        let mut other = httparse::Response::new(&mut slots);
        let Ok(httparse::Status::Complete(length)) = other.parse(rest) else { panic!("{}", rest.escape_ascii()) };
        rest = &rest[length..];
        assert_eq!(rest, head.rest);
        let fields: Vec<Field<'_>> = other.headers.iter().map(|field| (field.name.as_bytes(), field.value)).collect();
        assert_eq!(fields, head.fields);
    }
}
