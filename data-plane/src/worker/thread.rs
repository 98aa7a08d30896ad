//! A worker's thread: accepts clients, takes tables, drains.

use std::{
    io,
    net::TcpListener as StdListener,
    rc::Rc,
    thread,
    time::{Duration, SystemTime},
};

use tokio::{
    net::{TcpListener, TcpStream},
    runtime,
    sync::{mpsc, oneshot},
    task::LocalSet,
    time::{Instant, Interval, MissedTickBehavior, interval, sleep},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::warn;

use super::{Worker, connection, fleet::Swap, watchdog::TICK};
use crate::telemetry::Telemetry;

/// Once a second is enough for what is not urgent.
const TICKS_PER_SECOND: u32 = 20;
/// How long accepting pauses when the system has no room for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// Starts a worker. It ends `drain_timeout` after `shutdown` at the latest, and then says how; if it
/// says nothing, it panicked.
pub(crate) fn spawn(
    index: usize,
    listener: StdListener,
    telemetry: Telemetry,
    swaps: mpsc::Receiver<Swap>,
    shutdown: CancellationToken,
    drain_timeout: Duration,
) -> io::Result<oneshot::Receiver<io::Result<()>>> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let (ended, ends) = oneshot::channel();
    thread::Builder::new().name(format!("worker-{index}")).spawn(move || {
        let tasks = LocalSet::new();
        let worker = Rc::new(Worker::new(telemetry));
        let outcome = tasks.block_on(&runtime, async {
            let connections = TaskTracker::new();
            let mut clock = Clock::start(&worker);
            accept(&worker, TcpListener::from_std(listener)?, swaps, &connections, &mut clock, &shutdown).await;
            worker.drain();
            connections.close();
            let go_on = async {
                loop {
                    clock.beat(&worker).await;
                }
            };
            tokio::select! {
                () = connections.wait() => {}
                () = go_on => {}
                () = sleep(drain_timeout) => {
                    warn!(connections = connections.len(), "drain timeout: closing what is still open");
                }
            }
            Ok(())
        });
        // Every connection is closed before anybody hears of the end.
        drop((tasks, worker, runtime));
        // Whoever started it may not care.
        let _ = ended.send(outcome);
    })?;
    Ok(ends)
}

/// What is due as time passes.
struct Clock {
    ticks: Interval,
    count: u32,
}

impl Clock {
    fn start(worker: &Worker) -> Self {
        worker.set_date(SystemTime::now());
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { ticks, count: 0 }
    }

    /// Waits for the next tick, and does what is due then. May be given up while it waits.
    async fn beat(&mut self, worker: &Worker) {
        self.ticks.tick().await;
        worker.watchdog().tick();
        worker.telemetry().flush();
        self.count = self.count.wrapping_add(1);
        if self.count.is_multiple_of(TICKS_PER_SECOND) {
            worker.set_date(SystemTime::now());
            worker.pool().close_idle(Instant::now());
            worker.telemetry().tidy(&worker.table());
        }
    }
}

async fn accept(
    worker: &Rc<Worker>,
    listener: TcpListener,
    mut swaps: mpsc::Receiver<Swap>,
    connections: &TaskTracker,
    clock: &mut Clock,
    shutdown: &CancellationToken,
) {
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, client)) => start(worker, stream, client, connections),
                Err(err) => {
                    warn!(error = %err, "cannot accept a connection");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(Swap { table, held }) = swaps.recv() => {
                worker.swap(table);
                // Whoever asked may have given up waiting.
                let _ = held.send(());
            }
            () = clock.beat(worker) => {}
            () = shutdown.cancelled() => break,
        }
    }
    // Closing a listener resets what waits in its queue, so that is served first.
    let Ok(listener) = listener.into_std() else { return };
    while let Ok((stream, client)) = listener.accept() {
        if stream.set_nonblocking(true).is_ok()
            && let Ok(stream) = TcpStream::from_std(stream)
        {
            start(worker, stream, client, connections);
        }
    }
}

fn start(worker: &Rc<Worker>, stream: TcpStream, client: std::net::SocketAddr, connections: &TaskTracker) {
    let worker = Rc::clone(worker);
    connections.spawn_local(async move {
        worker.stats().client_opened();
        connection::serve(Rc::clone(&worker), stream, client).await;
        worker.stats().client_closed();
    });
}
