//! What operators ask of one data plane: is it alive, is it ready, what does it count, what does it
//! serve.

pub(crate) mod metrics;

use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use gateway_cache_disk::Disk;
use gateway_cache_store::Store;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::{net::TcpListener, sync::watch, task::spawn_blocking, time::sleep};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{
    discovery::Status,
    limiter::Limiter,
    proxy::{auth::remote::Remote, cache::Entry},
    telemetry::access_log::Losses,
    worker::stats::{Totals, WorkerStats},
};

/// How long a client of the admin listener may take for a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// What the admin listener answers from.
#[derive(Debug)]
pub(crate) struct Admin {
    /// One of each worker.
    pub workers: Vec<Arc<WorkerStats>>,
    /// The counters of rate limits.
    pub limiter: Arc<Limiter>,
    /// What tells who calls, beside the table.
    pub remote: Arc<Remote>,
    /// What the access log's writer could not write.
    pub log: Arc<Losses>,
    /// The stored responses.
    pub cache: Store<Entry>,
    /// Where they are kept, too.
    pub disk: Option<Disk<Entry>>,
    /// What the data plane serves, and from where it has it.
    pub discovery: watch::Receiver<Status>,
    /// Cancelled when this data plane takes no more clients.
    pub draining: CancellationToken,
}

/// Serves until `shutdown`, which comes after the last request of a drain.
pub(crate) async fn serve(admin: Arc<Admin>, listener: TcpListener, shutdown: CancellationToken) {
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(err) => {
                    warn!(error = %err, "admin listener: cannot accept a connection");
                    sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
            () = shutdown.cancelled() => return,
        };
        let admin = Arc::clone(&admin);
        let shutdown = shutdown.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let admin = Arc::clone(&admin);
                async move { Ok::<_, Infallible>(admin.answer(&request).await) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT)
                .serve_connection(TokioIo::new(stream), service);
            // A client of the admin listener that breaks off concerns nobody.
            tokio::select! { _ = connection => {}, () = shutdown.cancelled() => {} }
        });
    }
}

impl Admin {
    async fn answer(self: Arc<Self>, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path();
        if !["/healthz", "/readyz", "/metrics", "/config"].contains(&path) {
            return json_response(
                StatusCode::NOT_FOUND,
                &json!({"error": "try /healthz, /readyz, /metrics or /config"}),
            );
        }
        if request.method() != Method::GET && request.method() != Method::HEAD {
            return json_response(StatusCode::METHOD_NOT_ALLOWED, &json!({"error": "use GET"}));
        }
        match path {
            "/healthz" => json_response(StatusCode::OK, &json!({"status": "alive"})),
            "/readyz" => self.readyz(),
            "/config" => {
                let table = Arc::clone(&self.discovery.borrow().table);
                json_response(StatusCode::OK, &table.view())
            }
            _ => self.metrics().await,
        }
    }

    fn readyz(&self) -> Response<Full<Bytes>> {
        if self.draining.is_cancelled() {
            return json_response(StatusCode::SERVICE_UNAVAILABLE, &json!({"status": "draining"}));
        }
        let status = self.discovery.borrow();
        let Some(stamp) = status.table.stamp() else {
            return json_response(StatusCode::SERVICE_UNAVAILABLE, &json!({"status": "no table yet"}));
        };
        let body = json!({
            "status": "ready",
            "revision": stamp.revision,
            "version": stamp.version.to_string(),
            "source": status.source.as_str(),
            "control_plane": status.connected.as_ref().map(ToString::to_string),
        });
        json_response(StatusCode::OK, &body)
    }

    /// With many services this takes its time, which discovery must not wait for.
    async fn metrics(self: Arc<Self>) -> Response<Full<Bytes>> {
        let rendered =
            spawn_blocking(move || metrics::render(self.totals(), self.discovery.borrow().clone(), SystemTime::now()));
        match rendered.await {
            Ok(text) => {
                response(StatusCode::OK, "application/openmetrics-text; version=1.0.0; charset=utf-8", text.into())
            }
            Err(err) => response(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", err.to_string().into()),
        }
    }

    fn totals(&self) -> Totals {
        let mut totals = Totals {
            log_dropped: self.log.lines.get(),
            log_write_errors: self.log.errors.get(),
            counters: self.limiter.totals(),
            remote: self.remote.totals(SystemTime::now().into()),
            cache: self.cache.stats(),
            disk: self.disk.as_ref().map(Disk::stats),
            ..Totals::default()
        };
        for worker in &self.workers {
            worker.add_to(&mut totals);
        }
        totals
    }
}

fn json_response(status: StatusCode, body: &impl serde::Serialize) -> Response<Full<Bytes>> {
    match serde_json::to_vec_pretty(body) {
        Ok(mut text) => {
            text.push(b'\n');
            response(status, "application/json", text.into())
        }
        Err(err) => response(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", err.to_string().into()),
    }
}

fn response(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
