//! `gatewayctl service`.

mod delete;
mod get;
mod list;
mod register;

use clap::Subcommand;
use gateway_proto::registry::v1 as pb;
use serde::Serialize;

pub(crate) use self::list::{Listing, all};
use super::{Context, wait::Served};
use crate::{
    client::{Client, registry},
    exit::Failure,
    output::{Output, service::Service},
};

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create a service, or add hosts and endpoints to the one of that name
    Register(Box<register::Register>),
    /// Show the services
    List(list::List),
    /// Show one service and the health of its endpoints
    Get(get::Get),
    /// Delete a service
    Delete(delete::Delete),
}

impl Command {
    /// Runs the verb.
    ///
    /// # Errors
    /// Why it did not do its work.
    pub async fn run(self, context: Context) -> Result<(), Failure> {
        match self {
            Self::Register(verb) => verb.run(context).await,
            Self::List(verb) => verb.run(context).await,
            Self::Get(verb) => verb.run(context).await,
            Self::Delete(verb) => verb.run(context).await,
        }
    }
}

/// A service after a change, what the change came to, and who serves it if that was waited for.
#[derive(Debug, Serialize)]
pub(super) struct Changed {
    #[serde(flatten)]
    pub(super) service: Service,
    pub(super) change: &'static str,
    #[serde(flatten)]
    pub(super) served: Option<ServedBy>,
}

/// The part of [`Served`] that a changed service is printed with.
#[derive(Debug, Serialize)]
pub(super) struct ServedBy {
    served_by: Vec<String>,
    behind: Vec<super::super::output::observed::Node>,
}

impl From<&Served> for ServedBy {
    fn from(served: &Served) -> Self {
        Self { served_by: served.served_by.clone(), behind: served.behind.clone() }
    }
}

/// Prints a change and, where it was waited for, who serves it.
///
/// # Errors
/// Why the wait has no answer, or who is behind.
pub(super) fn print_change(
    output: &Output,
    service: &pb::Service,
    change: &'static str,
    waited: Result<Option<Served>, Failure>,
    line: &str,
) -> Result<(), Failure> {
    let served = waited.as_ref().ok().and_then(Option::as_ref);
    let changed = Changed { service: Service::full(service, None), change, served: served.map(ServedBy::from) };
    output.print(&changed, |_| match served {
        Some(served) => format!("{line}\n{}", served.line()),
        None => line.to_owned(),
    })?;
    match waited? {
        Some(served) => served.verdict(),
        None => Ok(()),
    }
}

/// Reads one service.
///
/// # Errors
/// If there is none of that name, or nobody to ask.
pub(super) async fn read(client: &mut Client, name: &str) -> Result<pb::Service, Failure> {
    let request = pb::GetServiceRequest { name: name.to_owned() };
    let answer = client.call(async |channel| registry(channel).get_service(request.clone()).await).await?;
    Ok(answer.service.unwrap_or_default())
}
