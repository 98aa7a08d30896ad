//! The fields of a message as it crosses the gateway: what belongs to one hop goes, what an
//! intermediary owes is added (RFC 9110 section 7.6), everything else stays byte for byte.

use gateway_caching::status::CacheStatus;
use http::StatusCode;

use super::{
    edits::{FieldEdits, RequestEdits},
    identity::{ClientAddress, RequestId},
    limit::Held,
    parse::ParsedRequest,
    variant::Variant,
};
use crate::http1::{
    field::{Name, elements},
    framing::Framing,
    head::{Field, Fields, ResponseHead, Version},
};

/// How a response's body is framed for the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClientFraming {
    /// As its fields say already, or without a body.
    AsDeclared,
    /// In chunks.
    Chunked,
    /// By the connection's end.
    UntilClose,
}

/// What becomes of the client's connection after the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Persistence {
    /// It stays, as it does without a word in HTTP/1.1.
    Stays,
    /// It stays, and HTTP/1.0 needs to be told.
    StaysSaid,
    /// It ends.
    Closes,
}

/// How a response is passed on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Onward<'a> {
    pub framing: ClientFraming,
    pub persistence: Persistence,
    pub id: &'a RequestId,
    /// For a response that has none.
    pub date: &'a str,
    pub fields: FieldEdits<'a>,
    pub variant: Variant<'a>,
    /// What it holds of the rate limits in force.
    pub limits: Option<&'a Held<'a>>,
    /// How a cache has handled the request, where there is one.
    pub cache: Option<CacheStatus>,
}

/// Which of a request's fields go on as they came.
pub(crate) struct Passing<'b> {
    nominated: Nominated<'b>,
    fields: FieldEdits<'b>,
    is_http10: bool,
    counts_hops: bool,
}

impl<'b> Passing<'b> {
    /// Of the request with this head.
    pub(crate) fn of(request: &ParsedRequest, head: &'b [u8], fields: FieldEdits<'b>) -> Self {
        Self {
            nominated: Nominated::of(&request.head.fields, head, request.options.nominates),
            fields,
            is_http10: request.head.version == Version::Http10,
            counts_hops: request.max_forwards.is_some(),
        }
    }

    /// Whether this one does.
    pub(crate) fn has(&self, field: &Field, head: &[u8]) -> bool {
        match field.name {
            Name::Host
            | Name::Via
            | Name::Forwarded
            | Name::XForwardedFor
            | Name::XForwardedHost
            | Name::XForwardedProto
            | Name::XRequestId
            | Name::Lookalike => false,
            Name::MaxForwards => !self.counts_hops,
            // RFC 9110 section 10.1.1: in HTTP/1.0 it is ignored, and in HTTP/1.1 it would not be.
            Name::Expect => !self.is_http10,
            name => !name.is_hop_by_hop() && !self.nominated.names(field, head) && !self.fields.drop_field(field, head),
        }
    }
}

