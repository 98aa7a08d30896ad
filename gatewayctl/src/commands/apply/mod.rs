//! `gatewayctl apply`.

mod applied;
mod part;
mod refused;

use std::path::PathBuf;

use clap::{Args, builder::BoolishValueParser};
use gateway_proto::registry::v1 as pb;

use self::{applied::Applied, part::Part};
use super::{Context, wait::wait_for_change};
use crate::{
    client::refused,
    exit::{Exit, Failure},
    file::{self, Mistakes, Source},
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
            if let Ok(Err(status)) = Part::of(&declaration).send(client, true).await {
                refused::note(client, &declaration, status, &mut mistakes).await;
            }
            return Err(refusal(&mistakes, &sources));
        }
        let answer = match Part::of(&declaration).send(client, dry_run).await? {
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
        let changed = answer.changes.iter().filter(|change| change.change() != pb::ChangeKind::Unchanged);
        let changed = changed.map(|change| change.name.clone()).collect();
        let waited = wait_for_change(client, wait, answer.revision, changed).await;
        let served = waited.as_ref().ok().and_then(Option::as_ref);
        let applied = Applied::new(answer, dry_run, served);
        context.output.print(&applied, |_| match served {
            Some(served) => format!("{}\n{}", applied.text(), served.line()),
            None => applied.text(),
        })?;
        waited?.map_or(Ok(()), |served| served.verdict())
    }
}

fn refusal(mistakes: &Mistakes, sources: &[Source]) -> Failure {
    Failure::new(Exit::Failed, summary(mistakes)).details(mistakes.lines(sources)).hint("correct them and apply again")
}

fn summary(mistakes: &Mistakes) -> String {
    format!("{}; nothing was changed", text::count(mistakes.len(), "mistake"))
}
