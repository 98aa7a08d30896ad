//! A control plane and a data plane as processes that can die and come back.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    path::{Path, PathBuf},
    thread,
};

use gateway_proto::{
    access::{Bearer, Channel},
    admin::v1::admin_service_client::AdminServiceClient,
    local::ADMIN_TOKEN,
    registry::v1::registry_service_client::RegistryServiceClient,
    token,
};
use serde_json::Value;
use tokio::process::Command;
use tonic::transport::{self, Endpoint};

use super::{
    client,
    eventually::{eventually, within},
    loopback,
    process::Exit,
    process::Process,
};

/// The programs, built by cargo as targets of this package and so never older than their sources.
pub const CONTROL_PLANE: &str = env!("CARGO_BIN_EXE_e2e-control-plane");
/// See [`CONTROL_PLANE`].
pub const DATA_PLANE: &str = env!("CARGO_BIN_EXE_e2e-data-plane");

/// How many earlier lives of a control plane are shown when a test fails.
const LIVES: usize = 3;

/// A control plane that keeps its addresses and its data directory over its deaths.
#[derive(Debug)]
pub struct ControlPlane {
    process: Option<Process>,
    args: Vec<String>,
    /// What it logged in its last lives; shown when a test fails.
    past: VecDeque<String>,
    /// Where gRPC is.
    pub grpc: SocketAddr,
    /// Where `/readyz` is.
    pub http: SocketAddr,
    /// Where the store is.
    pub data_dir: PathBuf,
}

impl ControlPlane {
    /// Starts one, and returns when it is ready.
    pub async fn start(data_dir: &Path, args: &[&str]) -> Self {
        let address = SocketAddr::new(loopback::fresh(), 0);
        let args = args.iter().map(|&arg| arg.into()).collect();
        let mut control_plane = Self {
            process: None,
            args,
            past: VecDeque::new(),
            grpc: address,
            http: address,
            data_dir: data_dir.to_owned(),
        };
        control_plane.restart().await;
        control_plane
    }

    /// Starts it again where it was.
    pub async fn restart(&mut self) {
        assert!(self.process.is_none(), "the control plane still runs");
        let mut process = Process::spawn("the control plane", self.command());
        let listening = process.event("listening").await;
        self.grpc = listener(&listening, "grpc");
        self.http = listener(&listening, "http");
        process.event("ready").await;
        self.process = Some(process);
    }

    /// The command that starts it.
    pub fn command(&self) -> Command {
        let mut command = Command::new(CONTROL_PLANE);
        command.args(["--listen", &self.grpc.to_string(), "--http-listen", &self.http.to_string()]);
        command.arg("--data-dir").arg(&self.data_dir).args(&self.args);
        command
    }

    /// SIGKILL; it is gone when this returns.
    pub async fn kill(&mut self) {
        let log = self.running().kill().await;
        self.past.push_back(log);
        if self.past.len() > LIVES {
            self.past.pop_front();
        }
    }

    /// SIGTERM; returns how it ended.
    pub async fn terminate(&mut self) -> Exit {
        self.running().terminate().await
    }

    /// Its log up to now.
    pub fn log(&self) -> String {
        self.process.as_ref().map(Process::stderr).unwrap_or_default()
    }

    /// Its process alone.
    pub fn into_process(mut self) -> Process {
        self.running()
    }

    fn running(&mut self) -> Process {
        self.process.take().expect("the control plane runs")
    }

    /// Its gRPC address as a URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.grpc)
    }

    /// A fresh connection for gRPC, without a token.
    pub async fn anonymous(&self) -> transport::Channel {
        let endpoint = Endpoint::from_shared(self.url()).expect("an address makes a URL");
        within("a connection to the control plane", endpoint.connect()).await.expect("the control plane accepts")
    }

    /// A fresh connection for gRPC, with the token of an admin.
    pub async fn channel(&self) -> Channel {
        let token = token::read(&self.data_dir.join(ADMIN_TOKEN)).expect("the first start has made a token");
        Channel::new(self.anonymous().await, Bearer::new(&token))
    }

    /// A client of the registry.
    pub async fn registry(&self) -> RegistryServiceClient<Channel> {
        RegistryServiceClient::new(self.channel().await)
    }

    /// A client of the status service.
    pub async fn admin(&self) -> AdminServiceClient<Channel> {
        AdminServiceClient::new(self.channel().await)
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        if thread::panicking() {
            for log in &self.past {
                eprintln!("--- standard error of the control plane (an earlier life):\n{log}---");
            }
        }
    }
}

