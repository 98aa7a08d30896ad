//! How a command ends: an exit status that scripts can rely on, and a message that says what to do.

use std::{fmt, io, process::ExitCode};

/// The exit statuses, which are a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// Refused or failed.
    Failed,
    /// Wrong usage.
    Usage,
    /// Not found.
    NotFound,
    /// It exists, a host is taken, or a revision is stale.
    Conflict,
    /// The control plane cannot be reached, or does not answer in time.
    Unreachable,
    /// Not all data planes serve the change in time.
    Behind,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::NotFound => 3,
            Exit::Conflict => 4,
            Exit::Unreachable => 5,
            Exit::Behind => 6,
        })
    }
}

/// Why a command did not do its work.
#[derive(Debug)]
pub struct Failure {
    /// The exit status.
    pub exit: Exit,
    /// What happened, in a sentence; empty if there is nothing to say.
    pub summary: String,
    /// What exactly, a line each.
    pub details: Vec<String>,
    /// What to do next.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure with a sentence and nothing else.
    pub fn new(exit: Exit, summary: impl Into<String>) -> Self {
        Self { exit, summary: summary.into(), details: Vec::new(), hint: None }
    }

    /// Two arguments that exclude each other. It is the value of a switch that counts, which clap's own
    /// check does not look at: `GATEWAY_WAIT=false` would conflict as `--wait` does.
    #[must_use]
    pub fn exclusive(one: &str, other: &str) -> Self {
        Self::new(Exit::Usage, format!("the argument '{one}' cannot be used with '{other}'"))
    }

    /// The same with what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with more lines.
    #[must_use]
    pub fn details(mut self, details: Vec<String>) -> Self {
        self.details = details;
        self
    }
}

/// A result that cannot be written. A reader that has seen enough, such as `head`, is no failure.
impl From<io::Error> for Failure {
    fn from(err: io::Error) -> Self {
        if err.kind() == io::ErrorKind::BrokenPipe {
            return Self::new(Exit::Done, "");
        }
        Self::new(Exit::Failed, format!("cannot write the result: {err}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { exit: _, summary, details, hint } = self;
        write!(f, "error: {summary}")?;
        for detail in details {
            write!(f, "\n  {detail}")?;
        }
        match hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::{Exit, Failure};

    #[test]
    fn a_failure_lists_its_details_and_says_what_to_do() {
        let failure = Failure::new(Exit::Failed, "refused").details(vec!["a".into(), "b".into()]).hint("try again");
        assert_eq!(failure.to_string(), "error: refused\n  a\n  b\nhint: try again");
    }

    #[test]
    fn a_reader_that_leaves_is_no_failure_and_a_full_disk_is() {
        assert_eq!(Failure::from(io::Error::from(io::ErrorKind::BrokenPipe)).exit, Exit::Done);
        assert_eq!(Failure::from(io::Error::from(io::ErrorKind::StorageFull)).exit, Exit::Failed);
    }
}
