//! One probe of one address.

use std::{io, net::SocketAddr, ops::RangeInclusive};

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};

use crate::registry::model::{EndpointAddress, Probe, ProbePolicy};

/// As whom the control plane probes.
const USER_AGENT: &str = concat!("gateway-health-check/", env!("CARGO_PKG_VERSION"));
/// The most bytes that a response head may take.
const MAX_HEAD: usize = 64 * 1024;

/// What a probe has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The address serves.
    Passed,
    /// It does not, and why in a few words.
    Failed(String),
    /// This machine lacked the means to find out, which says nothing about the address.
    Unknown(String),
}

/// Probes `address` of `endpoint` once, within the policy's time-out.
pub(super) async fn probe(address: SocketAddr, endpoint: &EndpointAddress, policy: &ProbePolicy) -> Outcome {
    let attempt = async {
        let stream = match TcpStream::connect(address).await {
            Ok(stream) => stream,
            Err(err) => return failed_connect(&err),
        };
        if is_itself(&stream) {
            return Outcome::Failed("connection refused".into());
        }
        match &policy.probe {
            Probe::Tcp => Outcome::Passed,
            Probe::Http { path, expected_statuses, host } => {
                let host = host.clone().unwrap_or_else(|| endpoint.to_string());
                match get(stream, path, &host).await {
                    Ok(status) => judge(status, expected_statuses),
                    Err(reason) => Outcome::Failed(reason),
                }
            }
        }
    };
    match timeout(policy.timeout, attempt).await {
        Ok(outcome) => outcome,
        Err(_) => Outcome::Failed(format!("timed out after {}", humantime::format_duration(policy.timeout))),
    }
}

/// Whether a connection leads to itself: where nothing listens on a port of this machine, the system
/// may take that very port for the probe, and the two ends meet (RFC 9293 section 3.5, simultaneous
/// open).
fn is_itself(stream: &TcpStream) -> bool {
    matches!((stream.local_addr(), stream.peer_addr()), (Ok(local), Ok(peer)) if local == peer)
}

fn judge(status: StatusCode, expected: &[RangeInclusive<u16>]) -> Outcome {
    if expected.iter().any(|range| range.contains(&status.as_u16())) {
        Outcome::Passed
    } else {
        Outcome::Failed(format!("status {}", status.as_u16()))
    }
}

/// A GET over a connection of its own, so that a probe shows what a new client would see. The body
/// is dropped unread with the connection.
async fn get(stream: TcpStream, path: &str, host: &str) -> Result<StatusCode, String> {
    let request = Request::get(path)
        .header(header::HOST, host)
        .header(header::USER_AGENT, USER_AGENT)
        .header(header::ACCEPT, "*/*")
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|err| format!("the health check cannot be sent: {err}"))?;
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .max_buf_size(MAX_HEAD)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|err| failed_exchange(&err))?;
    let exchange = sender.send_request(request);
    tokio::pin!(exchange);
    let answer = tokio::select! {
        biased;
        answer = &mut exchange => answer,
        // A connection may end in the same breath as it delivers the answer.
        _ = connection => exchange.await,
    };
    answer.map(|response| response.status()).map_err(|err| failed_exchange(&err))
}

fn failed_connect(err: &io::Error) -> Outcome {
    /// Linux: the process, or the whole system, has as many files open as it may.
    const TOO_MANY_OPEN_FILES: [i32; 2] = [24, 23];
    match err.kind() {
        io::ErrorKind::ConnectionRefused => Outcome::Failed("connection refused".into()),
        io::ErrorKind::ConnectionReset => Outcome::Failed("connection reset".into()),
        io::ErrorKind::HostUnreachable => Outcome::Failed("host unreachable".into()),
        io::ErrorKind::NetworkUnreachable => Outcome::Failed("network unreachable".into()),
        io::ErrorKind::TimedOut => Outcome::Failed("connecting timed out".into()),
        // No local port is free, or no memory.
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::OutOfMemory => Outcome::Unknown(err.to_string()),
        _ if err.raw_os_error().is_some_and(|code| TOO_MANY_OPEN_FILES.contains(&code)) => {
            Outcome::Unknown(err.to_string())
        }
        _ => Outcome::Failed(format!("cannot connect: {err}")),
    }
}

