//! A request as the cache sees it: what it wants, and which stored responses are for it.

use std::cell::Cell;

use gateway_cache_store::{Stored, Verdict};
use gateway_caching::{
    Fields, Freshness, Time,
    control::RequestControl,
    key::{Key, Scheme, Target},
    policy::Partial,
    reuse::{self, Because, Bypass, Decision, Way},
    status::Forward,
};
use gateway_routing::route::Cache;
use http::Method;

use super::{
    entry::Entry,
    fields::{AsCame, AsJudged, AsSent},
    parts,
};
use crate::proxy::{
    destination::Destination,
    edits::{Extent, FieldEdits},
    exchange::Exchange,
    identity::RequestId,
    parse::{ParsedRequest, Target as RequestTarget},
    route::Asked,
};

/// A request that the cache may answer.
pub(super) struct Wanted<'r> {
    pub policy: &'r Cache,
    pub request: &'r ParsedRequest,
    pub head: &'r [u8],
    pub wishes: RequestControl,
    sent: AsSent<'r>,
    pub who: &'r Who,
    arrived: Time,
    met: Cell<Met>,
}

/// What was met under the key that is not for the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Met {
    Nothing,
    /// Something that is for other requests.
    Others,
    /// Parts, and not the one that is wanted.
    Parts,
}

/// Who sends a request, and what becomes of its fields.
#[derive(Clone, Copy)]
pub(super) struct Origins<'r> {
    pub edits: FieldEdits<'r>,
    pub address: &'r [u8],
    pub id: &'r RequestId,
    pub who: &'r Who,
}

/// Who calls, as far as it matters to what is stored.
#[derive(Debug, Clone, Default)]
pub(super) struct Who {
    /// The lines that tell the endpoint of it.
    pub lines: Box<[u8]>,
    /// Whether the request came with credentials, which it does not have any more.
    pub has_credentials: bool,
}

impl Who {
    /// Of this request; it costs nothing where nobody is known.
    pub(super) fn of(exchange: &Exchange<'_>) -> Self {
        Self { lines: exchange.buffers.identity.as_slice().into(), has_credentials: exchange.has_credentials }
    }
}

/// What a request wants of the cache, or why it goes past it.
pub(super) fn wishes(policy: &Cache, request: &ParsedRequest, head: &[u8]) -> Result<RequestControl, Forward> {
    let fields = AsCame { fields: &request.head.fields, head };
    let wishes = match reuse::way(&request.head.method, &fields) {
        Way::Look(wishes) => wishes,
        Way::Past(bypass @ (Bypass::Method | Bypass::Content | Bypass::Precondition | Bypass::Upgrade)) => {
            return Err(bypass.into());
        }
    };
    let is_excluded = request.head.method == Method::HEAD && !policy.answers_head;
    if is_excluded || !is_plain(request, head) || policy.bypass.holds(&Asked::new(request, head)) {
        return Err(Forward::Bypass);
    }
    Ok(wishes)
}

/// Whether the authority is the host as it is routed by, in whatever case, and perhaps a port. Other
/// spellings, as with a dot behind it, reach the endpoint as they are, so that their answers are for
/// nobody else.
fn is_plain(request: &ParsedRequest, head: &[u8]) -> bool {
    let (authority, host) = (&head[request.authority.clone()], request.host(head).as_bytes());
    let Some((name, rest)) = authority.split_at_checked(host.len()) else { return false };
    let is_port = |port: &[u8]| matches!(port, [b'1'..=b'9', rest @ ..] if rest.iter().all(u8::is_ascii_digit));
    name.eq_ignore_ascii_case(host) && (rest.is_empty() || rest.strip_prefix(b":").is_some_and(is_port))
}

/// What a request is for.
pub(super) fn target<'r>(request: &ParsedRequest, head: &'r [u8], (service, route): (&'r str, &'r str)) -> Target<'r> {
    let (path, query) = match &request.target {
        RequestTarget::Origin(at) => cut(&head[at.clone()]),
        RequestTarget::Root(at) => (&b"/"[..], head[at.clone()].strip_prefix(b"?")),
        RequestTarget::Asterisk => (&b"*"[..], None),
    };
    Target { service, route, scheme: Scheme::Http, authority: &head[request.authority.clone()], path, query }
}

fn cut(target: &[u8]) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(b'?', target) {
        Some(at) => (&target[..at], Some(&target[at + 1..])),
        None => (target, None),
    }
}

impl<'r> Wanted<'r> {
    pub(super) fn of(
        policy: &'r Cache,
        request: &'r ParsedRequest,
        head: &'r [u8],
        from: Origins<'r>,
        (wishes, arrived): (RequestControl, Time),
    ) -> Self {
        let Origins { edits, address, id, who } = from;
        let sent = AsSent::of(request, head, edits, &who.lines, [address, id.as_bytes()]);
        Self { policy, request, head, wishes, sent, who, arrived, met: Cell::new(Met::Nothing) }
    }

