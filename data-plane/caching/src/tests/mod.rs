//! The RFCs' rules, as tables: a case for each MUST and SHOULD that can be shown without a connection,
//! with the section that has it. A table is run to its end, and all cases that fail are told.

mod hostile;
mod invalidation;
mod keys;
mod partial;
mod reuse;
mod status;
mod storing;
mod time;
mod updates;
mod validation;
mod vary;

use std::{fmt::Debug, time::Duration};

use http::{Method, StatusCode};

use crate::{
    Exchange, Fields, Freshness, Policy, Time, Timing, Unstorable, judge,
    policy::{Assumed, Partial, SetCookie},
};

/// When responses come in: 22 November 2026, 12:00. Seconds of the tables count from here.
const T0: Time = Time::from_seconds(1_795_348_800);

/// The policy of tables that do not say another.
const PLAIN: Policy = Policy {
    assumed: Assumed::Nothing,
    max_ttl: crate::FOREVER,
    set_cookie: SetCookie::Refuse,
    reloads: crate::policy::Reloads::Honour,
    partial: Partial::Refuse,
};

type Line = (String, String);

/// A message as the tables write it: `GET | Name: value | Name: value`, or with a status in front, or
/// with neither. A value `@-10` is the date ten seconds before [`T0`].
#[derive(Debug, Clone)]
struct Message {
    start: String,
    lines: Vec<Line>,
}

impl Message {
    fn of(text: &str) -> Self {
        let mut pieces = text.split(" | ").peekable();
        let start = pieces.next_if(|first| !first.contains(':')).unwrap_or_default().to_owned();
        let lines =
            pieces.map(|line| line.split_once(": ").or_else(|| Some((line.strip_suffix(':')?, "")))).map(|line| {
                let (name, value) = line.expect("a field has a colon");
                (name.to_owned(), value.strip_prefix('@').map_or_else(|| value.to_owned(), date))
            });
        Self { start, lines: lines.collect() }
    }

    fn method(&self) -> Method {
        if self.start.is_empty() { Method::GET } else { self.start.parse().unwrap() }
    }

    fn status(&self) -> StatusCode {
        if self.start.is_empty() { StatusCode::OK } else { self.start.parse().unwrap() }
    }

    fn fields(&self) -> &[Line] {
        &self.lines
    }
}

fn date(seconds: &str) -> String {
    let at = T0.seconds() + seconds.parse::<i64>().unwrap();
    httpdate::fmt_http_date(std::time::UNIX_EPOCH + Duration::from_secs(at.try_into().unwrap()))
}

/// So many seconds after [`T0`].
fn at(seconds: f64) -> Time {
    Time::from_millis(T0.millis() + (seconds * 1000.0) as i64)
}

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// What the answer to a request comes to, if it comes at once, at [`T0`].
fn stored(policy: &Policy, request: &str, response: &str) -> Result<Freshness, Unstorable> {
    let (request, response) = (Message::of(request), Message::of(response));
    let exchange = Exchange {
        method: &request.method(),
        request: request.fields(),
        status: response.status(),
        response: response.fields(),
        timing: Timing { requested_at: T0, received_at: T0 },
    };
    judge(policy, &exchange).map(|storable| storable.freshness)
}

/// The freshness of a response, whether it may be stored or not.
fn freshness(policy: &Policy, response: &str) -> Freshness {
    let message = Message::of(response);
    let dated = crate::Dated::of(message.fields(), Timing { requested_at: T0, received_at: T0 });
    Freshness::of(policy, message.status(), message.fields(), dated)
}

/// Runs a table.
fn hold<C: Debug, T: PartialEq + Debug>(cases: &[C], run: impl Fn(&C) -> (T, T)) {
    let failed: Vec<_> = cases.iter().map(|case| (case, run(case))).filter(|(_, (is, ought))| is != ought).collect();
    for (case, (is, ought)) in &failed {
        eprintln!("{case:?}\n    is    {is:?}\n    ought {ought:?}");
    }
    assert!(failed.is_empty(), "{} of {} cases do not hold", failed.len(), cases.len());
}

fn text(fields: &(impl Fields + ?Sized)) -> Vec<String> {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    fields.lines().map(|(name, value)| format!("{}: {}", text(name), text(value))).collect()
}
