//! The families with the labels `service` and `route`. The value `-` stands for requests that came to
//! no service, or that no route took.

use std::fmt;

use prometheus_client::{
    encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet},
    metrics::{MetricType, counter::ConstCounter},
};

use crate::{
    error::CODES,
    proxy::{auth, cache::OUTCOMES},
    telemetry::{
        counter::Counter,
        histogram::Histogram,
        services::{Labels, ServiceStats, ServiceTotals},
    },
};

const CLASSES: [&str; 6] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];

/// Codes and classes that a service never had are left out: with many services, they would be most
/// of the text.
pub(super) fn encode(services: &ServiceTotals, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let help = "Requests by service, route and class of status; none is without an answer";
    by_label(services, encoder, ("requests", help), ("class", &CLASSES), |stats| &stats.requests)?;
    let help = "Failures of the gateway's own by service, route and error code";
    by_label(services, encoder, ("errors", help), ("code", &CODES), |stats| &stats.errors)?;

    let help = "From the request's head to the end of its answer";
    histogram(services, encoder, ("request_duration_seconds", help), |stats| &stats.duration)?;
    let help = "From the request's head to the head of the endpoint's answer";
    histogram(services, encoder, ("upstream_response_seconds", help), |stats| &stats.response)?;

    let help = "Bytes of requests taken from clients, heads included";
    counter(services, encoder, ("client_received_bytes", help), |stats| &stats.received_bytes)?;
    let help = "Bytes of answers that clients' connections took, heads included";
    counter(services, encoder, ("client_sent_bytes", help), |stats| &stats.sent_bytes)?;
    let help = "Times a request was sent again, or another connection was tried for it";
    counter(services, encoder, ("retries", help), |stats| &stats.retries)?;
    let help = "Requests whose last attempt was on a pooled connection";
    counter(services, encoder, ("pool_hits", help), |stats| &stats.pool_hits)?;
    let help = "Requests whose last attempt needed a new connection";
    counter(services, encoder, ("pool_misses", help), |stats| &stats.pool_misses)?;
    let help = "Requests of services and routes that cache, by what the cache did";
    by_label(services, encoder, ("cache_requests", help), ("result", &OUTCOMES), |stats| &stats.cache)?;
    let help = "Requests of services and routes that say who may call, by how they were accepted or why they were not";
    by_label(services, encoder, ("auth_requests", help), ("result", &auth::OUTCOMES), |stats| &stats.auth)
}

fn pairs(Labels { service, route }: &Labels) -> [(&'static str, &str); 2] {
    [("service", service), ("route", route)].map(|(label, name)| (label, name.as_deref().unwrap_or("-")))
}

fn by_label<const N: usize>(
    services: &ServiceTotals,
    encoder: &mut DescriptorEncoder<'_>,
    (name, help): (&str, &str),
    (label, values): (&str, &[&str; N]),
    counters: impl Fn(&ServiceStats) -> &[Counter; N],
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (labels, stats) in services {
        for (value, counter) in values.iter().zip(counters(stats)).filter(|(_, counter)| counter.get() > 0) {
            let [service, route] = pairs(labels);
            let labels = [service, route, (label, *value)];
            ConstCounter::new(counter.get()).encode(family.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

fn counter(
    services: &ServiceTotals,
    encoder: &mut DescriptorEncoder<'_>,
    (name, help): (&str, &str),
    counter: impl Fn(&ServiceStats) -> &Counter,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (labels, stats) in services {
        ConstCounter::new(counter(stats).get()).encode(family.encode_family(&pairs(labels))?)?;
    }
    Ok(())
}

fn histogram(
    services: &ServiceTotals,
    encoder: &mut DescriptorEncoder<'_>,
    (name, help): (&str, &str),
    histogram: impl Fn(&ServiceStats) -> &Histogram,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
    for (labels, stats) in services {
        let times = histogram(stats);
        let buckets = times.buckets();
        let count = buckets.iter().map(|(_, count)| count).sum();
        family.encode_family(&pairs(labels))?.encode_histogram::<NoLabelSet>(times.sum(), count, &buckets, None)?;
    }
    Ok(())
}