/// A data plane that keeps its addresses over its deaths.
#[derive(Debug)]
pub struct DataPlane {
    process: Option<Process>,
    args: Vec<String>,
    /// How many files it may have open, where that is limited.
    open_files: Option<u64>,
    /// What it calls itself.
    pub id: String,
    /// Where clients come in.
    pub proxy: SocketAddr,
    /// Where `/readyz` is.
    pub admin: SocketAddr,
}

impl DataPlane {
    /// Starts one for this control plane, and returns when it listens.
    pub async fn listening(id: &str, control_plane: &str, args: &[&str]) -> Self {
        Self::limited(None, id, control_plane, args).await
    }

    /// Like [`DataPlane::listening`], with no more open files than this.
    pub async fn limited(open_files: Option<u64>, id: &str, control_plane: &str, args: &[&str]) -> Self {
        let address = SocketAddr::new(loopback::fresh(), 0);
        let args = ["--control-plane", control_plane].iter().chain(args).map(|&arg| arg.into()).collect();
        let mut data_plane = Self { process: None, args, open_files, id: id.into(), proxy: address, admin: address };
        data_plane.restart().await;
        data_plane
    }

    /// Starts one for this control plane, and returns when it is ready.
    pub async fn ready(id: &str, control_plane: &str, args: &[&str]) -> Self {
        let mut data_plane = Self::listening(id, control_plane, args).await;
        data_plane.until_ready().await;
        data_plane
    }

    /// Starts it again where it was, and returns when it listens.
    pub async fn restart(&mut self) {
        assert!(self.process.is_none(), "{} still runs", self.id);
        let mut process = Process::spawn(format!("data plane {}", self.id), self.command());
        let listening = process.event("listening").await;
        self.proxy = listener(&listening, "proxy");
        self.admin = listener(&listening, "admin");
        self.process = Some(process);
    }

    /// The command that starts it.
    pub fn command(&self) -> Command {
        let mut command = match self.open_files {
            None => Command::new(DATA_PLANE),
            Some(count) => {
                let mut shell = Command::new("sh");
                shell.args(["-c", "ulimit -n \"$0\" && exec \"$@\"", &count.to_string(), DATA_PLANE]);
                shell
            }
        };
        command.args(["--listen", &self.proxy.to_string(), "--admin-listen", &self.admin.to_string()]);
        command.args(["--node-id", &self.id, "--workers", "1"]).args(&self.args);
        command
    }

    /// Returns when it says that it is ready, which it says once.
    pub async fn until_ready(&mut self) {
        self.process.as_mut().expect("the data plane runs").event("ready").await;
    }

    /// SIGKILL; it is gone when this returns.
    pub async fn kill(&mut self) {
        self.process.take().expect("the data plane runs").kill().await;
    }

    /// Its process alone.
    pub fn into_process(mut self) -> Process {
        self.process.take().expect("the data plane runs")
    }

    /// Its process.
    pub fn process(&self) -> &Process {
        self.process.as_ref().expect("the data plane runs")
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: super::Signal) {
        self.process().signal(signal);
    }

    /// SIGTERM; returns at once.
    pub fn drain(&mut self) -> Process {
        let process = self.process.take().expect("the data plane runs");
        process.signal(super::Signal::TERM);
        process
    }

    /// Its log up to now.
    pub fn log(&self) -> String {
        self.process.as_ref().map(Process::stderr).unwrap_or_default()
    }

    /// A counter or gauge of its metrics, by its name without `gateway_`.
    pub async fn metric(&self, name: &str) -> u64 {
        let metrics = client::get(self.admin, "admin", "/metrics").await;
        let line = metrics
            .text()
            .lines()
            .find_map(|line| line.strip_prefix("gateway_")?.strip_prefix(name)?.strip_prefix(' '));
        let value = line.and_then(|value| value.parse().ok());
        value.unwrap_or_else(|| panic!("no {name} in:\n{}", metrics.text()))
    }

    /// Returns when this many clients are connected.
    pub async fn until_clients(&self, count: u64) {
        eventually(&format!("{count} clients at {}", self.id), async || {
            (self.metric("client_connections_open").await == count).then_some(())
        })
        .await;
    }

    /// A GET through this data plane.
    pub async fn get(&self, host: &str, path: &str) -> client::Response {
        client::get(self.proxy, host, path).await
    }
}

/// The address of a listener in a `listening` event.
pub fn listener(event: &Value, name: &str) -> SocketAddr {
    let text = event["listeners"][name].as_str().unwrap_or_else(|| panic!("no listener {name:?} in {event}"));
    text.parse().unwrap_or_else(|err| panic!("{text:?} in {event}: {err}"))
}
