//! Whatever another server makes of a request.
//!
//! It is asked by a GET that has no content and tells in `X-Forwarded-*` what the client asks for. A 2xx lets
//! the request pass, with who it is of and what its endpoint is to be told; any other answer is the client's.

use std::sync::Arc;

use bytes::Bytes;
use gateway_routing::route::{ForwardAuth, Scheme, TimeoutOverrides};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Full;
use tokio::time::{Instant, timeout_at};
use tracing::warn;

use super::{
    claimed::{is_name, sorted},
    remote::{Event, WorkerRemote},
    subject::Subject,
};
use crate::{
    error::ProxyError,
    http1::field::{Name, elements},
    outside::{Bounds, Silence, shown},
    proxy::{
        exchange::Exchange,
        headers::write_field,
        identity::{ClientAddress, RequestId},
        parse::{ParsedRequest, Target},
        reply,
        respond::own_head,
    },
    worker::Worker,
};

/// The largest content of an answer in bytes.
const MAX_CONTENT: usize = 64 * 1024;
const FORWARDED: [HeaderName; 5] = [
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-method"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-forwarded-uri"),
];
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A request as its server is asked about it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'r> {
    pub request: &'r ParsedRequest,
    /// Its head.
    pub head: &'r [u8],
    pub client: &'r ClientAddress,
    /// By which the client came.
    pub scheme: Scheme,
    pub id: &'r RequestId,
}

/// What was ruled.
#[derive(Debug)]
pub(crate) enum Ruling {
    /// The request may go on.
    Passes {
        /// Whose it is, as far as the server says.
        subject: Arc<Subject>,
        /// Fields of the names in the policy's `response_headers`, for the endpoint. The client's of all of these
        /// names are to be removed, even of those that are not here.
        fields: Vec<(HeaderName, HeaderValue)>,
    },
    /// This is for the client.
    Answered(Box<Answer>),
    /// There is none.
    Unknown,
}

/// An answer for the client.
#[derive(Debug)]
pub(crate) struct Answer {
    status: StatusCode,
    fields: Vec<(HeaderName, HeaderValue)>,
    content: Bytes,
}

