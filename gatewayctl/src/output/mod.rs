//! Results on standard output, as a table, JSON or YAML; notes on standard error.

pub mod action;
pub mod auth;
pub mod cache;
pub mod caches;
pub mod consumer;
pub mod explained;
pub mod facts;
pub mod limits;
pub mod observed;
pub mod policy;
pub mod rate_limit;
pub mod route;
pub mod route_facts;
pub mod service;
pub mod table;
pub mod text;

use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;
use serde::Serialize;

use crate::exit::{Exit, Failure};

/// The form of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Aligned text for people.
    Table,
    /// An object, or an array of objects.
    Json,
    /// The same as YAML.
    Yaml,
}

/// Where results go.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// The form that was asked for.
    pub format: Format,
    /// Columns of the terminal; none when standard output is none, and then nothing is wrapped.
    pub width: Option<u16>,
}

impl Output {
    /// Standard output in this form.
    #[must_use]
    pub fn stdout(format: Format) -> Self {
        let size = io::stdout().is_terminal().then(terminal_size::terminal_size).flatten();
        Self { format, width: size.map(|(columns, _)| columns.0) }
    }

    /// Prints one result. `human` makes the table form of it.
    ///
    /// # Errors
    /// A failure if it cannot be written.
    pub fn print(&self, value: &impl Serialize, human: impl FnOnce(Option<u16>) -> String) -> Result<(), Failure> {
        let text = match self.format {
            Format::Table => human(self.width),
            Format::Json => json(value)?,
            Format::Yaml => yaml(value)?,
        };
        write(&text)
    }

    /// Prints one of many results: a line of text or of JSON, or a YAML document.
    ///
    /// # Errors
    /// A failure if it cannot be written.
    pub fn print_event(&self, value: &impl Serialize, human: impl FnOnce() -> String) -> Result<(), Failure> {
        let text = match self.format {
            Format::Table => human(),
            Format::Json => serde_json::to_string(value).map_err(not_printable)?,
            Format::Yaml => format!("---\n{}", yaml(value)?),
        };
        write(&text)
    }
}

/// The value as JSON.
///
/// # Errors
/// A failure if it has no such form.
pub fn json(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string_pretty(value).map_err(not_printable)
}

/// The value as YAML.
///
/// # Errors
/// A failure if it has no such form.
pub fn yaml(value: &impl Serialize) -> Result<String, Failure> {
    // Texts stay on one line, quoted: folding them would change trailing blanks.
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    let mut text = String::new();
    serde_saphyr::to_fmt_writer_with_options(&mut text, value, options).map_err(not_printable)?;
    Ok(text)
}

/// Writes a text and a line end to standard output, at once.
///
/// # Errors
/// A failure if it cannot be written.
pub fn write(text: &str) -> Result<(), Failure> {
    let text = text.trim_end_matches('\n');
    if text.is_empty() {
        return Ok(());
    }
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()?;
    Ok(())
}

/// Tells people something on standard error, which may be closed.
pub fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

fn not_printable(err: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Failed, format!("the result has no such form: {err}"))
}
