//! The revision that was acknowledged last, in a file beside sled's.
//!
//! After damage sled goes on with what it can read, which may be an older state. The marker is
//! written after each flush and before its commits are acknowledged, so that such a loss is
//! noticed at the next start instead of being served.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::Path,
};

use crate::registry::model::Revision;

/// The file's name.
pub(super) const NAME: &str = "acknowledged";
/// Revision (u64) and its CRC-32, in little-endian.
const LENGTH: usize = 12;

/// What the file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marked {
    /// There is none.
    Nothing,
    /// It is not what was written.
    Damaged,
    /// This was acknowledged.
    At(Revision),
}

/// The open file.
#[derive(Debug)]
pub(super) struct Marker(File);

impl Marker {
    /// Opens the file, or makes it.
    pub(super) fn open(directory: &Path) -> io::Result<Self> {
        let path = directory.join(NAME);
        Ok(Self(OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?))
    }

    /// Reads it.
    pub(super) fn read(&self) -> io::Result<Marked> {
        let length = self.0.metadata()?.len();
        if length == 0 {
            return Ok(Marked::Nothing);
        }
        let mut bytes = [0; LENGTH];
        if usize::try_from(length) != Ok(LENGTH) {
            return Ok(Marked::Damaged);
        }
        self.0.read_exact_at(&mut bytes, 0)?;
        let revision: [u8; 8] = std::array::from_fn(|at| bytes[at]);
        let revision = Revision(u64::from_le_bytes(revision));
        Ok(if bytes == encode(revision) { Marked::At(revision) } else { Marked::Damaged })
    }

    /// Writes it. One write of so few bytes is not torn by a killed process.
    pub(super) fn set(&mut self, revision: Revision) -> io::Result<()> {
        self.0.write_all_at(&encode(revision), 0)
    }
}

fn encode(revision: Revision) -> [u8; LENGTH] {
    let number = revision.0.to_le_bytes();
    let crc = crc32fast::hash(&number).to_le_bytes();
    std::array::from_fn(|at| if at < 8 { number[at] } else { crc[at - 8] })
}

#[cfg(test)]
mod tests {
    use super::{Marked, Marker, NAME};
    use crate::registry::model::Revision;

    #[test]
    fn it_says_what_was_set_last_and_notices_damage() {
        let directory = tempfile::tempdir().unwrap();
        let mut marker = Marker::open(directory.path()).unwrap();
        assert_eq!(marker.read().unwrap(), Marked::Nothing);
        marker.set(Revision(u64::MAX)).unwrap();
        marker.set(Revision(258)).unwrap();
        let marker = Marker::open(directory.path()).unwrap();
        assert_eq!(marker.read().unwrap(), Marked::At(Revision(258)));

        let path = directory.path().join(NAME);
        let good = std::fs::read(&path).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            std::fs::write(&path, bad).unwrap();
            assert_eq!(marker.read().unwrap(), Marked::Damaged);
        }
        std::fs::write(&path, &good[..5]).unwrap();
        assert_eq!(marker.read().unwrap(), Marked::Damaged);
    }
}
