//! Why a disk cannot be used.

use std::{io, path::PathBuf};

/// Why a folder is not taken. Each is one sentence, that names the folder and what would be right.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Too small or too large.
    #[error("--cache-disk is {size} bytes; between {} and {} is possible", crate::MIN_SIZE, crate::MAX_SIZE)]
    Size {
        /// In bytes.
        size: u64,
    },
    /// It cannot be made, read or written.
    #[error("--cache-disk-dir {} cannot be used ({source}); it has to be a folder that this user can write to", dir.display())]
    Io {
        /// Which.
        dir: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process uses it.
    #[error("--cache-disk-dir {} is in use by another process; give each data plane a folder of its own", dir.display())]
    InUse {
        /// Which.
        dir: PathBuf,
    },
    /// It holds what no cache has put there.
    #[error("--cache-disk-dir {} holds {name:?}, which is not of a cache; give it a folder that is empty or new", dir.display())]
    Foreign {
        /// Which.
        dir: PathBuf,
        /// What is there.
        name: String,
    },
    /// The disk is full.
    #[error("--cache-disk-dir {} has no room for {size} bytes; make some, or make --cache-disk smaller", dir.display())]
    Full {
        /// Which.
        dir: PathBuf,
        /// What it would take.
        size: u64,
    },
    /// What foyer says.
    #[error("--cache-disk-dir {} cannot be opened ({reason}); a new folder helps", dir.display())]
    Engine {
        /// Which.
        dir: PathBuf,
        /// Why.
        reason: String,
    },
}
