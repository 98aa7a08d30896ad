//! Runs the program as a user does.

use std::{
    io::Write,
    process::{Child, Command, Output, Stdio},
};

/// A command with an environment of its own.
pub(crate) fn command(server: &str, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatewayctl"));
    command.env_clear().env("GATEWAY_SERVER", server).args(args).stdin(Stdio::null());
    command
}

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// What it printed, if all went well and without a word on standard error.
    pub(crate) fn quiet(self) -> String {
        assert_eq!((self.code, &*self.err), (0, ""), "{self:#?}");
        self.out
    }

    /// What it printed as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|err| panic!("{err}: {self:#?}"))
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }
}

/// Runs it to its end.
pub(crate) fn run(server: &str, args: &[&str]) -> Ran {
    command(server, args).output().unwrap().into()
}

/// Runs it with this on standard input.
pub(crate) fn run_with_input(server: &str, args: &[&str], input: &str) -> Ran {
    let mut command = command(server, args);
    let mut child: Child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap().into()
}
