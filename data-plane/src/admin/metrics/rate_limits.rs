//! What rate limits have done, and how full the memory of their counters is.

use std::fmt;

use prometheus_client::{
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter},
};

use super::{counter, gauge};
use crate::{
    telemetry::rate_limits::{LimitTotals, RESULTS},
    worker::stats::CounterTotals,
};

/// A limit stands on a service or on a route; the other label is `-`.
pub(super) fn encode(
    limits: &LimitTotals,
    counters: &CounterTotals,
    encoder: &mut DescriptorEncoder<'_>,
) -> fmt::Result {
    let help = "Requests by what a rate limit has done; shadow_refused are those that it would have refused";
    let mut family = encoder.encode_descriptor("rate_limit_requests", help, None, MetricType::Counter)?;
    for (labels, counts) in limits {
        let [service, route] = [&labels.service, &labels.route].map(|name| name.as_deref().unwrap_or("-"));
        for (result, count) in RESULTS.iter().zip(counts).filter(|(_, count)| **count > 0) {
            let labels = [("service", service), ("route", route), ("limit", &*labels.limit), ("result", *result)];
            ConstCounter::new(*count).encode(family.encode_family(&labels)?)?;
        }
    }
    let CounterTotals { memory, places, taken, shared, unreported } = *counters;
    gauge(encoder, "rate_limit_memory_bytes", "Memory that the counters of rate limits take up", memory)?;
    gauge(encoder, "rate_limit_keys", "Keys of rate limits that have a counter", taken)?;
    gauge(encoder, "rate_limit_keys_max", "Keys of rate limits for which there is a place", places)?;
    let help = "Requests that were charged to a counter which keys share, for want of places";
    counter(encoder, "rate_limit_shared_charges", help, shared)?;
    let help = "Requests that limits of the cluster are not shared out by, for want of lines to write them down in";
    counter(encoder, "rate_limit_unreported", help, unreported)
}
