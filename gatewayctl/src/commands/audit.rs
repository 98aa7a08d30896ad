//! `gatewayctl audit`.

use std::time::Duration;

use clap::Args;
use gateway_proto::admin::v1 as pb;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{Context, listing::PAGE};
use crate::{
    client::{Client, admin},
    exit::{Exit, Failure},
    output::{observed::seconds, table::grid, text},
};

/// Show who changed what, the newest first
///
/// The control plane keeps the last 100000 changes in its store.
#[derive(Debug, Args)]
pub struct Audit {
    /// Only what was done since this time, such as 2026-11-28T05:00:00Z, or so long ago, such as 2h
    #[arg(long, env = "GATEWAY_SINCE", value_name = "TIME")]
    pub since: Option<Since>,
    /// At most so many changes, 1 to 100000
    #[arg(long, env = "GATEWAY_LIMIT", value_name = "COUNT", default_value_t = 100)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub limit: u32,
}

/// A point in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// Given as such.
    At(Timestamp),
    /// So long before now.
    Ago(Duration),
}

impl std::str::FromStr for Since {
    type Err = String;

    fn from_str(given: &str) -> Result<Self, String> {
        let ago = humantime::parse_duration(given).map(Self::Ago);
        ago.or_else(|_| given.parse().map(Self::At))
            .map_err(|_| "write a time such as 2026-11-28T05:00:00Z, or how long ago, such as 2h".to_owned())
    }
}

impl Since {
    fn before(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::At(time) => Some(time),
            Self::Ago(ago) => now.checked_sub(SignedDuration::try_from(ago).ok()?).ok(),
        }
    }
}

/// One change, as it is printed.
#[derive(Debug, Serialize)]
struct Entry {
    revision: u64,
    time: Option<String>,
    by: String,
    actions: Vec<String>,
    /// How many more actions there were.
    more: u32,
}

impl From<pb::AuditEntry> for Entry {
    fn from(wire: pb::AuditEntry) -> Self {
        let pb::AuditEntry { revision, time, actor, actions, more } = wire;
        Self { revision, time: time.as_ref().map(text::timestamp), by: actor, actions, more }
    }
}

impl Entry {
    fn row(&self) -> [String; 4] {
        let Self { revision, time, by, actions, more } = self;
        let mut what = actions.join(", ");
        if *more > 0 {
            what.push_str(&format!(", and {more} more"));
        }
        let by = if by.is_empty() { "-" } else { by };
        [seconds(time.as_deref()), revision.to_string(), text::escape(by), text::escape(&what)]
    }
}

impl Audit {
    /// Prints the changes.
    ///
    /// # Errors
    /// If there is nobody to ask, or he refuses.
    pub async fn run(self, mut context: Context) -> Result<(), Failure> {
        let Self { since, limit } = self;
        let now = Timestamp::now();
        let since = since.map(|since| {
            since
                .before(now)
                .ok_or_else(|| Failure::new(Exit::Usage, "--since is before the beginning of time; write a later one"))
        });
        let since = since.transpose()?;
        let since = since.map(|at| prost_types::Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() });
        let entries = read(&mut context.client, since, limit).await?;
        context
            .output
            .print(&entries, |width| grid(width, ["TIME", "REVISION", "BY", "WHAT"], entries.iter().map(Entry::row)))
    }
}

/// Reads page by page until there are so many, or no more.
async fn read(client: &mut Client, since: Option<prost_types::Timestamp>, limit: u32) -> Result<Vec<Entry>, Failure> {
    let mut entries = Vec::new();
    let (mut left, mut page_token) = (limit, String::new());
    loop {
        let request = pb::ListAuditRequest { since, limit: left.min(PAGE), page_token };
        let answer = client.call(async |channel| admin(channel).list_audit(request.clone()).await).await?;
        left = left.saturating_sub(u32::try_from(answer.entries.len()).unwrap_or(u32::MAX));
        entries.extend(answer.entries.into_iter().map(Entry::from));
        page_token = answer.next_page_token;
        if left == 0 || page_token.is_empty() {
            return Ok(entries);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Since;

    #[test]
    fn since_is_a_time_or_how_long_ago() {
        assert_eq!("2h".parse(), Ok(Since::Ago(Duration::from_secs(7200))));
        assert_eq!("1970-01-01T00:00:00Z".parse(), Ok(Since::At(jiff::Timestamp::UNIX_EPOCH)));
        assert!("yesterday".parse::<Since>().unwrap_err().contains("2h"));
        assert_eq!(Since::Ago(Duration::MAX).before(jiff::Timestamp::UNIX_EPOCH), None);
    }
}
