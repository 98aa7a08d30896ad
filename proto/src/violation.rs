//! Collecting everything that is wrong with a message, with where it is.

mod duration;
mod list;

use std::fmt;

pub use duration::duration;
pub use list::{check_count, distinct};

/// Violations that are kept; a request may hold millions.
const MAX_KEPT: usize = 1000;
/// Characters of a value that are shown.
const MAX_SHOWN: usize = 64;

/// One thing that is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Where, such as `service.hosts[0]`.
    pub field: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, message } = self;
        write!(f, "{field}: {message}")
    }
}

/// Where in a request, such as `services[3].hosts[0]`; costs nothing until it is shown.
#[derive(Debug, Clone, Copy)]
pub enum Path<'a> {
    /// Where it begins.
    Root(&'static str),
    /// A field of what comes before.
    Field(&'a Path<'a>, &'static str),
    /// An item of the list that comes before.
    Item(&'a Path<'a>, usize),
}

impl Path<'_> {
    /// A field of it.
    #[must_use]
    pub const fn field(&self, name: &'static str) -> Path<'_> {
        Path::Field(self, name)
    }

    /// An item of it.
    #[must_use]
    pub const fn item(&self, at: usize) -> Path<'_> {
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
pub struct Violations {
    kept: Vec<Violation>,
    more: usize,
}

impl Violations {
    /// Notes one more.
    pub fn add(&mut self, path: &Path<'_>, message: impl fmt::Display) {
        if self.kept.len() < MAX_KEPT {
            self.kept.push(Violation { field: path.to_string(), message: message.to_string() });
        } else {
            self.more += 1;
        }
    }

    /// The value, if nothing is wrong.
    ///
    /// # Errors
    /// Everything that is.
    pub fn finish<T>(mut self, value: Option<T>) -> Result<T, Vec<Violation>> {
        if self.more > 0 {
            let message = format!("{} more mistakes are not listed; correct these first", self.more);
            self.kept.push(Violation { field: "(request)".into(), message });
        }
        match value {
            Some(value) if self.kept.is_empty() => Ok(value),
            Some(_) | None => Err(self.kept),
        }
    }
}

/// A client's text in quotes, escaped and cut short.
pub struct Shown<'a>(pub &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(MAX_SHOWN) {
            Some((end, _)) => write!(f, "{:?}", format_args!("{}…", &self.0[..end]).to_string()),
            None => write!(f, "{:?}", self.0),
        }
    }
}
