//! Host names, looked up again and again.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use rand::rngs::SmallRng;
use tokio::sync::{Semaphore, mpsc};

use super::{
    address::vary,
    monitor::{EndpointId, Report},
};

/// The most addresses of one name that are served: enough for real use, a bound for a hostile zone.
const MAX_ADDRESSES: usize = 64;
/// By how much the time between two lookups varies, in per cent.
const JITTER_PERCENT: u32 = 10;

/// Looks up host names.
pub trait Resolve: Send + Sync + 'static {
    /// The addresses of a name, in any order.
    fn lookup<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>>;
}

/// As the operating system looks names up.
#[derive(Debug, Clone, Copy)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn lookup<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) })
    }
}

/// One name to look up, and who wants to know.
pub(super) struct Lookup {
    pub(super) id: EndpointId,
    pub(super) host: Arc<str>,
    pub(super) port: u16,
    pub(super) every: Duration,
    pub(super) resolver: Arc<dyn Resolve>,
    pub(super) permits: Arc<Semaphore>,
    pub(super) reports: mpsc::Sender<Report>,
}

impl Lookup {
    /// Looks the name up at once and then again and again, and reports what is new. A failure
    /// leaves the last addresses as they are, so it is reported only where there are none.
    pub(super) async fn repeat(self, mut known: Vec<SocketAddr>, mut rng: SmallRng) {
        let Self { id, host, port, every, resolver, permits, reports } = self;
        let mut failure = None;
        loop {
            let looked_up = {
                let Ok(_permit) = permits.acquire().await else { return };
                resolver.lookup(&host, port).await
            };
            let report = match looked_up.map(bound) {
                Ok(addresses) if !addresses.is_empty() => {
                    failure = None;
                    (addresses != known).then(|| {
                        known.clone_from(&addresses);
                        Report::Resolved { id: id.clone(), addresses }
                    })
                }
                Ok(_) => unresolved(&id, &known, &mut failure, format!("{host} has no addresses")),
                Err(err) => unresolved(&id, &known, &mut failure, format!("cannot resolve {host}: {}", plain(&err))),
            };
            if let Some(report) = report
                && reports.send(report).await.is_err()
            {
                return;
            }
            tokio::time::sleep(vary(every, JITTER_PERCENT, &mut rng)).await;
        }
    }
}

fn unresolved(id: &EndpointId, known: &[SocketAddr], last: &mut Option<String>, reason: String) -> Option<Report> {
    if last.as_ref() == Some(&reason) {
        return None;
    }
    tracing::warn!(service = %id.service, endpoint = %id.endpoint, %reason, kept = known.len(), "lookup failed");
    *last = Some(reason.clone());
    known.is_empty().then(|| Report::Unresolved { id: id.clone(), reason })
}

/// Sorted and distinct, so that an answer in another order is the same answer.
fn bound(mut addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    addresses.sort_unstable();
    addresses.dedup();
    addresses.truncate(MAX_ADDRESSES);
    addresses
}

/// The system's message without the words that the reason already says.
fn plain(err: &io::Error) -> String {
    let text = err.to_string();
    text.strip_prefix("failed to lookup address information: ").map_or_else(|| text.clone(), str::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::{MAX_ADDRESSES, Resolve, SystemResolver, bound};

    #[test]
    fn addresses_are_sorted_distinct_and_bounded() {
        let many = (0..=255u8).rev().flat_map(|n| [([10, 0, 0, n], 80).into(), ([10, 0, 0, n], 80).into()]);
        let bounded = bound(many.collect());
        assert_eq!(bounded.len(), MAX_ADDRESSES);
        assert!(bounded.is_sorted() && bounded.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[tokio::test]
    async fn the_system_knows_localhost_and_no_invalid_name() {
        let addresses = SystemResolver.lookup("localhost", 81).await.unwrap();
        assert!(addresses.iter().all(|a| a.ip().is_loopback() && a.port() == 81) && !addresses.is_empty());
        // RFC 6761 section 6.4: names below "invalid" never exist.
        SystemResolver.lookup("no-such-host.invalid", 81).await.unwrap_err();
    }
}
