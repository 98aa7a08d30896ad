//! The thread that writes: the only one that a slow or full disk holds up.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::FileTypeExt,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::{sync::oneshot, time::timeout};
use tracing::warn;

use crate::telemetry::counter::Counter;

/// Batches that may wait; with the size of a batch, this bounds what a stuck log costs: 2 MiB.
const WAITING: usize = 64;
/// How long the end of the process waits for a log that takes its lines slowly.
const LAST_WRITES: Duration = Duration::from_secs(5);
/// Between two complaints about a log that cannot be written.
const COMPLAINTS: Duration = Duration::from_secs(10);

/// Whole lines.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub bytes: Vec<u8>,
    pub lines: u64,
}

/// What the writer could not write; only the writer counts.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    /// Writes that failed.
    pub errors: Counter,
    /// Lines that were lost to them.
    pub lines: Counter,
}

/// The control thread's handle to the writer.
#[derive(Debug)]
pub(super) struct Writer {
    queue: SyncSender<Batch>,
    reopen: Arc<AtomicBool>,
    losses: Arc<Losses>,
    ended: oneshot::Receiver<()>,
}

impl Writer {
    pub(super) fn start(sink: Sink) -> io::Result<Self> {
        let (queue, batches) = sync_channel(WAITING);
        let (reopen, losses) = (Arc::<AtomicBool>::default(), Arc::<Losses>::default());
        let (end, ended) = oneshot::channel();
        let (asked, lost) = (Arc::clone(&reopen), Arc::clone(&losses));
        thread::Builder::new().name("access-log".into()).spawn(move || {
            write_all(sink, &batches, &asked, &lost);
            // The process may have stopped waiting.
            let _ = end.send(());
        })?;
        Ok(Self { queue, reopen, losses, ended })
    }

    pub(super) fn queue(&self) -> SyncSender<Batch> {
        self.queue.clone()
    }

    pub(super) fn losses(&self) -> Arc<Losses> {
        Arc::clone(&self.losses)
    }

    /// A way to have the file opened anew, whose last lines are then in the old one.
    pub(super) fn reopener(&self) -> impl Fn() + Send + 'static {
        let (reopen, queue) = (Arc::clone(&self.reopen), self.queue.clone());
        move || {
            reopen.store(true, Relaxed);
            // An empty batch wakes the writer; if the queue is full, it is awake.
            let _ = queue.try_send(Batch::default());
        }
    }

    pub(super) async fn finish(self) {
        let Self { queue, reopen: _, losses: _, ended } = self;
        drop(queue);
        if timeout(LAST_WRITES, ended).await.is_err() {
            warn!("the access log takes its last lines too slowly: giving them up");
        }
    }
}

fn write_all(mut sink: Sink, batches: &Receiver<Batch>, reopen: &AtomicBool, losses: &Losses) {
    let mut complained: Option<Instant> = None;
    for Batch { bytes, lines } in batches {
        let reopened = if reopen.swap(false, Relaxed) { sink.reopen() } else { Ok(()) };
        let written = if bytes.is_empty() { Ok(()) } else { sink.write(&bytes) };
        if written.is_err() {
            losses.errors.add_one();
            losses.lines.add(lines);
        }
        if let Err(err) = reopened.and(written)
            && complained.is_none_or(|last| last.elapsed() >= COMPLAINTS)
        {
            complained = Some(Instant::now());
            warn!(error = %err, lost_lines = losses.lines.get(), "cannot write the access log");
        }
    }
}

/// Where lines go.
#[derive(Debug)]
pub(super) enum Sink {
    /// Standard output, which event lines share.
    Stdout,
    /// A file, appended to.
    File {
        path: PathBuf,
        /// Opened by the first write if it is a named pipe: that waits for a reader.
        file: Option<File>,
        /// A write broke off within a line.
        torn: bool,
    },
}

impl Sink {
    /// Opens the file, or standard output if there is none.
    pub(super) fn open(path: Option<PathBuf>) -> Result<Self, (PathBuf, io::Error)> {
        let Some(path) = path else { return Ok(Self::Stdout) };
        let is_pipe = path.metadata().is_ok_and(|metadata| metadata.file_type().is_fifo());
        match if is_pipe { Ok(None) } else { append(&path).map(Some) } {
            Ok(file) => Ok(Self::File { path, file, torn: false }),
            Err(err) => Err((path, err)),
        }
    }

    /// Opens the file anew, as after it was renamed; if that fails, goes on with the old one.
    fn reopen(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout => {}
            Self::File { path, file, torn } => {
                *file = Some(append(path)?);
                *torn = false;
            }
        }
        Ok(())
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        match self {
            Self::Stdout => {
                let mut out = io::stdout().lock();
                out.write_all(lines)?;
                out.flush()
            }
            Self::File { path, file, torn } => {
                let file = match file {
                    Some(file) => file,
                    None => file.insert(append(path)?),
                };
                write_lines(file, torn, lines)
            }
        }
    }
}

/// Begins a line of its own, whatever the last write left behind.
fn write_lines(file: &mut impl Write, torn: &mut bool, lines: &[u8]) -> io::Result<()> {
    for mut rest in [if *torn { b"\n" } else { &b""[..] }, lines] {
        while !rest.is_empty() {
            match file.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    *torn = rest[count - 1] != b'\n';
                    rest = &rest[count..];
                }
                Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
                Err(err) => return Err(err),
            }
        }
    }
    Ok(())
}

fn append(path: &PathBuf) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};

    use super::write_lines;

    /// A disk with room for so many bytes.
    struct Disk {
        room: usize,
        written: Vec<u8>,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(self.room);
            if count == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.room -= count;
            self.written.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn half_a_line_is_not_continued_by_another() {
        for (room, expected) in [(0, "c\n"), (2, "a\nc\n"), (3, "a\nb\nc\n"), (4, "a\nb\nc\n")] {
            let (mut disk, mut torn) = (Disk { room, written: Vec::new() }, false);
            assert_eq!(write_lines(&mut disk, &mut torn, b"a\nb\n").is_ok(), room == 4);
            disk.room = 100;
            write_lines(&mut disk, &mut torn, b"c\n").unwrap();
            assert_eq!(disk.written, expected.as_bytes(), "room for {room}");
        }
    }
}
