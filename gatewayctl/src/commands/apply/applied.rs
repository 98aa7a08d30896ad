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
        let pb::ApplyResponse { changes, revision, route_changes } = answer;
        let service = |change: pb::ServiceChange| Change { change: change_name(change.change()), name: change.name };
        let route = |change: pb::RouteChange| Change { change: change_name(change.change()), name: change.name };
        Self {
            revision,
            dry_run,
            changes: changes.into_iter().map(service).collect(),
            route_changes: route_changes.into_iter().map(route).collect(),
            served: served.map(ServedBy::from),
        }
    }

    /// A line for each thing, and one for all.
    pub(super) fn text(&self) -> String {
        let Self { revision, dry_run, changes, route_changes, served: _ } = self;
        let all = || changes.iter().chain(route_changes);
        let count = |kind: &str| all().filter(|change| change.change == kind).count();
        let service = |Change { name, change }: &Change| format!("{change:<9} {}", text::escape(name));
        let route = |Change { name, change }: &Change| format!("{change:<9} route {}", text::escape(name));
        let mut lines: Vec<String> = changes.iter().map(service).chain(route_changes.iter().map(route)).collect();
        let (created, updated, unchanged) = (count("created"), count("updated"), count("unchanged"));
        let outcome = match (dry_run, created + updated) {
            (_, 0) => {
                let nouns = text::services_and_routes(changes.len(), route_changes.len());
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
