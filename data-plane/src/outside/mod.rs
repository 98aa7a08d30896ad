//! How the gateway itself asks a server that is nobody's upstream: an issuer of tokens, or whoever rules who
//! may call.
//!
//! One question, one answer: no redirect is followed, since credentials go along; nothing is read beyond a
//! bound, nothing takes longer than the caller says; no proxy of the environment comes in between.
//! Connections are kept for the next question, by the thread that made them.

mod trust;

#[cfg(test)]
pub(crate) mod tests;

use std::{error::Error, fmt, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use tokio::time::timeout;

pub(crate) use trust::Trust;

/// The largest head of an answer in bytes, up to what one more read may bring.
const MAX_HEAD: usize = 64 * 1024;
const MAX_FIELDS: usize = 128;
/// Connections to one server that are kept for the next questions, and for how long.
const MAX_IDLE: usize = 32;
const IDLE: Duration = Duration::from_secs(30);

/// A way to servers outside.
#[derive(Debug, Clone)]
pub(crate) struct Outside {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// What an answer may take up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// From the question to the last byte.
    pub patience: Duration,
    /// Of its content, in bytes.
    pub content: usize,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Silence {
    /// The server cannot be reached, or is not who it should be.
    #[error("it cannot be reached: {0}")]
    Unreachable(Causes),
    /// The connection broke, or what came is no HTTP.
    #[error("it does not answer: {0}")]
    Broken(Causes),
    /// It took too long.
    #[error("it does not answer in time")]
    Late,
    /// Its answer is too large.
    #[error("its answer is too large")]
    TooLarge,
}

/// An error with all that it came from: the last of them says what to do about it.
#[derive(Debug)]
pub(crate) struct Causes(Box<dyn Error + Send + Sync>);

impl fmt::Display for Causes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl Outside {
    /// A way with connections of its own. They belong to the runtime that asks first.
    pub(crate) fn new(trust: &Trust) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(trust.tls())
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(MAX_IDLE)
            .http1_max_buf_size(MAX_HEAD)
            .http1_max_headers(MAX_FIELDS)
            .build(connector);
        Self { client }
    }

    /// Asks, whatever the status of the answer is. The question has to be one that may be asked twice.
    pub(crate) async fn ask(&self, question: Request<Full<Bytes>>, bounds: Bounds) -> Result<Response<Bytes>, Silence> {
        timeout(bounds.patience, self.converse(question, bounds.content)).await.map_err(|_| Silence::Late)?
    }

    async fn converse(&self, question: Request<Full<Bytes>>, max: usize) -> Result<Response<Bytes>, Silence> {
        let again = question.clone();
        let answer = match self.client.request(question).await {
            // A connection that was kept may have ended just when it was used.
            Err(err) if !err.is_connect() && is_cut(&err) => self.client.request(again).await,
            answer => answer,
        };
        let answer = answer.map_err(|err| {
            let is_connect = err.is_connect();
            let causes = Causes(err.into());
            if is_connect { Silence::Unreachable(causes) } else { Silence::Broken(causes) }
        })?;
        let (head, body) = answer.into_parts();
        Ok(Response::from_parts(head, read(body, max).await?))
    }
}

/// Whether the connection ended before there was an answer.
fn is_cut(err: &hyper_util::client::legacy::Error) -> bool {
    let cause = err.source().and_then(|cause| cause.downcast_ref::<hyper::Error>());
    cause.is_some_and(|err| err.is_incomplete_message() || err.is_canceled() || err.is_closed())
}

async fn read(body: Incoming, max: usize) -> Result<Bytes, Silence> {
    // One that says that it is too large need not be waited for.
    if body.size_hint().lower() > max as u64 {
        return Err(Silence::TooLarge);
    }
    match Limited::new(body, max).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(err) if err.is::<LengthLimitError>() => Err(Silence::TooLarge),
        Err(err) => Err(Silence::Broken(Causes(err))),
    }
}

/// A URL as it may be shown: without what may be a secret in it.
pub(crate) fn shown(url: &http::Uri) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}{}", url.scheme_str().unwrap_or_default(), url.host().unwrap_or_default(), url.path())
}