/// Writes the request's head as the upstream gets it, with the lines that tell who calls.
pub(crate) fn write_request(
    out: &mut Vec<u8>,
    head: &[u8],
    request: &ParsedRequest,
    client: &ClientAddress,
    id: &RequestId,
    edits: &RequestEdits<'_>,
    identity: &[u8],
) {
    let fields = &request.head.fields;
    out.extend_from_slice(request.head.method.as_str().as_bytes());
    out.push(b' ');
    edits.write_target(out, request, head);
    out.extend_from_slice(b" HTTP/1.1\r\n");

    // The Host field stands first, and says what was routed by (RFC 9112 section 3.2), unless the route
    // says otherwise.
    let authority = &head[request.authority.clone()];
    write_field(out, "Host", edits.host.map_or(authority, str::as_bytes));
    let passing = Passing::of(request, head, edits.fields);
    copy_fields(out, head, fields, |field| passing.has(field, head) && !edits.replace(field, head));
    edits.write_conditions(out);
    edits.fields.write(out);
    out.extend_from_slice(identity);

    write_list(out, "Via", fields.values(head, Name::Via));
    out.extend_from_slice(via(request.head.version));
    write_list(out, "X-Forwarded-For", fields.values(head, Name::XForwardedFor));
    out.extend_from_slice(client.plain());
    out.extend_from_slice(b"\r\n");
    // What is answered may be for others, too: nobody but the gateway says for which host.
    let forwarded = fields.values(head, Name::Forwarded).filter(|value| edits.asking.is_none() && is_closed(value));
    write_list(out, "Forwarded", forwarded);
    out.extend_from_slice(b"for=");
    client.write_node(out);
    out.extend_from_slice(b";host=\"");
    out.extend_from_slice(authority);
    out.extend_from_slice(b"\";proto=http\r\n");
    write_field(out, "X-Forwarded-Host", authority);
    // Of the gateway's own hop, as in Forwarded, whatever came: the caches' keys have no other either.
    write_field(out, "X-Forwarded-Proto", b"http");
    write_field(out, "X-Request-Id", id.as_bytes());
    if let Some(hops) = request.max_forwards {
        write_field(out, "Max-Forwards", hops.saturating_sub(1).to_string().as_bytes());
    }
    // RFC 9110 section 10.1.4: the gateway passes trailers on, so it may say what the client says.
    if accepts_trailers(fields, head) {
        out.extend_from_slice(b"TE: trailers\r\nConnection: TE");
        out.extend_from_slice(if request.upgrade.is_some() { b", upgrade\r\n" } else { b"\r\n" });
    } else if request.upgrade.is_some() {
        out.extend_from_slice(b"Connection: upgrade\r\n");
    }
    if let Some(protocol) = &request.upgrade {
        write_field(out, "Upgrade", &head[protocol.clone()]);
    }
    if request.framing == Framing::Chunked {
        write_field(out, "Transfer-Encoding", b"chunked");
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes a response's head as the client gets it.
pub(crate) fn write_response(out: &mut Vec<u8>, head: &[u8], response: &ResponseHead, onward: Onward<'_>) {
    let Onward { framing, persistence, id, date, fields: edits, variant, limits, cache } = onward;
    write_status(out, head, response);
    let fields = &response.fields;
    let has_date = copy_response_fields(out, head, response, edits, variant);
    edits.write_beside(variant.cors, out);
    variant.write(out, fields, head, edits);
    if let Some(limits) = limits {
        limits.write(out);
    }
    if let Some(status) = cache {
        // RFC 9211 section 2: behind those of caches that are closer to the origin.
        edits.write_own(out, "Cache-Status", status.to_string().as_bytes());
    }
    if !has_date {
        // RFC 9110 section 6.6.1: who passes a response on without one adds it.
        write_field(out, "Date", date.as_bytes());
    }
    write_list(out, "Via", fields.values(head, Name::Via));
    out.extend_from_slice(via(response.version));
    write_field(out, "X-Request-Id", id.as_bytes());
    if framing == ClientFraming::Chunked {
        write_field(out, "Transfer-Encoding", b"chunked");
    }
    write_persistence(out, persistence);
    out.extend_from_slice(b"\r\n");
}

/// Writes an interim response (RFC 9110 section 15.2) as the client gets it.
pub(crate) fn write_interim(out: &mut Vec<u8>, head: &[u8], response: &ResponseHead) {
    write_status(out, head, response);
    copy_response_fields(out, head, response, FieldEdits::default(), Variant::default());
    out.extend_from_slice(b"\r\n");
}

/// Writes the answer that turns the connection into a tunnel, with the protocol it agrees on.
pub(crate) fn write_switch(
    out: &mut Vec<u8>,
    head: &[u8],
    response: &ResponseHead,
    id: &RequestId,
    edits: FieldEdits<'_>,
    limits: &Held<'_>,
) {
    write_status(out, head, response);
    copy_response_fields(out, head, response, edits, Variant::default());
    edits.write(out);
    limits.write(out);
    for protocol in response.fields.values(head, Name::Upgrade) {
        write_field(out, "Upgrade", protocol);
    }
    write_field(out, "X-Request-Id", id.as_bytes());
    out.extend_from_slice(b"Connection: upgrade\r\n\r\n");
}

/// Writes the fields of a trailer section that may stand there, and that are `wanted`, without the
/// empty line.
pub(crate) fn write_trailers(out: &mut Vec<u8>, lines: &[u8], fields: &Fields, wanted: impl Fn(&Field) -> bool) {
    copy_fields(out, lines, fields, |field| !field.name.is_forbidden_in_trailers() && wanted(field));
}

pub(crate) fn write_persistence(out: &mut Vec<u8>, persistence: Persistence) {
    out.extend_from_slice(match persistence {
        Persistence::Stays => b"",
        Persistence::StaysSaid => b"Connection: keep-alive\r\n",
        Persistence::Closes => b"Connection: close\r\n",
    });
}

pub(crate) fn write_field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

fn write_status(out: &mut Vec<u8>, head: &[u8], response: &ResponseHead) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(response.status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(&head[response.reason.clone()]);
    out.extend_from_slice(b"\r\n");
}

/// Copies what is end to end, and tells whether a Date was among it.
fn copy_response_fields(
    out: &mut Vec<u8>,
    head: &[u8],
    response: &ResponseHead,
    edits: FieldEdits<'_>,
    variant: Variant<'_>,
) -> bool {
    let fields = &response.fields;
    let nominates = fields.iter().any(|field| field.name == Name::Connection);
    let nominated = Nominated::of(fields, head, nominates);
    let mut has_date = false;
    copy_fields(out, head, fields, |field| {
        has_date |= field.name == Name::Date;
        match field.name {
            _ if variant.replaces(field, head) => false,
            Name::Via | Name::XRequestId => false,
            // RFC 9110 section 8.6: not even a zero.
            Name::ContentLength => !response.status.is_informational() && response.status != StatusCode::NO_CONTENT,
            name => !name.is_hop_by_hop() && !nominated.names(field, head) && !edits.drop_field(field, head),
        }
    });
    has_date
}

/// Copies the lines that `keep` keeps; lines that follow one another are copied as one.
fn copy_fields(out: &mut Vec<u8>, head: &[u8], fields: &Fields, mut keep: impl FnMut(&Field) -> bool) {
    let mut run = 0..0;
    for field in fields.iter() {
        if !keep(field) {
            continue;
        }
        let line = field.line();
        if line.start == run.end {
            run.end = line.end;
        } else {
            out.extend_from_slice(&head[run]);
            run = line;
        }
    }
    out.extend_from_slice(&head[run]);
}

/// Begins a list field with the elements that are there already; one more is to follow.
fn write_list<'b>(out: &mut Vec<u8>, name: &str, values: impl Iterator<Item = &'b [u8]>) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    for value in values.filter(|value| !value.is_empty()) {
        out.extend_from_slice(value);
        out.extend_from_slice(b", ");
    }
}

