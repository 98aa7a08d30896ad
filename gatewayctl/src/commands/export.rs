//! `gatewayctl export`.

use std::{
    fs::{self, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use clap::Args;
use gateway_proto::registry::v1::{Consumer, Route, Service, Synced, WatchRequest, watch_response::Event};
use tokio::time::timeout;
use tonic::Status;

use super::Context;
use crate::{
    client::{Client, refused_midway, registry},
    exit::{Exit, Failure},
    file::Document,
    output::{self, Format, note, text},
};

/// Write every service, route and consumer as a declarative file, which apply reads back to the same state
///
/// Keys and passwords are not in it, and apply leaves them as they are.
#[derive(Debug, Args)]
pub struct Export {
    /// File to write; JSON if its name ends so [default: standard output]
    pub file: Option<PathBuf>,
}

impl Export {
    /// The form of the file; a table would be none.
    pub(super) fn form(&self, asked: Option<Format>) -> Format {
        let json = self.file.as_ref().is_some_and(|file| file.extension().is_some_and(|ext| ext == "json"));
        match asked {
            Some(Format::Json) => Format::Json,
            Some(Format::Yaml) => Format::Yaml,
            Some(Format::Table) | None if json => Format::Json,
            Some(Format::Table) | None => Format::Yaml,
        }
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// If the services cannot be read or the file cannot be written.
    pub async fn run(self, mut context: Context) -> Result<(), Failure> {
        let (services, routes, consumers) = snapshot(&mut context.client).await?;
        let document = Document::of(&services, &routes, &consumers);
        let text = match context.output.format {
            Format::Json => output::json(&document)?,
            Format::Yaml | Format::Table => output::yaml(&document)?,
        };
        match self.file.as_deref() {
            None => output::write(&text),
            Some(file) if file == Path::new("-") => output::write(&text),
            Some(file) => {
                replace(file, text.trim_end()).map_err(|err| {
                    Failure::new(Exit::Failed, format!("{} cannot be written: {err}", file.display()))
                })?;
                let written = text::declared(services.len(), routes.len(), consumers.len());
                let is_known = |one: &Consumer| one.has_password || !one.keys.is_empty();
                let without = if consumers.iter().any(is_known) { "; keys and passwords are not in it" } else { "" };
                note(&format!("{written} written to {}{without}", file.display()));
                Ok(())
            }
        }
    }
}

/// Everything as of one revision, however much is changed meanwhile: what a watch tells first.
async fn snapshot(client: &mut Client) -> Result<(Vec<Service>, Vec<Route>, Vec<Consumer>), Failure> {
    let request = WatchRequest { include_current: true, after_revision: None };
    let mut events = client.call(async |channel| registry(channel).watch(request).await).await?;
    let (mut services, mut routes, mut consumers) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        let event = timeout(client.limit(), events.message()).await;
        let event = event.unwrap_or_else(|_| Err(Status::deadline_exceeded("nothing came in time")));
        let event = event.map_err(|status| refused_midway(&status).unwrap_or_else(|| broken(status.message())))?;
        let event = event.ok_or_else(|| broken("the control plane ended it"))?;
        match event.event {
            Some(Event::ServiceUpserted(service)) => services.push(service),
            Some(Event::RouteUpserted(route)) => routes.push(route),
            Some(Event::ConsumerUpserted(consumer)) => consumers.push(consumer),
            Some(Event::Synced(Synced {})) => return Ok((services, routes, consumers)),
            // Health, and what only comes later or with a newer control plane.
            Some(
                Event::EndpointStatus(_)
                | Event::CachePurged(_)
                | Event::ServiceDeleted(_)
                | Event::RouteDeleted(_)
                | Event::ConsumerDeleted(_),
            )
            | None => {}
        }
    }
}

fn broken(why: &str) -> Failure {
    let summary = format!("not everything could be read: {}", text::escape(why));
    Failure::new(Exit::Unreachable, summary).hint("repeat the command")
}

/// A file is replaced by a whole new one with its permissions, also behind a link. What is no file,
/// such as a pipe or a device, is written to.
fn replace(file: &Path, text: &str) -> io::Result<()> {
    let there = fs::metadata(file).ok();
    if there.as_ref().is_some_and(|there| !there.is_file()) {
        return OpenOptions::new().write(true).open(file)?.write_all(format!("{text}\n").as_bytes());
    }
    let file = if there.is_some() { file.canonicalize()? } else { file.to_path_buf() };
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // As `>` of a shell makes it, less what the umask takes away.
    let mut new = tempfile::Builder::new().permissions(Permissions::from_mode(0o666)).tempfile_in(directory)?;
    if let Some(there) = there {
        new.as_file().set_permissions(there.permissions())?;
    }
    writeln!(new, "{text}")?;
    new.as_file().sync_all()?;
    new.persist(file)?;
    Ok(())
}
