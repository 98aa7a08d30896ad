//! What each method makes of a token, on real sockets where a server is asked.

mod forward_auth;
mod introspect;
mod jwt;

use gateway_caching::Time;

use super::subject::{Shown, Subject};

const NOW: Time = Time::from_seconds(1_700_000_000);

fn subject(shown: &Shown) -> Option<&Subject> {
    match shown {
        Shown::Accepted(subject) => Some(subject),
        Shown::Nothing | Shown::Refused | Shown::Unknown => None,
    }
}

/// The consumer and the groups of somebody who is accepted.
fn who(shown: &Shown) -> Option<(Option<&str>, Vec<&str>)> {
    let Subject { consumer, groups, claims: _ } = subject(shown)?;
    Some((consumer.as_deref(), groups.iter().map(|group| &**group).collect()))
}
