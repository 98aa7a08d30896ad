//! The table as `/config` shows it, its fields named as in the declarative file.
//!
//! What may be a secret is not shown: of header fields and query parameters, those that are set, added
//! or matched, there are the names alone.

use std::sync::Arc;

use serde::{Serialize, Serializer, ser::SerializeStruct};

use self::{route::RouteView, service::ServiceView};
use super::{Map, RoutingTable, Stamp};

mod condition;
mod policy;
mod route;
mod service;

/// Borrows everything: a table of any size costs the writer's buffer and lists of references.
pub(super) struct Table<'t>(pub(super) &'t RoutingTable);

impl Serialize for Table<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let RoutingTable {
            stamp,
            index: _,
            services,
            routes,
            references: _,
            caching: _,
            consumers,
            key_sources: _,
            tellers: _,
        } = self.0;
        let stamp = stamp.as_ref().map(|Stamp { cluster_id, version, revision }| (&**cluster_id, version, revision));
        let mut table = serializer.serialize_struct("RoutingTable", 6)?;
        table.serialize_field("cluster_id", &stamp.map(|(cluster_id, ..)| cluster_id))?;
        table.serialize_field("version", &stamp.map(|(_, version, _)| version.to_string()))?;
        table.serialize_field("revision", &stamp.map(|(.., revision)| revision))?;
        table.serialize_field("services", &Sorted(services, ServiceView::from))?;
        table.serialize_field("routes", &Sorted(routes, RouteView::from))?;
        // By what they are known is nobody's to read, and they may be many.
        table.serialize_field("consumers", &consumers.len())?;
        table.end()
    }
}

/// The values in the order of their names, each as it is shown.
struct Sorted<'t, V, W>(&'t Map<Arc<V>>, fn(&'t V) -> W);

impl<V, W: Serialize> Serialize for Sorted<'_, V, W> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(map, view) = self;
        let mut values: Vec<_> = map.iter().collect();
        values.sort_unstable_by_key(|(name, _)| *name);
        serializer.collect_seq(values.into_iter().map(|(_, value)| view(value)))
    }
}
