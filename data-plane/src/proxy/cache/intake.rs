//! What becomes of an answer that a leader has got: stored, taken as a word about what is stored, or
//! neither.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use gateway_cache_store::{Fill, KeyRef, Leader, Store, Stored};
use gateway_caching::{
    Dated, Exchange, Freshness, Timing, Unstorable, judge, judge_updated,
    ranges::ContentRange,
    validation::{self, Validators},
    vary::Vary,
};
use http::{Method, StatusCode};

use super::{
    entry::{Entry, Made},
    fields::AsCame,
    on_disk::OnDisk,
    parts::{self, Rest},
    wanted::Wanted,
};
use crate::http1::{framing::Framing, head::ResponseHead};

/// How long nobody waits for answers that were of no use to others: the next ones hardly are.
const PASS: Duration = Duration::from_secs(10);
/// The same of answers that are too long.
const PASS_LONG: Duration = Duration::from_secs(60);
/// Why those are not stored.
const TOO_LARGE: &str = "too-large";
/// A part that is not what was asked for, or not as long as it says.
const OTHER_PART: &str = "part";

/// An answer's head, and when it came.
#[derive(Clone, Copy)]
pub(super) struct Answered<'b> {
    pub head: &'b ResponseHead,
    pub bytes: &'b [u8],
    pub framing: Framing,
    pub timing: Timing,
}

impl<'b> Answered<'b> {
    pub(super) fn fields(&self) -> AsCame<'b> {
        AsCame { fields: &self.head.fields, head: self.bytes }
    }
}

