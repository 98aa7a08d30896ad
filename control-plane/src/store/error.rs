//! Why a store failed, each in one sentence with a remedy.

use std::path::PathBuf;

use super::Expect;
use crate::registry::model::{Key, Revision};

/// Why a store failed. What is durable, and what readers see, is unchanged by a batch that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The path is something else than a directory.
    #[error("{} is not a directory; move it away or choose another directory for the store", path.display())]
    NotADirectory {
        /// The store's directory.
        path: PathBuf,
    },
    /// The directory or something in it may not be read or written.
    #[error(
        "{} cannot be read and written by this user; give the user access to it or choose another directory for the store",
        path.display()
    )]
    Permission {
        /// The store's directory.
        path: PathBuf,
    },
    /// Another process has the store open.
    #[error("{} is in use by another control plane; end that one or choose another directory for the store", path.display())]
    InUse {
        /// The store's directory.
        path: PathBuf,
    },
    /// There is no room.
    #[error("no room is left on the disk of {}; make room, then restart the control plane", path.display())]
    DiskFull {
        /// The store's directory.
        path: PathBuf,
    },
    /// What is on disk is not what was written there.
    #[error("the store in {} is damaged ({what}); restore the directory from a backup, or move it away to begin empty", path.display())]
    Damaged {
        /// The store's directory.
        path: PathBuf,
        /// What was noticed.
        what: String,
    },
    /// Commits that were acknowledged are gone.
    #[error(
        "the store in {} is at revision {found} although revision {acknowledged} was acknowledged; restore the directory \
         from a backup, or delete {} to go on without the lost changes",
        path.display(), marker.display()
    )]
    Lost {
        /// The store's directory.
        path: PathBuf,
        /// The file that tells what was acknowledged.
        marker: PathBuf,
        /// The revision on disk.
        found: Revision,
        /// The revision that was acknowledged.
        acknowledged: Revision,
    },
    /// It was written by a later version of this program.
    #[error(
        "the store in {} has format {found}, and this program reads formats up to {supported}; use the version that wrote it, or a later one",
        path.display()
    )]
    FutureFormat {
        /// The store's directory.
        path: PathBuf,
        /// The format on disk.
        found: u16,
        /// The latest format that is understood.
        supported: u16,
    },
    /// The disk or the storage library failed otherwise.
    #[error("the store in {} failed: {what}; check the disk, then restart the control plane", path.display())]
    Failed {
        /// The store's directory.
        path: PathBuf,
        /// What happened.
        what: String,
    },
    /// Another commit came first.
    #[error("the store is at revision {actual} and not at {expected} any more; read again and repeat the change")]
    Moved {
        /// The revision that was expected.
        expected: Revision,
        /// The revision that it is at.
        actual: Revision,
    },
    /// A precondition does not hold.
    #[error("{key} is not as expected any more; read it again and repeat the change")]
    Precondition {
        /// Which record.
        key: Key,
        /// What was expected.
        expected: Expect,
        /// The revision that it is at, if there is one.
        actual: Option<Revision>,
    },
    /// Too many commits wait.
    #[error("too many changes wait to be written; try again in a moment")]
    Busy,
    /// The store is closed.
    #[error("the store is closed; try again when the control plane is back")]
    Closed,
}
