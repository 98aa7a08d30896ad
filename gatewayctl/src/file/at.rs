//! A walk through the tree that notes what is wrong on the way.

use super::{
    Mistakes,
    node::{Node, Place, Value},
    scalar::{is_nothing, kind},
};

/// A node on the way through the tree, its path, and the list of what is wrong.
pub(super) struct At<'a> {
    pub(super) node: &'a Node,
    pub(super) path: String,
    mistakes: &'a mut Mistakes,
}

/// A field of which there is one among several, and how it is read.
pub(super) type Choice<T> = (&'static str, fn(&mut At<'_>) -> Option<T>);

impl<'a> At<'a> {
    /// Where a document begins.
    pub(super) fn document(node: &'a Node, mistakes: &'a mut Mistakes) -> Self {
        Self { node, path: String::new(), mistakes }
    }
}

impl At<'_> {
    pub(super) fn mistake(&mut self, sentence: impl Into<String>) {
        self.mistakes.add(self.node.place, &*self.path, sentence);
    }

    fn mistake_at(&mut self, place: Place, field: &str, sentence: impl Into<String>) {
        let path = self.path_of(field);
        self.mistakes.add(place, path, sentence);
    }

    fn path_of(&self, field: &str) -> String {
        if self.path.is_empty() { field.to_owned() } else { format!("{}.{field}", self.path) }
    }

    /// Whether there are fields at all; unknown and repeated ones are noted.
    pub(super) fn has_fields(&mut self, known: &[&str]) -> bool {
        let Value::Fields(fields) = &self.node.value else {
            self.mistake(format!("is {}; write fields: {}", kind(&self.node.value), known.join(", ")));
            return false;
        };
        for (index, (name, place, _)) in fields.iter().enumerate() {
            let first = fields[..index].iter().find(|(other, _, _)| other == name);
            if let Some((_, first, _)) = first {
                self.mistake_at(*place, name, format!("stands twice, first on line {}", first.line));
            } else if known.is_empty() {
                self.mistake_at(*place, name, "is no field here; there are none");
            } else if !known.contains(&&**name) {
                self.mistake_at(*place, name, format!("is no field here; there are: {}", known.join(", ")));
            }
        }
        true
    }

    /// Notes that a field is not there.
    pub(super) fn needs(&mut self, name: &str) {
        if self.node.get(name).is_none() {
            self.mistake(format!("has no {name}"));
        }
    }

    /// Reads a field, if it is there.
    pub(super) fn field<T>(&mut self, name: &str, read: impl FnOnce(&mut At<'_>) -> Option<T>) -> Option<T> {
        let node = self.node.get(name)?;
        let mut at = At { node, path: self.path_of(name), mistakes: self.mistakes };
        if is_nothing(&node.value) {
            at.mistake("has no value; give it one or leave the field away");
            return None;
        }
        read(&mut at)
    }

    /// Reads the one field of these that is there, if any is.
    pub(super) fn choice<T, const CHOICES: usize>(&mut self, choices: [Choice<T>; CHOICES]) -> Option<T> {
        let names = choices.map(|(name, _)| name);
        if names.iter().filter(|name| self.node.get(name).is_some()).count() > 1 {
            self.mistake(format!("has more than one of {}; choose one", among(&names)));
        }
        // All are read, so that what is wrong in them is known too.
        let read = choices.map(|(name, read)| self.field(name, read));
        read.into_iter().flatten().next()
    }

    /// The same where one has to be there.
    pub(super) fn one_of<T, const CHOICES: usize>(&mut self, choices: [Choice<T>; CHOICES]) -> Option<T> {
        let names = choices.map(|(name, _)| name);
        if names.iter().all(|name| self.node.get(name).is_none()) {
            self.mistake(format!("has none of {}; write one", among(&names)));
        }
        self.choice(choices)
    }

    /// Reads every item of a list.
    pub(super) fn items<T>(&mut self, mut read: impl FnMut(&mut At<'_>) -> T) -> Option<Vec<T>> {
        let Value::List(items) = &self.node.value else {
            self.mistake(format!("is {}; write a list", kind(&self.node.value)));
            return None;
        };
        let mut item = |(index, node)| {
            let path = format!("{}[{index}]", self.path);
            read(&mut At { node, path, mistakes: self.mistakes })
        };
        Some(items.iter().enumerate().map(&mut item).collect())
    }
}

/// `http, tcp and disabled`.
fn among(names: &[&str]) -> String {
    match names {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        all => all.concat(),
    }
}
