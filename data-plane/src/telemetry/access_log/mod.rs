//! The access log: one line a request, written off the request path.
//!
//! A worker encodes lines into a batch of its own, and hands it to one writer thread through a
//! bounded queue. When the queue is full, the batch is dropped and counted: no request ever waits
//! for the log.

mod head;
mod line;
mod stamp;
#[cfg(test)]
mod tests;
mod worker_log;
mod writer;

use std::{num::NonZeroU32, path::PathBuf, sync::Arc};

use clap::{Args, ValueEnum};
use gateway_proto::process::Failure;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::task::AbortOnDropHandle;
use tracing::warn;

use self::writer::{Sink, Writer};
pub(crate) use self::{head::LoggedHead, worker_log::WorkerLog, writer::Losses};

/// Whether, in which form and where requests are logged.
#[derive(Debug, Clone, Args)]
pub struct AccessLogArgs {
    /// Form of the access log, one line a request: off, json, or common for the common log format with referer and user agent
    #[arg(
        long = "access-log",
        env = "GATEWAY_ACCESS_LOG",
        value_name = "FORM",
        value_enum,
        default_value = "off",
        hide_possible_values = true
    )]
    pub form: Form,
    /// One request in N is logged, 1 to 4294967295
    #[arg(long = "access-log-sample", env = "GATEWAY_ACCESS_LOG_SAMPLE", value_name = "N", value_parser = sample, default_value = "1")]
    pub sample: NonZeroU32,
    /// File that the access log is appended to; created if missing, opened anew on SIGHUP [default: standard output]
    #[arg(long = "access-log-file", env = "GATEWAY_ACCESS_LOG_FILE", value_name = "PATH")]
    pub file: Option<PathBuf>,
}

/// The form of the access log's lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// There are none.
    Off,
    /// One JSON object a line.
    Json,
    /// The common log format, with referer and user agent at the end.
    Common,
}

impl Default for AccessLogArgs {
    fn default() -> Self {
        Self { form: Form::Off, sample: NonZeroU32::MIN, file: None }
    }
}

fn sample(text: &str) -> Result<NonZeroU32, String> {
    text.parse().map_err(|_| "give a number from 1 to 4294967295; 1 logs every request".to_owned())
}

/// The access log of a data plane that has one.
#[derive(Debug)]
pub(crate) struct AccessLog {
    form: Form,
    sample: NonZeroU32,
    node: Arc<str>,
    writer: Writer,
    /// Opens the file anew.
    _reopener: Option<AbortOnDropHandle<()>>,
}

impl AccessLog {
    /// Opens the log and starts its writer; `None` if it is off. `node` is named in each line.
    pub(crate) fn start(args: AccessLogArgs, node: &str) -> Result<Option<Self>, Failure> {
        let AccessLogArgs { form, sample, file } = args;
        if form == Form::Off {
            if file.is_some() {
                warn!("nothing is logged to --access-log-file: --access-log is off");
            }
            return Ok(None);
        }
        let is_file = file.is_some();
        let sink = Sink::open(file).map_err(|(path, err)| {
            let path = path.display();
            Failure::Failed(format!("--access-log-file {path}: cannot open it: {err}; name a file that can be written"))
        })?;
        let cannot_write = |err| Failure::Failed(format!("--access-log: cannot start its thread: {err}"));
        let writer = Writer::start(sink).map_err(cannot_write)?;
        let reopener = if is_file { Some(reopen_on_hangup(&writer)?) } else { None };
        Ok(Some(Self { form, sample, node: node.into(), writer, _reopener: reopener }))
    }

    /// One worker's end of it.
    pub(crate) fn for_worker(&self) -> WorkerLog {
        WorkerLog::new(self.form, self.sample, Arc::clone(&self.node), self.writer.queue())
    }

    /// What the writer lost.
    pub(crate) fn losses(&self) -> Arc<Losses> {
        self.writer.losses()
    }

    /// Waits until everything that the workers handed over is written, but not for a log that takes
    /// nothing. The workers must have ended.
    pub(crate) async fn finish(self) {
        let Self { form: _, sample: _, node: _, writer, _reopener: reopener } = self;
        drop(reopener);
        writer.finish().await;
    }
}

fn reopen_on_hangup(writer: &Writer) -> Result<AbortOnDropHandle<()>, Failure> {
    let mut hangups = signal(SignalKind::hangup())
        .map_err(|err| Failure::Failed(format!("--access-log-file: cannot handle SIGHUP: {err}")))?;
    let reopen = writer.reopener();
    Ok(AbortOnDropHandle::new(tokio::spawn(async move {
        while hangups.recv().await.is_some() {
            reopen();
        }
    })))
}
