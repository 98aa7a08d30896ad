//! `gatewayctl dev`: a whole cluster in one process, for trying the gateway out.

mod cluster;
mod tour;

use std::{path::PathBuf, time::Duration};

use clap::Args;
use gateway_proto::{
    access::{Access, AccessArgs},
    local::ADMIN_TOKEN,
    process::{self, LogArgs, LogFormat},
    registry::v1::{self as pb, WatchResponse},
};
use serde::Serialize;
use tokio::{
    runtime,
    signal::unix::{SignalKind, signal},
};
use tonic::Streaming;

use self::{
    cluster::Cluster,
    tour::{HOST, PATH, SERVICE},
};
use super::{process_failure, watch};
use crate::{
    cli::{DEFAULT_SERVER, Global},
    client::{Client, ServerUrl, registry},
    exit::{Exit, Failure},
    output::{Format, Output, note, table},
};

/// Run a whole local cluster in one process, on temporary storage, with a sample service; Ctrl-C ends it
#[derive(Debug, Args)]
pub struct Dev {
    /// How many data planes, 1 to 32
    #[arg(long, env = "GATEWAY_DATA_PLANES", value_name = "COUNT", default_value_t = 2)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=32))]
    pub data_planes: u16,
    /// Directory of the files that policies name, for all data planes: key sets, client secrets [default: none]
    #[arg(long, env = "GATEWAY_SECRETS_DIR", value_name = "DIR")]
    pub secrets_dir: Option<PathBuf>,
    /// Least severe level to log to standard error: error, warn, info, debug or trace
    #[arg(long, env = "GATEWAY_LOG_LEVEL", value_name = "LEVEL", default_value = "warn")]
    pub log_level: String,
}

/// What runs, for people and scripts.
#[derive(Debug, Serialize)]
struct Started {
    control_plane: String,
    data_planes: Vec<DataPlane>,
    samples: Vec<String>,
    curl: String,
}

#[derive(Debug, Clone, Serialize)]
struct DataPlane {
    id: String,
    url: String,
}

impl Dev {
    /// Runs the cluster until a signal.
    ///
    /// # Errors
    /// What is in the way, or which part of it failed.
    pub fn run(self, global: &Global) -> Result<(), Failure> {
        let Self { data_planes, secrets_dir, log_level } = self;
        let Global { server: _, output, timeout, access: _ } = global;
        let (output, timeout) = (*output, *timeout);
        process::init_logging(&LogArgs { log_format: LogFormat::Text, log_level }).map_err(process_failure)?;
        let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.map_err(|err| Failure::new(Exit::Failed, format!("cannot start: {err}")))?;
        let output = Output::stdout(output.unwrap_or(Format::Table));
        runtime.block_on(async {
            // From here on a signal ends the cluster in order, however far it has come.
            // So does closing the terminal, although servers go on at that signal.
            let hangup = signal(SignalKind::hangup());
            let mut hangup =
                hangup.map_err(|err| Failure::new(Exit::Failed, format!("cannot handle signals: {err}")))?;
            let signal = process::shutdown_signal().map_err(process_failure)?;
            let mut cluster = Cluster::new(secrets_dir)?;
            let outcome = tokio::select! {
                () = signal => Ok(()),
                _ = hangup.recv() => Ok(()),
                outcome = live(&mut cluster, data_planes, timeout, &output) => outcome,
            };
            cluster.stop().await;
            outcome
        })
    }
}

/// Starts the cluster and goes on until a part of it fails.
async fn live(cluster: &mut Cluster, data_planes: u16, timeout: Duration, output: &Output) -> Result<(), Failure> {
    cluster.start(data_planes).await?;
    let (started, access) = (cluster.started(), cluster.access());
    tokio::select! {
        failure = cluster.failed() => Err(failure),
        outcome = show(started, access, timeout, output) => outcome,
    }
}

/// Registers the samples, says what runs, and goes on with what happens.
async fn show(started: Started, access: AccessArgs, timeout: Duration, output: &Output) -> Result<(), Failure> {
    let server: ServerUrl = started.control_plane.parse().map_err(|err: String| Failure::new(Exit::Failed, err))?;
    let access = Access::open(access, ADMIN_TOKEN, [server.uri()]).map_err(process_failure)?;
    let mut client = Client::new(vec![server], access, timeout);
    // Before anything happens, so that nothing is missed.
    let watch = pb::WatchRequest::default();
    let mut events = client.call(async |channel| registry(channel).watch(watch).await).await?;
    let served = tour::register(&mut client, &started.samples).await?;
    output.print_event(&started, || started.text(output.width))?;
    if let Err(failure) = served.verdict() {
        note(&failure.to_string());
    }
    follow(&mut events, output).await
}

/// The cluster goes on when nobody reads what happens any more.
async fn follow(events: &mut Streaming<WatchResponse>, output: &Output) -> Result<(), Failure> {
    match watch::follow(events, output, false).await {
        Err(failure) if failure.exit == Exit::Done => std::future::pending().await,
        outcome => outcome,
    }
}

impl Started {
    fn new(control_plane: String, data_planes: Vec<DataPlane>, samples: Vec<String>) -> Self {
        let url = data_planes.first().map_or("", |data_plane| &data_plane.url);
        let curl = format!("curl -H 'Host: {HOST}' {url}/");
        Self { control_plane, data_planes, samples, curl }
    }

    fn text(&self, width: Option<u16>) -> String {
        let mut parts = vec![("Control plane", self.control_plane.clone())];
        parts.extend(self.data_planes.iter().map(|one| ("Data plane", format!("{} ({})", one.url, one.id))));
        parts.extend(self.samples.iter().map(|address| ("Sample", format!("http://{address}"))));
        let server = match &*self.control_plane {
            DEFAULT_SERVER => String::new(),
            other => format!(" --server {other}"),
        };
        format!(
            "A whole gateway runs in this process; nothing of it is kept. Ctrl-C ends it.\n\n{}\n\nTry:\n  {}\n  \
             gatewayctl{server} explain GET http://{HOST}{PATH}/users\n  gatewayctl{server} service get {SERVICE}\n  \
             gatewayctl{server} status\n\nWhat happens:",
            table::pairs(width, parts),
            self.curl
        )
    }
}
