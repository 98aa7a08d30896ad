//! The parts of a local cluster: how they are started, watched and ended.

use std::{
    net::{Ipv4Addr, SocketAddr},
    num::NonZeroUsize,
    path::PathBuf,
    time::Duration,
};

use gateway_proto::{
    access::AccessArgs,
    local::{ADMIN_TOKEN, DATA_PLANE_TOKEN},
    process::{Failure as ProcessFailure, LogArgs, LogFormat},
};
use tempfile::TempDir;
use tokio::{
    net::TcpListener,
    sync::oneshot,
    task::{JoinError, JoinSet},
};
use tokio_util::sync::CancellationToken;
use tonic::transport::Uri;

use super::{DataPlane, Started, tour::SERVICE};
use crate::{
    commands::{process_failure, sample},
    exit::{Exit, Failure},
};

/// Sample upstreams of the one service.
const SAMPLES: usize = 2;
/// How long requests in flight may take when it ends.
const DRAIN: Duration = Duration::from_secs(1);
/// Memory of a data plane for stored responses.
const CACHE: u64 = 64 * 1024 * 1024;

type Part = Result<(), ProcessFailure>;

/// Everything that runs.
pub(super) struct Cluster {
    control_plane: String,
    data_planes: Vec<DataPlane>,
    samples: Vec<String>,
    /// Ends the data planes, then what they depend on.
    stop: [CancellationToken; 2],
    proxies: JoinSet<Part>,
    parts: JoinSet<Part>,
    store: TempDir,
    /// Where the data planes have their key sets.
    secrets_dir: Option<PathBuf>,
}

impl Cluster {
    /// Nothing runs yet.
    pub(super) fn new(secrets_dir: Option<PathBuf>) -> Result<Self, Failure> {
        let store = tempfile::Builder::new().prefix("gateway-dev-").tempdir();
        let store = store.map_err(|err| Failure::new(Exit::Failed, format!("no temporary directory: {err}")))?;
        Ok(Self {
            control_plane: String::new(),
            data_planes: Vec::new(),
            samples: Vec::new(),
            stop: Default::default(),
            proxies: JoinSet::new(),
            parts: JoinSet::new(),
            store,
            secrets_dir,
        })
    }

    /// Starts every part; returns when the control plane and all data planes are ready.
    pub(super) async fn start(&mut self, data_planes: u16) -> Result<(), Failure> {
        for number in 1..=SAMPLES {
            self.start_sample(number).await?;
        }
        // First, for it makes the token that the data planes take.
        let control_plane = self.start_control_plane()?;
        self.until_ready(control_plane).await?;
        let mut ready = Vec::new();
        for number in 1..=data_planes {
            ready.push(self.start_data_plane(number)?);
        }
        for part in ready {
            self.until_ready(part).await?;
        }
        Ok(())
    }

    /// Waits for a part; one that is never ready ends with its reason.
    async fn until_ready(&mut self, part: oneshot::Receiver<()>) -> Result<(), Failure> {
        tokio::select! {
            Ok(()) = part => Ok(()),
            failure = self.failed() => Err(failure),
        }
    }

    fn data_dir(&self) -> PathBuf {
        self.store.path().join("store")
    }

