//! What the data plane is told by flags and environment.

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf, thread, time::Duration};

use clap::Parser;
use gateway_cache_disk::{MAX_SIZE, MIN_SIZE};
use gateway_cache_store::MIN_MEMORY;
use gateway_proto::{
    access::{AccessArgs, control_plane_url},
    process::{LogArgs, duration, ip_port},
    size::size,
};
use http::Uri;
use rand::RngExt;

use crate::{proxy::auth::AuthArgs, telemetry::access_log::AccessLogArgs, worker::limits::Limits};

/// No machine has more.
const MAX_CACHE_MEMORY: u64 = 1 << 40;

/// The gateway's data plane: a reverse proxy that routes by Host to healthy endpoints, as the control plane says.
#[derive(Debug, Clone, Parser)]
#[command(name = "data-plane", version = gateway_proto::BUILD)]
pub struct Config {
    /// Address and port for clients, HTTP/1.1; port 0 takes any free one
    #[arg(long, env = "GATEWAY_LISTEN", value_name = "IP:PORT", value_parser = ip_port, default_value = "0.0.0.0:8080")]
    pub listen: SocketAddr,
    /// Address and port for /healthz, /readyz, /metrics and /config; port 0 takes any free one
    #[arg(long, env = "GATEWAY_ADMIN_LISTEN", value_name = "IP:PORT", value_parser = ip_port, default_value = "127.0.0.1:8081")]
    pub admin_listen: SocketAddr,
    /// URL of a control plane, http:// or https://; give it again for others, which are tried in turn (in the environment, separate by commas)
    #[arg(long, env = "GATEWAY_CONTROL_PLANE", value_name = "URL", value_delimiter = ',', value_parser = control_plane_url,
          default_value = "http://127.0.0.1:7000")]
    pub control_plane: Vec<Uri>,
    /// How this data plane shows the control plane who it is
    #[command(flatten)]
    pub access: AccessArgs,
    /// Number of worker threads, 1 to 1024 [default: the number of cores]
    #[arg(long, env = "GATEWAY_WORKERS", value_name = "N", value_parser = workers, default_value_t = Workers::default(), hide_default_value = true)]
    pub workers: Workers,
    /// Name of this data plane in `gatewayctl node list` [default: the host name and a random suffix]
    #[arg(long, env = "GATEWAY_NODE_ID", value_name = "ID", value_parser = node_id, default_value_t = default_node_id(), hide_default_value = true)]
    pub node_id: String,
    /// Directory for the last good snapshot, from which this data plane boots when no control plane answers; created if missing [default: none]
    #[arg(long, env = "GATEWAY_CACHE_DIR", value_name = "DIR")]
    pub cache_dir: Option<PathBuf>,
    /// Memory for stored responses of services that cache, 1MiB to 1TiB; what clients read and what comes in counts, too
    #[arg(long, env = "GATEWAY_CACHE_MEMORY", value_name = "SIZE", value_parser = cache_memory, default_value = "256MiB")]
    pub cache_memory: u64,
    /// Directory for what does not fit into that memory, kept across restarts; created if missing, and of this data plane alone [default: none]
    #[arg(long, env = "GATEWAY_CACHE_DISK_DIR", value_name = "DIR")]
    pub cache_disk_dir: Option<PathBuf>,
    /// Room that it takes up there, from the start: 16MiB to 4TiB; another size than before begins with nothing
    #[arg(long, env = "GATEWAY_CACHE_DISK", value_name = "SIZE", value_parser = cache_disk, default_value = "8GiB", requires = "cache_disk_dir")]
    pub cache_disk: u64,
    /// How long requests in flight may take to end after SIGTERM or SIGINT, such as 30s
    #[arg(long, env = "GATEWAY_DRAIN_TIMEOUT", value_name = "DURATION", value_parser = duration, default_value = "30s")]
    pub drain_timeout: Duration,
    /// How it is found out who calls
    #[command(flatten)]
    pub auth: AuthArgs,
    /// What clients and upstreams may take up, and for how long
    #[command(flatten)]
    pub limits: Limits,
    /// What is told of each request
    #[command(flatten)]
    pub access_log: AccessLogArgs,
    /// How logs are written
    #[command(flatten)]
    pub log: LogArgs,
}

