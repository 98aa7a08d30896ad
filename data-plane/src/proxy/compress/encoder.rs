//! Three libraries behind one verb.
//!
//! Levels are such that a core compresses source code at some 60 MB/s with gzip and brotli and at 250 MB/s
//! with zstd, to 22 % each. Windows are such that one response costs the gateway up to 0.4 MiB with gzip,
//! 1.6 MiB with brotli and 1.8 MiB with zstd, and its reader little more than 256 KiB (RFC 9659 allows zstd
//! 8 MiB).

use std::fmt;

use brotli::enc::{
    StandardAlloc,
    encode::{BrotliEncoderOperation, BrotliEncoderStateStruct},
};
use flate2::{Compress, Compression, FlushCompress, Status};
use gateway_routing::route::CompressionAlgorithm;
use zstd_safe::{CCtx, CParameter, InBuffer, OutBuffer, zstd_sys::ZSTD_EndDirective};

/// zlib's scale, 1 to 9.
const GZIP_LEVEL: u32 = 5;
/// In bits: the largest window there is, 32 KiB.
const GZIP_WINDOW: u8 = 15;
/// 0 to 11. From 5 on, this library takes 32 MiB for short content.
const BROTLI_QUALITY: i32 = 4;
/// In bits: 256 KiB.
const BROTLI_WINDOW: i32 = 18;
/// Content, in bytes, after which what brotli has gathered is written: it would gather half a megabyte
/// for a hundredth less, and take three times the memory.
const BROTLI_BLOCK: usize = 32 * 1024;
/// 1 to 22.
const ZSTD_LEVEL: i32 = 3;
/// In bits: 256 KiB.
const ZSTD_WINDOW: u32 = 18;
/// Room that is made for an encoder's next bytes.
const ROOM: usize = 16 * 1024;

/// What has to have been written when the encoder is done with some content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Upto {
    /// Whatever is ready; the rest gets the better for waiting.
    Ready,
    /// All content so far, so that the other side can read it.
    Now,
    /// All of it, and the end.
    End,
}

/// The encoder cannot go on; it wants for memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EncoderFailed;

/// Content on its way into one coding.
pub(crate) enum Encoder {
    Gzip(Compress),
    Brotli(Box<Brotli>),
    Zstd(CCtx<'static>),
}

impl Encoder {
    /// For content of this length, where it is known; `None` where there is no memory for it.
    pub(crate) fn new(algorithm: CompressionAlgorithm, length: Option<u64>) -> Option<Self> {
        match algorithm {
            CompressionAlgorithm::Gzip => {
                Some(Self::Gzip(Compress::new_gzip(Compression::new(GZIP_LEVEL), GZIP_WINDOW)))
            }
            CompressionAlgorithm::Brotli => Some(Self::Brotli(Box::new(Brotli::new()))),
            CompressionAlgorithm::Zstd => {
                let mut context = CCtx::try_create()?;
                context.set_parameter(CParameter::CompressionLevel(ZSTD_LEVEL)).ok()?;
                context.set_parameter(CParameter::WindowLog(ZSTD_WINDOW)).ok()?;
                // What is short gets small tables.
                context.set_pledged_src_size(length).ok()?;
                Some(Self::Zstd(context))
            }
        }
    }

    /// Takes all of `content`, and appends to `out` what comes of it. Behind [`Upto::End`], nothing may
    /// follow; [`Upto::Now`] wants content that has not been written.
    pub(crate) fn press(&mut self, content: &[u8], upto: Upto, out: &mut Vec<u8>) -> Result<(), EncoderFailed> {
        match self {
            Self::Gzip(compress) => gzip(compress, content, upto, out),
            Self::Brotli(brotli) => brotli.press(content, upto, out),
            Self::Zstd(context) => zstd(context, content, upto, out),
        }
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip(_) => "Gzip",
            Self::Brotli(_) => "Brotli",
            Self::Zstd(_) => "Zstd",
        })
    }
}

fn gzip(compress: &mut Compress, mut content: &[u8], upto: Upto, out: &mut Vec<u8>) -> Result<(), EncoderFailed> {
    let flush = match upto {
        Upto::Ready => FlushCompress::None,
        Upto::Now => FlushCompress::Sync,
        Upto::End => FlushCompress::Finish,
    };
    loop {
        out.reserve(ROOM);
        let before = compress.total_in();
        let status = compress.compress_vec(content, out, flush).map_err(|_| EncoderFailed)?;
        let taken = usize::try_from(compress.total_in() - before).unwrap_or(content.len());
        content = content.get(taken..).unwrap_or_default();
        // What has left room has nothing more to say.
        let is_done = match upto {
            Upto::Ready | Upto::Now => content.is_empty() && out.len() < out.capacity(),
            Upto::End => status == Status::StreamEnd,
        };
        if is_done {
            return Ok(());
        }
    }
}

