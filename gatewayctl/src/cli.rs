//! What can be typed. Every flag has an environment variable: `GATEWAY_` and the flag in capitals.

use std::{ops::RangeInclusive, time::Duration};

use clap::{Args, Parser, Subcommand};
use gateway_proto::access::AccessArgs;

use crate::{
    client::ServerUrl,
    commands::{
        apply, audit, cache, completion, consumer, dev, endpoint, explain, export, key, limit, node, probe, route,
        sample, service, token, watch,
    },
    output::Format,
};

/// Where a control plane listens unless it is told otherwise.
pub const DEFAULT_SERVER: &str = "http://127.0.0.1:7000";
/// The longest `--timeout`, which is also the longest that a control plane waits.
const MAX_TIMEOUT: Duration = Duration::from_secs(600);
/// How long keys and tokens may be valid, as control planes have it.
const LIFETIME: RangeInclusive<Duration> = Duration::from_secs(60)..=Duration::from_secs(315_576_000);

/// Registers services, routes and consumers with the gateway and shows what its control plane and data planes do
#[derive(Debug, Parser)]
#[command(name = "gatewayctl", version = gateway_proto::BUILD, arg_required_else_help = true, propagate_version = false)]
#[command(
    after_help = "Exit status: 0 done; 1 refused or failed; 2 wrong usage; 3 not found; 4 conflict (exists, or a \
                        stale revision); 5 control plane unreachable; 6 not all data planes in time"
)]
pub struct Cli {
    /// For every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// URL of a control plane; repeat it, or separate with commas, for more, which are tried in turn
    #[arg(long, global = true, env = "GATEWAY_SERVER", value_name = "URL", value_delimiter = ',')]
    #[arg(default_value = DEFAULT_SERVER)]
    pub server: Vec<ServerUrl>,
    /// Form of the result [default: table; of export: yaml]
    #[arg(short, long, global = true, env = "GATEWAY_OUTPUT", value_enum, value_name = "FORMAT")]
    pub output: Option<Format>,
    /// Time limit of a command's requests, and of waiting for data planes; 1ms to 10m
    #[arg(long, global = true, env = "GATEWAY_TIMEOUT", value_name = "DURATION", default_value = "10s")]
    #[arg(value_parser = timeout)]
    pub timeout: Duration,
    /// How to show the control plane who asks.
    #[command(flatten)]
    pub access: AccessArgs,
}

/// The nouns, and the verbs that need none.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Register, read and delete services
    #[command(subcommand)]
    Service(service::Command),
    /// Add, remove and list the endpoints of a service
    #[command(subcommand)]
    Endpoint(endpoint::Command),
    /// Create, read, shift and delete routes
    #[command(subcommand)]
    Route(route::Command),
    /// Create, read, change and delete consumers: those who call, and whom rules can name
    #[command(subcommand)]
    Consumer(consumer::Command),
    /// Make, show and revoke the keys by which consumers are known
    #[command(subcommand)]
    Key(key::Command),
    /// Say where a request would go, and why; the request is not made
    ///
    /// A data plane answers, by the table that it serves at this moment and with the code that routes requests.
    Explain(explain::Explain),
    /// Purge the caches of the data planes, and show what is in them
    #[command(subcommand)]
    Cache(cache::Command),
    /// Show rate limits, and how they do
    #[command(subcommand)]
    Limit(limit::Command),
    /// Show the data planes, and wait for them
    #[command(subcommand)]
    Node(node::Command),
    /// Show the control plane, its store and the data planes on one screen
    Status,
    /// Print changes and health transitions as they happen
    Watch(watch::Watch),
    /// Show who changed what, the newest first
    Audit(audit::Audit),
    /// Make, show and revoke the tokens by which the control plane knows its clients
    #[command(subcommand)]
    Token(token::Command),
    /// Create and update what declarative files name, as one atomic change; delete nothing
    Apply(apply::Apply),
    /// Write every service, route and consumer as a declarative file that apply reads back
    Export(export::Export),
    /// Run a whole local cluster in one process, with sample upstreams; Ctrl-C ends it
    Dev(dev::Dev),
    /// Print a completion script for a shell
    Completion(completion::Completion),
    /// Ask a URL once, and succeed on an answer of 2xx: the health check of a container
    #[command(hide = true)]
    Probe(probe::Probe),
    /// Run a sample upstream, which answers with its name
    #[command(hide = true)]
    Sample(sample::Sample),
}

/// Reads a duration such as `250ms`, `5s` or `10m`.
///
/// # Errors
/// A sentence with what is wrong.
pub fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|_| "write a number and its unit, such as 250ms, 5s or 10m".to_owned())
}

/// Reads how long a key or a token is valid, such as `12h`, `30d` or `1y`; 1 minute to 10 years.
///
/// # Errors
/// A sentence with what is wrong.
pub fn lifetime(text: &str) -> Result<prost_types::Duration, String> {
    let lifetime = humantime::parse_duration(text);
    let lifetime = lifetime.map_err(|_| "write a number and its unit, such as 12h, 30d or 1y".to_owned())?;
    let lifetime = Some(lifetime).filter(|lifetime| LIFETIME.contains(lifetime));
    lifetime.and_then(|lifetime| lifetime.try_into().ok()).ok_or_else(|| "write 1m to 10y".to_owned())
}

fn timeout(text: &str) -> Result<Duration, String> {
    let limit = duration(text)?;
    if limit < Duration::from_millis(1) || limit > MAX_TIMEOUT {
        return Err("a timeout is 1ms to 10m".into());
    }
    Ok(limit)
}

#[cfg(test)]
mod tests {
    use clap::{ArgAction, CommandFactory};

    use super::{Cli, lifetime, timeout};

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_has_its_environment_variable_and_a_help() {
        fn check(command: &clap::Command) {
            for flag in command.get_arguments() {
                let Some(long) = flag.get_long() else { continue };
                if matches!(flag.get_action(), ArgAction::Help | ArgAction::Version) {
                    continue;
                }
                let expected = format!("GATEWAY_{}", long.to_uppercase().replace('-', "_"));
                assert_eq!(flag.get_env().and_then(|env| env.to_str()), Some(&*expected), "{}", command.get_name());
                assert!(flag.get_help().is_some(), "{} --{long}", command.get_name());
            }
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }

    #[test]
    fn timeouts_have_a_unit_and_limits() {
        assert_eq!(timeout("1m 30s").unwrap().as_secs(), 90);
        for text in ["10", "0s", "11m", "-1s", "", "soon"] {
            assert!(timeout(text).is_err(), "{text}");
        }
    }

    #[test]
    fn lifetimes_have_a_unit_and_limits() {
        for (text, seconds) in [("1m", 60), ("30d", 30 * 86_400), ("10y", 315_576_000)] {
            assert_eq!(lifetime(text).unwrap().seconds, seconds, "{text}");
        }
        for text in ["30", "59s", "10y 1s", "300y", "-1d", "", "soon"] {
            assert!(lifetime(text).is_err(), "{text}");
        }
    }
}
