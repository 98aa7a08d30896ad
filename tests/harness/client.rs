//! Clients: one that speaks HTTP well, and one that writes whatever bytes a test likes.

use std::{
    error::Error,
    io,
    net::{IpAddr, SocketAddr},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body_util::{BodyExt, Full};
use hyper::{
    body::{Body, Incoming},
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use super::eventually::within;

/// A response with its whole body.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Response {
    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is text")
    }

    /// The value of a field that must be there once.
    pub fn field(&self, name: &str) -> &str {
        let values: Vec<_> = self.headers.get_all(name).iter().collect();
        let [value] = values[..] else { panic!("not one {name:?} in {:?}", self.headers) };
        value.to_str().expect("the field is text")
    }

    /// Must be the gateway's own error, whole: status, code, message, request id.
    pub fn is_error(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.field("content-type"), "application/json", "{self:?}");
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_else(|err| panic!("{err}: {self:?}"));
        let error = &body["error"];
        assert_eq!(error["code"], code, "{body}");
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{body}");
        assert!(error["request_id"].as_str().is_some_and(|id| !id.is_empty()), "{body}");
        assert_eq!(error["request_id"], self.field("x-request-id"), "{self:?}");
        assert_eq!(body.as_object().map(serde_json::Map::len), Some(1), "{body}");
        assert!(!body.to_string().contains("127."), "an error names an internal address: {body}");
    }
}

/// A request; the body and more fields are the caller's to add.
pub fn request(method: &str, host: &str, path: &str) -> http::request::Builder {
    http::Request::builder().method(method).uri(path).header("host", host)
}

/// A GET that must be answered, on a connection of its own.
pub async fn get(address: SocketAddr, host: &str, path: &str) -> Response {
    send(address, request("GET", host, path), Bytes::new()).await
}

/// A request that must be answered, on a connection of its own.
pub async fn send(address: SocketAddr, request: http::request::Builder, body: impl Into<Bytes>) -> Response {
    let mut connection = connect(address).await.unwrap_or_else(|err| panic!("cannot connect to {address}: {err}"));
    exchange(&mut connection, request, body).await.unwrap_or_else(|err| panic!("no answer from {address}: {err}"))
}

/// A request that must be answered, on a connection of its own, with bodies that are made and read as they go.
pub async fn stream<B>(address: SocketAddr, request: http::request::Builder, body: B) -> http::Response<Incoming>
where
    B: Body<Data = Bytes, Error: Error + Send + Sync> + Send + 'static,
{
    let stream = within("a connection", TcpStream::connect(address)).await.expect("the listener accepts");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("the connection is open");
    tokio::spawn(connection);
    let request = request.body(body).expect("a test's request is well formed");
    // An answer may wait for the whole body, however large: only its pieces are limited in time.
    sender.send_request(request).await.unwrap_or_else(|err| panic!("no answer from {address}: {err}"))
}

/// The whole text of an answer that must be 200.
pub async fn text(answer: http::Response<Incoming>) -> String {
    assert_eq!(answer.status(), 200, "{answer:?}");
    let body = within("the body", answer.into_body().collect()).await.expect("the body is whole");
    String::from_utf8(body.to_bytes().into()).expect("the body is text")
}

/// A connection for many requests, one after the other.
pub type Connection = SendRequest<Full<Bytes>>;

/// Opens a connection.
pub async fn connect(address: SocketAddr) -> io::Result<Connection> {
    let stream = within("a connection", TcpStream::connect(address)).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    tokio::spawn(connection);
    Ok(sender)
}

/// A request and its whole response.
pub async fn exchange(
    connection: &mut Connection,
    request: http::request::Builder,
    body: impl Into<Bytes>,
) -> hyper::Result<Response> {
    within("a response", async {
        connection.ready().await?;
        let request = request.body(Full::new(body.into())).expect("a test's request is well formed");
        let (head, body) = connection.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Response { status: head.status.as_u16(), headers: head.headers, body })
    })
    .await
}

/// A connection over which a test writes and reads bytes.
#[derive(Debug)]
pub struct Wire {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Wire {
    /// Opens a connection and writes these bytes.
    pub async fn open(address: SocketAddr, bytes: impl AsRef<[u8]>) -> Self {
        let stream = within("a connection", TcpStream::connect(address)).await;
        Self::over(stream.expect("the listener accepts"), bytes).await
    }

