//! What the control plane is told by flags and environment.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Parser;
use gateway_proto::process::{LogArgs, duration, ip_port};

/// The gateway's control plane: keeps the service registry, probes the endpoints, and tells every data plane what to serve.
#[derive(Debug, Clone, Parser)]
#[command(name = "control-plane", version = gateway_proto::BUILD)]
pub struct Config {
    /// Address and port for gRPC: registry, discovery, admin, health and reflection; port 0 takes any free one
    #[arg(long, env = "GATEWAY_LISTEN", value_name = "IP:PORT", value_parser = ip_port, default_value = "127.0.0.1:7000")]
    pub listen: SocketAddr,
    /// Address and port for /healthz, /readyz and /metrics; port 0 takes any free one
    #[arg(long, env = "GATEWAY_HTTP_LISTEN", value_name = "IP:PORT", value_parser = ip_port, default_value = "127.0.0.1:7001")]
    pub http_listen: SocketAddr,
    /// Directory of the store; created if missing, and used by one process at a time
    #[arg(long, env = "GATEWAY_DATA_DIR", value_name = "DIR", default_value = "./gateway-data")]
    pub data_dir: PathBuf,
    /// How long requests in flight may take to end after SIGTERM or SIGINT, such as 30s
    #[arg(long, env = "GATEWAY_DRAIN_TIMEOUT", value_name = "DURATION", value_parser = duration, default_value = "30s")]
    pub drain_timeout: Duration,
    /// How logs are written
    #[command(flatten)]
    pub log: LogArgs,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::{CommandFactory, Parser};

    use super::Config;

    #[test]
    fn the_command_line_is_consistent() {
        Config::command().debug_assert();
    }

    #[test]
    fn defaults_are_as_promised() {
        let config = Config::try_parse_from(["control-plane"]).unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:7000");
        assert_eq!(config.http_listen.to_string(), "127.0.0.1:7001");
        assert_eq!(config.data_dir.to_string_lossy(), "./gateway-data");
        assert_eq!(config.drain_timeout, Duration::from_secs(30));
    }
}
