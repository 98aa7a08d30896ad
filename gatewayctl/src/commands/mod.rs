//! One file a verb.

pub mod apply;
pub mod audit;
pub mod cache;
mod change;
pub mod completion;
pub mod consumer;
pub mod dev;
pub mod endpoint;
pub mod explain;
pub mod export;
pub mod key;
pub mod limit;
mod listing;
pub mod node;
pub mod probe;
pub mod route;
pub mod sample;
pub mod service;
mod status;
pub mod token;
pub mod wait;
pub mod watch;

use gateway_proto::{access::Access, local::ADMIN_TOKEN, process};
use tokio::runtime;

use crate::{
    cli::{Cli, Command, Global},
    client::{Client, ServerUrl},
    exit::{Exit, Failure},
    output::{Format, Output},
};

/// What every command works with.
#[derive(Debug)]
pub struct Context {
    /// The way to the control plane.
    pub client: Client,
    /// Where the result goes.
    pub output: Output,
}

/// Runs one command.
///
/// # Errors
/// Why it did not do its work.
pub fn run(cli: Cli) -> Result<(), Failure> {
    let Cli { global, command } = cli;
    match command {
        Command::Completion(command) => command.run(),
        Command::Dev(command) => command.run(&global),
        Command::Export(command) => {
            let form = command.form(global.output);
            block_on(command.run(context(Global { output: Some(form), ..global }, form)?))
        }
        Command::Probe(command) => block_on(command.run(global.timeout)),
        Command::Sample(command) => block_on(command.run()),
        Command::Service(command) => block_on(command.run(context(global, Format::Table)?)),
        Command::Endpoint(command) => block_on(command.run(context(global, Format::Table)?)),
        Command::Route(command) => block_on(command.run(context(global, Format::Table)?)),
        Command::Consumer(command) => block_on(command.run(context(global, Format::Table)?)),
        Command::Key(command) => block_on(command.run(context(global, Format::Table)?)),
        Command::Cache(command) => block_on(command.run(context(global, Format::Table)?)),
        Command::Explain(command) => block_on(command.run(context(global, Format::Table)?)),
        Command::Limit(command) => block_on(command.run(context(global, Format::Table)?)),
        Command::Node(command) => block_on(command.run(context(global, Format::Table)?)),
        Command::Status => block_on(status::run(context(global, Format::Table)?)),
        Command::Watch(command) => block_on(command.run(context(global, Format::Table)?)),
        Command::Audit(command) => block_on(command.run(context(global, Format::Table)?)),
        Command::Token(command) => block_on(command.run(context(global, Format::Table)?)),
        Command::Apply(command) => block_on(command.run(context(global, Format::Table)?)),
    }
}

fn context(global: Global, default: Format) -> Result<Context, Failure> {
    let Global { server, output, timeout, access } = global;
    let access = Access::open(access, ADMIN_TOKEN, server.iter().map(ServerUrl::uri)).map_err(process_failure)?;
    Ok(Context { client: Client::new(server, access, timeout), output: Output::stdout(output.unwrap_or(default)) })
}

fn process_failure(failure: process::Failure) -> Failure {
    match failure {
        process::Failure::Usage(sentence) => Failure::new(Exit::Usage, sentence),
        process::Failure::Failed(sentence) => Failure::new(Exit::Failed, sentence),
    }
}

fn block_on(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|err| Failure::new(Exit::Failed, format!("cannot start: {err}")))?.block_on(work)
}
