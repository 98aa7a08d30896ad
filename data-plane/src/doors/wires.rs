//! Connections in memory, with all the moods of real ones.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, Waker},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::cuts::Cuts;
use crate::worker::buffer::Buffer;

/// Far more turns than any input takes.
const MAX_TURNS: usize = 1_000_000;

/// What an upstream does when it has sent all that it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Closes,
    Resets,
    /// It stays, and says nothing more.
    StaysSilent,
}

/// An upstream that sends its bytes in pieces, with a pause in front of each.
#[derive(Debug)]
pub(super) struct Upstream<'b> {
    pub bytes: &'b [u8],
    pub cuts: Cuts<'b>,
    pub ending: Ending,
    pub paused: bool,
    /// Whoever reads waits for ever.
    pub is_silent: bool,
}

/// A client that takes its bytes in pieces, with a pause in front of each.
#[derive(Debug)]
pub(super) struct Client<'b> {
    pub got: Vec<u8>,
    pub cuts: Cuts<'b>,
    pub paused: bool,
}

/// What the gateway has between the two.
#[derive(Debug)]
pub(super) struct Wires<'b> {
    pub upstream: Upstream<'b>,
    pub client: Client<'b>,
    pub buffer: Buffer,
}

impl Wires<'_> {
    /// Polls until it is done; nothing if it waits for an upstream that stays silent.
    pub(super) fn drive<T>(&mut self, mut poll: impl FnMut(&mut Context<'_>, &mut Self) -> Poll<T>) -> Option<T> {
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..MAX_TURNS {
            match poll(&mut cx, self) {
                Poll::Ready(done) => return Some(done),
                // A client that pauses will take what there is for it.
                Poll::Pending if self.upstream.is_silent && !self.client.paused => return None,
                Poll::Pending => {}
            }
        }
        panic!("it turns and turns, and nothing moves");
    }
}

impl AsyncRead for Upstream<'_> {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.bytes.is_empty() {
            self.is_silent = self.ending == Ending::StaysSilent;
            return match self.ending {
                Ending::Closes => Poll::Ready(Ok(())),
                Ending::Resets => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
                Ending::StaysSilent => Poll::Pending,
            };
        }
        self.paused = !self.paused;
        if self.paused {
            return Poll::Pending;
        }
        let left = self.bytes.len().min(into.remaining());
        let (piece, rest) = self.bytes.split_at(self.cuts.next(left));
        into.put_slice(piece);
        self.bytes = rest;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Client<'_> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.paused = !self.paused;
        if self.paused {
            return Poll::Pending;
        }
        let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        let taken = self.cuts.next(bytes.len());
        self.got.extend_from_slice(&bytes[..taken]);
        Poll::Ready(Ok(taken))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
