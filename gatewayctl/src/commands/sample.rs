//! `gatewayctl sample`: an upstream that answers with its name, for trying the gateway out.

use std::{collections::BTreeMap, convert::Infallible, io, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use clap::Args;
use gateway_proto::process::{Event, Failure as ProcessFailure, cannot_listen, ip_port, shutdown_signal};
use http_body_util::Full;
use hyper::{Request, Response, body::Incoming, header, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::exit::{Exit, Failure};

/// Run a sample upstream
#[derive(Debug, Args)]
pub struct Sample {
    /// Address and port to listen on; port 0 takes any free one
    #[arg(long, env = "GATEWAY_LISTEN", value_name = "IP:PORT", value_parser = ip_port, default_value = "127.0.0.1:3000")]
    pub listen: SocketAddr,
    /// Name to answer with
    #[arg(long, env = "GATEWAY_NAME", default_value = "sample")]
    pub name: String,
}

impl Sample {
    /// Answers until a signal.
    ///
    /// # Errors
    /// If the address cannot be listened on.
    pub async fn run(self) -> Result<(), Failure> {
        let Self { listen, name } = self;
        let bound = TcpListener::bind(listen).await.and_then(|listener| Ok((listener.local_addr()?, listener)));
        let (address, listener) = bound.map_err(|err| failed(&cannot_listen("--listen", listen, &err)))?;
        Event::Listening { listeners: BTreeMap::from([("sample", address)]) }.announce();
        let signal = shutdown_signal().map_err(|failure| failed(&failure))?;
        let stop = CancellationToken::new();
        let serving = tokio::spawn(serve(listener, name, stop.clone()));
        Event::Ready.announce();
        signal.await;
        stop.cancel();
        serving.await.map_err(|err| Failure::new(Exit::Failed, format!("the sample ended: {err}")))
    }
}

fn failed(failure: &ProcessFailure) -> Failure {
    Failure::new(Exit::Failed, failure.to_string())
}

/// Answers every request with `name` until `stop`, then ends what is in flight.
pub(super) async fn serve(listener: TcpListener, name: String, stop: CancellationToken) {
    let name = Arc::<str>::from(name);
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        // A connection that is gone before it is accepted concerns nobody.
        if let Ok((stream, _)) = accepted {
            connections.spawn(converse(stream, Arc::clone(&name), stop.clone()));
        }
    }
    connections.close();
    connections.wait().await;
}

async fn converse(stream: TcpStream, name: Arc<str>, stop: CancellationToken) {
    let address = stream.local_addr();
    let answer = service_fn(|request| std::future::ready(answer(&name, &address, &request)));
    let connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), answer);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        // A client that breaks off is told by nobody.
        _ = connection.as_mut() => return,
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

fn answer(
    name: &str,
    address: &io::Result<SocketAddr>,
    request: &Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let place = address.as_ref().map(SocketAddr::to_string).unwrap_or_default();
    let text = match request.uri().path() {
        "/healthcheck" => "ok\n".to_owned(),
        path => format!("hello from {name} at {place}: {} {path}\n", request.method()),
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/plain; charset=utf-8"));
    Ok(response)
}
