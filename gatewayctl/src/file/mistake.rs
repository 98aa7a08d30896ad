//! What is wrong in files, and where.

use super::{Source, node::Place};
use crate::output::text;

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Where it stands.
    pub place: Place,
    /// The field's path in its document; empty for the document itself.
    pub field: String,
    /// What is wrong, as a sentence that follows the field's name.
    pub sentence: String,
}

/// Every mistake that was found.
#[derive(Debug, Default)]
pub struct Mistakes {
    found: Vec<Mistake>,
}

impl Mistakes {
    /// One more.
    pub fn add(&mut self, place: Place, field: impl Into<String>, sentence: impl Into<String>) {
        self.found.push(Mistake { place, field: field.into(), sentence: sentence.into() });
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// Whether this field, something in it or something around it is known to be wrong in this source.
    #[must_use]
    pub fn cover(&self, place: Place, field: &str) -> bool {
        self.found.iter().any(|mistake| {
            mistake.place.source == place.source && (within(field, &mistake.field) || within(&mistake.field, field))
        })
    }

    /// `file:line:column: field: sentence`, a line each, in the order of the files.
    #[must_use]
    pub fn lines(&self, sources: &[Source]) -> Vec<String> {
        let mut sorted: Vec<&Mistake> = self.found.iter().collect();
        sorted.sort_by_key(|mistake| mistake.place);
        let line = |mistake: &Mistake| {
            let Mistake { place, field, sentence } = mistake;
            let separator = if field.is_empty() { "" } else { ": " };
            text::escape(&format!("{}: {field}{separator}{sentence}", place.in_sources(sources)))
        };
        sorted.into_iter().map(line).collect()
    }
}

/// Whether `inner` is `outer` or a part of it.
fn within(inner: &str, outer: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

#[cfg(test)]
mod tests {
    use super::{Mistakes, Place};

    #[test]
    fn a_mistake_covers_what_is_in_it_and_around_it() {
        let place = Place { source: 0, line: 1, column: 1 };
        let mut mistakes = Mistakes::default();
        mistakes.add(place, "services[1].hosts", "is a text");
        for field in ["services[1].hosts", "services[1].hosts[0]", "services[1]"] {
            assert!(mistakes.cover(place, field), "{field}");
        }
        for field in ["services[11].hosts", "services[1].hostsome", "services[1].name", "services[0]"] {
            assert!(!mistakes.cover(place, field), "{field}");
        }
        assert!(!mistakes.cover(Place { source: 1, ..place }, "services[1].hosts"));
    }
}
