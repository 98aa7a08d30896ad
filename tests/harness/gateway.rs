//! A whole cluster: one control plane, some data planes, a directory that goes with them.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use super::{
    client::Response,
    ctl::{self, Output},
    eventually::eventually,
    planes::{ControlPlane, DataPlane},
    upstream::{Answer, Upstream},
};

/// A running cluster; everything ends with it.
#[derive(Debug)]
pub struct Gateway {
    /// Where desired state is kept.
    pub control_plane: ControlPlane,
    /// Where requests go; `dp-0`, `dp-1` and so on.
    pub data_planes: Vec<DataPlane>,
    dir: TempDir,
}

/// What a cluster is made of.
#[derive(Debug)]
pub struct Builder {
    data_planes: usize,
    data_plane_args: Vec<&'static str>,
    open_files: Option<u64>,
}

impl Builder {
    /// How many data planes; one if this is not called.
    pub fn data_planes(mut self, count: usize) -> Self {
        self.data_planes = count;
        self
    }

    /// More flags for every data plane.
    pub fn data_plane_args(mut self, args: &[&'static str]) -> Self {
        self.data_plane_args.extend(args);
        self
    }

    /// How many files each data plane may have open.
    pub fn open_files(mut self, count: u64) -> Self {
        self.open_files = Some(count);
        self
    }

    /// Starts everything, and returns when all of it is ready and connected.
    pub async fn start(self) -> Gateway {
        let dir = tempfile::tempdir().expect("a temporary directory can be made");
        let control_plane = ControlPlane::start(&dir.path().join("store"), &[]).await;
        let mut data_planes = Vec::new();
        for number in 0..self.data_planes {
            let id = format!("dp-{number}");
            let url = control_plane.url();
            data_planes.push(DataPlane::limited(self.open_files, &id, &url, &self.data_plane_args).await);
        }
        for data_plane in &mut data_planes {
            data_plane.until_ready().await;
        }
        let gateway = Gateway { control_plane, data_planes, dir };
        gateway.until_connected(self.data_planes).await;
        gateway
    }
}

impl Gateway {
    /// Describes a cluster.
    pub fn builder() -> Builder {
        Builder { data_planes: 1, data_plane_args: Vec::new(), open_files: None }
    }

    /// A control plane and one data plane.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// A control plane, one data plane, and an upstream for shop.test that answers so and is not probed.
    pub async fn with_shop(answer: Answer) -> (Self, Upstream) {
        let gateway = Self::start().await;
        let upstream = Upstream::answering(answer).await;
        gateway.register_unchecked("shop", "shop.test", &[&upstream]).await;
        (gateway, upstream)
    }

    /// A directory of this cluster's own.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Adds a data plane that is ready and connected.
    pub async fn add_data_plane(&mut self) -> &DataPlane {
        let id = format!("dp-{}", self.data_planes.len());
        self.data_planes.push(DataPlane::ready(&id, &self.control_plane.url(), &[]).await);
        self.until_connected(self.data_planes.len()).await;
        self.data_planes.last().expect("one was added")
    }

    /// Returns when the control plane sees this many data planes that serve what is published.
    pub async fn until_connected(&self, count: usize) {
        eventually(&format!("{count} data planes in sync"), async || {
            let nodes = self.nodes().await;
            let in_sync = nodes.iter().filter(|node| node["connected"] == true && node["in_sync"] == true).count();
            (in_sync == count).then_some(())
        })
        .await;
    }

    /// What `node list` says.
    pub async fn nodes(&self) -> Vec<Value> {
        let nodes = self.ctl(&["-o", "json", "node", "list"]).await.ok().json();
        nodes.as_array().expect("a list is an array").clone()
    }

    /// Runs `gatewayctl` against this cluster.
    pub async fn ctl(&self, args: &[&str]) -> Output {
        ctl::ctl(&self.control_plane.url(), args).await
    }

    /// Runs `gatewayctl apply -f -` with this document.
    pub async fn apply(&self, document: &str) -> Output {
        ctl::ctl_with_input(&self.control_plane.url(), &["apply", "-f", "-", "--wait"], document).await
    }

    /// Registers a service, and returns when every data plane serves it. It is probed at once and
    /// then as seldom and as patiently as by default: the upstreams live in the test's own process,
    /// and on a busy machine they may keep a probe waiting.
    pub async fn register(&self, name: &str, host: &str, upstreams: &[&Upstream]) {
        self.register_with(name, host, upstreams, &[]).await;
    }

    /// Registers a service that is probed often, for stories about health.
    pub async fn register_probed_often(&self, name: &str, host: &str, upstreams: &[&Upstream]) {
        self.register_with(name, host, upstreams, &["--health-interval", "100ms"]).await;
    }

    /// Registers a service that is not probed.
    pub async fn register_unchecked(&self, name: &str, host: &str, upstreams: &[&Upstream]) {
        self.register_with(name, host, upstreams, &["--no-health-check"]).await;
    }

    /// Registers a service without a host, for routes to lead to; it is not probed.
    pub async fn register_for_routes(&self, name: &str, upstreams: &[&Upstream]) {
        let addresses: Vec<_> = upstreams.iter().map(|upstream| upstream.address.to_string()).collect();
        let mut args = vec!["service", "register", name, "--no-health-check", "--wait"];
        args.extend(addresses.iter().flat_map(|address| ["--endpoint", address]));
        self.ctl(&args).await.ok();
    }

    async fn register_with(&self, name: &str, host: &str, upstreams: &[&Upstream], flags: &[&str]) {
        let addresses: Vec<_> = upstreams.iter().map(|upstream| upstream.address.to_string()).collect();
        let mut args = vec!["service", "register", name, "--host", host, "--wait"];
        for address in &addresses {
            args.extend(["--endpoint", address]);
        }
        args.extend(flags);
        self.ctl(&args).await.ok();
    }

    /// A GET through the first data plane.
    pub async fn get(&self, host: &str, path: &str) -> Response {
        self.data_planes[0].get(host, path).await
    }

    /// Returns when every data plane answers this host with this status.
    pub async fn until_status(&self, host: &str, status: u16) {
        for data_plane in &self.data_planes {
            eventually(&format!("{status} for {host} at {}", data_plane.id), async || {
                (data_plane.get(host, "/").await.status == status).then_some(())
            })
            .await;
        }
    }

    /// Returns when an endpoint has this health (`healthy`, `unhealthy`, `pending`).
    pub async fn until_health(&self, service: &str, upstream: &Upstream, health: &str) {
        eventually(&format!("{} of {service} is {health}", upstream.address), async || {
            (self.health(service, upstream).await == health).then_some(())
        })
        .await;
    }

    /// The health of an endpoint as `endpoint list` says.
    pub async fn health(&self, service: &str, upstream: &Upstream) -> String {
        let endpoints = self.ctl(&["-o", "json", "endpoint", "list", service]).await.ok().json();
        let address = upstream.address.to_string();
        let endpoints = endpoints.as_array().expect("a list is an array");
        let endpoint = endpoints.iter().find(|endpoint| endpoint["address"] == *address);
        let endpoint = endpoint.unwrap_or_else(|| panic!("no {address} in {endpoints:?}"));
        endpoint["health"].as_str().expect("health is a word").into()
    }
}
