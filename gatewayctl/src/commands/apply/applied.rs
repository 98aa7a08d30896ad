//! What became of the files, as it is printed.

use gateway_proto::registry::v1 as pb;
use serde::Serialize;

use crate::{
    commands::{
        change::{ServedBy, change_name},
        wait::Served,
    },
    output::text,
};

/// What became of everything that was named.
#[derive(Debug, Serialize)]
pub(super) struct Applied {
    revision: u64,
    dry_run: bool,
    changes: Vec<Change>,
    route_changes: Vec<Change>,
    consumer_changes: Vec<Change>,
    #[serde(flatten)]
    served: Option<ServedBy>,
}

#[derive(Debug, Serialize)]
struct Change {
    name: String,
    change: &'static str,
}

impl Applied {
    pub(super) fn new(answer: pb::ApplyResponse, dry_run: bool, served: Option<&Served>) -> Self {
        let pb::ApplyResponse { changes, revision, route_changes, consumer_changes } = answer;
        let service = |change: pb::ServiceChange| Change { change: change_name(change.change()), name: change.name };
        let route = |change: pb::RouteChange| Change { change: change_name(change.change()), name: change.name };
        let consumer = |change: pb::ConsumerChange| Change { change: change_name(change.change()), name: change.name };
        Self {
            revision,
            dry_run,
            changes: changes.into_iter().map(service).collect(),
            route_changes: route_changes.into_iter().map(route).collect(),
            consumer_changes: consumer_changes.into_iter().map(consumer).collect(),
            served: served.map(ServedBy::from),
        }
    }

    /// A line for each thing, and one for all.
    pub(super) fn text(&self) -> String {
        let Self { revision, dry_run, changes, route_changes, consumer_changes, served: _ } = self;
        let all = || changes.iter().chain(route_changes).chain(consumer_changes);
        let count = |kind: &str| all().filter(|change| change.change == kind).count();
        let service = |Change { name, change }: &Change| format!("{change:<9} {}", text::escape(name));
        let route = |Change { name, change }: &Change| format!("{change:<9} route {}", text::escape(name));
        let consumer = |Change { name, change }: &Change| format!("{change:<9} consumer {}", text::escape(name));
        let mut lines: Vec<String> = changes.iter().map(service).collect();
        lines.extend(route_changes.iter().map(route));
        lines.extend(consumer_changes.iter().map(consumer));
        let (created, updated, unchanged) = (count("created"), count("updated"), count("unchanged"));
        let outcome = match (dry_run, created + updated) {
            (_, 0) => {
                let nouns = text::declared(changes.len(), route_changes.len(), consumer_changes.len());
                format!("nothing changed: {nouns} already so")
            }
            (true, _) => {
                format!("dry run, nothing changed: {created} to create, {updated} to update, {unchanged} unchanged")
            }
            (false, _) => format!("{created} created, {updated} updated, {unchanged} unchanged"),
        };
        lines.push(format!("{outcome} (revision {revision})"));
        lines.join("\n")
    }
}
