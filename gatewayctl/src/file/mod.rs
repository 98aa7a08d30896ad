//! The declarative file: read with the place of everything in it, so that every mistake is told as
//! file, line and field, whoever finds it.

mod decode;
mod health;
mod mistake;
mod node;
mod source;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use gateway_proto::registry::v1 as pb;
use serde::Serialize;

pub use self::{
    health::status_range,
    mistake::{Mistake, Mistakes},
    node::{Node, Place},
    source::{Source, read},
};
use crate::output::service::Service;

/// A service as a file names it.
#[derive(Debug)]
pub struct Declared {
    /// What is sent.
    pub service: pb::Service,
    /// Where it stands.
    pub node: Node,
    /// Its path in the file, such as `services[2]`.
    pub path: String,
}

/// Everything that files name.
#[derive(Debug, Default)]
pub struct Declaration {
    /// In the order of the files.
    pub services: Vec<Declared>,
}

/// Reads every document of every source. All mistakes are found, not only the first.
#[must_use]
pub fn parse(sources: &[Source]) -> (Declaration, Mistakes) {
    let mut mistakes = Mistakes::default();
    let mut declaration = Declaration::default();
    let mut budget = node::Budget::default();
    for (index, source) in sources.iter().enumerate() {
        let documents = node::documents(index, &source.text, &mut budget, &mut mistakes);
        for document in documents {
            declaration.services.extend(decode::document(&document, &mut mistakes));
        }
    }
    name_duplicates(&declaration, sources, &mut mistakes);
    (declaration, mistakes)
}

/// A service has one place; the second one is the mistake.
fn name_duplicates(declaration: &Declaration, sources: &[Source], mistakes: &mut Mistakes) {
    let mut first = HashMap::new();
    for declared in &declaration.services {
        let name = &*declared.service.name;
        if name.is_empty() {
            continue;
        }
        let place = declared.node.get("name").map_or(declared.node.place, |node| node.place);
        if let Some(known) = first.insert(name, place) {
            let other = known.in_sources(sources);
            mistakes.add(
                place,
                format!("{}.name", declared.path),
                format!("service {name:?} stands already at {other}"),
            );
            first.insert(name, known);
        }
    }
}

impl Declaration {
    /// The place and the path in its file of a field of the request, such as `services[3].hosts[0]`,
    /// or of the nearest thing around it that the file holds.
    #[must_use]
    pub fn locate(&self, field: &str) -> Option<(Place, String)> {
        let rest = field.strip_prefix("services[")?;
        let (index, rest) = rest.split_once(']')?;
        let declared = self.services.get(index.parse::<usize>().ok()?)?;
        Some((declared.node.nearest(rest), format!("{}{rest}", declared.path)))
    }
}

/// A declarative file as it is written.
#[derive(Debug, Serialize)]
pub struct Document {
    /// In the order of their names.
    pub services: Vec<Service>,
    /// There are none yet.
    pub consumers: [(); 0],
}

impl Document {
    /// A file that says all that has to be said of these services.
    #[must_use]
    pub fn of(services: &[pb::Service]) -> Self {
        Self { services: services.iter().map(Service::declared).collect(), consumers: [] }
    }
}
