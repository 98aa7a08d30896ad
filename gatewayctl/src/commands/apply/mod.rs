//! `gatewayctl apply`.

mod refused;

use std::path::PathBuf;

use clap::{Args, builder::BoolishValueParser};
use gateway_proto::registry::v1 as pb;
use serde::Serialize;
use tonic::Status;

use super::{Context, change_name, service::ServedBy, wait::wait_for_change};
use crate::{
    client::{Client, refused, registry},
    exit::{Exit, Failure},
    file::{self, Declared, Mistakes, Source},
    output::text,
};

/// Create and update what declarative files name, as one atomic change; delete nothing
#[derive(Debug, Args)]
pub struct Apply {
    /// YAML or JSON file, a directory of *.yaml, *.yml and *.json, or - for standard input; repeatable
    #[arg(short, long = "file", env = "GATEWAY_FILE", value_name = "FILE|DIR|-", required = true)]
    pub files: Vec<PathBuf>,
    /// Check and compare only, and say what would change
    #[arg(long, env = "GATEWAY_DRY_RUN", value_parser = BoolishValueParser::new())]
    pub dry_run: bool,
    /// Return when every connected data plane serves the change, at the most after --timeout
    #[arg(long, env = "GATEWAY_WAIT", value_parser = BoolishValueParser::new())]
    pub wait: bool,
}

#[derive(Debug, Serialize)]
struct Applied {
    revision: u64,
    dry_run: bool,
    changes: Vec<Change>,
    #[serde(flatten)]
    served: Option<ServedBy>,
}

#[derive(Debug, Serialize)]
struct Change {
    name: String,
    change: &'static str,
}

impl Apply {
    /// Sends everything the files name, if nothing in them is wrong.
    ///
    /// # Errors
    /// Every mistake with its place, or why the control plane refused.
    pub async fn run(self, mut context: Context) -> Result<(), Failure> {
        let Self { files, dry_run, wait } = self;
        if dry_run && wait {
            return Err(Failure::exclusive("--dry-run", "--wait"));
        }
        let sources = file::read(&files)?;
        let (declaration, mut mistakes) = file::parse(&sources);
        let client = &mut context.client;
        if !mistakes.is_empty() {
            // What the control plane finds wrong in the rest belongs on the same list; if it cannot be
            // asked, the list is shorter and its first part is still true.
            if let Ok(Err(status)) = send(client, &declaration.services, true).await {
                refused::note(client, &declaration, status, &mut mistakes).await;
            }
            return Err(refusal(&mistakes, &sources));
        }
        let answer = match send(client, &declaration.services, dry_run).await? {
            Ok(answer) => answer,
            Err(status) => {
                let failure = refused(&status);
                refused::note(client, &declaration, status, &mut mistakes).await;
                let lines = mistakes.lines(&sources);
                return Err(if lines.is_empty() {
                    failure
                } else {
                    Failure { summary: summary(&mistakes), details: lines, ..failure }
                });
            }
        };
        let pb::ApplyResponse { changes, revision, route_changes: _ } = answer;
        let changed = changes.iter().filter(|change| change.change() != pb::ChangeKind::Unchanged);
        let changed = changed.map(|change| change.name.clone()).collect();
        let waited = wait_for_change(client, wait, revision, changed).await;
        let served = waited.as_ref().ok().and_then(Option::as_ref);
        let change =
            |change: &pb::ServiceChange| Change { name: change.name.clone(), change: change_name(change.change()) };
        let changes = changes.iter().map(change).collect();
        let applied = Applied { revision, dry_run, changes, served: served.map(ServedBy::from) };
        context.output.print(&applied, |_| match served {
            Some(served) => format!("{}\n{}", applied.text(), served.line()),
            None => applied.text(),
        })?;
        waited?.map_or(Ok(()), |served| served.verdict())
    }
}

async fn send(
    client: &mut Client,
    services: &[Declared],
    dry_run: bool,
) -> Result<Result<pb::ApplyResponse, Status>, Failure> {
    let services = services.iter().map(|declared| declared.service.clone()).collect();
    let request = pb::ApplyRequest { services, dry_run, routes: Vec::new() };
    client.call_within(client.limit(), async |channel| registry(channel).apply(request.clone()).await).await
}

fn refusal(mistakes: &Mistakes, sources: &[Source]) -> Failure {
    Failure::new(Exit::Failed, summary(mistakes)).details(mistakes.lines(sources)).hint("correct them and apply again")
}

fn summary(mistakes: &Mistakes) -> String {
    format!("{}; nothing was changed", text::count(mistakes.len(), "mistake"))
}

impl Applied {
    fn text(&self) -> String {
        let Self { revision, dry_run, changes, served: _ } = self;
        let count = |kind: &str| changes.iter().filter(|change| change.change == kind).count();
        let mut lines: Vec<String> =
            changes.iter().map(|change| format!("{:<9} {}", change.change, change.name)).collect();
        let (created, updated, unchanged) = (count("created"), count("updated"), count("unchanged"));
        let outcome = match (dry_run, created + updated) {
            (_, 0) => format!("nothing changed: {} already so", text::count(unchanged, "service")),
            (true, _) => {
                format!("dry run, nothing changed: {created} to create, {updated} to update, {unchanged} unchanged")
            }
            (false, _) => format!("{created} created, {updated} updated, {unchanged} unchanged"),
        };
        lines.push(format!("{outcome} (revision {revision})"));
        lines.join("\n")
    }
}
