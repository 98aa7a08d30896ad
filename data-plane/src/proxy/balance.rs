//! Which endpoint of a service gets a request.

use std::net::SocketAddr;

use rand::{Rng, RngExt};

use crate::{error::ProxyError, table::Service};

/// A healthy endpoint at random, in proportion to weight; none of `failed` if there is another.
pub(crate) fn pick(service: &Service, failed: &[SocketAddr], rng: &mut impl Rng) -> Result<SocketAddr, ProxyError> {
    let endpoints = &service.healthy;
    let at = match &**endpoints {
        [] => return Err(ProxyError::NoHealthyEndpoint),
        [_] => 0,
        [.., last] => {
            let point = rng.random_range(0..last.cumulative_weight);
            endpoints.partition_point(|endpoint| endpoint.cumulative_weight <= point)
        }
    };
    let (before, from) = endpoints.split_at(at);
    let mut others = from.iter().chain(before).map(|endpoint| endpoint.address);
    let untried = others.find(|address| !failed.contains(address));
    Ok(untried.unwrap_or(endpoints[at].address))
}

#[cfg(test)]
mod tests {
    use std::{net::SocketAddr, time::Duration};

    use rand::{SeedableRng, rngs::SmallRng};

    use super::pick;
    use crate::{
        error::ProxyError,
        table::{Limits, Policies, Service, Timeouts, WeightedEndpoint},
    };

    fn service(weights: &[u32]) -> Service {
        let second = Duration::from_secs(1);
        let mut sum = 0;
        let healthy = weights.iter().zip(1..).map(|(weight, port)| {
            sum += weight;
            WeightedEndpoint { address: SocketAddr::from(([127, 0, 0, 1], port)), cumulative_weight: sum }
        });
        Service {
            name: "s".into(),
            healthy: healthy.collect(),
            timeouts: Timeouts { connect: second, response: second, idle: second, total: None },
            limits: Limits::default(),
            policies: Policies::default(),
            told: Default::default(),
        }
    }

    #[test]
    fn picks_follow_the_weights() {
        let mut rng = SmallRng::seed_from_u64(7);
        for weights in [&[1][..], &[1, 1], &[1, 2, 7], &[1000, 1], &[3, 3, 3, 1]] {
            let service = service(weights);
            let total: u32 = weights.iter().sum();
            let mut counts = vec![0_u32; weights.len()];
            for _ in 0..100_000 {
                counts[usize::from(pick(&service, &[], &mut rng).unwrap().port() - 1)] += 1;
            }
            for (count, weight) in counts.iter().zip(weights) {
                let expected = f64::from(*weight) / f64::from(total) * 100_000.0;
                // Five standard deviations of a binomial: fails once in millions of seeds.
                let bound = 5.0 * (expected * (1.0 - f64::from(*weight) / f64::from(total))).sqrt() + 1.0;
                assert!((f64::from(*count) - expected).abs() <= bound, "{weights:?}: {counts:?}");
            }
        }
    }

    #[test]
    fn an_endpoint_that_failed_is_not_picked_again_if_there_is_another() {
        let mut rng = SmallRng::seed_from_u64(7);
        let service = service(&[1, 1000, 1]);
        let failed = service.healthy[1].address;
        assert!((0..1000).all(|_| pick(&service, &[failed], &mut rng).unwrap() != failed));
    }

    #[test]
    fn without_a_healthy_endpoint_there_is_no_pick() {
        assert_eq!(pick(&service(&[]), &[], &mut SmallRng::seed_from_u64(1)), Err(ProxyError::NoHealthyEndpoint));
    }
}
