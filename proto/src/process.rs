//! What every server of the gateway promises whoever starts it: event lines on standard output,
//! logs on standard error, signals, and exit statuses.

use std::{collections::BTreeMap, fmt, io::Write, net::SocketAddr, process::ExitCode, time::Duration};

use clap::{Args, Parser, ValueEnum, error::ErrorKind};
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

/// How logs are written; logs go to standard error.
#[derive(Debug, Clone, Args)]
pub struct LogArgs {
    /// Form of the log lines on standard error
    #[arg(long, env = "GATEWAY_LOG_FORMAT", value_enum, default_value = "text")]
    pub log_format: LogFormat,
    /// Least severe level to log: error, warn, info, debug or trace; or tracing directives such as info,data_plane=debug
    #[arg(long, env = "GATEWAY_LOG_LEVEL", default_value = "info")]
    pub log_level: String,
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Why a program ends without having done its work.
#[derive(Debug)]
pub enum Failure {
    /// The configuration is wrong: exit status 2, with a sentence that names the flag and the remedy.
    Usage(String),
    /// Something outside is in the way, such as an address in use: exit status 1, likewise.
    Failed(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(sentence) | Self::Failed(sentence) => f.write_str(sentence),
        }
    }
}

impl std::error::Error for Failure {}

/// The exit status of a server's `main`; a failure is told on standard error.
#[must_use]
pub fn exit_code(result: Result<(), Failure>) -> ExitCode {
    let Err(failure) = result else { return ExitCode::SUCCESS };
    // Standard error may be closed; there is nobody else to tell.
    let _ = writeln!(std::io::stderr(), "error: {failure}");
    match failure {
        Failure::Usage(_) => ExitCode::from(2),
        Failure::Failed(_) => ExitCode::FAILURE,
    }
}

/// Reads the command line and the environment. `--help` and `--version` print and end the process;
/// a mistake ends it with status 2 and one sentence.
#[must_use]
pub fn parse_args<C: Parser>() -> C {
    C::try_parse().unwrap_or_else(|err| match err.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => err.exit(),
        _ => {
            let text = err.render().to_string();
            let sentence: Vec<&str> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
            let _ = writeln!(std::io::stderr(), "{}; see --help", sentence.join(" "));
            std::process::exit(2)
        }
    })
}

/// Reads IP:PORT for a flag; the message says what would be right.
///
/// # Errors
/// What is wrong with it.
pub fn ip_port(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "give IP:PORT, such as 127.0.0.1:8080 or [::1]:8080".to_owned())
}

/// Reads a time such as `500ms` or `30s` for a flag; the message says what would be right.
///
/// # Errors
/// What is wrong with it.
pub fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|err| format!("{err}; give a number and a unit, such as 500ms, 30s or 5m"))
}

/// Sends this process's log events to standard error. Does nothing the second time.
///
/// # Errors
/// A usage failure if the level is none.
pub fn init_logging(args: &LogArgs) -> Result<(), Failure> {
    let filter = log_filter(&args.log_level)?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second subscriber is refused: then the first one stays, as tests in one process want.
    let _ = match args.log_format {
        LogFormat::Text => builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    Ok(())
}

/// A single word has to be a level: as a directive it would silence everything but a target of that
/// name.
fn log_filter(text: &str) -> Result<EnvFilter, Failure> {
    let mistake = |why: String| {
        Failure::Usage(format!(
            "--log-level {text:?} is not a level: {why}; use off, error, warn, info, debug or trace"
        ))
    };
    if text.is_empty() {
        return Err(mistake("it is empty".to_owned()));
    }
    if !text.contains(['=', ',', '[']) {
        text.parse::<LevelFilter>().map_err(|err| mistake(err.to_string()))?;
    }
    EnvFilter::try_new(text).map_err(|err| mistake(err.to_string()))
}

/// A line on standard output for whoever started this process.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// Every listener is bound.
    Listening {
        /// Addresses by name, with the real port where 0 was asked for.
        listeners: BTreeMap<&'static str, SocketAddr>,
    },
    /// The program serves.
    Ready,
}

impl Event {
    /// Prints the line. A closed standard output does not stop a server.
    pub fn announce(&self) {
        let Ok(line) = serde_json::to_string(self) else { return };
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    }
}

/// Resolves at the first SIGTERM or SIGINT; a second one then ends the process at once with
/// status 1.
///
/// # Errors
/// A failure if the process may not handle signals.
pub fn shutdown_signal() -> Result<impl Future<Output = ()> + Send + 'static, Failure> {
    let no_signals = |err| Failure::Failed(format!("cannot handle signals: {err}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(no_signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(no_signals)?;
    Ok(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        tokio::spawn(async move {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            tracing::warn!("second signal: ending at once");
            std::process::exit(1);
        });
    })
}

/// The failure of a listener that cannot be bound, naming its flag.
#[must_use]
pub fn cannot_listen(flag: &str, address: SocketAddr, err: &std::io::Error) -> Failure {
    let remedy = match err.kind() {
        std::io::ErrorKind::AddrInUse => "another program listens there; end it or choose another port",
        std::io::ErrorKind::PermissionDenied => "ports below 1024 need privileges; choose a higher one",
        std::io::ErrorKind::AddrNotAvailable => "this machine has no such address; use one that it has",
        _ => "choose another address",
    };
    Failure::Failed(format!("{flag} {address}: cannot listen: {err}; {remedy}"))
}

#[cfg(test)]
mod tests {
    use super::{duration, ip_port, log_filter};

    #[test]
    fn a_log_level_is_a_level_or_directives() {
        for good in ["info", "WARN", "off", "info,data_plane=debug", "data_plane=trace"] {
            assert!(log_filter(good).is_ok(), "{good}");
        }
        for bad in ["loud", "", "info,data_plane=loud"] {
            let sentence = log_filter(bad).unwrap_err().to_string();
            assert!(sentence.starts_with("--log-level ") && sentence.contains("use off, error"), "{sentence}");
        }
    }

    #[test]
    fn mistakes_in_values_name_the_remedy() {
        assert!(ip_port("127.0.0.1:0").is_ok() && duration("1m 30s").is_ok());
        assert!(ip_port("8080").unwrap_err().contains("127.0.0.1:8080"));
        assert!(duration("30").unwrap_err().contains("30s"));
    }
}
