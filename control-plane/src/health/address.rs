//! The probing of one address, again and again.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use jiff::Timestamp;
use rand::{Rng, RngExt, rngs::SmallRng};
use tokio::sync::{Semaphore, mpsc};

use super::{
    LastProbe,
    monitor::{EndpointId, ProbeCounts, Report},
    probe::{Outcome, probe},
    state::{State, Transition},
};
use crate::registry::model::ProbePolicy;

/// One address to probe, and who wants to know.
pub(super) struct Address {
    pub(super) id: EndpointId,
    pub(super) address: SocketAddr,
    pub(super) policy: Arc<ProbePolicy>,
    pub(super) last_probe: Arc<LastProbe>,
    pub(super) permits: Arc<Semaphore>,
    pub(super) counts: Arc<ProbeCounts>,
    pub(super) reports: mpsc::Sender<Report>,
    pub(super) now: fn() -> Timestamp,
}

impl Address {
    /// Probes after `first` and then at the policy's interval, and reports what turns the verdict
    /// or changes the reason for it.
    pub(super) async fn repeat(self, mut state: State, first: Duration, mut rng: SmallRng) {
        let mut told = None;
        tokio::time::sleep(first).await;
        loop {
            let started = tokio::time::Instant::now();
            let outcome = {
                let Ok(_permit) = self.permits.acquire().await else { return };
                // Boxed, so that the task of an idle address is small.
                Box::pin(probe(self.address, &self.id.endpoint, &self.policy)).await
            };
            if let Some(report) = self.take_in(outcome, &mut state, &mut told)
                && self.reports.send(report).await.is_err()
            {
                return;
            }
            let interval = vary(self.policy.interval, self.policy.jitter_percent, &mut rng);
            tokio::time::sleep_until(started + interval).await;
        }
    }

    /// What there is to report of an outcome. `told` is the reason that was reported last.
    fn take_in(&self, outcome: Outcome, state: &mut State, told: &mut Option<String>) -> Option<Report> {
        let id = self.id.clone();
        let ProbePolicy { rise, fall, .. } = *self.policy;
        self.counts.count(&outcome);
        if let Outcome::Unknown(error) = &outcome {
            tracing::warn!(service = %id.service, address = %self.address, %error, "could not probe");
            return None;
        }
        self.last_probe.set((self.now)());
        let reason = match outcome {
            Outcome::Passed => None,
            Outcome::Failed(reason) | Outcome::Unknown(reason) => Some(reason),
        };
        let transition = state.on_probe(reason.is_none(), rise, fall);
        let address = self.address;
        match (transition, reason) {
            (Some(Transition::Up), _) => {
                *told = None;
                Some(Report::Verdict { id, address, healthy: true, reason: String::new() })
            }
            (Some(Transition::Down), reason) => {
                told.clone_from(&reason);
                Some(Report::Verdict { id, address, healthy: false, reason: reason.unwrap_or_default() })
            }
            // Still unhealthy, but for another reason.
            (None, Some(reason)) if matches!(state, State::Unhealthy { .. }) && told.as_ref() != Some(&reason) => {
                *told = Some(reason.clone());
                Some(Report::Verdict { id, address, healthy: false, reason })
            }
            (None, _) => None,
        }
    }
}

/// `interval` made longer or shorter by up to `percent` of it.
pub(super) fn vary(interval: Duration, percent: u32, rng: &mut impl Rng) -> Duration {
    let spread = f64::from(percent) / 100.0;
    interval.mul_f64(1.0 + rng.random_range(-spread..=spread))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rand::{SeedableRng, rngs::SmallRng};

    use super::vary;

    #[test]
    fn intervals_vary_within_their_bounds_and_fill_them() {
        let mut rng = SmallRng::seed_from_u64(7);
        let varied: Vec<_> = (0..1000).map(|_| vary(Duration::from_secs(10), 20, &mut rng)).collect();
        assert!(varied.iter().all(|d| (Duration::from_secs(8)..=Duration::from_secs(12)).contains(d)));
        assert!(varied.iter().any(|d| *d < Duration::from_millis(8_500)));
        assert!(varied.iter().any(|d| *d > Duration::from_millis(11_500)));
        assert_eq!(vary(Duration::from_secs(10), 0, &mut rng), Duration::from_secs(10));
    }
}
