//! The data plane's program.

use std::{collections::BTreeMap, process::ExitCode};

use data_plane::{Config, Listeners};
use gateway_proto::process::{self, Event, Failure};
use tokio::{runtime, sync::oneshot};

// A worker allocates for each request; glibc's allocator costs it several per cent.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    process::exit_code(start(process::parse_args()))
}

fn start(config: Config) -> Result<(), Failure> {
    process::init_logging(&config.log)?;
    let cannot_start = |err| Failure::Failed(format!("cannot start the control thread: {err}"));
    // The workers have threads of their own; this one is for discovery and the admin listener.
    runtime::Builder::new_current_thread().enable_all().build().map_err(cannot_start)?.block_on(async {
        let listeners = Listeners::bind(&config)?;
        let addresses = BTreeMap::from([("proxy", listeners.proxy_address), ("admin", listeners.admin_address)]);
        Event::Listening { listeners: addresses }.announce();
        let shutdown = process::shutdown_signal()?;
        let (ready, is_ready) = oneshot::channel();
        tokio::spawn(async {
            if is_ready.await.is_ok() {
                Event::Ready.announce();
            }
        });
        data_plane::run(config, listeners, ready, shutdown).await
    })
}
