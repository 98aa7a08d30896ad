//! A load of so many requests a second, whatever is answered, for stories about what is let through.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval},
};

use super::{client, eventually::eventually};

/// What became of the requests of an [`Offer`] so far.
#[derive(Debug, Clone, Copy)]
pub struct Counts {
    /// When these were counted.
    pub at: Instant,
    /// Answered at all.
    pub asked: u64,
    /// Answered with 200.
    pub admitted: u64,
}

/// Requests that go to data planes at rates of their own, until this is dropped.
#[derive(Debug, Default)]
pub struct Offer {
    clients: Vec<(SocketAddr, JoinHandle<()>)>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    asked: AtomicU64,
    admitted: AtomicU64,
    /// What was neither 200 nor 429, one sentence each.
    failures: Mutex<Vec<String>>,
}

impl Offer {
    /// Sends so many requests a second to each of these from now on, and none to others.
    pub fn spread(&mut self, host: &str, rates: &[(SocketAddr, f64)]) {
        self.withdraw();
        for (address, rate) in rates.iter().filter(|(_, rate)| *rate > 0.0) {
            let client =
                run(*address, host.to_owned(), Duration::from_secs_f64(rate.recip()), Arc::clone(&self.shared));
            self.clients.push((*address, tokio::spawn(client)));
        }
    }

    /// Sends nothing any more.
    pub fn withdraw(&mut self) {
        self.clients.drain(..).for_each(|(_, client)| client.abort());
    }

    /// Sends nothing any more to this one, which is about to go.
    pub fn avoid(&mut self, address: SocketAddr) {
        self.clients.retain(|(to, client)| {
            if *to == address {
                client.abort();
            }
            *to != address
        });
    }

    /// How many there were so far.
    pub fn counts(&self) -> Counts {
        let Shared { asked, admitted, failures: _ } = &*self.shared;
        Counts { at: Instant::now(), asked: asked.load(Relaxed), admitted: admitted.load(Relaxed) }
    }

    /// Returns when this many more were answered.
    pub async fn advance(&self, count: u64) {
        let goal = self.counts().asked + count;
        eventually("requests are answered", async || (self.counts().asked >= goal).then_some(())).await;
    }

    /// Every request must have been answered, with 200 or 429.
    pub fn is_flawless(&self) {
        let failures = self.shared.failures.lock().expect("nobody panics");
        assert!(failures.is_empty(), "{} failed: {:?}", failures.len(), &failures[..failures.len().min(5)]);
    }
}

impl Drop for Offer {
    fn drop(&mut self) {
        self.withdraw();
    }
}

async fn run(address: SocketAddr, host: String, pace: Duration, shared: Arc<Shared>) {
    let failed = |what: String| shared.failures.lock().expect("nobody panics").push(format!("at {address}: {what}"));
    let mut ticks = interval(pace);
    // What a busy machine holds up is made up for, so that the rate is what it says.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut connection = None;
    loop {
        ticks.tick().await;
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
        match client::exchange(&mut open, client::request("GET", &host, "/"), Bytes::new()).await {
            Ok(response) if matches!(response.status, 200 | 429) => {
                shared.admitted.fetch_add(u64::from(response.status == 200), Relaxed);
                shared.asked.fetch_add(1, Relaxed);
                connection = Some(open);
            }
            Ok(response) => failed(format!("{} {}", response.status, response.text())),
            Err(err) => failed(format!("{err:?}")),
        }
    }
}
