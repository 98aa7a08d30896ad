//! What a command changed, as it is printed.

use gateway_proto::registry::v1::ChangeKind;
use serde::Serialize;

use super::wait::Served;
use crate::{
    exit::Failure,
    output::{Output, observed::Node},
};

/// The word for what a change came to.
#[must_use]
pub(super) fn change_name(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Unspecified | ChangeKind::Unchanged => "unchanged",
        ChangeKind::Created => "created",
        ChangeKind::Updated => "updated",
    }
}

/// A service, route or consumer after a change, what the change came to, and who serves it if that was waited
/// for.
#[derive(Debug, Serialize)]
struct Changed<T> {
    #[serde(flatten)]
    item: T,
    change: &'static str,
    #[serde(flatten)]
    served: Option<ServedBy>,
}

/// What is left of what was deleted.
#[derive(Debug, Serialize)]
pub(super) struct Deleted {
    pub(super) name: String,
    /// Of the deletion.
    pub(super) revision: u64,
}

/// The part of [`Served`] that a change is printed with.
#[derive(Debug, Serialize)]
pub(super) struct ServedBy {
    served_by: Vec<String>,
    behind: Vec<Node>,
}

impl From<&Served> for ServedBy {
    fn from(served: &Served) -> Self {
        Self { served_by: served.served_by.clone(), behind: served.behind.clone() }
    }
}

/// Prints a change and, where it was waited for, who serves it.
///
/// # Errors
/// Why the wait has no answer, or who is behind.
pub(super) fn print_change(
    output: &Output,
    item: impl Serialize,
    change: &'static str,
    waited: Result<Option<Served>, Failure>,
    line: &str,
) -> Result<(), Failure> {
    let served = waited.as_ref().ok().and_then(Option::as_ref);
    let changed = Changed { item, change, served: served.map(ServedBy::from) };
    output.print(&changed, |_| match served {
        Some(served) => format!("{line}\n{}", served.line()),
        None => line.to_owned(),
    })?;
    waited?.map_or(Ok(()), |served| served.verdict())
}
