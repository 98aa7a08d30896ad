//! One request as an upstream receives it, byte by byte, and the answer that a test writes by hand.

use std::io;

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

use super::eventually::within;

/// The largest piece of a body that is read at once.
const PIECE: usize = 64 * 1024;

/// A request's head as it came in.
#[derive(Debug, Clone)]
pub struct Head {
    /// Every byte up to and with the empty line.
    pub raw: String,
}

impl Head {
    /// The method.
    pub fn method(&self) -> &str {
        self.raw.split(' ').next().unwrap_or_default()
    }

    /// The request target.
    pub fn target(&self) -> &str {
        self.raw.split(' ').nth(1).unwrap_or_default()
    }

    /// The values of every line of this field, in order.
    pub fn fields(&self, name: &str) -> Vec<&str> {
        let lines = self.raw.split("\r\n").skip(1).filter_map(|line| line.split_once(':'));
        lines.filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).collect()
    }

    /// The value of a field that must be there once.
    pub fn field(&self, name: &str) -> &str {
        let [value] = self.fields(name)[..] else { panic!("not one {name:?} in:\n{}", self.raw) };
        value
    }
}

/// What is left of a request's body.
#[derive(Debug, Clone, Copy)]
enum Left {
    Nothing,
    Bytes(usize),
    Chunks,
}

/// A request whose head was read and that waits for its answer.
#[derive(Debug)]
pub struct Exchange {
    /// The head.
    pub head: Head,
    stream: BufReader<TcpStream>,
    left: Left,
}

impl Exchange {
    /// Reads the next request of a connection; none when it was closed.
    pub async fn read(mut stream: BufReader<TcpStream>) -> io::Result<Option<Self>> {
        let mut raw = Vec::new();
        while !raw.ends_with(b"\r\n\r\n") {
            if stream.read_until(b'\n', &mut raw).await? == 0 {
                return Ok(None);
            }
        }
        let head = Head { raw: String::from_utf8_lossy(&raw).into_owned() };
        let chunked = head.fields("transfer-encoding").iter().any(|coding| coding.eq_ignore_ascii_case("chunked"));
        let length = head.fields("content-length").first().and_then(|length| length.parse().ok()).unwrap_or(0);
        let left = match (chunked, length) {
            (true, _) => Left::Chunks,
            (false, 0) => Left::Nothing,
            (false, length) => Left::Bytes(length),
        };
        Ok(Some(Self { head, stream, left }))
    }

    /// The next piece of the body as soon as there is one; none at its end.
    pub async fn piece(&mut self) -> io::Result<Option<Vec<u8>>> {
        match self.left {
            Left::Nothing => Ok(None),
            Left::Bytes(left) => {
                let mut piece = vec![0; left.min(PIECE)];
                let count = self.stream.read(&mut piece).await?;
                if count == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                piece.truncate(count);
                self.left = if left == count { Left::Nothing } else { Left::Bytes(left - count) };
                Ok(Some(piece))
            }
            Left::Chunks => self.chunk().await,
        }
    }

    async fn chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = String::new();
        self.stream.read_line(&mut line).await?;
        let size = line.trim().split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(size, 16).map_err(|_| io::Error::other(format!("chunk size {line:?}")))?;
        if size == 0 {
            // The trailer section ends with an empty line.
            loop {
                line.clear();
                self.stream.read_line(&mut line).await?;
                if line.trim().is_empty() {
                    break;
                }
            }
            self.left = Left::Nothing;
            return Ok(None);
        }
        let mut piece = vec![0; size + 2];
        self.stream.read_exact(&mut piece).await?;
        piece.truncate(size);
        Ok(Some(piece))
    }

    /// Reads the body to its end.
    pub async fn body(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        while let Some(piece) = self.piece().await? {
            body.extend(piece);
        }
        Ok(body)
    }

    /// Reads so many bytes of what follows when the connection is no longer HTTP.
    pub async fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        within("bytes of the tunnel", self.stream.read_exact(&mut bytes)).await.expect("the connection is open");
        bytes
    }

    /// Writes these bytes of the answer.
    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes.as_ref()).await
    }

    /// Writes one chunk of a chunked answer.
    pub async fn write_chunk(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write([format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()).await
    }

    /// Returns when the other side has closed the connection.
    pub async fn closed(&mut self) {
        let mut ignored = [0; 1024];
        while matches!(self.stream.read(&mut ignored).await, Ok(1..)) {}
    }

    /// Cuts the connection so that the other side sees a reset.
    pub fn reset(self) {
        // Dropping with a linger of zero sends RST.
        let _ = self.stream.get_ref().set_zero_linger();
    }

    /// Gives the connection back for its next request.
    pub fn done(self) -> BufReader<TcpStream> {
        self.stream
    }
}
