//! The control plane in numbers, as Prometheus reads them.

use std::fmt;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, text::encode},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};

use crate::observed::Totals;

/// One scrape, in the OpenMetrics text format.
pub(crate) fn render(totals: Totals) -> String {
    let mut registry = Registry::with_prefix("gateway_control_plane");
    registry.register_collector(Box::new(totals));
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = encode(&mut text, &registry);
    text
}

impl Collector for Totals {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Self {
            revision,
            commits,
            version,
            services,
            routes,
            consumers,
            endpoints_healthy,
            endpoints_unhealthy,
            endpoints_pending,
            nodes_connected,
            nodes_in_sync,
            store_bytes,
            store_failed,
            probes_passed,
            probes_failed,
            probes_unknown,
            calls_refused,
        } = self;
        let encoder = &mut encoder;
        gauge(encoder, "revision", "Revision of the store", revision.0)?;
        counter(encoder, "commits", "Commits to the store since the start", *commits)?;
        gauge(encoder, "store_bytes", "Bytes of the store on disk", *store_bytes)?;
        gauge(encoder, "store_failed", "1 if the store takes no more changes", u64::from(*store_failed))?;
        gauge(encoder, "snapshot_sequence", "Sequence of what is published in this run", version.sequence)?;
        gauge(encoder, "services", "Services that are registered", *services as u64)?;
        gauge(encoder, "routes", "Routes that are registered", *routes as u64)?;
        gauge(encoder, "consumers", "Consumers that are registered", *consumers as u64)?;
        let mut family =
            encoder.encode_descriptor("endpoints", "Addresses of endpoints by health", None, MetricType::Gauge)?;
        let by_health =
            [("healthy", endpoints_healthy), ("unhealthy", endpoints_unhealthy), ("pending", endpoints_pending)];
        for (health, count) in by_health {
            let count = i64::try_from(*count).unwrap_or(i64::MAX);
            ConstGauge::new(count).encode(family.encode_family(&[("health", health)])?)?;
        }
        gauge(encoder, "nodes_connected", "Data planes that are connected", *nodes_connected as u64)?;
        gauge(encoder, "nodes_in_sync", "Connected data planes that serve what is published", *nodes_in_sync as u64)?;
        let mut family = encoder.encode_descriptor("probes", "Health probes by outcome", None, MetricType::Counter)?;
        for (outcome, count) in [("passed", probes_passed), ("failed", probes_failed), ("unknown", probes_unknown)] {
            ConstCounter::new(*count).encode(family.encode_family(&[("outcome", outcome)])?)?;
        }
        let help = "Calls refused for who made them, by reason";
        let mut family = encoder.encode_descriptor("calls_refused", help, None, MetricType::Counter)?;
        for (reason, count) in calls_refused {
            ConstCounter::new(*count).encode(family.encode_family(&[("reason", *reason)])?)?;
        }
        Ok(())
    }
}

fn counter(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    ConstCounter::new(value).encode(encoder.encode_descriptor(name, help, None, MetricType::Counter)?)
}

fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    let value = i64::try_from(value).unwrap_or(i64::MAX);
    ConstGauge::new(value).encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)
}
