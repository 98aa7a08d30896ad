//! Waiting: on a fact, or for an end. The only place that pauses.

use std::{cell::Cell, future::Future, time::Duration};

use tokio::time::{Instant, sleep, timeout};

/// After this long a test no longer believes that something will happen. Generous, for a machine
/// that runs many tests at once.
pub const DEADLINE: Duration = Duration::from_secs(30);
/// Looked at so many times in a row, what has not moved stands still.
const STILL: usize = 50;

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

/// Polls until `count` is no longer moving, and returns it.
pub async fn standstill(what: &str, count: impl Fn() -> usize) -> usize {
    let seen = Cell::new((0, 0));
    eventually(what, async || {
        let (last, times) = seen.get();
        let now = count();
        seen.set((now, if now == last { times + 1 } else { 0 }));
        (now > 0 && times == STILL).then_some(now)
    })
    .await
}

/// Lets a moment of chance pass, for tests that strike at random; nothing may rely on its length.
pub async fn a_moment(length: Duration) {
    sleep(length).await;
}
