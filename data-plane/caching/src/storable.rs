//! Whether a response may be stored (RFC 9111 section 3), and what of it (section 3.1).

use http::{Method, StatusCode};

use crate::{
    control::{Named, RequestControl, ResponseControl, Source},
    fields::{Fields, has, is_one_of},
    freshness::{Dated, Freshness, Timing},
    list::members,
    policy::{Partial, Policy, SetCookie},
    ranges::ContentRange,
    status_code, surrogate,
    validation::Validators,
    vary::{Vary, VaryError},
};

/// A request, and the answer that an origin has given to it. Whatever is known when the answer's header
/// is there: a caller that sees the content break off drops what it has stored.
#[derive(Debug)]
pub struct Exchange<'a, Q: ?Sized, R: ?Sized> {
    /// The request's method.
    pub method: &'a Method,
    /// The request's fields, as the client has sent them.
    pub request: &'a Q,
    /// The response's status.
    pub status: StatusCode,
    /// The response's fields, as the origin has sent them.
    pub response: &'a R,
    /// When this was.
    pub timing: Timing,
}

/// Why a response is not stored. Each has a name for `Cache-Status` ([`Self::name`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unstorable {
    /// Only responses to GET are stored. HEAD updates them ([`crate::validation::freshen_by_head`]);
    /// those to POST, which could be used for later GETs, are left out on purpose.
    Method,
    /// The request has content: it may have a part in the answer, and is in no key.
    RequestContent,
    /// `no-store` in the request.
    RequestNoStore,
    /// 1xx, a 206 that is no single range of bytes, one that is about the request's header and not its key
    /// (304, 407, 412, 416, 417, 426, 431), or unknown and `must-understand`.
    Status,
    /// `no-store`
    NoStore,
    /// `private`
    Private,
    /// The request has `Authorization`, and nothing allows sharing the answer (section 3.5).
    Authorization,
    /// `Set-Cookie`, and the policy does not allow it.
    SetCookie,
    /// `Vary: *`, or one that is malformed: nothing would ever match it.
    VaryAny,
    /// `Vary` names more fields than [`crate::vary::MAX_NAMES`].
    VaryTooMany,
    /// More tags than [`crate::surrogate::MAX_TAGS`], or longer ones: it could not be purged by all of them.
    Tags,
    /// It has no explicit expiration, and its status is not heuristically cacheable.
    NoLifetime,
    /// It is stale at once and has no validator: nobody could ever use it.
    Useless,
}

impl Unstorable {
    /// A token that tells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::RequestContent => "request-content",
            Self::RequestNoStore => "request-no-store",
            Self::Status => "status",
            Self::NoStore => "no-store",
            Self::Private => "private",
            Self::Authorization => "authorization",
            Self::SetCookie => "set-cookie",
            Self::VaryAny => "vary",
            Self::VaryTooMany => "vary-too-many",
            Self::Tags => "tags",
            Self::NoLifetime => "no-lifetime",
            Self::Useless => "useless",
        }
    }
}

impl From<VaryError> for Unstorable {
    fn from(error: VaryError) -> Self {
        match error {
            VaryError::Any => Self::VaryAny,
            VaryError::TooMany => Self::VaryTooMany,
        }
    }
}

/// A response that may be stored.
#[derive(Debug)]
pub struct Storable<'a, R: ?Sized> {
    /// How long it can be used.
    pub freshness: Freshness,
    /// When it was made. If it has no `Date`, one with this time has to be stored (RFC 9110 section 6.6.1).
    pub dated: Dated,
    /// What the choice of it depends on.
    pub vary: Vary,
    /// What it holds, if that is only a part.
    pub range: Option<ContentRange>,
    kept: Kept<'a, R>,
}

impl<R: Fields + ?Sized> Storable<'_, R> {
    /// Whether a field of this name is stored with it.
    #[must_use]
    pub fn keeps(&self, name: &[u8]) -> bool {
        self.kept.keeps(name)
    }
}

/// Judges whether this answer may be stored for other requests.
///
/// # Errors
/// Why it may not: the first reason in the order of [`Unstorable`].
pub fn judge<'a, Q, R>(policy: &Policy, exchange: &Exchange<'a, Q, R>) -> Result<Storable<'a, R>, Unstorable>
where
    Q: Fields + ?Sized,
    R: Fields + ?Sized,
{
    judge_updated(policy, exchange, Dated::of(exchange.response, exchange.timing))
}

