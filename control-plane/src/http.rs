//! What operators' machines ask of the control plane: is it alive, is it ready, what does it count.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::StreamExt;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
};
use tokio_util::sync::CancellationToken;

use crate::{listener::accept, metrics, observed::Observed};

/// How long a client may take for the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections that are served at once; more wait.
const MAX_CONNECTIONS: usize = 256;

/// What the listener answers from.
#[derive(Debug)]
pub(crate) struct Http {
    /// Nothing before the store is loaded and the first snapshot is published.
    pub(crate) observed: watch::Receiver<Option<Observed>>,
    /// Cancelled when the control plane stops.
    pub(crate) draining: CancellationToken,
}

/// Serves until `end`, which comes after the last request of a drain.
pub(crate) async fn serve(http: Http, listener: TcpListener, end: CancellationToken) {
    let http = Arc::new(http);
    let connections = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut incoming = std::pin::pin!(accept(listener));
    loop {
        let Ok(permit) = Arc::clone(&connections).acquire_owned().await else { return };
        let stream = tokio::select! {
            () = end.cancelled() => return,
            Some(stream) = incoming.next() => stream,
        };
        let (http, end) = (Arc::clone(&http), end.clone());
        tokio::spawn(async move {
            // A client that breaks off concerns nobody.
            tokio::select! { () = connection(&http, stream) => {}, () = end.cancelled() => {} }
            drop(permit);
        });
    }
}

async fn connection(http: &Http, stream: TcpStream) {
    let service = service_fn(|request| {
        let response = http.answer(&request);
        async move { Ok::<_, Infallible>(response) }
    });
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

impl Http {
    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path();
        if !["/healthz", "/readyz", "/metrics"].contains(&path) {
            return json(StatusCode::NOT_FOUND, &json!({"error": "try /healthz, /readyz or /metrics"}));
        }
        if request.method() != Method::GET && request.method() != Method::HEAD {
            return json(StatusCode::METHOD_NOT_ALLOWED, &json!({"error": "use GET"}));
        }
        match path {
            "/healthz" => json(StatusCode::OK, &json!({"status": "alive"})),
            "/readyz" => self.readyz(),
            _ => self.metrics(),
        }
    }

    fn readyz(&self) -> Response<Full<Bytes>> {
        let unavailable = |status| json(StatusCode::SERVICE_UNAVAILABLE, &json!({ "status": status }));
        if self.draining.is_cancelled() {
            return unavailable("draining");
        }
        let Some(observed) = self.observed.borrow().clone() else { return unavailable("the store is being loaded") };
        if let Some(error) = observed.store_failure.borrow().as_ref() {
            let body = json!({"status": "the store takes no more changes", "error": error.to_string()});
            return json(StatusCode::SERVICE_UNAVAILABLE, &body);
        }
        let snapshot = observed.published.borrow().clone();
        let body = json!({
            "status": "ready",
            "revision": snapshot.revision.0,
            "version": snapshot.version.to_string(),
            "cluster_id": &*snapshot.cluster_id,
        });
        json(StatusCode::OK, &body)
    }

    fn metrics(&self) -> Response<Full<Bytes>> {
        // Before the store is loaded there is nothing to count.
        let totals = self.observed.borrow().as_ref().map(Observed::totals);
        let text = totals.map_or_else(|| "# EOF\n".to_owned(), metrics::render);
        response(StatusCode::OK, "application/openmetrics-text; version=1.0.0; charset=utf-8", text.into())
    }
}

fn json(status: StatusCode, body: &serde_json::Value) -> Response<Full<Bytes>> {
    response(status, "application/json", format!("{body:#}\n").into())
}

fn response(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
