//! What tokens and servers outside have said of who calls, and how old the keys are.

use std::fmt;

use prometheus_client::{
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
};

use super::gauge;
use crate::proxy::auth::remote::{EVENTS, RemoteTotals};

/// Sources are the registry's to name: their number and names are no client's.
pub(super) fn encode(totals: &RemoteTotals, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let RemoteTotals { events, verdicts, verdict_bytes, sources } = totals;
    let help = "Tokens that were verified and servers that were asked, by what came of it; not what was known already";
    let mut family = encoder.encode_descriptor("auth_checks", help, None, MetricType::Counter)?;
    for ((method, result), count) in EVENTS.iter().zip(events).filter(|(_, count)| **count > 0) {
        ConstCounter::new(*count).encode(family.encode_family(&[("method", *method), ("result", *result)])?)?;
    }
    gauge(encoder, "auth_verdicts", "Tokens of which it is known what they come to", *verdicts)?;
    gauge(encoder, "auth_verdict_bytes", "Memory that these take up", *verdict_bytes)?;

    let help = "Times a key set was read, by where it is and what came of it";
    let mut family = encoder.encode_descriptor("jwks_reads", help, None, MetricType::Counter)?;
    for (source, total) in sources {
        for (result, count) in [("good", total.succeeded), ("failed", total.failed)] {
            ConstCounter::new(count)
                .encode(family.encode_family(&[("source", source.as_str()), ("result", result)])?)?;
        }
    }
    let help = "Keys of a key set that tokens are verified by; 0 before the first";
    let mut family = encoder.encode_descriptor("jwks_keys", help, None, MetricType::Gauge)?;
    for (source, total) in sources {
        let keys = i64::try_from(total.keys).unwrap_or(i64::MAX);
        ConstGauge::new(keys).encode(family.encode_family(&[("source", source.as_str())])?)?;
    }
    let help = "Time since a key set was last read with success";
    let mut family = encoder.encode_descriptor("jwks_age_seconds", help, None, MetricType::Gauge)?;
    for (source, age) in sources.iter().filter_map(|(source, total)| Some((source, total.age?))) {
        let age = i64::try_from(age).unwrap_or(i64::MAX);
        ConstGauge::new(age).encode(family.encode_family(&[("source", source.as_str())])?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use crate::{
        admin::metrics::render,
        discovery::Status,
        jwks::SourceTotal,
        proxy::auth::remote::{EVENTS, RemoteTotals},
        worker::stats::Totals,
    };

    #[test]
    fn key_sets_are_told_by_where_they_are_and_checks_by_what_came_of_them() {
        let fetched = SourceTotal { keys: 2, age: Some(7), succeeded: 3, failed: 1 };
        let sources = [("file:a".to_owned(), SourceTotal::default()), ("https://a.test/jwks".to_owned(), fetched)];
        let mut events = [0; EVENTS.len()];
        events[1] = 5;
        let remote = RemoteTotals { events, verdicts: 4, verdict_bytes: 4096, sources: sources.into() };
        let text = render(Totals { remote, ..Totals::default() }, Status::default(), SystemTime::UNIX_EPOCH);
        for line in [
            r#"gateway_auth_checks_total{method="jwt",result="refused"} 5"#,
            "gateway_auth_verdicts 4",
            "gateway_auth_verdict_bytes 4096",
            r#"gateway_jwks_reads_total{source="https://a.test/jwks",result="good"} 3"#,
            r#"gateway_jwks_reads_total{source="https://a.test/jwks",result="failed"} 1"#,
            r#"gateway_jwks_keys{source="file:a"} 0"#,
            r#"gateway_jwks_keys{source="https://a.test/jwks"} 2"#,
            r#"gateway_jwks_age_seconds{source="https://a.test/jwks"} 7"#,
        ] {
            assert!(text.lines().any(|there| there == line), "{line}: {text}");
        }
        assert!(
            !text.contains(r#"result="accepted""#) && !text.contains(r#"gateway_jwks_age_seconds{source="file:a"}"#)
        );
    }
}
