//! What the control plane is told by flags and environment.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Parser, builder::BoolishValueParser};
use gateway_proto::process::{Failure, LogArgs, duration, ip_port};

use crate::tls::TlsArgs;

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
    /// Serve whoever connects, without asking for a token: for trying things out, and for a way back in
    #[arg(long, env = "GATEWAY_INSECURE", value_parser = BoolishValueParser::new())]
    pub insecure: bool,
    /// Let tokens cross the network unencrypted where --listen is not loopback and there is no TLS: for a private network
    #[arg(long, env = "GATEWAY_ALLOW_PLAINTEXT", value_parser = BoolishValueParser::new())]
    pub allow_plaintext: bool,
    /// File that the first start puts the data planes' token into, or takes it from [default: data-plane.token in --data-dir]
    #[arg(long, env = "GATEWAY_DATA_PLANE_TOKEN_FILE", value_name = "FILE")]
    pub data_plane_token_file: Option<PathBuf>,
    /// How connections are encrypted
    #[command(flatten)]
    pub tls: TlsArgs,
    /// How logs are written
    #[command(flatten)]
    pub log: LogArgs,
}

impl Config {
    /// Whether what was asked for is safe, or said to be wanted although it is not.
    ///
    /// # Errors
    /// A sentence that names the flag.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.is_exposed() && !self.allow_plaintext {
            return Err(Failure::Usage(format!(
                "--listen {}: tokens would cross the network unencrypted; give --tls-cert and --tls-key, or \
                 --allow-plaintext if the network is private",
                self.listen
            )));
        }
        // What is in the files now may be something else when they are used; this is for an early word.
        self.tls.read().map(drop)
    }

    /// Whether tokens cross the network unencrypted.
    pub(crate) fn is_exposed(&self) -> bool {
        !self.listen.ip().is_loopback() && !self.tls.is_on() && !self.insecure
    }
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
        assert!(!config.insecure && !config.allow_plaintext && !config.tls.is_on());
    }

    #[test]
    fn tokens_do_not_cross_a_network_unencrypted_unless_that_is_wanted() {
        let check =
            |arguments: &[&str]| Config::try_parse_from([&["control-plane"], arguments].concat()).unwrap().check();
        for safe in [
            &["--listen", "127.9.9.9:1"][..],
            &["--listen", "[::1]:1"],
            &["--listen", "0.0.0.0:1", "--allow-plaintext"],
            &["--listen", "[::]:1", "--insecure"],
        ] {
            assert!(check(safe).is_ok(), "{safe:?}");
        }
        for exposed in ["0.0.0.0:1", "[::]:1", "10.0.0.1:1"] {
            let refused = check(&["--listen", exposed]).unwrap_err().to_string();
            assert!(refused.contains("--tls-cert") && refused.contains("--allow-plaintext"), "{refused}");
        }
    }
}