/// What came of an answer.
pub(super) enum Taken {
    /// What is stored is valid, and has been updated.
    Valid(Arc<Stored<Entry>>),
    /// What was stored is valid under this head, for the last time, and why.
    ValidOnce(Box<Entry>, &'static str),
    /// It is about something else than what is stored: the endpoint has to be asked without conditions.
    Unrelated(Leader<Entry>),
    /// It is stored as its body comes, together with this, if there is any.
    Begun(Fill<Entry>, Option<Rest>),
    /// It is for this request alone, and perhaps why.
    Refused(&'static str),
}

/// Where something is stored.
type Place<'p> = (&'p Store<Entry>, &'p KeyRef<'p>, Option<&'p OnDisk>);

/// Takes in what the endpoint has answered to the request that `leader` leads.
pub(super) fn take(
    place @ (store, key, on_disk): Place<'_>,
    wanted: &Wanted<'_>,
    mut leader: Leader<Entry>,
    answered: &Answered<'_>,
) -> Taken {
    let stale = leader.stale().cloned();
    if let Some(stale) = &stale
        && answered.head.status == StatusCode::NOT_MODIFIED
    {
        return match revise(wanted, stale.meta(), answered) {
            None => Taken::Unrelated(leader),
            Some(Ok(entry)) => {
                release_unless_shared(&mut leader, &entry, answered);
                // There is something stale.
                let Some(stored) = leader.refresh(entry) else { return Taken::Refused("gone") };
                if let Some(on_disk) = on_disk {
                    on_disk.put(&stored);
                }
                Taken::Valid(stored)
            }
            Some(Err((entry, reason))) => {
                if is_of_this_request(reason, answered.head.status) {
                    leader.release(Instant::now());
                } else {
                    discard(place, stale);
                    leader.release(Instant::now() + PASS);
                }
                Taken::ValidOnce(entry, reason.name())
            }
        };
    }
    let largest = wanted.policy.max_object_size.min(store.largest());
    let is_too_large = matches!(answered.framing, Framing::Length(length) if length > largest);
    // Why it is not stored, and whether that tells of what is, and of the next answer.
    let (refused, tells) = match judged(wanted, answered) {
        Ok(_) if is_too_large => {
            leader.release(Instant::now() + PASS_LONG);
            (TOO_LARGE, true)
        }
        // RFC 9112 section 6.3: what does not have the bytes that it says cannot be told apart from what comes next.
        Ok(entry) if !is_as_long_as_it_says(&entry, answered) || !parts::serve(&entry, wanted) => {
            leader.release(Instant::now());
            (OTHER_PART, false)
        }
        Ok(mut entry) => {
            release_unless_shared(&mut leader, &entry, answered);
            let rest = parts::join((store, key), wanted, &mut entry);
            return Taken::Begun(leader.begin(entry, largest), rest);
        }
        Err(reason) => {
            let tells = !is_of_this_request(reason, answered.head.status);
            leader.release(Instant::now() + if tells { PASS } else { Duration::ZERO });
            (reason.name(), tells)
        }
    };
    if let Some(stale) = stale
        && tells
    {
        // RFC 9111 section 4.3.3: it is not what the origin has now.
        discard(place, &stale);
    }
    Taken::Refused(refused)
}

/// Whether the content of a part is as long as its range.
fn is_as_long_as_it_says(entry: &Entry, answered: &Answered<'_>) -> bool {
    let says = |part: &ContentRange| answered.framing == Framing::Length(part.bytes.end - part.bytes.start);
    entry.part.as_deref().is_none_or(says)
}

/// Whether an answer is refused for what its request says, or because the origin fails or will not have this one:
/// that is no word on what is stored, nor on the next answer. Otherwise a client could keep a URL out of the cache.
pub(super) fn is_of_this_request(reason: Unstorable, status: StatusCode) -> bool {
    let is_gone = matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE);
    if status.is_server_error() || (status.is_client_error() && !is_gone) {
        return true;
    }
    match reason {
        Unstorable::Method | Unstorable::RequestContent | Unstorable::RequestNoStore | Unstorable::Authorization => {
            true
        }
        Unstorable::Status
        | Unstorable::NoStore
        | Unstorable::Private
        | Unstorable::SetCookie
        | Unstorable::VaryAny
        | Unstorable::VaryTooMany
        | Unstorable::Tags
        | Unstorable::NoLifetime
        | Unstorable::Useless => false,
    }
}

/// What is stored is not to be used any more.
pub(super) fn discard((store, key, on_disk): Place<'_>, stored: &Arc<Stored<Entry>>) {
    // The disk first, or somebody brings it back from there.
    if let Some(on_disk) = on_disk {
        on_disk.remove();
    }
    store.discard(key, stored);
}

/// Who waits for an answer that none but its own request may use must not wait one after the other.
fn release_unless_shared(leader: &mut Leader<Entry>, entry: &Entry, answered: &Answered<'_>) {
    if entry.freshness.needs_validation() || !entry.freshness.is_fresh(answered.timing.received_at) {
        leader.release(Instant::now() + PASS);
    }
}

/// What is stored of the answer, if it may be.
fn judged(wanted: &Wanted<'_>, answered: &Answered<'_>) -> Result<Entry, Unstorable> {
    let response = answered.fields();
    let exchange = Exchange {
        method: &wanted.request.head.method,
        request: &wanted.judged(),
        status: answered.head.status,
        response: &response,
        timing: answered.timing,
    };
    let storable = judge(&wanted.policy.rules, &exchange)?;
    let variant = wanted.variant(&storable.vary);
    Ok(Entry::of(&storable, answered.head, answered.bytes, answered.timing.requested_at, variant))
}

/// A stored head after a 304 or the answer to a HEAD; nothing, if that is about something else. One that
/// may not be stored any longer comes with the reason.
pub(super) fn revise(
    wanted: &Wanted<'_>,
    stored: &Entry,
    answered: &Answered<'_>,
) -> Option<Result<Entry, (Box<Entry>, Unstorable)>> {
    let response = answered.fields();
    let dated = Dated::of(&response, answered.timing);
    let received = Validators::of(&response, dated.date);
    let is_about_it = !validation::freshened(&received, &[(stored.validators(), stored.date)]).is_empty();
    // What a HEAD tells was compared already.
    (is_about_it || wanted.is_head()).then(|| updated(wanted, stored, answered, dated))
}

fn updated(
    wanted: &Wanted<'_>,
    stored: &Entry,
    answered: &Answered<'_>,
    dated: Dated,
) -> Result<Entry, (Box<Entry>, Unstorable)> {
    let rules = &wanted.policy.rules;
    let response = answered.fields();
    let lines = validation::update(rules, stored, &response);
    let exchange = Exchange {
        method: &Method::GET,
        request: &wanted.judged(),
        status: stored.status,
        response: &lines[..],
        timing: answered.timing,
    };
    let judged = judge_updated(rules, &exchange, dated);
    let (freshness, vary) = match &judged {
        Ok(storable) => (storable.freshness, storable.vary.clone()),
        Err(_) => (Freshness::of(rules, stored.status, &lines[..], dated), Vary::default()),
    };
    let variant = wanted.variant(&vary);
    let made = Made {
        freshness,
        date: dated.date,
        asked_at: answered.timing.requested_at,
        status: stored.status,
        vary,
        part: stored.part.clone(),
        variant,
    };
    let first = stored.parts().0.trim_ascii_end();
    let entry = Entry::made(first, lines.iter().copied(), made);
    match judged {
        Ok(_) => Ok(entry),
        Err(reason) => Err((Box::new(entry), reason)),
    }
}