/// Judges a stored response whose fields were updated ([`crate::validation::update`]): the exchange has
/// the request that was validated by, and the stored status with the updated fields. `dated` is of the
/// answer that has updated them.
///
/// # Errors
/// Why it may not be stored any longer.
pub fn judge_updated<'a, Q, R>(
    policy: &Policy,
    exchange: &Exchange<'a, Q, R>,
    dated: Dated,
) -> Result<Storable<'a, R>, Unstorable>
where
    Q: Fields + ?Sized,
    R: Fields + ?Sized,
{
    let &Exchange { method, request, status, response, timing: _ } = exchange;
    ask_request(method, request)?;
    let control = ResponseControl::read(response);
    let range = ask_status(policy, status, response, &control)?;
    ask_control(request, &control)?;
    let freshness = Freshness::by(policy, status, response, &control, dated);
    let kept = Kept::of(response, control);
    ask_fields(policy, &kept)?;
    let vary = Vary::of(response)?;
    if surrogate::tags(response).is_err() {
        return Err(Unstorable::Tags);
    }
    ask_use(status, &kept, &freshness, dated)?;
    Ok(Storable { freshness, dated, vary, range, kept })
}

fn ask_request(method: &Method, request: &(impl Fields + ?Sized)) -> Result<(), Unstorable> {
    if *method != Method::GET {
        return Err(Unstorable::Method);
    }
    if has_content(request) {
        return Err(Unstorable::RequestContent);
    }
    if RequestControl::read(request).no_store { Err(Unstorable::RequestNoStore) } else { Ok(()) }
}

/// Whether a request has content (RFC 9112 section 6), which has no meaning in GET and HEAD.
pub(crate) fn has_content(request: &(impl Fields + ?Sized)) -> bool {
    has(request, "transfer-encoding") || request.values("content-length").any(|length| length != b"0")
}

/// What is stored of this status.
fn ask_status(
    policy: &Policy,
    status: StatusCode,
    response: &(impl Fields + ?Sized),
    control: &ResponseControl<'_>,
) -> Result<Option<ContentRange>, Unstorable> {
    if status.is_informational() || status_code::is_of_one_request(status) {
        return Err(Unstorable::Status);
    }
    if control.must_understand && !status_code::is_understood(status, policy.partial) {
        return Err(Unstorable::Status);
    }
    if status != StatusCode::PARTIAL_CONTENT {
        return Ok(None);
    }
    match policy.partial {
        Partial::Refuse => Err(Unstorable::Status),
        Partial::Store => ContentRange::of(response).map(Some).ok_or(Unstorable::Status),
    }
}

fn ask_control(request: &(impl Fields + ?Sized), control: &ResponseControl<'_>) -> Result<(), Unstorable> {
    // Section 5.2.2.3: whoever understands the status has come this far, and ignores no-store.
    if control.no_store && !control.must_understand {
        return Err(Unstorable::NoStore);
    }
    if control.private == Named::Everything {
        return Err(Unstorable::Private);
    }
    if has(request, "authorization") && !control.allows_authorization() {
        return Err(Unstorable::Authorization);
    }
    Ok(())
}

fn ask_fields<R: Fields + ?Sized>(policy: &Policy, kept: &Kept<'_, R>) -> Result<(), Unstorable> {
    let is_refused = policy.set_cookie == SetCookie::Refuse && kept.keeps(b"set-cookie");
    if is_refused && has(kept.response, "set-cookie") { Err(Unstorable::SetCookie) } else { Ok(()) }
}

/// Whether it could be used for anything.
fn ask_use<R: Fields + ?Sized>(
    status: StatusCode,
    kept: &Kept<'_, R>,
    freshness: &Freshness,
    dated: Dated,
) -> Result<(), Unstorable> {
    let control = &kept.control;
    let has_expires = control.source == Source::CacheControl && has(kept.response, "expires");
    let is_explicit = control.s_maxage.is_some() || control.max_age.is_some() || has_expires || control.public;
    if !is_explicit && !status_code::is_heuristically_cacheable(status) {
        return Err(Unstorable::NoLifetime);
    }
    let is_stale = freshness.needs_validation() || freshness.useful_until() <= dated.received_at;
    let can_validate = Validators::of(kept.response, dated.date).can_validate();
    if is_stale && !can_validate { Err(Unstorable::Useless) } else { Ok(()) }
}

/// Which fields of a response are stored.
#[derive(Debug)]
pub(crate) struct Kept<'a, R: ?Sized> {
    response: &'a R,
    control: ResponseControl<'a>,
}

/// Fields of one connection or one proxy (section 3.1), and `Age`, which is made anew for each answer.
const NOT_STORED: [&str; 11] = [
    "age",
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

impl<'a, R: Fields + ?Sized> Kept<'a, R> {
    pub(crate) fn of(response: &'a R, control: ResponseControl<'a>) -> Self {
        Self { response, control }
    }

    pub(crate) fn keeps(&self, name: &[u8]) -> bool {
        let is_nominated =
            || self.response.values("connection").flat_map(members).any(|option| option.eq_ignore_ascii_case(name));
        !is_one_of(name, &NOT_STORED)
            && !self.control.private.names(name)
            && !self.control.no_cache.names(name)
            && !is_nominated()
    }
}
