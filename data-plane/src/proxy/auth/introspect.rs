//! Tokens that their issuer is asked about (RFC 7662).
//!
//! For one token one question is under way, whoever else waits for the answer, on whichever worker. What was
//! answered is kept by the SHA-256 of policy and token.

use std::{net::IpAddr, sync::Arc, time::Duration};

use aws_lc_rs::digest::{Context, SHA256};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use gateway_auth::{
    Json,
    jwt::{Claims, MAX_TOKEN},
};
use gateway_caching::Time;
use gateway_routing::route::{AuthClaim, Introspection};
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Full;
use tokio::{
    task::spawn_blocking,
    time::{Instant, timeout_at},
};
use tracing::warn;

use super::{
    jwt::identity,
    remote::{Event, Queue, WorkerRemote},
    subject::{Shown, Subject},
    verdicts::{Answered, Opaque, PolicyId, Said},
};
use crate::{
    outside::{Bounds, Silence, shown},
    secrets::SecretError,
};

/// The largest answer in bytes.
const MAX_ANSWER: usize = 64 * 1024;
/// The longest secret in bytes.
const MAX_SECRET: usize = 4096;
/// How long it is remembered at the most that a token is nobody's: it may become somebody's.
const INACTIVE: Duration = Duration::from_secs(5);

/// A policy as it is gone by.
#[derive(Debug)]
pub(super) struct Prepared {
    id: PolicyId,
    queue: Queue,
}

impl Prepared {
    pub(super) fn new(policy: &Introspection) -> Self {
        Self { id: identity(policy), queue: Queue::default() }
    }
}

/// Why nothing is known of a token.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("its client secret: {0}")]
    Secret(#[from] SecretError),
    #[error("{0}")]
    Silent(#[from] Silence),
    #[error("it answers with {0}")]
    Status(StatusCode),
    #[error("its answer is no JSON object that says whether the token is active")]
    Answer,
    #[error("it cannot be asked: {0}")]
    Request(#[from] http::Error),
    #[error("the gateway is ending")]
    Ending,
}

/// Whose token this is, which this client brings; the time may be asked again later. May be given up at any moment.
pub(crate) async fn check(
    remote: &WorkerRemote,
    policy: &Arc<Introspection>,
    (client, token): (IpAddr, &[u8]),
    now: impl Fn() -> Time,
) -> Shown {
    if token.len() > MAX_TOKEN {
        return Shown::Refused;
    }
    let Some(prepared) = remote.introspection(policy) else { return Shown::Unknown };
    let key = key(&prepared.id, token);
    let (began, deadline) = (Instant::now(), Instant::now() + policy.timeout);
    let said = loop {
        let waiting = remote.introspected().0.get_value_or_guard_async(&key);
        match timeout_at(deadline, waiting).await {
            Err(_) => break Said::Nothing,
            Ok(Ok(answered)) if now().millis() < answered.until || answered.at >= began => break answered.said,
            Ok(Ok(old)) => drop(remote.introspected().0.remove_if(&key, |there| there.at == old.at)),
            Ok(Err(first)) => {
                let answered = ask(remote, policy, &prepared, (client, token), deadline, &now).await;
                // It is let go of at once where it does not fit.
                let _ = first.insert(answered.clone());
                break answered.said;
            }
        }
    };
    match said {
        Said::Active(subject) => Shown::Accepted(subject),
        Said::Inactive => Shown::Refused,
        Said::Nothing => Shown::Unknown,
    }
}

fn key(policy: &PolicyId, token: &[u8]) -> Opaque {
    let mut context = Context::new(&SHA256);
    context.update(policy);
    context.update(token);
    let mut key = Opaque::default();
    key.copy_from_slice(context.finish().as_ref());
    key
}

async fn ask(
    remote: &WorkerRemote,
    policy: &Introspection,
    prepared: &Prepared,
    (client, token): (IpAddr, &[u8]),
    deadline: Instant,
    now: &impl Fn() -> Time,
) -> Answered {
    let converse = converse(remote, policy, token, deadline);
    let answer =
        timeout_at(deadline, prepared.queue.ask(client, converse)).await.unwrap_or(Err(Failed::Silent(Silence::Late)));
    let now = now();
    let read = answer.and_then(|answer| read(policy, &answer, now));
    let (event, said, until) = match read {
        Ok((Said::Active(subject), until)) => (Event::IntrospectionActive, Said::Active(subject), until),
        Ok((said, until)) => (Event::IntrospectionInactive, said, until),
        Err(failed) => {
            if prepared.queue.may_warn() {
                warn!(server = %shown(&policy.url), reason = %failed, "a token cannot be introspected");
            }
            // Only for those who wait for it now.
            (Event::IntrospectionFailed, Said::Nothing, now)
        }
    };
    remote.count(event);
    Answered { said, at: Instant::now(), until: until.millis() }
}

async fn converse(
    remote: &WorkerRemote,
    policy: &Introspection,
    token: &[u8],
    deadline: Instant,
) -> Result<Response<Bytes>, Failed> {
    let (secrets, file) = (remote.secrets().clone(), policy.client_secret_file.clone());
    // Read for each question, so that a new one is taken up at once.
    let secret = spawn_blocking(move || secrets.read(&file, MAX_SECRET)).await.map_err(|_| Failed::Ending)??;
    let patience = deadline.saturating_duration_since(Instant::now());
    let question = question(policy, token, line(&secret))?;
    Ok(remote.outside().ask(question, Bounds { patience, content: MAX_ANSWER }).await?)
}

/// A file ends with a line's end, which is no part of a secret.
fn line(secret: &[u8]) -> &[u8] {
    let secret = secret.strip_suffix(b"\n").unwrap_or(secret);
    secret.strip_suffix(b"\r").unwrap_or(secret)
}

/// RFC 7662 section 2.1, by a client that shows its secret as RFC 6749 section 2.3.1 has it.
fn question(policy: &Introspection, token: &[u8], secret: &[u8]) -> Result<Request<Full<Bytes>>, http::Error> {
    let mut credentials = form(policy.client_id.as_bytes());
    credentials.push(':');
    credentials.push_str(&form(secret));
    let mut authorization = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(credentials)))?;
    authorization.set_sensitive(true);
    Request::post(policy.url.clone())
        .header(header::AUTHORIZATION, authorization)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::ACCEPT, "application/json")
        .body(format!("token={}&token_type_hint=access_token", form(token)).into())
}

