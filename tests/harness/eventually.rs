//! Waiting: on a fact, or for an end. The only place that pauses.

use std::{future::Future, time::Duration};

use tokio::time::{Instant, sleep, timeout};

/// After this long a test no longer believes that something will happen. Generous, for a machine
/// that runs many tests at once.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Polls until `fact` yields something, and returns it.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut fact: impl FnMut() -> F) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(seen) = within(what, fact()).await {
            return seen;
        }
        assert!(Instant::now() < deadline, "did not come true within {DEADLINE:?}: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}

/// Awaits something that must end.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match timeout(DEADLINE, future).await {
        Ok(value) => value,
        Err(_) => panic!("did not end within {DEADLINE:?}: {what}"),
    }
}

/// Lets a moment of chance pass, for tests that strike at random; nothing may rely on its length.
pub async fn a_moment(length: Duration) {
    sleep(length).await;
}