/// A number of worker threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Workers(pub NonZeroUsize);

impl Default for Workers {
    fn default() -> Self {
        Self(thread::available_parallelism().unwrap_or(NonZeroUsize::MIN))
    }
}

impl std::fmt::Display for Workers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

fn workers(text: &str) -> Result<Workers, String> {
    match text.parse::<NonZeroUsize>() {
        Ok(count) if count.get() <= 1024 => Ok(Workers(count)),
        _ => Err("give a number from 1 to 1024".into()),
    }
}

fn cache_memory(text: &str) -> Result<u64, String> {
    let bytes = size(text)?;
    let is_possible = (MIN_MEMORY..=MAX_CACHE_MEMORY).contains(&bytes);
    if is_possible { Ok(bytes) } else { Err("give a size from 1MiB to 1TiB".into()) }
}

fn cache_disk(text: &str) -> Result<u64, String> {
    let bytes = size(text)?;
    let is_possible = (MIN_SIZE..=MAX_SIZE).contains(&bytes);
    if is_possible { Ok(bytes) } else { Err("give a size from 16MiB to 4TiB".into()) }
}

fn node_id(text: &str) -> Result<String, String> {
    let valid = (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if valid { Ok(text.to_owned()) } else { Err("give 1 to 128 visible ASCII characters without spaces".into()) }
}

/// Replicas of a container share nothing but the image, so each names itself.
fn default_node_id() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host: String = host.trim().chars().filter(char::is_ascii_graphic).take(64).collect();
    let host = if host.is_empty() { "data-plane" } else { &host };
    format!("{host}-{:08x}", rand::rng().random::<u32>())
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::Config;

    #[test]
    fn the_command_line_is_consistent() {
        Config::command().debug_assert();
    }

    #[test]
    fn defaults_are_as_promised() {
        let config = Config::try_parse_from(["data-plane"]).unwrap();
        assert_eq!(config.listen.to_string(), "0.0.0.0:8080");
        assert_eq!(config.admin_listen.to_string(), "127.0.0.1:8081");
        assert_eq!(config.control_plane, ["http://127.0.0.1:7000/"]);
        assert_eq!(config.auth.auth_memory, crate::AuthArgs::default().auth_memory);
        assert_eq!((config.cache_disk_dir, config.cache_disk), (None, 8 << 30));
        assert!(super::node_id(&config.node_id).is_ok());
        assert_ne!(super::default_node_id(), super::default_node_id());
    }

    #[test]
    fn mistakes_name_the_flag() {
        for (flag, value) in [
            ("--listen", "8080"),
            ("--admin-listen", "localhost:1"),
            ("--control-plane", "127.0.0.1:7000"),
            ("--control-plane", "ftp://cp:7000"),
            ("--control-plane", "http://cp:7000/path"),
            ("--workers", "0"),
            ("--workers", "2000"),
            ("--node-id", "a b"),
            ("--cache-memory", "0"),
            ("--cache-memory", "1023KiB"),
            ("--cache-memory", "2TiB"),
            ("--auth-memory", "1000KiB"),
            ("--auth-memory", "2TiB"),
            ("--cache-disk", "15MiB"),
            ("--cache-disk", "5TiB"),
            ("--cache-disk", "much"),
            ("--drain-timeout", "soon"),
            ("--access-log", "xml"),
            ("--access-log-sample", "0"),
        ] {
            let message = Config::try_parse_from(["data-plane", flag, value]).unwrap_err().to_string();
            assert!(message.contains(flag), "{message}");
        }
    }
}
