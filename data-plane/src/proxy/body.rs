//! Bodies as they pass through: never gathered, only handed on.

use std::{
    cell::Cell,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

use crate::upstream::pool::Lease;

/// What the client gets as a body.
#[derive(Debug)]
pub(crate) enum ResponseBody {
    /// The gateway's own words.
    Own(Full<Bytes>),
    /// The upstream's.
    Relay(Box<RelayBody>),
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = RelayError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, RelayError>>> {
        match self.get_mut() {
            Self::Own(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
            Self::Relay(body) => body.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(body) => body.is_end_stream(),
            Self::Relay(body) => body.incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(body) => body.size_hint(),
            Self::Relay(body) => body.incoming.size_hint(),
        }
    }
}

/// Why a body broke off. The client sees its connection cut, never a body that seems whole.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RelayError {
    /// The connection failed.
    #[error(transparent)]
    Connection(#[from] hyper::Error),
    /// Nothing came for too long.
    #[error("the upstream body stood still for too long")]
    Idle,
}

/// A response body on its way from the upstream. It holds the connection, which goes back to the
/// pool at the end of the body, and only then.
#[derive(Debug)]
pub(crate) struct RelayBody {
    incoming: Incoming,
    lease: Option<Lease>,
    idle: Duration,
    // Made when the upstream first lets the client wait: most bodies are there at once.
    timer: Option<Pin<Box<Sleep>>>,
}

impl RelayBody {
    pub(crate) fn new(incoming: Incoming, lease: Lease, idle: Duration) -> Self {
        let mut body = Self { incoming, lease: Some(lease), idle, timer: None };
        if body.incoming.is_end_stream() {
            body.finish();
        }
        body
    }

    fn finish(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.give_back();
        }
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, RelayError>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(cx) else {
            ready!(self.poll_idle(cx));
            return Poll::Ready(Some(Err(RelayError::Idle)));
        };
        if let Some(timer) = &mut self.timer {
            timer.as_mut().reset(Instant::now() + self.idle);
        }
        match frame {
            Some(Ok(frame)) => {
                if self.incoming.is_end_stream() {
                    self.finish();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(err)) => Poll::Ready(Some(Err(err.into()))),
            None => {
                self.finish();
                Poll::Ready(None)
            }
        }
    }

    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let idle = self.idle;
        self.timer.get_or_insert_with(|| Box::pin(sleep(idle))).as_mut().poll(cx)
    }
}

/// A request body on its way to the upstream; tells when it was handed over in full.
#[derive(Debug)]
pub(crate) struct RequestBody {
    incoming: Option<Incoming>,
    sent: Rc<Cell<bool>>,
}

impl RequestBody {
    pub(crate) fn new(incoming: Incoming, sent: Rc<Cell<bool>>) -> Self {
        sent.set(incoming.is_end_stream());
        Self { incoming: Some(incoming), sent }
    }

    pub(crate) fn empty() -> Self {
        Self { incoming: None, sent: Rc::new(Cell::new(true)) }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        let Some(incoming) = &mut this.incoming else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(&mut *incoming).poll_frame(cx));
        if frame.is_none() || incoming.is_end_stream() {
            this.sent.set(true);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}
