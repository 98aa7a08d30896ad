//! A real process: its output read line by line, its log shown when a test fails, killed on drop.

use std::{
    env, fmt,
    io::Read,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread,
};

pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    sync::mpsc,
};

use super::eventually::within;

/// A running program.
pub struct Process {
    name: String,
    child: Child,
    pid: Pid,
    lines: mpsc::UnboundedReceiver<String>,
    log: Log,
}

/// How a program ended.
#[derive(Debug)]
pub struct Exit {
    /// Its status.
    pub status: ExitStatus,
    /// What it printed on standard output and nobody had read.
    pub stdout: String,
    /// All of its standard error.
    pub stderr: String,
}

impl Exit {
    /// The exit code; a death by signal is not one.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| panic!("ended by a signal: {}\n{}", self.status, self.stderr))
    }
}

impl Process {
    /// Starts `command` with its output captured, free of any setting that the caller's shell has.
    pub fn spawn(name: impl Into<String>, command: Command) -> Self {
        let mut command = command;
        let name = name.into();
        for (variable, _) in env::vars_os() {
            if variable.to_string_lossy().starts_with("GATEWAY_")
                && !command.as_std().get_envs().any(|(set, _)| set == variable)
            {
                command.env_remove(variable);
            }
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap_or_else(|err| panic!("cannot start {name}: {err}"));
        let pid = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed())).expect("a fresh child has an id");
        let (sender, lines) = mpsc::unbounded_channel();
        let mut stdout = BufReader::new(child.stdout.take().expect("standard output is piped")).lines();
        tokio::spawn(async move {
            while let Ok(Some(line)) = stdout.next_line().await {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let stderr = child.stderr.take().and_then(|pipe| pipe.into_owned_fd().ok()).expect("standard error is piped");
        Self { name, child, pid, lines, log: Log::read(stderr.into()) }
    }

    /// The next line of standard output; none at its end.
    pub async fn line(&mut self) -> Option<String> {
        within(&format!("a line from {}", self.name), self.lines.recv()).await
    }

    /// The next line of standard output, as JSON.
    pub async fn json_line(&mut self) -> Value {
        let Some(line) = self.line().await else { panic!("{} ended:\n{}", self.name, self.stderr()) };
        serde_json::from_str(&line).unwrap_or_else(|err| panic!("{} printed {line:?}: {err}", self.name))
    }

    /// The event line of that name, which must be the next one.
    pub async fn event(&mut self, name: &str) -> Value {
        let event = self.json_line().await;
        assert_eq!(event["event"], name, "{} printed {event}", self.name);
        event
    }

    /// Its id.
    pub const fn pid(&self) -> Pid {
        self.pid
    }

    /// Standard error up to now.
    pub fn stderr(&self) -> String {
        self.log.text()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid, signal).unwrap_or_else(|err| panic!("cannot signal {}: {err}", self.name));
    }

    /// Kills without a chance to clean up, and returns its standard error when it is gone.
    pub async fn kill(mut self) -> String {
        self.signal(Signal::KILL);
        let _ = within(&format!("the death of {}", self.name), self.child.wait()).await;
        self.log.finish();
        self.log.text()
    }

    /// Asks it to end, and returns how it did.
    pub async fn terminate(self) -> Exit {
        self.signal(Signal::TERM);
        self.exit().await
    }

    /// Returns when it has ended by itself.
    pub async fn exit(mut self) -> Exit {
        let status =
            within(&format!("the end of {}", self.name), self.child.wait()).await.expect("a child can be awaited");
        let mut stdout = String::new();
        while let Some(line) = self.line().await {
            stdout += &line;
            stdout.push('\n');
        }
        self.log.finish();
        Exit { status, stdout, stderr: self.log.text() }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let ended = matches!(self.child.try_wait(), Ok(Some(_)));
        let _ = self.child.start_kill();
        if thread::panicking() {
            self.log.finish();
            let fate = if ended { "had ended" } else { "was running" };
            eprintln!("--- standard error of {} ({fate}):\n{}---", self.name, self.log.text());
        }
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Standard error, read by a thread so that it is complete even when a test's runtime has stopped.
struct Log {
    text: Arc<Mutex<Vec<u8>>>,
    reader: Option<thread::JoinHandle<()>>,
}

impl Log {
    fn read(mut pipe: std::fs::File) -> Self {
        let text = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&text);
        let reader = thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(count @ 1..) = pipe.read(&mut buffer) {
                sink.lock().unwrap().extend_from_slice(&buffer[..count]);
            }
        });
        Self { text, reader: Some(reader) }
    }

    /// Waits for the end of the pipe.
    fn finish(&mut self) {
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.text.lock().unwrap()).into_owned()
    }
}