fn zstd(context: &mut CCtx<'static>, content: &[u8], upto: Upto, out: &mut Vec<u8>) -> Result<(), EncoderFailed> {
    let directive = match upto {
        Upto::Ready => ZSTD_EndDirective::ZSTD_e_continue,
        Upto::Now => ZSTD_EndDirective::ZSTD_e_flush,
        Upto::End => ZSTD_EndDirective::ZSTD_e_end,
    };
    let mut input = InBuffer::around(content);
    loop {
        out.reserve(ROOM);
        let at = out.len();
        let mut output = OutBuffer::around_pos(out, at);
        let left = context.compress_stream2(&mut output, &mut input, directive).map_err(|_| EncoderFailed)?;
        let is_done = match upto {
            Upto::Ready => input.pos() == content.len(),
            Upto::Now | Upto::End => left == 0,
        };
        if is_done {
            return Ok(());
        }
    }
}

/// A brotli stream that never gathers more than a block.
pub(crate) struct Brotli {
    state: BrotliEncoderStateStruct<StandardAlloc>,
    /// Content that has been gathered.
    gathered: usize,
}

impl Brotli {
    fn new() -> Self {
        let mut state = BrotliEncoderStateStruct::new(StandardAlloc::default());
        state.params.quality = BROTLI_QUALITY;
        state.params.lgwin = BROTLI_WINDOW;
        Self { state, gathered: 0 }
    }

    fn press(&mut self, mut content: &[u8], upto: Upto, out: &mut Vec<u8>) -> Result<(), EncoderFailed> {
        while let Some((block, rest)) = content.split_at_checked(BROTLI_BLOCK - self.gathered) {
            self.run(block, BrotliEncoderOperation::BROTLI_OPERATION_FLUSH, out)?;
            self.gathered = 0;
            content = rest;
        }
        self.gathered += content.len();
        match upto {
            Upto::Ready => self.run(content, BrotliEncoderOperation::BROTLI_OPERATION_PROCESS, out),
            // An empty block behind a full one would be written for nothing.
            Upto::Now if self.gathered == 0 => Ok(()),
            Upto::Now => {
                self.gathered = 0;
                self.run(content, BrotliEncoderOperation::BROTLI_OPERATION_FLUSH, out)
            }
            Upto::End => self.run(content, BrotliEncoderOperation::BROTLI_OPERATION_FINISH, out),
        }
    }

    fn run(
        &mut self,
        content: &[u8],
        operation: BrotliEncoderOperation,
        out: &mut Vec<u8>,
    ) -> Result<(), EncoderFailed> {
        let (mut left, mut at) = (content.len(), 0);
        loop {
            // Without room of ours, it writes into its own, which is looked at next.
            let went_on = self.state.compress_stream(
                operation,
                &mut left,
                content,
                &mut at,
                &mut 0,
                &mut [],
                &mut 0,
                &mut None,
                &mut |_, _, _, _| (),
            );
            if !went_on {
                return Err(EncoderFailed);
            }
            while self.state.has_more_output() {
                let mut count = 0;
                let written = self.state.take_output(&mut count);
                out.extend_from_slice(&written[..count]);
            }
            let is_done = operation != BrotliEncoderOperation::BROTLI_OPERATION_FINISH || self.state.is_finished();
            if left == 0 && is_done {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use gateway_routing::route::CompressionAlgorithm;

    use super::{Encoder, Upto};

    #[test]
    fn zstd_takes_no_more_memory_than_it_may_and_little_for_little() {
        for (length, declared, most) in
            [(4_000_000, None, 1900), (4_000_000, Some(4_000_000), 1900), (2048, Some(2048), 128)]
        {
            let mut encoder = Encoder::new(CompressionAlgorithm::Zstd, declared).unwrap();
            let content: Vec<u8> = (0..length).map(|at: u32| (at.wrapping_mul(2_654_435_761) >> 27) as u8).collect();
            encoder.press(&content, Upto::Ready, &mut Vec::new()).unwrap();
            let Encoder::Zstd(context) = &encoder else { panic!("{encoder:?}") };
            assert!(context.sizeof() < most * 1024, "{length}: {}", context.sizeof());
            encoder.press(&[], Upto::End, &mut Vec::new()).unwrap();
        }
    }
}
