//! An entry, as it is written.
//!
//! Everything is little endian. foyer checks it as a whole (XXH64), and knows where it ends.
//!
//! | bytes | |
//! | --- | --- |
//! | 1 | the version of all of this: 1 |
//! | 8, 8 | the stamp: purge, moment |
//! | 4, 4, 4 | where in the key the URL ends, where the host begins and ends |
//! | 4, 4, 8 | how long the key, the metadata and the body are |
//! | | the key, the metadata, the body |

use std::{
    io::{Error, ErrorKind, Read, Result, Write},
    iter,
    sync::Arc,
};

use gateway_cache_store::{Body, Chunk, KeyRef};

use crate::{knowledge::Stamp, persist::Persist, queue::Place};

const VERSION: u8 = 1;
/// Bytes before the key.
pub(crate) const HEAD: usize = 45;
/// Bodies come back in pieces of this size.
const PIECE: u64 = 256 * 1024;

#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) stamp: Stamp,
    pub(crate) layout: [u32; 3],
    pub(crate) key: Box<[u8]>,
    pub(crate) meta: Box<[u8]>,
    pub(crate) body: Body,
    /// None, if it was read.
    pub(crate) place: Option<Place>,
}

impl Record {
    pub(crate) fn new(key: &KeyRef<'_>, meta: &impl Persist, body: Body, stamp: Stamp) -> Self {
        let mut encoded = Vec::new();
        meta.encode(&mut encoded);
        Self { stamp, layout: key.layout(), key: key.bytes().into(), meta: encoded.into(), body, place: None }
    }

    /// Bytes when written.
    pub(crate) fn len(&self) -> u64 {
        (HEAD + self.key.len() + self.meta.len()) as u64 + self.body.len()
    }

    pub(crate) fn is_of(&self, key: &KeyRef<'_>) -> bool {
        self.layout == key.layout() && *self.key == *key.bytes()
    }

    pub(crate) fn write(&self, out: &mut impl Write) -> Result<()> {
        let [url, host_start, host_end] = self.layout;
        let narrow = |len: usize| u32::try_from(len).map_err(|_| Error::from(ErrorKind::InvalidInput));
        out.write_all(&[VERSION])?;
        out.write_all(&self.stamp.purge.to_le_bytes())?;
        out.write_all(&self.stamp.moment.to_le_bytes())?;
        for number in [url, host_start, host_end, narrow(self.key.len())?, narrow(self.meta.len())?] {
            out.write_all(&number.to_le_bytes())?;
        }
        out.write_all(&self.body.len().to_le_bytes())?;
        out.write_all(&self.key)?;
        out.write_all(&self.meta)?;
        self.body.chunks().iter().try_for_each(|chunk| out.write_all(chunk))
    }

    /// What was written; an error, if these are not its bytes, and no others.
    pub(crate) fn read(from: &mut impl Read) -> Result<Self> {
        let [version] = array(from)?;
        if version != VERSION {
            return Err(ErrorKind::InvalidData.into());
        }
        let stamp = Stamp { purge: u64::from_le_bytes(array(from)?), moment: u64::from_le_bytes(array(from)?) };
        let mut number = || array(from).map(u32::from_le_bytes);
        let layout = [number()?, number()?, number()?];
        let (key, meta) = (number()?, number()?);
        let body = u64::from_le_bytes(array(from)?);
        let (key, meta) = (bytes(from, key)?, bytes(from, meta)?);
        let body = read_body(from, body)?;
        if from.read(&mut [0])? != 0 {
            return Err(ErrorKind::InvalidData.into());
        }
        Ok(Self { stamp, layout, key, meta, body, place: None })
    }
}

fn array<const N: usize>(from: &mut impl Read) -> Result<[u8; N]> {
    let mut array = [0; N];
    from.read_exact(&mut array)?;
    Ok(array)
}

/// Takes no more memory than there are bytes.
fn bytes(from: &mut impl Read, len: u32) -> Result<Box<[u8]>> {
    let mut bytes = Vec::new();
    from.take(u64::from(len)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != u64::from(len) {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes.into())
}

/// Straight into the chunks that are kept.
fn read_body(from: &mut impl Read, len: u64) -> Result<Body> {
    let mut chunks = Vec::new();
    let mut left = len;
    while left > 0 {
        let now = left.min(PIECE);
        let mut chunk: Chunk = iter::repeat_n(0, usize::try_from(now).unwrap_or(usize::MAX)).collect();
        // Nobody else has it yet.
        let Some(piece) = Arc::get_mut(&mut chunk) else { return Err(ErrorKind::Other.into()) };
        from.read_exact(piece)?;
        chunks.push(chunk);
        left -= now;
    }
    Ok(chunks.into_iter().collect())
}

impl foyer::Code for Record {
    fn encode(&self, writer: &mut impl Write) -> foyer::Result<()> {
        self.write(writer).map_err(foyer::Error::io_error)
    }

    fn decode(reader: &mut impl Read) -> foyer::Result<Self> {
        // By this kind foyer forgets the entry, and says that there is none.
        Self::read(reader).map_err(|error| foyer::Error::new(foyer::ErrorKind::OutOfRange, error.to_string()))
    }

    fn estimated_size(&self) -> usize {
        usize::try_from(self.len()).unwrap_or(usize::MAX)
    }
}
