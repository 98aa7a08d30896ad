//! The gateway's command line: a client of the control plane, and nothing else.
//!
//! [`cli`] says what can be typed, [`commands`] holds one file a verb, [`client`] speaks with the
//! control plane, [`mod@file`] reads and writes the declarative file, [`output`] prints results and
//! [`exit`] turns failures into exit statuses.

pub mod cli;
pub mod client;
pub mod commands;
pub mod exit;
pub mod file;
pub mod output;

use std::{io::Write, process::ExitCode};

use clap::Parser;

use crate::{
    cli::Cli,
    exit::{Exit, Failure},
};

/// Runs the command that the process was started with.
#[must_use]
pub fn run() -> ExitCode {
    match commands::run(Cli::parse()) {
        Ok(()) => Exit::Done.into(),
        Err(failure) => {
            tell(&failure);
            failure.exit.into()
        }
    }
}

/// Standard error may be closed; there is nobody else to tell.
fn tell(failure: &Failure) {
    if !failure.summary.is_empty() {
        let _ = writeln!(std::io::stderr(), "{failure}");
    }
}
