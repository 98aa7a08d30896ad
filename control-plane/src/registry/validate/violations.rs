//! Collecting everything that is wrong, with where it is.

use std::fmt;

use crate::error::{RegistryError, Violation};

/// Violations that are kept; a request may hold millions.
const MAX_KEPT: usize = 1000;
/// Characters of a value that are shown.
const MAX_SHOWN: usize = 64;

/// Where in a request, such as `services[3].hosts[0]`; costs nothing until it is shown.
#[derive(Debug, Clone, Copy)]
pub(super) enum Path<'a> {
    Root(&'static str),
    Field(&'a Path<'a>, &'static str),
    Item(&'a Path<'a>, usize),
}

impl Path<'_> {
    pub(super) const fn field(&self, name: &'static str) -> Path<'_> {
        Path::Field(self, name)
    }

    pub(super) const fn item(&self, at: usize) -> Path<'_> {
        Path::Item(self, at)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root(name) => f.write_str(name),
            Self::Field(Path::Root(""), name) => f.write_str(name),
            Self::Field(parent, name) => write!(f, "{parent}.{name}"),
            Self::Item(parent, at) => write!(f, "{parent}[{at}]"),
        }
    }
}

/// What is wrong so far.
#[derive(Debug, Default)]
pub(super) struct Violations {
    kept: Vec<Violation>,
    more: usize,
}

impl Violations {
    pub(super) fn add(&mut self, path: &Path<'_>, message: impl fmt::Display) {
        if self.kept.len() < MAX_KEPT {
            self.kept.push(Violation { field: path.to_string(), message: message.to_string() });
        } else {
            self.more += 1;
        }
    }

    /// The value, if nothing is wrong.
    pub(super) fn finish<T>(mut self, value: Option<T>) -> Result<T, RegistryError> {
        if self.more > 0 {
            let message = format!("{} more mistakes are not listed; correct these first", self.more);
            self.kept.push(Violation { field: "(request)".into(), message });
        }
        match value {
            Some(value) if self.kept.is_empty() => Ok(value),
            Some(_) | None => Err(RegistryError::Invalid(self.kept)),
        }
    }
}

/// A client's text in quotes, escaped and cut short.
pub(super) struct Shown<'a>(pub(super) &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(MAX_SHOWN) {
            Some((end, _)) => write!(f, "{:?}", format_args!("{}…", &self.0[..end]).to_string()),
            None => write!(f, "{:?}", self.0),
        }
    }
}
