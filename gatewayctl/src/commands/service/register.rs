//! `gatewayctl service register`.

use std::time::Duration;

use clap::{Args, builder::BoolishValueParser};
use gateway_proto::registry::v1::{self as pb, health_check::Probe};

use crate::{
    cli::duration,
    client::registry,
    commands::{
        Context,
        change::{change_name, print_change},
        endpoint::endpoint,
        wait::wait_for_change,
    },
    exit::Failure,
    file::status_range,
    output::service::Service,
};

/// Create a service, or add hosts, endpoints and tags to the one of that name; doing it twice changes nothing
#[derive(Debug, Args)]
pub struct Register {
    /// Name of the service: 1 to 63 of a-z, 0-9 and '-'
    pub name: String,
    /// Host the service answers for, such as mail.example.com or *.mail.example.com; repeatable
    #[arg(long, env = "GATEWAY_HOST", value_delimiter = ',')]
    pub host: Vec<String>,
    /// Upstream server; its weight, 1 to 1000, is its share relative to the others; repeatable
    #[arg(long, env = "GATEWAY_ENDPOINT", value_name = "HOST:PORT[,weight=N]", value_delimiter = ' ', value_parser = endpoint)]
    pub endpoint: Vec<pb::Endpoint>,
    /// Label for filtering; repeatable
    #[arg(long, env = "GATEWAY_TAG", value_delimiter = ',')]
    pub tag: Vec<String>,
    /// Text for people
    #[arg(long, env = "GATEWAY_TITLE", default_value = "", hide_default_value = true)]
    pub title: String,
    /// Return when every connected data plane serves the change, at the most after --timeout
    #[arg(long, env = "GATEWAY_WAIT", value_parser = BoolishValueParser::new())]
    pub wait: bool,
    #[command(flatten)]
    health: Health,
    #[command(flatten)]
    limits: Limits,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Health check")]
struct Health {
    /// Path that is asked for by GET [default: /healthcheck]
    #[arg(long, env = "GATEWAY_HEALTH_PATH", value_name = "PATH")]
    health_path: Option<String>,
    /// Status that passes, or a range of them; repeatable [default: 200-299]
    #[arg(long, env = "GATEWAY_HEALTH_EXPECT", value_name = "STATUS", value_delimiter = ',', value_parser = status)]
    health_expect: Vec<pb::StatusRange>,
    /// Host field of the probe [default: the endpoint's address]
    #[arg(long, env = "GATEWAY_HEALTH_HOST", value_name = "HOST")]
    health_host: Option<String>,
    /// Time between two probes of an endpoint, 100ms to 1h [default: 5s]
    #[arg(long, env = "GATEWAY_HEALTH_INTERVAL", value_name = "DURATION", value_parser = duration)]
    health_interval: Option<Duration>,
    /// Time until a probe has failed, 10ms to 60s and at most the interval [default: 2s]
    #[arg(long, env = "GATEWAY_HEALTH_TIMEOUT", value_name = "DURATION", value_parser = duration)]
    health_timeout: Option<Duration>,
    /// Probes in a row that must pass before an unhealthy endpoint gets traffic, 1 to 10 [default: 1]
    #[arg(long, env = "GATEWAY_HEALTH_RISE", value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    health_rise: Option<u32>,
    /// Probes in a row that must fail before a healthy endpoint gets none, 1 to 10 [default: 2]
    #[arg(long, env = "GATEWAY_HEALTH_FALL", value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    health_fall: Option<u32>,
    /// By how much each interval varies at random, in per cent, 0 to 50 [default: 10]
    #[arg(long, env = "GATEWAY_HEALTH_JITTER", value_name = "PERCENT")]
    health_jitter: Option<u32>,
    /// Probe by making a TCP connection instead of a GET
    #[arg(long, env = "GATEWAY_TCP_HEALTH_CHECK", value_parser = BoolishValueParser::new())]
    tcp_health_check: bool,
    /// Do not probe: endpoints get traffic at once and always
    #[arg(long, env = "GATEWAY_NO_HEALTH_CHECK", value_parser = BoolishValueParser::new())]
    no_health_check: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Time limits of requests, 1ms to 24h")]
struct Limits {
    /// Until a connection to an endpoint is made [default: 2s]
    #[arg(long, env = "GATEWAY_CONNECT_TIMEOUT", value_name = "DURATION", value_parser = duration)]
    connect_timeout: Option<Duration>,
    /// From the request sent to the response head received [default: 30s]
    #[arg(long, env = "GATEWAY_RESPONSE_TIMEOUT", value_name = "DURATION", value_parser = duration)]
    response_timeout: Option<Duration>,
    /// How long an upstream body may stand still, and a pooled connection idle [default: 60s]
    #[arg(long, env = "GATEWAY_IDLE_TIMEOUT", value_name = "DURATION", value_parser = duration)]
    idle_timeout: Option<Duration>,
    /// From the end of the request's head to the last byte of the answer, tunnels excepted [default: none]
    #[arg(long, env = "GATEWAY_TOTAL_TIMEOUT", value_name = "DURATION", value_parser = duration)]
    total_timeout: Option<Duration>,
}

impl Register {
    pub(super) async fn run(self, mut context: Context) -> Result<(), Failure> {
        let Self { name, host, endpoint, tag, title, health, limits, wait } = self;
        health.agrees()?;
        let service = pb::Service {
            name,
            title,
            tags: tag,
            hosts: host,
            endpoints: endpoint,
            health_check: health.to_wire(),
            timeouts: limits.to_wire(),
            ..pb::Service::default()
        };
        let request = pb::RegisterServiceRequest { service: Some(service) };
        let client = &mut context.client;
        let answer = client.call(async |channel| registry(channel).register_service(request.clone()).await).await?;
        let change = change_name(answer.change());
        let service = answer.service.unwrap_or_default();
        let waited = wait_for_change(client, wait, service.revision, vec![service.name.clone()]).await;
        let line = format!("service {} {change} (revision {})", service.name, service.revision);
        print_change(&context.output, Service::full(&service, None), change, waited, &line)
    }
}

impl Health {
    /// Refuses a flag of a probe that is not made.
    fn agrees(&self) -> Result<(), Failure> {
        let first = |flags: &[(&'static str, bool)]| flags.iter().find(|(_, given)| *given).map(|(flag, _)| *flag);
        let http = first(&[
            ("--health-path", self.health_path.is_some()),
            ("--health-expect", !self.health_expect.is_empty()),
            ("--health-host", self.health_host.is_some()),
        ]);
        let other = first(&[
            ("--tcp-health-check", self.tcp_health_check),
            ("--health-interval", self.health_interval.is_some()),
            ("--health-timeout", self.health_timeout.is_some()),
            ("--health-rise", self.health_rise.is_some()),
            ("--health-fall", self.health_fall.is_some()),
            ("--health-jitter", self.health_jitter.is_some()),
        ]);
        let (switch, flag) = match (self.no_health_check, self.tcp_health_check) {
            (true, _) => ("--no-health-check", http.or(other)),
            (false, true) => ("--tcp-health-check", http),
            (false, false) => return Ok(()),
        };
        flag.map_or(Ok(()), |flag| Err(Failure::exclusive(switch, flag)))
    }

    /// Nothing where no flag was given: then the service keeps what it has.
    fn to_wire(&self) -> Option<pb::HealthCheck> {
        let Self {
            health_path,
            health_expect,
            health_host,
            health_interval,
            health_timeout,
            health_rise,
            health_fall,
            health_jitter,
            tcp_health_check,
            no_health_check,
        } = self;
        let http = pb::HttpProbe {
            path: health_path.clone().unwrap_or_default(),
            expected_statuses: health_expect.clone(),
            host: health_host.clone().unwrap_or_default(),
        };
        let probe = match (no_health_check, tcp_health_check) {
            (true, _) => Some(Probe::Disabled(pb::DisabledProbe {})),
            (false, true) => Some(Probe::Tcp(pb::TcpProbe {})),
            (false, false) => Some(http).filter(|http| *http != pb::HttpProbe::default()).map(Probe::Http),
        };
        let check = pb::HealthCheck {
            probe,
            interval: health_interval.and_then(wire),
            timeout: health_timeout.and_then(wire),
            rise: health_rise.unwrap_or_default(),
            fall: health_fall.unwrap_or_default(),
            jitter_percent: *health_jitter,
        };
        Some(check).filter(|check| *check != pb::HealthCheck::default())
    }
}

impl Limits {
    fn to_wire(&self) -> Option<pb::Timeouts> {
        let Self { connect_timeout, response_timeout, idle_timeout, total_timeout } = self;
        let timeouts = pb::Timeouts {
            connect: connect_timeout.and_then(wire),
            response: response_timeout.and_then(wire),
            idle: idle_timeout.and_then(wire),
            total: total_timeout.and_then(wire),
        };
        Some(timeouts).filter(|timeouts| *timeouts != pb::Timeouts::default())
    }
}

fn wire(duration: Duration) -> Option<prost_types::Duration> {
    duration.try_into().ok()
}

fn status(text: &str) -> Result<pb::StatusRange, String> {
    status_range(text)
}