fn failed_exchange(err: &hyper::Error) -> String {
    let reset = |err: &hyper::Error| {
        let source = std::error::Error::source(err)?.downcast_ref::<io::Error>()?;
        Some(source.kind() == io::ErrorKind::ConnectionReset)
    };
    if err.is_parse_too_large() {
        format!("response head larger than {} KiB", MAX_HEAD / 1024)
    } else if err.is_parse() {
        "not an HTTP response".into()
    } else if reset(err) == Some(true) {
        "connection reset".into()
    } else if err.is_incomplete_message() || err.is_canceled() || err.is_closed() {
        "connection closed before a response".into()
    } else {
        format!("request failed: {err}")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpSocket, TcpStream},
        task::JoinHandle,
    };

    use super::{Outcome, is_itself, probe};
    use crate::registry::model::{EndpointAddress, Probe, ProbePolicy};

    /// Answers one connection with these bytes, then returns the request it has read.
    async fn upstream(answer: &'static [u8]) -> (std::net::SocketAddr, JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                match stream.read_u8().await {
                    Ok(byte) => head.push(byte),
                    Err(_) => break,
                }
            }
            stream.write_all(answer).await.unwrap();
            String::from_utf8(head).unwrap()
        });
        (address, task)
    }

    async fn outcome_of(answer: &'static [u8]) -> Outcome {
        let (address, _task) = upstream(answer).await;
        probe(address, &EndpointAddress::Socket(address), &ProbePolicy::default()).await
    }

    fn failed(reason: &str) -> Outcome {
        Outcome::Failed(reason.into())
    }

    #[tokio::test]
    async fn a_status_in_the_expected_ranges_passes_and_no_other() {
        assert_eq!(outcome_of(b"HTTP/1.1 204 No Content\r\n\r\n").await, Outcome::Passed);
        assert_eq!(outcome_of(b"HTTP/1.0 200 OK\r\n\r\nbody").await, Outcome::Passed);
        assert_eq!(outcome_of(b"HTTP/1.1 503 Unavailable\r\ncontent-length: 0\r\n\r\n").await, failed("status 503"));
        assert_eq!(outcome_of(b"HTTP/1.1 302 Found\r\nlocation: /\r\n\r\n").await, failed("status 302"));
    }

    #[tokio::test]
    async fn asks_as_the_health_check_for_the_configured_path_and_host() {
        for (host, expected) in [(None, "svc.internal:81"), (Some("shop.test".to_owned()), "shop.test")] {
            let (address, seen) = upstream(b"HTTP/1.1 200 OK\r\n\r\n").await;
            let endpoint = EndpointAddress::Name { host: "svc.internal".into(), port: 81 };
            let check = Probe::Http { path: "/live?deep=1".into(), expected_statuses: vec![200..=200], host };
            let policy = ProbePolicy { probe: check, ..ProbePolicy::default() };
            assert_eq!(probe(address, &endpoint, &policy).await, Outcome::Passed);
            let head = seen.await.unwrap().to_ascii_lowercase();
            assert!(head.starts_with("get /live?deep=1 http/1.1\r\n"), "{head}");
            assert!(head.contains(&format!("host: {expected}\r\n")), "{head}");
            assert!(head.contains("user-agent: gateway-health-check/"), "{head}");
        }
    }

    #[tokio::test]
    async fn says_why_it_failed() {
        assert_eq!(outcome_of(b"").await, failed("connection closed before a response"));
        assert_eq!(outcome_of(b"SSH-2.0-OpenSSH_9.6\r\n\r\n").await, failed("not an HTTP response"));
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let refused = probe(closed, &EndpointAddress::Socket(closed), &ProbePolicy::default()).await;
        assert_eq!(refused, failed("connection refused"));
    }

    #[tokio::test]
    async fn a_probe_that_meets_itself_is_told_from_an_upstream() {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = socket.local_addr().unwrap();
        assert!(is_itself(&socket.connect(address).await.unwrap()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        assert!(!is_itself(&stream));
    }

    #[tokio::test]
    async fn gives_up_after_the_timeout_whatever_it_waits_for() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = silent.local_addr().unwrap();
        let policy = ProbePolicy { timeout: Duration::from_millis(30), ..ProbePolicy::default() };
        let outcome = probe(address, &EndpointAddress::Socket(address), &policy).await;
        assert_eq!(outcome, failed("timed out after 30ms"));
        let tcp = ProbePolicy { probe: Probe::Tcp, ..policy };
        assert_eq!(probe(address, &EndpointAddress::Socket(address), &tcp).await, Outcome::Passed);
    }
}
