//! The way to the control plane: several servers tried in turn, one deadline, errors that say what
//! to do.

mod refusal;

use std::{fmt, str::FromStr, time::Duration};

use gateway_proto::{
    access::{Access, control_plane_url},
    admin::v1::admin_service_client::AdminServiceClient,
    auth::v1::auth_service_client::AuthServiceClient,
    code::Reason,
    registry::v1::registry_service_client::RegistryServiceClient,
};
use tokio::time::{Instant, timeout_at};
use tonic::{Response, Status, transport::Uri};

pub use gateway_proto::access::Channel;

use self::refusal::{Verdict, judge, root_cause};
pub use self::refusal::{Violation, Violations, reason, violations};
use crate::{
    exit::{Exit, Failure},
    output::text,
};

/// The largest answer that is read; 100,000 services with their endpoints stay below it page by page.
const MAX_ANSWER: usize = 256 << 20;

/// Where a control plane listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerUrl(Uri);

impl FromStr for ServerUrl {
    type Err = String;

    /// Reads `http://HOST:PORT` or `https://HOST:PORT`; a missing scheme is taken as `http://`.
    fn from_str(given: &str) -> Result<Self, String> {
        let text = if given.contains("://") { given.to_owned() } else { format!("http://{given}") };
        control_plane_url(&text).map(Self)
    }
}

impl ServerUrl {
    /// As it is connected to.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.0
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.to_string().trim_end_matches('/'))
    }
}

/// Speaks with the first control plane that answers, and stays with it.
#[derive(Debug)]
pub struct Client {
    servers: Vec<ServerUrl>,
    access: Access,
    limit: Duration,
    connected: Option<(usize, Channel)>,
}

impl Client {
    /// A client that connects when it is first used; `limit` is the time limit of one call.
    #[must_use]
    pub fn new(servers: Vec<ServerUrl>, access: Access, limit: Duration) -> Self {
        Self { servers, access, limit, connected: None }
    }

    /// The time limit of one call.
    #[must_use]
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// The control plane that answered last.
    #[must_use]
    pub fn server(&self) -> Option<&ServerUrl> {
        self.connected.as_ref().and_then(|(index, _)| self.servers.get(*index))
    }

    /// Calls the control plane within the time limit.
    ///
    /// # Errors
    /// The refusal, or which control planes could not be reached and why.
    pub async fn call<T>(&mut self, rpc: impl AsyncFn(Channel) -> Result<Response<T>, Status>) -> Result<T, Failure> {
        self.call_within(self.limit, rpc).await?.map_err(|status| refusal::failure(&status))
    }

    /// Calls the control plane within this time. A refusal is the inner error.
    ///
    /// The next server is tried only while nothing can have been changed: when one cannot be
    /// reached, or says that it is stopping.
    ///
    /// # Errors
    /// Which control planes could not be reached and why.
    pub async fn call_within<T>(
        &mut self,
        limit: Duration,
        rpc: impl AsyncFn(Channel) -> Result<Response<T>, Status>,
    ) -> Result<Result<T, Status>, Failure> {
        let deadline = Instant::now() + limit;
        let mut tried = Vec::new();
        for (index, left) in self.order() {
            let channel = match self.channel(index, deadline, left).await {
                Ok(channel) => channel,
                Err(why) => {
                    tried.push(format!("{}: {why}", self.servers[index]));
                    continue;
                }
            };
            let Ok(answer) = timeout_at(deadline, rpc(channel)).await else {
                tried.push(format!("{}: no answer within {}", self.servers[index], text::duration(limit)));
                break;
            };
            let status = match answer {
                Ok(response) => return Ok(Ok(response.into_inner())),
                Err(status) => status,
            };
            match judge(&status) {
                Verdict::Refused => return Ok(Err(status)),
                Verdict::Stopping(why) => tried.push(format!("{}: {why}", self.servers[index])),
                Verdict::Broken(why) => {
                    tried.push(format!("{}: {why}", self.servers[index]));
                    break;
                }
            }
            self.connected = None;
        }
        self.connected = None;
        Err(unreachable(tried))
    }

    /// Indices of the servers in the order to try them, each with how many are left with it.
    fn order(&self) -> impl Iterator<Item = (usize, u32)> + use<> {
        let count = self.servers.len();
        let first = self.connected.as_ref().map_or(0, |(index, _)| *index);
        (0..count).map(move |turn| ((first + turn) % count, u32::try_from(count - turn).unwrap_or(u32::MAX)))
    }

    /// A silent server gets its share of the time only, so that the next ones are tried too.
    async fn channel(&mut self, index: usize, deadline: Instant, left: u32) -> Result<Channel, String> {
        if let Some((connected, channel)) = &self.connected
            && *connected == index
        {
            return Ok(channel.clone());
        }
        let share = deadline.saturating_duration_since(Instant::now()) / left;
        let (endpoint, bearer) = self.access.way(self.servers[index].uri())?;
        let channel = tokio::time::timeout(share, endpoint.connect())
            .await
            .map_err(|_| format!("no connection within {}", text::duration(share)))?
            .map_err(|err| root_cause(&err))?;
        let channel = Channel::new(channel, bearer);
        self.connected = Some((index, channel.clone()));
        Ok(channel)
    }
}

/// The registry's stub.
#[must_use]
pub fn registry(channel: Channel) -> RegistryServiceClient<Channel> {
    RegistryServiceClient::new(channel).max_decoding_message_size(MAX_ANSWER)
}

/// The admin service's stub.
#[must_use]
pub fn admin(channel: Channel) -> AdminServiceClient<Channel> {
    AdminServiceClient::new(channel).max_decoding_message_size(MAX_ANSWER)
}

/// The stub of the service that makes tokens.
#[must_use]
pub fn auth(channel: Channel) -> AuthServiceClient<Channel> {
    AuthServiceClient::new(channel).max_decoding_message_size(MAX_ANSWER)
}

/// What a refusal comes to.
#[must_use]
pub fn refused(status: &Status) -> Failure {
    refusal::failure(status)
}

/// What ends a stream midway that nobody gets anywhere by beginning again: a refusal, such as of a token that was
/// revoked. Who has only fallen behind, or is told that the control plane stops, may begin again.
#[must_use]
pub fn refused_midway(status: &Status) -> Option<Failure> {
    match reason(status) {
        Some(Reason::ShuttingDown | Reason::Compacted) | None => None,
        Some(_) => Some(refused(status)),
    }
}

fn unreachable(tried: Vec<String>) -> Failure {
    let summary =
        if tried.len() > 1 { "no control plane can be reached" } else { "the control plane cannot be reached" };
    Failure::new(Exit::Unreachable, summary).details(tried).hint(
        "start one with `control-plane`, or a whole local cluster with `gatewayctl dev`; \
         name another with --server URL or GATEWAY_SERVER",
    )
}

#[cfg(test)]
mod tests {
    use super::ServerUrl;

    #[test]
    fn a_server_is_a_url_with_host_and_port_alone() {
        for (given, url) in [
            ("http://127.0.0.1:7000", "http://127.0.0.1:7000"),
            ("http://[::1]:7000/", "http://[::1]:7000"),
            ("control-plane:7000", "http://control-plane:7000"),
            ("https://control-plane:7000", "https://control-plane:7000"),
        ] {
            assert_eq!(given.parse::<ServerUrl>().map(|url| url.to_string()), Ok(url.to_owned()));
        }
        for given in ["", "ftp://a:1", "http://", "http://a:1/path", "http://a:1?q", "http://a b"] {
            assert!(given.parse::<ServerUrl>().is_err(), "{given}");
        }
    }
}