    /// What was met by a look so far.
    pub(super) fn met(&self) -> Met {
        self.met.get()
    }

    /// With what an earlier look has met.
    pub(super) fn having_met(self, met: Met) -> Self {
        Self { met: Cell::new(met), ..self }
    }

    /// The fields as the client has sent them, but for its credentials.
    pub(super) fn fields(&self) -> AsCame<'r> {
        AsCame { fields: &self.request.head.fields, head: self.head }
    }

    /// The fields by which it is judged whether the answer is for others: credentials of whatever kind, a
    /// key or a cookie too, are as Authorization is (RFC 9111 section 3.5).
    pub(super) fn judged(&self) -> AsJudged<'r> {
        AsJudged { came: self.fields(), has_credentials: self.who.has_credentials }
    }

    pub(super) fn is_head(&self) -> bool {
        self.request.head.method == Method::HEAD
    }

    /// Whether the client wants a part.
    pub(super) fn has_range(&self) -> bool {
        self.fields().values("range").next().is_some()
    }

    /// What an entry with this `Vary` is chosen by.
    pub(super) fn variant(&self, vary: &gateway_caching::vary::Vary) -> Vec<u8> {
        // Allocates nothing where nothing chooses.
        let mut bytes = Vec::new();
        self.policy.key.variant(vary, &self.sent, &mut bytes);
        bytes
    }

    /// How much is asked for, where something is: a part that is wanted, if parts are stored. With
    /// `If-Range` it may have to be the whole.
    pub(super) fn extent(&self) -> Extent {
        let has = |name| self.fields().values(name).next().is_some();
        let is_part = self.policy.rules.partial == Partial::Store && has("range") && !has("if-range");
        if is_part { Extent::AsWanted } else { Extent::Whole }
    }

    /// What an entry is worth for this request, whether it is stored or still comes.
    pub(super) fn judge(&self, entry: &Entry, now: Time) -> Verdict {
        if self.variant(&entry.vary) != entry.variant() {
            self.met.set(self.met.get().max(Met::Others));
            return Verdict::Other;
        }
        if !parts::serve(entry, self) {
            self.met.set(Met::Parts);
            return Verdict::Other;
        }
        match self.decide(entry, entry.freshness, now) {
            Decision::Serve => Verdict::Fresh,
            Decision::ServeAndRevalidate | Decision::Validate(_) | Decision::GatewayTimeout => Verdict::Stale,
        }
    }

    /// The same for one who waits: what the endpoint could not say anything newer about will do, too.
    pub(super) fn judge_turn(&self, entry: &Entry, now: Time) -> Verdict {
        let verdict = self.judge(entry, now);
        let will_do = || entry.freshness.is_served_on_error(now, self.wishes.stale_if_error.unwrap_or_default());
        if verdict == Verdict::Stale && entry.asked_at < self.arrived && will_do() { Verdict::Fresh } else { verdict }
    }

    /// What to do with a stored response that is for this request.
    pub(super) fn decide_stored(&self, stored: &Stored<Entry>, now: Time) -> Decision {
        self.decide(stored.meta(), freshness(stored, now), now)
    }

    fn decide(&self, entry: &Entry, freshness: Freshness, now: Time) -> Decision {
        // Whoever wants to have the endpoint asked is content if that was done since.
        let asked_since = entry.asked_at > self.arrived;
        let wishes = if asked_since { &RequestControl::default() } else { &self.wishes };
        reuse::decide(&self.policy.rules, &freshness, wishes, now)
    }

    /// Why it goes to the endpoint.
    pub(super) fn why(&self, stale: Option<&Stored<Entry>>, now: Time) -> Forward {
        let Some(stored) = stale else {
            return match self.met.get() {
                Met::Nothing => Forward::UriMiss,
                Met::Others => Forward::VaryMiss,
                Met::Parts => Forward::Partial,
            };
        };
        match self.decide_stored(stored, now) {
            Decision::Validate(because) => because.into(),
            Decision::Serve | Decision::ServeAndRevalidate | Decision::GatewayTimeout => Because::Stale.into(),
        }
    }
}

/// What holds of a stored response; a soft purge has made it stale.
pub(super) fn freshness(stored: &Stored<Entry>, now: Time) -> Freshness {
    let mut freshness = stored.meta().freshness;
    if stored.is_marked_stale() {
        freshness.expire(now);
    }
    freshness
}

/// The key of what a request is for.
pub(super) fn key(policy: &Cache, to: &Destination<'_>, route: &str, request: &ParsedRequest, head: &[u8]) -> Key {
    let mut key = Key::default();
    policy.key.primary(&target(request, head, (&to.service.name, route)), &mut key);
    key
}
