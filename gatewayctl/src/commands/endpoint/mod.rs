//! `gatewayctl endpoint`.

mod add;
mod list;
mod remove;

use clap::Subcommand;
use gateway_proto::{admin::v1::ListEndpointsRequest, registry::v1 as pb};

use super::Context;
use crate::{
    client::{Client, admin},
    exit::Failure,
};

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add endpoints to a service, or change their weight
    Add(add::Add),
    /// Take endpoints from a service
    Remove(remove::Remove),
    /// Show the endpoints of a service, every address with its health
    List(list::List),
}

impl Command {
    /// Runs the verb.
    ///
    /// # Errors
    /// Why it did not do its work.
    pub async fn run(self, context: Context) -> Result<(), Failure> {
        match self {
            Self::Add(verb) => verb.run(context).await,
            Self::Remove(verb) => verb.run(context).await,
            Self::List(verb) => verb.run(context).await,
        }
    }
}

/// Reads `HOST:PORT` or `HOST:PORT,weight=N`.
///
/// # Errors
/// A sentence with what is wrong.
pub fn endpoint(text: &str) -> Result<pb::Endpoint, String> {
    let (address, options) = text.split_once(',').unwrap_or((text, ""));
    if address.is_empty() {
        return Err("there is no address; write HOST:PORT or HOST:PORT,weight=N".into());
    }
    let weight = match options.strip_prefix("weight=") {
        None if options.is_empty() && !text.ends_with(',') => 0,
        None => return Err(format!("{options:?} is no option of an endpoint; there is weight=N")),
        Some(weight) => match weight.parse() {
            // 0 would mean "not given"; how much is too much says the control plane, with all else.
            Ok(weight @ 1..) => weight,
            _ => return Err(format!("weight {weight:?} is no whole number from 1 to 1000")),
        },
    };
    Ok(pb::Endpoint { address: address.to_owned(), weight })
}

/// What is observed of a service's endpoints.
///
/// # Errors
/// If there is no such service, or nobody to ask.
pub async fn statuses(client: &mut Client, service: &str) -> Result<Vec<pb::EndpointStatus>, Failure> {
    let request = ListEndpointsRequest { service: service.to_owned() };
    Ok(client.call(async |channel| admin(channel).list_endpoints(request.clone()).await).await?.endpoints)
}

#[cfg(test)]
mod tests {
    use gateway_proto::registry::v1::Endpoint;

    use super::endpoint;

    #[test]
    fn an_endpoint_is_an_address_and_perhaps_a_weight() {
        let parsed = |address: &str, weight| Ok(Endpoint { address: address.into(), weight });
        assert_eq!(endpoint("127.0.0.1:80"), parsed("127.0.0.1:80", 0));
        assert_eq!(endpoint("[::1]:80,weight=3"), parsed("[::1]:80", 3));
        for text in ["", ",weight=1", "a:1,", "a:1,weight=", "a:1,weight=0", "a:1,weight=-1", "a:1,wait=1"] {
            assert!(endpoint(text).is_err(), "{text}");
        }
    }
}
