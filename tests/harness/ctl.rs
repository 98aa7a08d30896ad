//! `gatewayctl` as a script runs it.

use std::{ffi::OsStr, process::Stdio};

use serde_json::Value;
use tokio::{io::AsyncWriteExt, process::Command};

use super::eventually::within;

/// The program, built by cargo as a target of this package.
pub const GATEWAYCTL: &str = env!("CARGO_BIN_EXE_e2e-gatewayctl");

/// What one run printed, and how it ended.
#[derive(Debug)]
pub struct Output {
    /// The exit code.
    pub code: i32,
    /// Results.
    pub stdout: String,
    /// Messages.
    pub stderr: String,
    what: String,
}

/// Runs `gatewayctl` against a control plane.
pub async fn ctl(server: &str, args: &[&str]) -> Output {
    ctl_with_input(server, args, "").await
}

/// Runs `gatewayctl` with this on its standard input.
pub async fn ctl_with_input(server: &str, args: &[&str], input: &str) -> Output {
    run(Command::new(GATEWAYCTL).args(["--server", server]).args(args), input).await
}

/// Runs `gatewayctl` with these arguments and nothing else.
pub async fn bare(args: &[&str]) -> Output {
    run(Command::new(GATEWAYCTL).args(args).env_remove("GATEWAY_SERVER"), "").await
}

/// Runs any program to its end.
pub async fn run(command: &mut Command, input: &str) -> Output {
    let std = command.as_std();
    let words: Vec<_> = std.get_args().map(OsStr::to_string_lossy).collect();
    let what = format!("{} {}", std.get_program().to_string_lossy(), words.join(" "));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap_or_else(|err| panic!("cannot start {what}: {err}"));
    let mut stdin = child.stdin.take().expect("standard input is piped");
    let output = within(&what, async {
        // A program that does not read its input may close it.
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
        child.wait_with_output().await.expect("a child can be awaited")
    })
    .await;
    let text = |bytes| String::from_utf8(bytes).unwrap_or_else(|err| panic!("{what} printed no UTF-8: {err}"));
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    let code = output.status.code().unwrap_or_else(|| panic!("{what}: {}\n{stdout}{stderr}", output.status));
    assert!(!stderr.contains("panicked"), "{what} panicked:\n{stderr}");
    Output { code, stdout, stderr, what }
}

impl Output {
    /// Must have ended with this exit code.
    pub fn exits(self, code: i32) -> Self {
        let Self { code: actual, stdout, stderr, what } = &self;
        assert_eq!(*actual, code, "{what}\n--- standard output:\n{stdout}--- standard error:\n{stderr}---");
        self
    }

    /// Must have done its work.
    pub fn ok(self) -> Self {
        self.exits(0)
    }

    /// Standard output as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|err| panic!("{}: {err} in:\n{}", self.what, self.stdout))
    }

    /// Its message must name each of these.
    pub fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.stderr.contains(word), "{}: no {word:?} in:\n{}", self.what, self.stderr);
        }
        self
    }
}
