//! A connection that has a place among those that may be open.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::OwnedSemaphorePermit,
    time::{Sleep, sleep},
};
use tonic::transport::server::Connected;

/// Bytes with which every client begins (RFC 9113 section 3.4).
const PREFACE: usize = 24;

/// A connection; dropped, its place is free again.
#[derive(Debug)]
pub(crate) struct Counted<IO> {
    io: IO,
    /// Until the client has begun. Only then does the HTTP/2 server ask whether it lives.
    beginning: Option<Beginning>,
    _place: OwnedSemaphorePermit,
}

#[derive(Debug)]
struct Beginning {
    missing: usize,
    late: Pin<Box<Sleep>>,
}

impl<IO> Counted<IO> {
    /// A connection that has to begin within a time.
    pub(super) fn new(io: IO, place: OwnedSemaphorePermit, within: Duration) -> Self {
        let beginning = Beginning { missing: PREFACE, late: Box::pin(sleep(within)) };
        Self { io, beginning: Some(beginning), _place: place }
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Counted<IO> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { io, beginning, _place } = self.get_mut();
        let before = buffer.filled().len();
        let read = Pin::new(io).poll_read(context, buffer);
        let Some(Beginning { missing, late }) = beginning else { return read };
        *missing = missing.saturating_sub(buffer.filled().len() - before);
        if *missing == 0 {
            *beginning = None;
        } else if late.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        read
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Counted<IO> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

impl<IO: Connected> Connected for Counted<IO> {
    type ConnectInfo = IO::ConnectInfo;

    fn connect_info(&self) -> IO::ConnectInfo {
        self.io.connect_info()
    }
}

#[cfg(test)]
mod tests {
    use std::{io, sync::Arc, time::Duration};

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, duplex},
        sync::Semaphore,
        time::timeout,
    };

    use super::{Counted, PREFACE};

    const WITHIN: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn who_does_not_begin_in_time_is_cut_off_and_who_has_begun_may_be_silent() {
        let places = Arc::new(Semaphore::new(1));
        for (said, begun) in [(1, false), (PREFACE - 1, false), (PREFACE, true)] {
            let place = Arc::clone(&places).try_acquire_owned().unwrap();
            let (mut client, server) = duplex(64);
            let mut server = Counted::new(server, place, WITHIN);
            client.write_all(&[b'x'; PREFACE][..said]).await.unwrap();
            server.read_exact(&mut [0; PREFACE][..said]).await.unwrap();
            let next = timeout(WITHIN * 100, server.read(&mut [0])).await;
            assert_eq!(next.is_err(), begun, "{said}");
            assert!(begun || next.unwrap().is_err_and(|err| err.kind() == io::ErrorKind::TimedOut));
        }
    }
}