    async fn start_sample(&mut self, number: usize) -> Result<(), Failure> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let bound = listener.and_then(|listener| Ok((listener.local_addr()?, listener)));
        let (address, listener) =
            bound.map_err(|err| Failure::new(Exit::Failed, format!("a sample cannot listen: {err}")))?;
        self.samples.push(address.to_string());
        let serving = sample::serve(listener, format!("{SERVICE}-{number}"), self.stop[1].clone());
        self.parts.spawn(async {
            serving.await;
            Ok(())
        });
        Ok(())
    }

    /// On the default ports where they are free, so that `gatewayctl` finds it without flags.
    fn start_control_plane(&mut self) -> Result<oneshot::Receiver<()>, Failure> {
        let config = |grpc, http| control_plane::Config {
            listen: loopback(grpc),
            http_listen: loopback(http),
            data_dir: self.data_dir(),
            drain_timeout: DRAIN,
            insecure: false,
            allow_plaintext: false,
            data_plane_token_file: None,
            tls: control_plane::TlsArgs::default(),
            log: logging(),
        };
        let choices = [config(7000, 7001), config(7000, 0), config(0, 0)];
        let (config, listeners) = first_free(choices, control_plane::Listeners::bind)?;
        self.control_plane = format!("http://{}", listeners.grpc_address);
        let (ready, is_ready) = oneshot::channel();
        let shutdown = self.stop[1].clone().cancelled_owned();
        self.parts.spawn(control_plane::run(config, listeners, ready, shutdown));
        Ok(is_ready)
    }

    fn start_data_plane(&mut self, number: u16) -> Result<oneshot::Receiver<()>, Failure> {
        let control_plane: Uri =
            self.control_plane.parse().map_err(|err| Failure::new(Exit::Failed, format!("{err}")))?;
        let id = format!("dev-{number}");
        let token = self.data_dir().join(DATA_PLANE_TOKEN);
        let auth = data_plane::AuthArgs { secrets_dir: self.secrets_dir.clone(), ..data_plane::AuthArgs::default() };
        let config = |port| data_plane::Config {
            listen: loopback(port),
            admin_listen: loopback(0),
            control_plane: vec![control_plane.clone()],
            access: AccessArgs { token_file: Some(token.clone()), ..AccessArgs::default() },
            workers: data_plane::Workers(NonZeroUsize::MIN),
            node_id: id.clone(),
            cache_dir: None,
            cache_memory: CACHE,
            cache_disk_dir: None,
            cache_disk: CACHE,
            drain_timeout: DRAIN,
            auth: auth.clone(),
            limits: data_plane::Limits::default(),
            access_log: data_plane::AccessLogArgs::default(),
            log: logging(),
        };
        let choices = [config(8079 + number), config(0)];
        let (config, listeners) = first_free(choices, data_plane::Listeners::bind)?;
        self.data_planes.push(DataPlane { id, url: format!("http://{}", listeners.proxy_address) });
        let (ready, is_ready) = oneshot::channel();
        let shutdown = self.stop[0].clone().cancelled_owned();
        self.proxies.spawn(data_plane::run(config, listeners, ready, shutdown));
        Ok(is_ready)
    }

    /// How this process shows its own control plane who it is. In other terminals gatewayctl finds the
    /// token by the note that the control plane leaves.
    pub(super) fn access(&self) -> AccessArgs {
        AccessArgs { token_file: Some(self.data_dir().join(ADMIN_TOKEN)), ..AccessArgs::default() }
    }

    /// What there is to reach.
    pub(super) fn started(&self) -> Started {
        Started::new(self.control_plane.clone(), self.data_planes.clone(), self.samples.clone())
    }

    /// Resolves when a part ends, which none does by itself, with its reason.
    pub(super) async fn failed(&mut self) -> Failure {
        let ended = tokio::select! {
            Some(ended) = self.parts.join_next() => ended,
            Some(ended) = self.proxies.join_next() => ended,
            else => std::future::pending().await,
        };
        reason(ended)
    }

    /// Ends every part in order, and removes the store.
    pub(super) async fn stop(mut self) {
        for (stop, parts) in self.stop.iter().zip([&mut self.proxies, &mut self.parts]) {
            stop.cancel();
            while let Some(ended) = parts.join_next().await {
                if !matches!(ended, Ok(Ok(()))) {
                    tracing::warn!(reason = %reason(ended), "a part did not end well");
                }
            }
        }
        if let Err(err) = self.store.close() {
            tracing::warn!(error = %err, "the temporary store could not be removed");
        }
    }
}

fn reason(ended: Result<Part, JoinError>) -> Failure {
    match ended {
        Ok(Ok(())) => Failure::new(Exit::Failed, "a part of the cluster ended by itself"),
        Ok(Err(failure)) => process_failure(failure),
        Err(err) => Failure::new(Exit::Failed, format!("a part of the cluster failed: {err}")),
    }
}

/// Binds by the first configuration whose ports are free.
fn first_free<Config, Listeners, const CHOICES: usize>(
    choices: [Config; CHOICES],
    bind: impl Fn(&Config) -> Result<Listeners, ProcessFailure>,
) -> Result<(Config, Listeners), Failure> {
    let mut taken = None;
    for config in choices {
        match bind(&config) {
            Ok(listeners) => return Ok((config, listeners)),
            Err(failure) => taken = Some(failure),
        }
    }
    Err(taken.map_or_else(|| Failure::new(Exit::Failed, "nothing to listen on"), process_failure))
}

fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// Logging is the process's, which has set it up already.
fn logging() -> LogArgs {
    LogArgs { log_format: LogFormat::Text, log_level: "warn".to_owned() }
}