    /// The same, from this address.
    pub async fn open_from(client: IpAddr, address: SocketAddr, bytes: impl AsRef<[u8]>) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket can be had");
        socket.bind(SocketAddr::new(client, 0)).expect("the address is this machine's");
        let stream = within("a connection", socket.connect(address)).await;
        Self::over(stream.expect("the listener accepts"), bytes).await
    }

    async fn over(stream: TcpStream, bytes: impl AsRef<[u8]>) -> Self {
        let mut wire = Self { stream, read: Vec::new() };
        wire.write(bytes).await;
        wire
    }

    /// Writes bytes.
    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        within("a write", self.stream.write_all(bytes.as_ref())).await.expect("the connection is open");
    }

    /// Writes until the other side takes no more; whatever it answers can be read.
    pub async fn write_what_is_taken(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = within("a write", self.stream.write_all(bytes.as_ref())).await;
    }

    /// Says that nothing more will come, and goes on listening.
    pub async fn end(&mut self) {
        self.stream.shutdown().await.expect("the connection is open");
    }

    /// Goes away with a reset instead of an orderly end.
    pub fn reset(self) {
        // Dropping with a linger of zero sends RST.
        self.stream.set_zero_linger().expect("the connection is open");
    }

    /// Reads up to and with this text, and returns what came in before and with it.
    pub async fn read_until(&mut self, text: &str) -> String {
        let length = self.read_past(text).await;
        let rest = self.read.split_off(length);
        String::from_utf8_lossy(&std::mem::replace(&mut self.read, rest)).into_owned()
    }

    /// Reads until this text is there, and returns where it ends.
    async fn read_past(&mut self, text: &str) -> usize {
        loop {
            if let Some(at) = self.read.windows(text.len()).position(|window| window == text.as_bytes()) {
                return at + text.len();
            }
            let count = within(&format!("{text:?}"), self.stream.read_buf(&mut self.read)).await.unwrap_or(0);
            assert!(count > 0, "closed before {text:?}: {:?}", String::from_utf8_lossy(&self.read));
        }
    }

    /// Reads one response; nothing is lost if that is given up meanwhile.
    pub async fn response(&mut self) -> Response {
        let length = self.read_past("\r\n\r\n").await;
        let head = String::from_utf8_lossy(&self.read[..length]).into_owned();
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status in {head:?}"));
        let mut headers = HeaderMap::new();
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let name = http::HeaderName::try_from(name).expect("a field name");
            headers.append(name, value.trim().parse().expect("a field value"));
        }
        let body = headers.get("content-length").and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0);
        while self.read.len() < length + body {
            let count = within("the body", self.stream.read_buf(&mut self.read)).await.unwrap_or(0);
            assert!(count > 0, "the body is cut off: {}", String::from_utf8_lossy(&self.read));
        }
        let rest = self.read.split_off(length + body);
        let body = std::mem::replace(&mut self.read, rest).split_off(length).into();
        Response { status, headers, body }
    }

    /// Reads what comes next; nothing, if the other side closes or resets.
    pub async fn read_something(&mut self) -> String {
        let _ = within("an answer or an end", self.stream.read_buf(&mut self.read)).await;
        String::from_utf8_lossy(&std::mem::take(&mut self.read)).into_owned()
    }

    /// Reads until the other side closes or resets; nothing may follow then.
    pub async fn read_to_end(&mut self) -> String {
        while matches!(within("the end", self.stream.read_buf(&mut self.read)).await, Ok(1..)) {}
        String::from_utf8_lossy(&std::mem::take(&mut self.read)).into_owned()
    }
}

/// Sends these bytes and reads one response; the connection need not be closed.
pub async fn raw(address: SocketAddr, bytes: impl AsRef<[u8]>) -> Response {
    raw_over(Wire::open(address, "").await, bytes).await
}

/// The same, from this address.
pub async fn raw_from(client: IpAddr, address: SocketAddr, bytes: impl AsRef<[u8]>) -> Response {
    raw_over(Wire::open_from(client, address, "").await, bytes).await
}

async fn raw_over(mut wire: Wire, bytes: impl AsRef<[u8]>) -> Response {
    wire.write_what_is_taken(bytes).await;
    wire.response().await
}
