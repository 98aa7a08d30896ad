//! Where a request would go, and why, without making it: by the code that serves requests.

mod target;
#[cfg(test)]
mod tests;

use gateway_proto::host::HostPattern;
use gateway_routing::{
    Ambiguity, PassedOver, Request, ambiguity, normalize,
    route::{Action, Forward, Redirect, Route, Scheme, WeightedService},
};
use http::Method;

pub(crate) use self::target::Target;
use super::{
    auth,
    cors::{Preflight, Stance},
    destination::{self, Destination, InForce},
    parse::{ParsedRequest, refuse_head},
    route::{self, Asked, Routed},
    split,
};
use crate::{
    error::ProxyError,
    http1::scan::Scan,
    table::{RoutingTable, Service},
    worker::limits::Limits,
};

/// The most routes that are told of beside the one that is chosen.
const NEAR: usize = 10;
/// All shares together.
const WHOLE: u32 = 1000;

/// What would become of a request.
#[derive(Debug)]
pub(crate) struct Explanation<'t> {
    /// The host that is looked up.
    pub host: String,
    /// What decides for it.
    pub host_pattern: Option<HostPattern>,
    /// In normal form, as routes see it.
    pub path: Vec<u8>,
    pub ambiguity: Option<Ambiguity>,
    pub route: Option<&'t Route>,
    /// Who gets what no route matches.
    pub owner: Option<&'t Service>,
    /// In order of precedence.
    pub passed_over: Vec<PassedOver<'t>>,
    /// How many routes of the host are not among them.
    pub others: usize,
    /// Where it may go, copies last.
    pub targets: Vec<Target<'t>>,
    pub end: End,
}

/// What comes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// It goes to one of the targets, with this path and query.
    Forwarded(Vec<u8>),
    /// The client is sent to this URI.
    Redirected(Vec<u8>),
    /// The route says what is answered.
    Answered,
    /// The gateway answers without the route.
    AnsweredFor(OwnAnswer),
    /// It is refused.
    Refused(ProxyError),
}

/// To what the gateway answers by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OwnAnswer {
    /// The request says that it goes no further.
    LastHop,
    /// A browser asks whether a page may send a request, and it may.
    PreflightGranted,
    /// It may not.
    PreflightDenied,
}

/// What would become of the request with this head.
///
/// # Errors
/// There is no such request: it would be refused as it is read, before anything else is known of it.
pub(crate) fn explain<'t>(
    table: &'t RoutingTable,
    limits: &Limits,
    head: &[u8],
) -> Result<Explanation<'t>, ProxyError> {
    let within = limits.request_head();
    Scan::default().find_end(head, &within).map_err(refuse_head)?;
    let mut request = ParsedRequest::default();
    request.parse(head, within.fields)?;
    let subject = Subject { table, limits, request: &request, head };
    let preflight = Preflight::of(&request, head);
    let shared = preflight.as_ref().and_then(|preflight| {
        let asked = preflight.asked(&request, head);
        let (_, policy) = destination::sharing(table, &asked)?;
        let grants = Stance::of(policy, &request.head.fields, head).grants(preflight);
        Some((asked, if grants { OwnAnswer::PreflightGranted } else { OwnAnswer::PreflightDenied }))
    });
    let last_hop = (request.max_forwards == Some(0)).then_some((subject.asked(), OwnAnswer::LastHop));
    Ok(match last_hop.or(shared) {
        Some((asked, answer)) => subject.explain(&asked, Some(answer)),
        None => subject.explain(&subject.asked(), None),
    })
}

/// What is explained.
#[derive(Clone, Copy)]
struct Subject<'t, 'r> {
    table: &'t RoutingTable,
    limits: &'r Limits,
    request: &'r ParsedRequest,
    head: &'r [u8],
}

/// A service that the request may go to, with its share.
type Candidate<'t> = (u32, Destination<'t>);

