//! A steady stream of requests, and what became of each.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval},
};

use super::{client, eventually::eventually};

/// Time between two requests of one connection: enough to keep every data plane busy, and little
/// enough to leave the machine to the tests beside this one.
const PACE: Duration = Duration::from_millis(2);

/// How often a client asks.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Pace {
    /// Every [`PACE`].
    Steady,
    /// Whenever it has its answer.
    Relentless,
}

/// Clients that ask again and again until they are stopped.
#[derive(Debug)]
pub struct Load {
    clients: JoinSet<Vec<String>>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    answered: AtomicU64,
}

/// What became of the requests.
#[derive(Debug)]
pub struct Tally {
    /// Answered with 200.
    pub answered: u64,
    /// What went wrong, one sentence each.
    pub failures: Vec<String>,
}

impl Load {
    /// Starts `connections` clients for each address.
    pub fn start(addresses: impl IntoIterator<Item = SocketAddr>, host: &str, connections: usize) -> Self {
        Self::with(addresses, host, connections, Pace::Steady)
    }

    /// The same, each client asking as soon as it has its answer.
    pub fn saturate(addresses: impl IntoIterator<Item = SocketAddr>, host: &str, connections: usize) -> Self {
        Self::with(addresses, host, connections, Pace::Relentless)
    }

    fn with(addresses: impl IntoIterator<Item = SocketAddr>, host: &str, connections: usize, pace: Pace) -> Self {
        let shared = Arc::new(Shared::default());
        let mut clients = JoinSet::new();
        for address in addresses {
            for _ in 0..connections {
                clients.spawn(run(address, host.to_owned(), pace, Arc::clone(&shared)));
            }
        }
        Self { clients, shared }
    }

    /// Requests that were answered so far.
    pub fn answered(&self) -> u64 {
        self.shared.answered.load(Relaxed)
    }

    /// Returns when this many more were answered.
    pub async fn advance(&self, count: u64) {
        let goal = self.answered() + count;
        eventually("the load goes on", async || (self.answered() >= goal).then_some(())).await;
    }

    /// Ends the load after the requests that are under way.
    pub async fn stop(mut self) -> Tally {
        self.shared.stop.store(true, Relaxed);
        let mut failures = Vec::new();
        while let Some(client) = self.clients.join_next().await {
            failures.extend(client.expect("a client does not panic"));
        }
        Tally { answered: self.answered(), failures }
    }
}

impl Tally {
    /// Not one may have failed.
    pub fn is_flawless(&self) {
        let Self { answered, failures } = self;
        assert!(
            failures.is_empty(),
            "{} of {answered} failed: {:?}",
            failures.len(),
            &failures[..failures.len().min(5)]
        );
        assert!(*answered > 0, "there was no load");
    }
}

async fn run(address: SocketAddr, host: String, pace: Pace, shared: Arc<Shared>) -> Vec<String> {
    let began = Instant::now();
    let mut failures = Vec::new();
    let mut failed = |what: String| failures.push(format!("after {:?} at {address}: {what}", began.elapsed()));
    let mut connection = None;
    let mut ticks = interval(PACE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // A request in ten is one that may not be sent twice.
    for method in ["POST", "GET", "GET", "GET", "GET", "GET", "GET", "GET", "GET", "GET"].into_iter().cycle() {
        if shared.stop.load(Relaxed) {
            break;
        }
        if pace == Pace::Steady {
            ticks.tick().await;
        }
        let mut open = match connection.take() {
            Some(open) => open,
            None => match client::connect(address).await {
                Ok(open) => open,
                Err(err) => {
                    failed(format!("cannot connect: {err}"));
                    continue;
                }
            },
        };
        match client::exchange(&mut open, client::request(method, &host, "/load"), Bytes::new()).await {
            Ok(response) if response.status == 200 => {
                shared.answered.fetch_add(1, Relaxed);
                connection = Some(open);
            }
            Ok(response) => failed(format!("{} {}", response.status, response.text())),
            Err(err) => failed(format!("{err:?}")),
        }
    }
    failures
}
