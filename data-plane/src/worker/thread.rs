//! A worker's thread: accepts clients, takes tables, drains.

use std::{
    cell::Cell,
    io, iter,
    net::{SocketAddr, TcpListener as StdListener},
    rc::Rc,
    sync::Arc,
    thread,
    time::{Duration, SystemTime},
};

use gateway_cache_disk::Disk;
use gateway_cache_store::Store;
use tokio::{
    net::{TcpListener, TcpStream},
    runtime,
    sync::{mpsc, oneshot},
    task::LocalSet,
    time::{Instant, Interval, MissedTickBehavior, interval, sleep},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, warn};

use super::{
    Worker,
    admission::Admission,
    connection::Session,
    fleet::Swap,
    limits::Limits,
    listener::BACKLOG,
    wall::{Source, Wall},
    watchdog::TICK,
};
use crate::{
    error::ProxyError,
    limiter::Limiter,
    proxy::{
        auth::{Passwords, WorkerPasswords, remote::Remote},
        cache::Entry,
    },
    telemetry::Telemetry,
    upstream::connect,
};

/// Once a second is enough for what is not urgent.
const TICKS_PER_SECOND: u32 = 20;
/// How long accepting pauses when the system has no room for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);
/// The same trouble is not told more often than this.
const WARN_EVERY: Duration = Duration::from_secs(10);
/// Clients that are told at one time that there is no place for them; the others are cut off.
const TURNED_AWAY_AT_ONCE: usize = 64;

/// What the workers of a data plane have in common.
#[derive(Debug, Clone)]
pub(crate) struct Common {
    pub limits: Limits,
    pub admission: Arc<Admission>,
    pub limiter: Arc<Limiter>,
    pub remote: Arc<Remote>,
    /// The stored responses.
    pub cache: Store<Entry>,
    /// Who verifies consumers' passwords.
    pub passwords: Arc<Passwords>,
    /// Where they are kept, too.
    pub disk: Option<Disk<Entry>>,
    /// Where the time of day is from.
    pub clock: Source,
    /// Cancelled, every worker drains.
    pub shutdown: CancellationToken,
    /// How long that may take.
    pub drain_timeout: Duration,
}

/// Starts a worker. It ends the drain's time after the shutdown at the latest, and then says how; if
/// it says nothing, it panicked.
pub(crate) fn spawn(
    index: usize,
    listener: StdListener,
    telemetry: Telemetry,
    swaps: mpsc::Receiver<Swap>,
    common: Common,
) -> io::Result<oneshot::Receiver<io::Result<()>>> {
    let Common { limits, admission, limiter, remote, cache, passwords, disk, clock, shutdown, drain_timeout } = common;
    let limiter = limiter.for_worker();
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let (ended, ends) = oneshot::channel();
    thread::Builder::new().name(format!("worker-{index}")).spawn(move || {
        let tasks = LocalSet::new();
        let auth = (remote.for_worker(), WorkerPasswords::new(passwords, &rand::random()));
        let wall = Wall::new(clock);
        let worker = Rc::new(Worker::new(telemetry, limits, admission, limiter, auth, (cache, disk), wall));
        let outcome = tasks.block_on(&runtime, async {
            let connections = Connections::default();
            let mut clock = Clock::start(&worker);
            accept(&worker, TcpListener::from_std(listener)?, swaps, &connections, &mut clock, &shutdown).await;
            worker.drain();
            connections.tasks.close();
            let go_on = async {
                loop {
                    clock.beat(&worker).await;
                }
            };
            let all = async {
                connections.tasks.wait().await;
                worker.fills().finish().await;
                worker.mirrors().finish().await;
            };
            tokio::select! {
                () = all => {}
                () = go_on => {}
                () = sleep(drain_timeout) => {
                    warn!(connections = connections.tasks.len(), "drain timeout: closing what is still open");
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
        worker.tick();
        worker.telemetry().flush();
        self.count = self.count.wrapping_add(1);
        if self.count.is_multiple_of(TICKS_PER_SECOND) {
            worker.set_date(SystemTime::now());
            if worker.is_draining() {
                // Whoever has nobody left to work for is to see it.
                worker.watchdog().wake_all();
            }
            worker.pool().close_idle(Instant::now());
            worker.telemetry().tidy(&worker.table());
            worker.remote().tidy();
        }
    }
}

async fn accept(
    worker: &Rc<Worker>,
    listener: TcpListener,
    mut swaps: mpsc::Receiver<Swap>,
    connections: &Connections,
    clock: &mut Clock,
    shutdown: &CancellationToken,
) {
    let mut warned: Option<Instant> = None;
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, client)) => connections.start(worker, stream, client),
                Err(err) if connect::lacks_descriptors(&err) => {
                    if warned.is_none_or(|at| at.elapsed() >= WARN_EVERY) {
                        warned = Some(Instant::now());
                        warn!(error = %err, "cannot accept connections: closing idle ones");
                    }
                    worker.free_descriptors();
                    sleep(ACCEPT_PAUSE).await;
                }
                // The client has gone before it was accepted.
                Err(err) => debug!(error = %err, "cannot accept a connection"),
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
    // Closing a listener resets what waits in its queue, so that is served first; it was full at most.
    let Ok(listener) = listener.into_std() else { return };
    for (stream, client) in iter::from_fn(|| listener.accept().ok()).take(BACKLOG.into()) {
        if stream.set_nonblocking(true).is_ok()
            && let Ok(stream) = TcpStream::from_std(stream)
        {
            connections.start(worker, stream, client);
        }
    }
}

/// The clients of a worker.
#[derive(Debug, Default)]
struct Connections {
    tasks: TaskTracker,
    /// How many of them are being turned away.
    turned_away: Rc<Cell<usize>>,
}

impl Connections {
    fn start(&self, worker: &Rc<Worker>, mut stream: TcpStream, client: SocketAddr) {
        let Ok(place) = worker.admission().admit(client.ip(), || worker.end_idle_clients()) else {
            return self.turn_away(worker, stream, client);
        };
        let worker = Rc::clone(worker);
        let mut session = Session::new(&worker, client);
        // By reference: what is moved into a future takes up memory twice.
        self.tasks.spawn_local(async move {
            worker.stats().client_opened();
            session.serve(&mut stream).await;
            worker.stats().client_closed();
            drop((stream, place));
        });
    }

    fn turn_away(&self, worker: &Rc<Worker>, mut stream: TcpStream, client: SocketAddr) {
        let turned_away = Rc::clone(&self.turned_away);
        if turned_away.get() == TURNED_AWAY_AT_ONCE {
            return;
        }
        turned_away.set(turned_away.get() + 1);
        let session = Session::new(worker, client);
        self.tasks.spawn_local(async move {
            session.turn_away(&mut stream, ProxyError::Overloaded).await;
            turned_away.set(turned_away.get() - 1);
        });
    }
}
