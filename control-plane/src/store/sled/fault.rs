//! What goes wrong on disks and in sled, told apart.

use std::{
    any::Any,
    io::{self, ErrorKind},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use super::WATCHDOG;
use crate::store::StoreError;

/// The error of an operation in the store's directory.
pub(super) fn of_io(path: &Path, err: &io::Error) -> StoreError {
    let path = path.to_owned();
    match err.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => StoreError::Permission { path },
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => StoreError::NotADirectory { path },
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => StoreError::DiskFull { path },
        // Reading past the end of a file that was longer.
        ErrorKind::UnexpectedEof => StoreError::Damaged { path, what: "a file is cut short".into() },
        _ => StoreError::Failed { path, what: err.to_string() },
    }
}

/// The error of sled in the store's directory.
pub(super) fn of_sled(path: &Path, err: ::sled::Error) -> StoreError {
    let damaged = |what: String| StoreError::Damaged { path: path.to_owned(), what };
    match err {
        ::sled::Error::Io(err) => of_io(path, &err),
        ::sled::Error::Corruption { at, .. } => damaged(match at {
            Some(at) => format!("sled cannot read {at:?}"),
            None => "sled cannot read a file".into(),
        }),
        ::sled::Error::CollectionNotFound(_) => damaged("sled misses its tree".into()),
        ::sled::Error::Unsupported(what) => damaged(what),
        ::sled::Error::ReportableBug(what) => StoreError::Failed { path: path.to_owned(), what },
    }
}

/// What a panic said, in one line.
pub(super) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    let line = text.and_then(|text| text.lines().next()).unwrap_or("no reason given");
    format!("the storage library gave up: {line}")
}

/// Whether a write is in progress.
#[derive(Debug, Default)]
pub(super) struct Busy {
    writing: AtomicBool,
    stopped: AtomicBool,
}

impl Busy {
    /// Says so until the guard is dropped.
    pub(super) fn begin(&self) -> impl Drop + '_ {
        struct End<'a>(&'a AtomicBool);
        impl Drop for End<'_> {
            fn drop(&mut self) {
                self.0.store(false, Ordering::Release);
            }
        }
        self.writing.store(true, Ordering::Release);
        End(&self.writing)
    }

    /// Ends the watchdog.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
    }
}

/// Wakes a flush that waits in vain: when one of sled's own threads fails to write, sled notes the
/// error but may not wake who waits for that write. Another flush then sees the error and wakes
/// everybody.
pub(super) fn watch_over(db: ::sled::Db, busy: Arc<Busy>) -> io::Result<thread::JoinHandle<()>> {
    thread::Builder::new().name("store-watchdog".into()).spawn(move || {
        while !busy.stopped.load(Ordering::Acquire) {
            thread::park_timeout(WATCHDOG);
            if busy.writing.load(Ordering::Acquire) && db.context.global_error().is_err() {
                // The writer gets the same error.
                let _ = db.flush();
            }
        }
    })
}
