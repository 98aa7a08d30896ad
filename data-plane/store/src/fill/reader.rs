//! Who follows a body as it comes.

use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
};

use super::{stream::Stream, tape::Broken};
use crate::{body::Piece, stats::Count, stored::Metadata};

/// A reader of a response that is being received, at its own pace. It holds nobody up.
#[derive(Debug)]
pub struct Reader<M: Metadata> {
    stream: Arc<Stream<M>>,
    place: usize,
}

impl<M: Metadata> Reader<M> {
    /// From the first byte on; none, if that may be gone.
    pub(crate) fn enter(stream: &Arc<Stream<M>>) -> Option<Self> {
        let place = stream.tape().enter()?;
        Some(Self { stream: Arc::clone(stream), place })
    }

    /// The head of what it reads.
    #[must_use]
    pub fn meta(&self) -> &M {
        self.stream.meta()
    }

    /// The next bytes; nothing behind the last ones of a whole body.
    ///
    /// # Errors
    /// The body is broken off, or this reader is too slow for one that is not stored. What was read
    /// is then a part of a response, and whoever got it has to see that.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Piece, Broken>>> {
        let mut tape = self.stream.tape();
        let (read, writer) = tape.read(self.place);
        let parked = if read.is_pending() { tape.park_reader(self.place, cx.waker()) } else { None };
        drop(tape);
        drop(parked);
        if let Some(writer) = writer {
            writer.wake();
        }
        if matches!(read, Poll::Ready(Some(Err(Broken::Outpaced)))) {
            self.stream.count(Count::Outpaced);
        }
        read
    }

    /// As [`Reader::poll_next`].
    ///
    /// # Errors
    /// As there.
    pub async fn next(&mut self) -> Option<Result<Piece, Broken>> {
        poll_fn(|cx| self.poll_next(cx)).await
    }
}

impl<M: Metadata> Drop for Reader<M> {
    fn drop(&mut self) {
        let [own, writer] = self.stream.tape().leave(self.place);
        drop(own);
        if let Some(writer) = writer {
            writer.wake();
        }
    }
}
