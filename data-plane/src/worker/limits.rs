//! What clients and upstreams may take up of a data plane, and for how long.

use std::{
    num::{NonZeroU32, NonZeroUsize},
    ops::RangeInclusive,
    time::Duration,
};

use clap::Args;
use gateway_limiting::{MIN_IN_FLIGHT_MEMORY, MIN_MEMORY};
use gateway_proto::{network::Network, process::duration, size::size};

use super::buffer::BLOCK;
use crate::http1::{
    head::MAX_FIELDS,
    scan::{HeadLimits, MIN_HEAD},
};

/// The largest response head has the request's limits but its own size; its first line is a status
/// line, and servers set more fields than clients.
const MAX_STATUS_LINE: usize = 8 * 1024;

const DEFAULT_LIMIT_MEMORY: NonZeroUsize = NonZeroUsize::MIN.saturating_add((32 << 20) - 1);
/// More than that of one process is a mistake.
const LIMIT_MEMORY: RangeInclusive<u64> = 2 << 20..=1 << 40;
const _: () = assert!(MIN_MEMORY + MIN_IN_FLIGHT_MEMORY <= 2 << 20);

/// The limits of one data plane; a service may narrow some of them.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Limits {
    /// Longest request line, 512B to 256KiB; longer ones are answered with 414
    #[arg(long, env = "GATEWAY_MAX_REQUEST_LINE", value_name = "SIZE", value_parser = head_size, default_value = "16KiB")]
    max_request_line: usize,
    /// Largest request head, 512B to 256KiB; larger ones are answered with 431
    #[arg(long, env = "GATEWAY_MAX_REQUEST_HEAD", value_name = "SIZE", value_parser = head_size, default_value = "64KiB")]
    max_request_head: usize,
    /// Most fields in a request head, 1 to 256; more are answered with 431
    #[arg(long, env = "GATEWAY_MAX_REQUEST_FIELDS", value_name = "N", value_parser = fields, default_value = "128")]
    max_request_fields: usize,
    /// Largest request body; larger ones are answered with 413 [default: any size]
    #[arg(long, env = "GATEWAY_MAX_REQUEST_BODY", value_name = "SIZE", value_parser = size)]
    pub max_request_body: Option<u64>,
    /// Largest head of an upstream's answer, 512B to 256KiB; the client gets 502 instead of a larger one
    #[arg(long, env = "GATEWAY_MAX_RESPONSE_HEAD", value_name = "SIZE", value_parser = head_size, default_value = "64KiB")]
    max_response_head: usize,
    /// Longest time from the first byte of a request head to its last; slower ones are answered with 408
    #[arg(long, env = "GATEWAY_REQUEST_HEAD_TIMEOUT", value_name = "DURATION", value_parser = limit, default_value = "10s")]
    pub request_head_timeout: Duration,
    /// Longest time between two pieces of a request body; slower ones are answered with 408
    #[arg(long, env = "GATEWAY_REQUEST_BODY_TIMEOUT", value_name = "DURATION", value_parser = limit, default_value = "30s")]
    pub request_body_timeout: Duration,
    /// Longest time from the end of a request head to the end of the answer, tunnels excepted [default: any time]
    #[arg(long, env = "GATEWAY_REQUEST_TIMEOUT", value_name = "DURATION", value_parser = limit)]
    pub request_timeout: Option<Duration>,
    /// How long a client's connection may be idle before its first request and between two
    #[arg(long, env = "GATEWAY_CONNECTION_IDLE_TIMEOUT", value_name = "DURATION", value_parser = limit, default_value = "60s")]
    pub connection_idle_timeout: Duration,
    /// How long a tunnel, such as a WebSocket, may be silent in both directions
    #[arg(long, env = "GATEWAY_TUNNEL_IDLE_TIMEOUT", value_name = "DURATION", value_parser = limit, default_value = "1h")]
    pub tunnel_idle_timeout: Duration,
    /// Most client connections at once; beyond it, idle ones are closed, and without any the client gets 503 [default: half of the open files that the system allows]
    #[arg(long, env = "GATEWAY_MAX_CONNECTIONS", value_name = "N", value_parser = count)]
    pub max_connections: Option<NonZeroU32>,
    /// Most connections at once of one client address, which is an IPv6 /64 or an IPv4 address; more get 503 [default: any number]
    #[arg(long, env = "GATEWAY_MAX_CONNECTIONS_PER_CLIENT", value_name = "N", value_parser = count)]
    pub max_connections_per_client: Option<NonZeroU32>,
    /// Requests on one client connection before it is closed [default: any number]
    #[arg(long, env = "GATEWAY_MAX_REQUESTS_PER_CONNECTION", value_name = "N", value_parser = count)]
    pub max_requests_per_connection: Option<NonZeroU32>,
    /// Memory for the counters of rate limits, 2MiB to 1TiB, taken up once there are limits: 20 bytes for each key that has used any of its limit
    #[arg(long, env = "GATEWAY_LIMIT_MEMORY", value_name = "SIZE", value_parser = limit_memory, default_value = "32MiB")]
    pub limit_memory: NonZeroUsize,
    /// Networks of proxies whose X-Forwarded-For and Forwarded fields say who the client is, and X-Forwarded-Proto whether redirects keep https, such as 10.0.0.0/8,2001:db8::/32 [default: none is believed]
    #[arg(long, env = "GATEWAY_TRUSTED_PROXIES", value_name = "CIDR", value_delimiter = ',', value_parser = network)]
    pub trusted_proxies: Vec<Network>,
}

