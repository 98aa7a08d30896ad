//! The declarative file: read with the place of everything in it, so that every mistake is told as
//! file, line and field, whoever finds it.

mod action;
mod at;
mod auth;
mod cache;
mod consumer;
mod decode;
mod health;
mod mistake;
mod node;
mod policy;
mod rate_limit;
mod route;
mod scalar;
mod source;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, hash_map::Entry};

use gateway_proto::registry::v1 as pb;
use serde::Serialize;

pub use self::{
    health::status_range,
    mistake::{Mistake, Mistakes},
    node::{Node, Place},
    source::{Source, read},
};
use crate::output::{consumer::Consumer, route::Route, service::Service};

/// A service, a route or a consumer as a file names it.
#[derive(Debug)]
pub struct Declared<T> {
    /// What is sent.
    pub wire: T,
    /// Where it stands.
    pub node: Node,
    /// Its path in the file, such as `services[2]`.
    pub path: String,
}

/// Everything that files name.
#[derive(Debug, Default)]
pub struct Declaration {
    /// In the order of the files.
    pub services: Vec<Declared<pb::Service>>,
    /// In the order of the files.
    pub routes: Vec<Declared<pb::Route>>,
    /// In the order of the files.
    pub consumers: Vec<Declared<pb::Consumer>>,
}

/// Reads every document of every source. All mistakes are found, not only the first.
#[must_use]
pub fn parse(sources: &[Source]) -> (Declaration, Mistakes) {
    let mut mistakes = Mistakes::default();
    let mut declaration = Declaration::default();
    let mut budget = node::Budget::default();
    for (index, source) in sources.iter().enumerate() {
        for document in node::documents(index, &source.text, &mut budget, &mut mistakes) {
            let Declaration { services, routes, consumers } = decode::document(&document, &mut mistakes);
            declaration.services.extend(services);
            declaration.routes.extend(routes);
            declaration.consumers.extend(consumers);
        }
    }
    name_duplicates("service", &declaration.services, |service| &service.name, sources, &mut mistakes);
    name_duplicates("route", &declaration.routes, |route| &route.name, sources, &mut mistakes);
    name_duplicates("consumer", &declaration.consumers, |consumer| &consumer.name, sources, &mut mistakes);
    (declaration, mistakes)
}

/// A name has one place; the second one is the mistake.
fn name_duplicates<T>(
    noun: &str,
    all: &[Declared<T>],
    name: impl Fn(&T) -> &str,
    sources: &[Source],
    mistakes: &mut Mistakes,
) {
    let mut first = HashMap::new();
    for declared in all {
        let name = name(&declared.wire);
        if name.is_empty() {
            continue;
        }
        let place = declared.node.get("name").map_or(declared.node.place, |node| node.place);
        match first.entry(name) {
            Entry::Vacant(entry) => {
                entry.insert(place);
            }
            Entry::Occupied(entry) => {
                let sentence = format!("{noun} {name:?} stands already at {}", entry.get().in_sources(sources));
                mistakes.add(place, format!("{}.name", declared.path), sentence);
            }
        }
    }
}

impl Declaration {
    /// The place and the path in its file of a field of the request, such as `services[3].hosts[0]`,
    /// or of the nearest thing around it that the file holds.
    #[must_use]
    pub fn locate(&self, field: &str) -> Option<(Place, String)> {
        let (list, rest) = field.split_once('[')?;
        let (index, rest) = rest.split_once(']')?;
        let index = index.parse::<usize>().ok()?;
        match list {
            "services" => self.services.get(index).map(|declared| declared.locate(rest)),
            "routes" => self.routes.get(index).map(|declared| declared.locate(rest)),
            "consumers" => self.consumers.get(index).map(|declared| declared.locate(rest)),
            _ => None,
        }
    }
}

impl<T> Declared<T> {
    /// The same of a field of this, such as `.hosts[0]`.
    fn locate(&self, field: &str) -> (Place, String) {
        // In files, policies stand on the service or the route itself, limits are a list, and where a
        // credential is stands on its method.
        let field = field.strip_prefix(".policies").unwrap_or(field);
        let field = &*field.replacen(".rate_limits.limits", ".rate_limits", 1);
        let field = if field.starts_with(".auth.") { &*field.replacen(".place", "", 1) } else { field };
        (self.node.nearest(field), format!("{}{field}", self.path))
    }
}

/// A declarative file as it is written.
#[derive(Debug, Serialize)]
pub struct Document {
    /// In the order of their names.
    pub services: Vec<Service>,
    /// In the order of their names; left away where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
    /// In the order of their names.
    pub consumers: Vec<Consumer>,
}

impl Document {
    /// A file that says all that has to be said of these services, routes and consumers, but for what these
    /// are known by.
    #[must_use]
    pub fn of(services: &[pb::Service], routes: &[pb::Route], consumers: &[pb::Consumer]) -> Self {
        Self {
            services: services.iter().map(Service::declared).collect(),
            routes: routes.iter().map(Route::declared).collect(),
            consumers: consumers.iter().map(Consumer::declared).collect(),
        }
    }
}