/// As in application/x-www-form-urlencoded.
fn form(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'*' => text.push(char::from(*byte)),
            byte => {
                text.push('%');
                for digit in [byte >> 4, byte & 15] {
                    text.push(char::from(b"0123456789ABCDEF"[usize::from(digit)]));
                }
            }
        }
    }
    text
}

/// RFC 7662 section 2.2: what was said, and until when it is kept.
fn read(policy: &Introspection, answer: &Response<Bytes>, now: Time) -> Result<(Said, Time), Failed> {
    if answer.status() != StatusCode::OK {
        return Err(Failed::Status(answer.status()));
    }
    let all = Json::parse(answer.body()).map_err(|_| Failed::Answer)?;
    let kept = now.plus(policy.cache_ttl);
    let inactive = (Said::Inactive, kept.min(now.plus(INACTIVE)));
    match all.get("active") {
        Some(Json::Bool(true)) => {}
        Some(Json::Bool(false)) => return Ok(inactive),
        Some(_) | None => return Err(Failed::Answer),
    }
    let expires = all.get("exp").map(|claim| claim.as_seconds().ok_or(Failed::Answer)).transpose()?;
    let is_over = expires.is_some_and(|at| now.seconds() >= at);
    let claims = Claims { all, expires };
    if is_over || !policy.required_claims.iter().all(|AuthClaim { name, value }| claims.says(name, value.as_deref())) {
        return Ok(inactive);
    }
    let until = expires.map_or(kept, |at| kept.min(Time::from_seconds(at)));
    let subject = Subject::claimed(claims, &policy.claims);
    Ok(subject.map_or(inactive, |subject| (Said::Active(Arc::new(subject)), until)))
}