/// What holds without a flag.
impl Default for Limits {
    fn default() -> Self {
        Self {
            max_request_line: 16 * 1024,
            max_request_head: 64 * 1024,
            max_request_fields: 128,
            max_request_body: None,
            max_response_head: 64 * 1024,
            request_head_timeout: Duration::from_secs(10),
            request_body_timeout: Duration::from_secs(30),
            request_timeout: None,
            connection_idle_timeout: Duration::from_secs(60),
            tunnel_idle_timeout: Duration::from_secs(3600),
            max_connections: None,
            max_connections_per_client: None,
            max_requests_per_connection: None,
            limit_memory: DEFAULT_LIMIT_MEMORY,
            trusted_proxies: Vec::new(),
        }
    }
}

impl Limits {
    /// Of a request's head.
    pub(crate) const fn request_head(&self) -> HeadLimits {
        HeadLimits { line: self.max_request_line, head: self.max_request_head, fields: self.max_request_fields }
    }

    /// Of the head of an upstream's answer.
    pub(crate) const fn response_head(&self) -> HeadLimits {
        HeadLimits { line: MAX_STATUS_LINE, head: self.max_response_head, fields: MAX_FIELDS }
    }
}

/// The smaller of two limits, either of which may be missing.
pub(crate) fn narrower<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

fn head_size(text: &str) -> Result<usize, String> {
    let bytes = usize::try_from(size(text)?).unwrap_or(usize::MAX);
    if (MIN_HEAD..=BLOCK).contains(&bytes) { Ok(bytes) } else { Err("give a size from 512B to 256KiB".into()) }
}

fn limit_memory(text: &str) -> Result<NonZeroUsize, String> {
    let bytes = Some(size(text)?).filter(|bytes| LIMIT_MEMORY.contains(bytes));
    let bytes = bytes.and_then(|bytes| usize::try_from(bytes).ok()).and_then(NonZeroUsize::new);
    bytes.ok_or_else(|| "give a size from 2MiB to 1TiB".into())
}

fn network(text: &str) -> Result<Network, String> {
    text.parse::<Network>().map_err(|err| format!("it {err}"))
}

fn count(text: &str) -> Result<NonZeroU32, String> {
    text.parse().map_err(|_| format!("give a number from 1 to {}", u32::MAX))
}

fn fields(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| (1..=MAX_FIELDS).contains(count));
    count.ok_or_else(|| format!("give a number from 1 to {MAX_FIELDS}"))
}

/// A time after which something ends: neither none at all nor more than a day.
fn limit(text: &str) -> Result<Duration, String> {
    let time = duration(text)?;
    let range = Duration::from_millis(1)..=Duration::from_secs(24 * 3600);
    if range.contains(&time) { Ok(time) } else { Err("give a time from 1ms to 24h".into()) }
}

#[cfg(test)]
pub(crate) mod tests {
    use clap::Parser;

    use super::{Limits, narrower};

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        limits: Limits,
    }

    /// What a data plane is told by these flags, and by nothing else.
    pub(crate) fn limits(flags: &[&str]) -> Limits {
        Program::try_parse_from([&["data-plane"], flags].concat()).unwrap().limits
    }

    #[test]
    fn the_defaults_are_those_of_the_flags() {
        assert_eq!(limits(&[]), Limits::default());
    }

    #[test]
    fn mistakes_name_the_flag_and_the_remedy() {
        for (flag, value, remedy) in [
            ("--max-request-line", "100B", "512B to 256KiB"),
            ("--max-request-head", "2MiB", "512B to 256KiB"),
            ("--limit-memory", "1MiB", "2MiB to 1TiB"),
            ("--limit-memory", "2TiB", "2MiB to 1TiB"),
            ("--trusted-proxies", "10.0.0.0/8,proxy", "write one as 10.0.0.0/8"),
            ("--trusted-proxies", "10.0.0.1/8", "write 10.0.0.0/8"),
            ("--max-response-head", "0B", "512B to 256KiB"),
            ("--max-request-fields", "0", "1 to 256"),
            ("--max-request-fields", "300", "1 to 256"),
            ("--request-head-timeout", "0s", "1ms to 24h"),
            ("--request-timeout", "25h", "1ms to 24h"),
            ("--max-connections", "0", "1 to 4294967295"),
            ("--max-connections-per-client", "many", "1 to 4294967295"),
            ("--max-requests-per-connection", "-1", "1 to 4294967295"),
        ] {
            let told = Program::try_parse_from(["data-plane", &format!("{flag}={value}")]).err().unwrap().to_string();
            assert!(told.contains(flag) && told.contains(remedy), "{told}");
        }
    }

    #[test]
    fn the_narrower_of_two_limits_holds() {
        assert_eq!(narrower(Some(2), Some(1)), Some(1));
        assert_eq!(narrower(None, Some(3)), Some(3));
        assert_eq!(narrower(Some(4), None), Some(4));
        assert_eq!(narrower::<u8>(None, None), None);
    }
}