/// Whether every quoted string in it ends: an element appended to one that does not would be a part
/// of it, and the client's address its invention.
fn is_closed(value: &[u8]) -> bool {
    let (mut quoted, mut escaped) = (false, false);
    for byte in value {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ => {}
        }
    }
    !quoted
}

/// RFC 9110 section 7.6.3: the version in which the message came, and who received it. Ends the
/// line.
fn via(received: Version) -> &'static [u8] {
    match received {
        Version::Http10 => b"1.0 gateway\r\n",
        Version::Http11 => b"1.1 gateway\r\n",
    }
}

fn accepts_trailers(fields: &Fields, head: &[u8]) -> bool {
    fields.values(head, Name::Te).flat_map(elements).any(|coding| coding.eq_ignore_ascii_case(b"trailers"))
}

/// What `Connection` names beside its own options (RFC 9110 section 7.6.1).
struct Nominated<'b>(Vec<&'b [u8]>);

impl<'b> Nominated<'b> {
    fn of(fields: &Fields, head: &'b [u8], nominates: bool) -> Self {
        // Hardly any message names something, and then there is nothing to allocate.
        if !nominates {
            return Self(Vec::new());
        }
        Self(fields.values(head, Name::Connection).flat_map(elements).collect())
    }

    fn names(&self, field: &Field, head: &[u8]) -> bool {
        !self.0.is_empty()
            && field.name.may_be_nominated()
            && self.0.iter().any(|name| name.eq_ignore_ascii_case(field.name_bytes(head)))
    }
}
