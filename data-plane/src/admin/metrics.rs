//! The counters as Prometheus reads them.

use std::{fmt, time::SystemTime};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, text::encode},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};

use crate::{discovery::Status, proxy::mirror::FATES, worker::stats::Totals};

mod auth;
mod cache;
mod rate_limits;
mod services;

/// One scrape, in the OpenMetrics text format.
pub(crate) fn render(totals: Totals, status: Status, now: SystemTime) -> String {
    let mut registry = Registry::with_prefix("gateway");
    registry.register_collector(Box::new(Scrape { totals, status, now }));
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = encode(&mut text, &registry);
    text
}

#[derive(Debug)]
struct Scrape {
    totals: Totals,
    status: Status,
    now: SystemTime,
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Totals {
            responses,
            services,
            rate_limits,
            counters,
            remote,
            log_dropped,
            log_write_errors,
            mirrored,
            client_connections,
            client_connections_open,
            upstream_connections,
            upstream_connections_open,
            cache,
            disk,
        } = &self.totals;

        let mut family = encoder.encode_descriptor(
            "responses",
            "Answers to clients by class of status",
            None,
            MetricType::Counter,
        )?;
        for (class, count) in ["1xx", "2xx", "3xx", "4xx", "5xx"].iter().zip(&responses[1..]) {
            ConstCounter::new(*count).encode(family.encode_family(&[("class", *class)])?)?;
        }
        services::encode(services, &mut encoder)?;
        rate_limits::encode(rate_limits, counters, &mut encoder)?;
        auth::encode(remote, &mut encoder)?;
        let help = "Lines of the access log that were lost, to a log that takes them too slowly or not at all";
        counter(&mut encoder, "access_log_dropped", help, *log_dropped)?;
        counter(&mut encoder, "access_log_write_errors", "Writes of the access log that failed", *log_write_errors)?;

        let help = "Copies of requests for shadow services: answered, failed, or given up";
        let mut family = encoder.encode_descriptor("mirror_requests", help, None, MetricType::Counter)?;
        for (result, count) in FATES.iter().zip(mirrored) {
            ConstCounter::new(*count).encode(family.encode_family(&[("result", *result)])?)?;
        }

        counter(&mut encoder, "client_connections", "Connections that clients opened", *client_connections)?;
        gauge(
            &mut encoder,
            "client_connections_open",
            "Connections of clients that are open",
            *client_connections_open,
        )?;
        counter(&mut encoder, "upstream_connections", "Connections opened to endpoints", *upstream_connections)?;
        gauge(
            &mut encoder,
            "upstream_connections_open",
            "Connections to endpoints that are open",
            *upstream_connections_open,
        )?;

        cache::encode(cache, &mut encoder)?;
        disk.as_ref().map_or(Ok(()), |disk| cache::encode_disk(disk, &mut encoder))?;

        let Status { connected, source: _, table, applied_at, violations: _, accepted, refused, streams, failures } =
            &self.status;
        let stamp = table.stamp();
        gauge(&mut encoder, "ready", "1 if every worker holds a table", u64::from(stamp.is_some()))?;
        gauge(&mut encoder, "services", "Services in the table", table.services() as u64)?;
        gauge(&mut encoder, "routes", "Routes in the table", table.routes() as u64)?;
        gauge(&mut encoder, "consumers", "Consumers in the table", table.consumers().len() as u64)?;
        gauge(
            &mut encoder,
            "revision",
            "Revision of the registry that the table reflects",
            stamp.map_or(0, |stamp| stamp.revision),
        )?;
        gauge(
            &mut encoder,
            "snapshot_sequence",
            "Sequence of the snapshot in its publisher's run",
            stamp.map_or(0, |stamp| stamp.version.sequence),
        )?;
        let age = applied_at.and_then(|at| self.now.duration_since(at).ok()).unwrap_or_default();
        gauge(&mut encoder, "snapshot_age_seconds", "Time since the table last changed", age.as_secs())?;
        gauge(
            &mut encoder,
            "control_plane_connected",
            "1 if a control plane is connected",
            u64::from(connected.is_some()),
        )?;
        counter(&mut encoder, "snapshots_accepted", "Snapshots and changes that were put to use", *accepted)?;
        counter(&mut encoder, "snapshots_refused", "Snapshots and changes that were refused", *refused)?;
        counter(&mut encoder, "discovery_streams", "Streams opened to control planes", *streams)?;
        counter(&mut encoder, "discovery_failures", "Streams that could not be opened or were lost", *failures)
    }
}

fn counter(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    ConstCounter::new(value).encode(encoder.encode_descriptor(name, help, None, MetricType::Counter)?)
}

fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    let value = i64::try_from(value).unwrap_or(i64::MAX);
    ConstGauge::new(value).encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)
}
