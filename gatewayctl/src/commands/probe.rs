//! `gatewayctl probe`: one GET, for the health check of a container, which has no other client.

use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use http_body_util::Empty;
use hyper::{Request, StatusCode, Uri, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time};

use crate::exit::{Exit, Failure};

/// What to ask.
#[derive(Debug, Args)]
pub struct Probe {
    /// URL to ask, http only, such as http://127.0.0.1:8081/readyz
    #[arg(value_name = "URL", value_parser = http_url)]
    url: Uri,
}

impl Probe {
    /// Succeeds on an answer of 2xx.
    ///
    /// # Errors
    /// Any other answer, or none within the limit.
    pub async fn run(self, limit: Duration) -> Result<(), Failure> {
        let Self { url } = self;
        let answer = time::timeout(limit, get(&url)).await;
        let status = answer
            .map_err(|_| failed(&url, format!("no answer within {}", humantime::format_duration(limit))))?
            .map_err(|err| failed(&url, err))?;
        if status.is_success() { Ok(()) } else { Err(failed(&url, format!("status {status}"))) }
    }
}

fn failed(url: &Uri, why: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Failed, format!("{url}: {why}"))
}

async fn get(url: &Uri) -> Result<StatusCode, Box<dyn std::error::Error + Send + Sync>> {
    let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
    let stream = TcpStream::connect((host, url.port_u16().unwrap_or(80))).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let authority = url.authority().map_or("", |authority| authority.as_str());
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::get(path).header(header::HOST, authority).body(Empty::<Bytes>::new())?;
    // The connection is driven beside the request, and dropped with its answer.
    tokio::select! {
        answer = sender.send_request(request) => Ok(answer?.status()),
        Err(err) = connection => Err(err.into()),
    }
}

fn http_url(text: &str) -> Result<Uri, String> {
    let remedy = "give http://HOST:PORT/PATH";
    let url: Uri = text.parse().map_err(|err| format!("{err}; {remedy}"))?;
    if url.scheme_str() != Some("http") {
        return Err(format!("its scheme is not http; {remedy}"));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::{Probe, http_url};

    const LIMIT: Duration = Duration::from_secs(10);

    /// Probes a server that sends `answer` to the request, and gives both sides' view.
    async fn probe(answer: &'static str) -> (Result<(), String>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = http_url(&format!("http://{}/readyz?now", listener.local_addr().unwrap())).unwrap();
        let server = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(stream.read_u8().await.unwrap());
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8(request).unwrap()
        };
        let (result, request) = tokio::join!(Probe { url }.run(LIMIT), server);
        (result.map_err(|failure| failure.to_string()), request)
    }

    #[tokio::test]
    async fn an_answer_of_2xx_passes() {
        let (result, request) = probe("HTTP/1.1 204 No Content\r\n\r\n").await;
        assert_eq!(result, Ok(()));
        assert!(request.starts_with("GET /readyz?now HTTP/1.1\r\nhost: 127.0.0.1:"), "{request}");
    }

    #[tokio::test]
    async fn any_other_answer_fails_and_is_named() {
        let (result, _) = probe("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n").await;
        assert!(result.unwrap_err().ends_with("/readyz?now: status 503 Service Unavailable"));
        assert!(probe("").await.0.is_err(), "closed without an answer");
        assert!(probe("not http\r\n\r\n").await.0.is_err());
    }

    #[tokio::test]
    async fn nobody_there_fails() {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        assert!(Probe { url: http_url(&format!("http://{free}/")).unwrap() }.run(LIMIT).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn silence_fails_at_the_limit() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = http_url(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        let failure = Probe { url }.run(LIMIT).await.unwrap_err();
        assert!(failure.to_string().ends_with("no answer within 10s"), "{failure}");
    }

    #[test]
    fn only_http_urls_are_taken() {
        assert!(http_url("http://[::1]:7001/readyz").is_ok());
        for text in ["https://127.0.0.1/", "127.0.0.1:7001", "/readyz", ""] {
            assert!(http_url(text).is_err(), "{text}");
        }
    }
}
