//! `gatewayctl route create`.

use std::time::Duration;

use clap::{Args, builder::BoolishValueParser};
use gateway_proto::registry::v1 as pb;

use super::{action::Action, matching::Matching};
use crate::{
    cli::duration,
    client::registry,
    commands::{Context, change::print_change, wait::wait_for_change},
    exit::Failure,
    output::{
        route::Route,
        route_facts::{doing, matching},
        text,
    },
};

/// Create a route: which requests of a host it is for, and what becomes of them
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  gatewayctl route create api --host shop.test --path-prefix /api --service api --rewrite-prefix /
  gatewayctl route create canary --host shop.test --service shop=90% --service shop-v2=10%
  gatewayctl route create beta --host shop.test --header 'X-Beta: 1' --service shop-v2
  gatewayctl route create https --host old.test --redirect https://new.test
  gatewayctl route create down --host shop.test --priority 1000 --respond 503 --body 'at noon'")]
pub struct Create {
    /// Name of the route: 1 to 63 of a-z, 0-9 and '-'
    pub name: String,
    /// Host it is for, such as mail.example.com or *.mail.example.com; repeatable
    #[arg(long, env = "GATEWAY_HOST", required = true, value_delimiter = ',')]
    pub host: Vec<String>,
    /// Text for people
    #[arg(long, env = "GATEWAY_TITLE", default_value = "", hide_default_value = true)]
    pub title: String,
    /// Return when every connected data plane serves the change, at the most after --timeout
    #[arg(long, env = "GATEWAY_WAIT", value_parser = BoolishValueParser::new())]
    pub wait: bool,
    #[command(flatten)]
    matching: Matching,
    #[command(flatten)]
    action: Action,
    #[command(flatten)]
    limits: Limits,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Time limits, 1ms to 24h [default: the service's]")]
struct Limits {
    /// From the request sent to the response head received
    #[arg(long, env = "GATEWAY_RESPONSE_TIMEOUT", value_name = "DURATION", value_parser = duration)]
    response_timeout: Option<Duration>,
    /// From the end of the request's head to the last byte of the answer, tunnels excepted
    #[arg(long, env = "GATEWAY_TOTAL_TIMEOUT", value_name = "DURATION", value_parser = duration)]
    total_timeout: Option<Duration>,
}

impl Create {
    pub(super) async fn run(self, mut context: Context) -> Result<(), Failure> {
        let Self { name, host, title, wait, matching: matched, action, limits } = self;
        let route = pb::Route {
            name,
            title,
            hosts: host,
            r#match: matched.to_wire(),
            priority: matched.priority,
            action: Some(action.to_wire()?),
            timeouts: limits.to_wire(),
            ..pb::Route::default()
        };
        let request = pb::CreateRouteRequest { route: Some(route) };
        let client = &mut context.client;
        let answer = client.call(async |channel| registry(channel).create_route(request.clone()).await).await?;
        let route = Route::full(&answer.route.unwrap_or_default());
        let revision = route.revision.unwrap_or_default();
        let waited = wait_for_change(client, wait, revision, Vec::new()).await;
        let (what, does) = (matching(&route), doing(&route));
        let line = format!("route {} created: {what} -> {does} (revision {revision})", route.name);
        print_change(&context.output, &route, "created", waited, &text::escape(&line))
    }
}

impl Limits {
    fn to_wire(&self) -> Option<pb::Timeouts> {
        let Self { response_timeout, total_timeout } = self;
        let wire = |limit: &Option<Duration>| limit.and_then(|limit| limit.try_into().ok());
        let timeouts =
            pb::Timeouts { response: wire(response_timeout), total: wire(total_timeout), ..pb::Timeouts::default() };
        Some(timeouts).filter(|timeouts| *timeouts != pb::Timeouts::default())
    }
}