impl<'t, 'r> Subject<'t, 'r> {
    fn asked(&self) -> Asked<'r> {
        Asked::new(self.request, self.head)
    }

    /// `asked` is what decides about routes.
    fn explain(&self, asked: &Asked<'_>, answer: Option<OwnAnswer>) -> Explanation<'t> {
        let host = self.request.host(self.head);
        let bound = self.table.bound(host);
        let near = bound.map(|bound| bound.routes.explain(asked, NEAR));
        let (passed_over, others) = near.map(|near| (near.passed_over, near.others)).unwrap_or_default();
        let (route, targets, end) = match route::select(self.table, asked) {
            Err(error) => (None, Vec::new(), End::Refused(error)),
            Ok(Routed::Owner(service)) => {
                let (targets, end) = self.forwarded(&[(WHOLE, Destination::of_service(service))]);
                (None, targets, end)
            }
            Ok(Routed::Route(route)) => {
                let (targets, end) = self.routed(route);
                (Some(route), targets, end)
            }
        };
        Explanation {
            host: host.to_owned(),
            host_pattern: self.table.pattern(host),
            path: normalize(asked.path()).into_owned(),
            ambiguity: ambiguity(asked.path()),
            route,
            owner: bound.and_then(|bound| bound.owner.as_deref()),
            passed_over,
            others,
            targets,
            end: self.answered(answer).unwrap_or(end),
        }
    }

    /// What comes before routes.
    fn answered(&self, answer: Option<OwnAnswer>) -> Option<End> {
        match answer? {
            OwnAnswer::LastHop if self.request.head.method != Method::OPTIONS => {
                Some(End::Refused(ProxyError::NotForwarded))
            }
            answer => Some(End::AnsweredFor(answer)),
        }
    }

    fn routed(&self, route: &'t Route) -> (Vec<Target<'t>>, End) {
        let own = |end| (Vec::new(), end);
        let policies = InForce::of_route(route, route::owner(self.table, &self.asked()));
        let admitted = policies.admit(&self.asked()).and_then(|()| self.enter(&policies));
        match (&route.action, admitted) {
            (Action::Redirect(_) | Action::Respond(_), Err(error)) => own(End::Refused(error)),
            (Action::Respond(_), Ok(())) => own(End::Answered),
            (Action::Redirect(redirect), Ok(())) => own(self.location(&policies, route, redirect)),
            (Action::Forward(forward), _) => {
                let (mut targets, end) = self.forwarded(&self.candidates(route, forward));
                let shadow = forward.mirror.as_ref().and_then(|mirror| self.table.service(&mirror.service));
                targets.extend(shadow.map(|shadow| Target::copied(self.table, shadow)));
                (targets, end)
            }
        }
    }

    /// Whoever asks says nothing of who would call.
    fn enter(&self, policies: &InForce<'_>) -> Result<(), ProxyError> {
        auth::foresee(policies, self.request, self.head).map_or(Ok(()), Err)
    }

    fn location(&self, policies: &InForce<'_>, route: &Route, redirect: &Redirect) -> End {
        let mut location = Vec::new();
        match self.request.authority(self.head) {
            // Who asks is no trusted proxy.
            Ok(authority) => {
                redirect.write_location(route.rule.path(), Scheme::Http, &authority, &self.asked(), &mut location);
            }
            Err(error) => return End::Refused(error),
        }
        auth::forget_shown(policies, &mut location);
        End::Redirected(location)
    }

    /// The service that its client has, where that can be recognised, else all that have a share.
    fn candidates(&self, route: &'t Route, forward: &'t Forward) -> Vec<Candidate<'t>> {
        let Self { table, request, head, .. } = *self;
        let draw = split::recognise(forward.sticky.as_ref(), &route.name, request, head, None);
        let is_able = |picked: &WeightedService| destination::is_able(table, picked);
        let picked = draw.and_then(|draw| split::pick(&forward.services, is_able, draw));
        let may_be =
            |service: &&WeightedService| picked.map_or(service.weight > 0, |picked| picked.name == service.name);
        let candidate = |WeightedService { name, weight }: &WeightedService| {
            Some((*weight, Destination::by_route(table.service(name)?, route, forward)))
        };
        forward.services.iter().filter(may_be).filter_map(candidate).collect()
    }

    fn forwarded(&self, candidates: &[Candidate<'t>]) -> (Vec<Target<'t>>, End) {
        let target = |(weight, to): &Candidate<'t>| Target::new(self.table, self.limits, *weight, to);
        let targets = candidates.iter().map(target).collect();
        if let Some(error) = self.refusal(candidates) {
            return (targets, End::Refused(error));
        }
        let mut sent = Vec::new();
        if let Some((_, to)) = candidates.first() {
            to.edits.write_target(&mut sent, self.request, self.head);
            auth::forget_shown(&to.policies, &mut sent);
        }
        (targets, End::Forwarded(sent))
    }

    /// Why none of them would get it.
    fn refusal(&self, candidates: &[Candidate<'t>]) -> Option<ProxyError> {
        let is_able = |to: &Destination<'_>| !to.service.healthy.is_empty();
        let is_any_able = candidates.iter().any(|(_, to)| is_able(to));
        // The others would be asked only if none could answer.
        let asked = candidates.iter().filter(|(_, to)| is_able(to) || !is_any_able);
        let refusals: Option<Vec<_>> = asked.map(|(_, to)| self.admit(to).err()).collect();
        refusals?.first().copied()
    }

    fn admit(&self, to: &Destination<'_>) -> Result<(), ProxyError> {
        to.admit(&self.asked())?;
        self.enter(&to.policies)?;
        to.admit_body(self.request.framing, self.limits)?;
        if to.service.healthy.is_empty() { Err(ProxyError::NoHealthyEndpoint) } else { Ok(()) }
    }
}
