//! `gatewayctl watch`.

use clap::{Args, builder::BoolishValueParser};
use gateway_proto::registry::v1::{self as pb, watch_response::Event};
use serde::Serialize;
use tonic::Streaming;

use super::Context;
use crate::{
    client::{refused_midway, registry},
    exit::{Exit, Failure},
    output::{Output, caches::Purged, consumer, note, observed, route, route_facts, service, table, text},
};

/// Print changes and health transitions as they happen, a line each, until Ctrl-C
#[derive(Debug, Args)]
pub struct Watch {
    /// Begin with every current service, route, consumer and endpoint
    #[arg(long, env = "GATEWAY_CURRENT", value_parser = BoolishValueParser::new())]
    pub current: bool,
    /// Begin with the changes after this revision [default: from now on]
    #[arg(long, env = "GATEWAY_AFTER_REVISION", value_name = "REVISION")]
    pub after_revision: Option<u64>,
}

impl Watch {
    /// Runs until the stream ends, which is a failure, or until a signal.
    ///
    /// # Errors
    /// Why the stream did not begin or has ended, or that two flags exclude each other.
    pub async fn run(self, mut context: Context) -> Result<(), Failure> {
        let Self { current, after_revision } = self;
        if current && after_revision.is_some() {
            return Err(Failure::exclusive("--current", "--after-revision"));
        }
        let request = pb::WatchRequest { include_current: current, after_revision };
        let client = &mut context.client;
        let mut events = client.call(async |channel| registry(channel).watch(request).await).await?;
        let server = client.server().map(ToString::to_string).unwrap_or_default();
        let ended = gateway_proto::process::shutdown_signal();
        let ended = ended.map_err(|failure| Failure::new(Exit::Failed, failure.to_string()))?;
        note(&format!("watching {server}; Ctrl-C ends it"));
        tokio::select! {
            () = ended => Ok(()),
            result = follow(&mut events, &context.output, current) => result,
        }
    }
}

/// Prints events until the stream ends.
///
/// # Errors
/// Always: why it has ended.
pub(super) async fn follow(
    events: &mut Streaming<pb::WatchResponse>,
    output: &Output,
    current: bool,
) -> Result<(), Failure> {
    let mut current = current;
    loop {
        let wire = events
            .message()
            .await
            .map_err(|status| refused_midway(&status).unwrap_or_else(|| broken(&text::escape(status.message()))))?;
        let Some(wire) = wire else { return Err(broken("the control plane ended it")) };
        if let Some(happened) = Happened::read(wire, current) {
            current &= happened.kind != "synced";
            output.print_event(&happened, || happened.line())?;
        }
    }
}

fn broken(why: &str) -> Failure {
    Failure::new(Exit::Unreachable, format!("the stream broke: {why}"))
        .hint("`gatewayctl watch --current` begins again with the current state")
}

/// One event as it is printed.
#[derive(Debug, Serialize)]
struct Happened {
    time: Option<String>,
    revision: u64,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<Box<service::Service>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<Box<route::Route>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consumer: Option<Box<consumer::Consumer>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<observed::Endpoint>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purge: Option<Purged>,
    /// Who asked for it, where somebody did.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
}

impl Happened {
    /// Nothing for an event that a newer control plane knows and this program does not.
    fn read(wire: pb::WatchResponse, current: bool) -> Option<Self> {
        let pb::WatchResponse { revision, time, event, actor } = wire;
        let time = time.as_ref().map(text::timestamp);
        let by = Some(actor).filter(|actor| !actor.is_empty());
        let (service, route, consumer, endpoint, purge) = (None, None, None, None, None);
        let kind = "synced";
        let mut happened = Self { time, revision, kind, name: None, service, route, consumer, endpoint, purge, by };
        match event? {
            Event::ServiceUpserted(service) => {
                happened.kind = match (current, service.created_at == service.updated_at) {
                    (true, _) => "service_current",
                    (false, true) => "service_created",
                    (false, false) => "service_updated",
                };
                happened.name = Some(service.name.clone());
                happened.service = Some(Box::new(service::Service::full(&service, None)));
            }
            Event::ServiceDeleted(name) => {
                happened.kind = "service_deleted";
                happened.name = Some(name);
            }
            Event::EndpointStatus(status) => {
                happened.kind = match status.health() {
                    pb::Health::Unspecified | pb::Health::Pending => "endpoint_pending",
                    pb::Health::Healthy => "endpoint_healthy",
                    pb::Health::Unhealthy => "endpoint_unhealthy",
                };
                happened.name = Some(status.service.clone());
                happened.endpoint = Some(observed::Endpoint::from(&status));
            }
            Event::Synced(pb::Synced {}) => {}
            Event::RouteUpserted(route) => {
                happened.kind = match (current, route.created_at == route.updated_at) {
                    (true, _) => "route_current",
                    (false, true) => "route_created",
                    (false, false) => "route_updated",
                };
                happened.name = Some(route.name.clone());
                happened.route = Some(Box::new(route::Route::full(&route)));
            }
            Event::RouteDeleted(name) => {
                happened.kind = "route_deleted";
                happened.name = Some(name);
            }
            Event::ConsumerUpserted(consumer) => {
                happened.kind = match (current, consumer.created_at == consumer.updated_at) {
                    (true, _) => "consumer_current",
                    (false, true) => "consumer_created",
                    (false, false) => "consumer_updated",
                };
                happened.name = Some(consumer.name.clone());
                happened.consumer = Some(Box::new(consumer::Consumer::full(&consumer)));
            }
            Event::ConsumerDeleted(name) => {
                happened.kind = "consumer_deleted";
                happened.name = Some(name);
            }
            Event::CachePurged(purge) => {
                happened.kind = "cache_purged";
                happened.purge = Some(Purged::from(&purge));
            }
        }
        Some(happened)
    }

    /// `TIME KIND NAME DETAILS`.
    fn line(&self) -> String {
        let Self { time, revision, kind, name, service, route, consumer, endpoint, purge, by } = self;
        let time = time.as_deref().unwrap_or("-");
        let name = name.as_deref().map_or_else(|| "-".to_owned(), text::escape);
        let mut details = Vec::new();
        if let Some(service) = service {
            details.push(format!("hosts {}", table::short_list(&service.hosts)));
            details.push(text::count(service.endpoints.len(), "endpoint"));
        }
        if let Some(route) = route {
            details.push(format!("hosts {}", table::short_list(&route.hosts)));
            details.push(format!("{} -> {}", route_facts::matching(route), route_facts::doing(route)));
        }
        if let Some(consumer) = consumer {
            details.push(format!("groups {}", consumer.groups()));
            details.push(format!("known by {}", consumer.known_by()));
        }
        if let Some(endpoint) = endpoint {
            details.push(endpoint.resolved.as_ref().unwrap_or(&endpoint.address).clone());
            details.extend(Some(endpoint.reason.clone()).filter(|reason| !reason.is_empty()));
        }
        details.extend(purge.as_ref().map(Purged::line));
        details.push(format!("revision {revision}"));
        details.extend(by.as_ref().map(|by| format!("by {by}")));
        text::escape(&format!("{time} {kind:<18} {name} {}", details.join("; ")))
    }
}
