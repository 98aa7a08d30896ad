//! The control plane's program.

use std::{collections::BTreeMap, process::ExitCode};

use control_plane::{Config, Listeners};
use gateway_proto::process::{self, Event, Failure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{runtime, sync::oneshot};

fn main() -> ExitCode {
    process::exit_code(start(process::parse_args()))
}

fn start(config: Config) -> Result<(), Failure> {
    process::init_logging(&config.log)?;
    raise_file_limit();
    let cannot_start = |err| Failure::Failed(format!("cannot start threads: {err}"));
    runtime::Builder::new_multi_thread().enable_all().build().map_err(cannot_start)?.block_on(async {
        let listeners = Listeners::bind(&config)?;
        let addresses = BTreeMap::from([("grpc", listeners.grpc_address), ("http", listeners.http_address)]);
        Event::Listening { listeners: addresses }.announce();
        let shutdown = process::shutdown_signal()?;
        let (ready, is_ready) = oneshot::channel();
        tokio::spawn(async {
            if is_ready.await.is_ok() {
                Event::Ready.announce();
            }
        });
        control_plane::run(config, listeners, ready, shutdown).await
    })
}

/// Probes and streams are open files, and the usual limit of 1,024 is meant for programs that
/// cannot deal with more.
fn raise_file_limit() {
    let Rlimit { current: _, maximum } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::warn!(%error, "cannot raise the limit of open files");
    }
}