/// Why nothing was ruled.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("{0}")]
    Silent(#[from] Silence),
    #[error("it answers with {0}")]
    Status(StatusCode),
    #[error("it names the consumer or the groups in a way that cannot be understood")]
    Identity,
    #[error("it cannot be asked: {0}")]
    Request(#[from] http::Error),
}

/// Asks the policy's server. May be given up at any moment.
pub(crate) async fn ask(remote: &WorkerRemote, policy: &Arc<ForwardAuth>, asked: Asked<'_>) -> Ruling {
    let Some(queue) = remote.forward(policy) else { return Ruling::Unknown };
    let deadline = Instant::now() + policy.timeout;
    let client = asked.client.ip();
    let question = question(policy, asked);
    let converse = async {
        let bounds = Bounds { patience: policy.timeout, content: MAX_CONTENT };
        Ok(remote.outside().ask(question?, bounds).await?)
    };
    let answer = timeout_at(deadline, queue.ask(client, converse)).await.unwrap_or(Err(Failed::Silent(Silence::Late)));
    let (event, ruling) = match answer.and_then(|answer| rule(policy, answer)) {
        Ok(ruling @ Ruling::Passes { .. }) => (Event::ForwardPassed, ruling),
        Ok(ruling) => (Event::ForwardAnswered, ruling),
        Err(failed) => {
            if queue.may_warn() {
                warn!(server = %shown(&policy.url), reason = %failed, "it cannot be ruled who may call");
            }
            (Event::ForwardFailed, Ruling::Unknown)
        }
    };
    remote.count(event);
    ruling
}

fn question(policy: &ForwardAuth, asked: Asked<'_>) -> Result<Request<Full<Bytes>>, http::Error> {
    let Asked { request, head, client, scheme: by, id } = asked;
    let mut question = Request::get(policy.url.clone()).body(Full::default())?;
    let fields = question.headers_mut();
    for name in policy.request_headers.iter().filter(|name| may_be_asked_with(name)) {
        for field in request.head.fields.iter().filter(|field| field.is_named(head, name.as_str())) {
            let mut value = HeaderValue::from_bytes(field.value(head))?;
            value.set_sensitive(true);
            fields.append(name.clone(), value);
        }
    }
    let uri = match &request.target {
        Target::Origin(at) => head[at.clone()].to_vec(),
        Target::Root(query) => [b"/", &head[query.clone()]].concat(),
        Target::Asterisk => b"*".to_vec(),
    };
    let [of_client, host, method, scheme, target] = FORWARDED;
    // The one address that is believed, and not what the client says of others in front of it.
    if client.known().is_some() {
        fields.insert(of_client, HeaderValue::from_bytes(client.plain())?);
    }
    fields.insert(host, HeaderValue::from_bytes(&head[request.authority.clone()])?);
    fields.insert(method, HeaderValue::from_str(request.head.method.as_str())?);
    fields.insert(
        scheme,
        HeaderValue::from_static(match by {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }),
    );
    fields.insert(target, HeaderValue::from_bytes(&uri)?);
    fields.insert(REQUEST_ID, HeaderValue::from_bytes(id.as_bytes())?);
    Ok(question)
}

/// Whether a client's field can be a part of the question: it neither frames it nor says whom it is for, and
/// it is not what the gateway says by itself.
fn may_be_asked_with(name: &HeaderName) -> bool {
    let known = Name::of(name.as_str().as_bytes());
    !known.is_hop_by_hop()
        && !matches!(known, Name::Host | Name::ContentLength | Name::Expect | Name::Trailer)
        && !FORWARDED.contains(name)
        && *name != REQUEST_ID
}

fn rule(policy: &ForwardAuth, answer: Response<Bytes>) -> Result<Ruling, Failed> {
    let (head, content) = answer.into_parts();
    if head.status.is_success() {
        let subject = Arc::new(subject(policy, &head.headers)?);
        let values =
            |name| head.headers.get_all(name).iter().map(move |value| (HeaderName::clone(name), value.clone()));
        return Ok(Ruling::Passes { subject, fields: policy.response_headers.iter().flat_map(values).collect() });
    }
    if !(300..600).contains(&head.status.as_u16()) {
        return Err(Failed::Status(head.status));
    }
    let nominated: Vec<_> = head.headers.get_all(header::CONNECTION).iter().map(HeaderValue::as_bytes).collect();
    let is_nominated = |name: &HeaderName| {
        let mut names = nominated.iter().flat_map(|value| elements(value));
        names.any(|nominated| nominated.eq_ignore_ascii_case(name.as_str().as_bytes()))
    };
    let fields = head.headers.iter().filter(|(name, _)| may_be_passed_on(name) && !is_nominated(name));
    let fields = fields.map(|(name, value)| (name.clone(), value.clone())).collect();
    Ok(Ruling::Answered(Box::new(Answer { status: head.status, fields, content })))
}

fn subject(policy: &ForwardAuth, fields: &HeaderMap) -> Result<Subject, Failed> {
    let text = |value: &HeaderValue| str::from_utf8(value.as_bytes()).map(str::to_owned).map_err(|_| Failed::Identity);
    let values = |name: &Option<HeaderName>| {
        let values = name.iter().flat_map(|name| fields.get_all(name)).map(text);
        values.collect::<Result<Vec<_>, _>>()
    };
    // Who cannot be told apart must not become nobody, whom a rule that denies would let pass.
    let consumer = match &*values(&policy.consumer_header)? {
        [] => None,
        [name] if name.is_empty() => None,
        [name] if is_name(name) => Some(Arc::from(&**name)),
        [..] => return Err(Failed::Identity),
    };
    let groups = values(&policy.groups_header)?;
    let names = groups.iter().flat_map(|value| value.split(',')).map(str::trim).filter(|name| !name.is_empty());
    Ok(Subject { consumer, groups: sorted(names).ok_or(Failed::Identity)?, claims: None })
}

/// Whether a field of its answer can be the client's: it is about this answer and not about a hop, and it is
/// not what the gateway says by itself.
fn may_be_passed_on(name: &HeaderName) -> bool {
    // RFC 7838: whoever is named there would be in the gateway's place.
    const OURS: [HeaderName; 2] = [REQUEST_ID, header::ALT_SVC];
    let known = Name::of(name.as_str().as_bytes());
    !known.is_hop_by_hop()
        && !matches!(known, Name::ContentLength | Name::Date | Name::Trailer | Name::Via)
        && !name.as_str().starts_with("access-control-")
        && !OURS.contains(name)
}

/// Gives the client what it was answered.
pub(crate) async fn deliver(worker: &Worker, answer: &Answer, exchange: &mut Exchange<'_>) -> Result<(), ProxyError> {
    let Answer { status, fields, content } = answer;
    exchange.consume_head();
    let mut out = own_head(worker, exchange, *status);
    for (name, value) in fields {
        write_field(&mut out, name.as_str(), value.as_bytes());
    }
    // RFC 9110 section 8.6: with 304 it would be the length of what a 200 has.
    let has_content = *status != StatusCode::NOT_MODIFIED;
    if has_content {
        write_field(&mut out, "Content-Length", content.len().to_string().as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    let content = if has_content { &**content } else { b"" };
    reply::deliver(worker, TimeoutOverrides::default(), exchange, out, content).await
}
