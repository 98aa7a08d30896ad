//! Where a request goes, and what holds on the way: what its route says, else what its service says.
//! Settled once, so that nothing on the way has to ask both.

use gateway_routing::{
    Request, ambiguity,
    route::{
        Action, AmbiguousPaths, Auth, Cache, Compression, Cors, Forward, Policies, Policy, RateLimit, Route,
        TimeoutOverrides, WeightedService,
    },
};
use http::{HeaderName, Method};
use rand::{Rng, RngExt};

use super::{
    cors::{Preflight, Stance},
    edits::{FieldEdits, RequestEdits},
    exchange::Exchange,
    parse::ParsedRequest,
    route::{self, Asked, Routed},
    split,
};
use crate::{
    error::ProxyError,
    http1::framing::Framing,
    table::{RoutingTable, Service, Timeouts},
    worker::limits::{Limits, narrower},
};

/// Where a request goes, and what holds on the way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Destination<'t> {
    pub service: &'t Service,
    pub timeouts: Timeouts,
    /// The largest request body in bytes; the data plane's own limit holds beside it.
    pub max_body: Option<u64>,
    pub policies: InForce<'t>,
    /// What changes in the request's head.
    pub edits: RequestEdits<'t>,
    /// The service that gets a copy of this request.
    pub shadow: Option<&'t Service>,
}

impl<'t> Destination<'t> {
    /// Where the host's service gets what no route matches.
    pub(crate) fn of_service(service: &'t Service) -> Self {
        let policies = InForce::at(service, &UNSET);
        let edits = RequestEdits { fields: policies.request_fields, ..RequestEdits::default() };
        let max_body = service.limits.request_body;
        Self { service, timeouts: service.timeouts, max_body, policies, edits, shadow: None }
    }

    /// Where a route forwards this request to.
    pub(crate) fn of_route(
        table: &'t RoutingTable,
        route: &'t Route,
        forward: &'t Forward,
        request: &ParsedRequest,
        exchange: &Exchange<'_>,
        rng: &mut impl Rng,
    ) -> Result<Self, ProxyError> {
        // A table is complete: these services are there.
        let service = |name| table.service(name).ok_or(ProxyError::NoRoute);
        let picked = match &*forward.services {
            [only] => only,
            several => {
                let (head, client) = (exchange.head(), exchange.client_address());
                let draw = split::draw(forward.sticky.as_ref(), &route.name, request, head, client, rng);
                split::pick(several, |picked| is_able(table, picked), draw).ok_or(ProxyError::NoRoute)?
            }
        };
        let mirror = forward.mirror.as_ref().filter(|mirror| rng.random_range(0..1000) < mirror.per_mille);
        let shadow = mirror.and_then(|mirror| table.service(&mirror.service));
        let mut to = Self { shadow, ..Self::by_route(service(&picked.name)?, route, forward) };
        to.policies.told[1] = shadow.map(|shadow| &*shadow.told).unwrap_or_default();
        Ok(to)
    }

    /// What holds where the route leads to this service, without a shadow.
    pub(crate) fn by_route(service: &'t Service, route: &'t Route, forward: &'t Forward) -> Self {
        let policies = InForce::at(service, &route.policies);
        Self {
            service,
            timeouts: overridden(service.timeouts, route.timeouts),
            max_body: route.limits.request_body.or(service.limits.request_body),
            policies,
            edits: RequestEdits {
                path: forward.path.as_ref().map(|rewrite| (rewrite, route.rule.path())),
                host: forward.host.as_deref(),
                fields: policies.request_fields,
                asking: None,
            },
            shadow: None,
        }
    }

    /// Refuses what must not be forwarded there.
    pub(crate) fn admit(&self, asked: &Asked<'_>) -> Result<(), ProxyError> {
        // RFC 9110 section 9.3.8: the answer to a TRACE shows all fields, and an operator's, or those of a
        // server that says who calls, may be credentials.
        if *asked.method == Method::TRACE && (self.edits.fields.tell() || self.policies.auth.is_some()) {
            return Err(ProxyError::NotForwarded);
        }
        self.policies.admit(asked)
    }

    /// How large the request's body may be, here and with these limits of the data plane; refuses one
    /// that says that it is larger.
    pub(crate) fn admit_body(&self, framing: Framing, limits: &Limits) -> Result<Option<u64>, ProxyError> {
        let max_body = narrower(self.max_body, limits.max_request_body);
        match (framing, max_body) {
            (Framing::Length(length), Some(max)) if length > max => Err(ProxyError::BodyTooLarge),
            (Framing::None | Framing::Length(_) | Framing::Chunked | Framing::UntilClose, _) => Ok(max_body),
        }
    }
}

/// Whether the service has somebody who can answer.
pub(crate) fn is_able(table: &RoutingTable, picked: &WeightedService) -> bool {
    table.service(&picked.name).is_some_and(|service| !service.healthy.is_empty())
}

/// What is said to a preflight, where there is a policy for the request that it asks for.
pub(crate) fn stance<'t>(
    table: &'t RoutingTable,
    preflight: &Preflight,
    request: &ParsedRequest,
    exchange: &mut Exchange<'t>,
) -> Option<Stance<'t>> {
    let (routed, policy) = sharing(table, &preflight.asked(request, exchange.head()))?;
    let stance = Stance::of(policy, &request.head.fields, exchange.head());
    match routed {
        Routed::Owner(service) => exchange.service = Some(service),
        Routed::Route(route) => exchange.route = Some(route),
    }
    Some(stance)
}

/// The policy for the request that a preflight asks for, and what decides about that request. Of several
/// services, the one with the largest share speaks for all; preflights say nothing that a client could
/// be recognised by.
pub(crate) fn sharing<'t>(table: &'t RoutingTable, asked: &Asked<'_>) -> Option<(Routed<'t>, &'t Cors)> {
    let routed = route::select(table, asked).ok()?;
    let policy = match routed {
        Routed::Owner(service) => UNSET.cors.or(&service.policies.cors),
        Routed::Route(route) => {
            let largest = match &route.action {
                Action::Forward(forward) => forward.services.iter().max_by_key(|service| service.weight),
                Action::Redirect(_) | Action::Respond(_) => None,
            };
            let service = largest.and_then(|largest| table.service(&largest.name));
            route.policies.cors.or(service.map_or(&UNSET.cors, |service| &service.policies.cors))
        }
    };
    Some((routed, policy?))
}

/// A service's own policy that says who may call, be it in force or not.
fn own(service: &Service) -> Option<&Auth> {
    match &service.policies.auth {
        Policy::On(auth) => Some(auth),
        Policy::Off | Policy::Unset => None,
    }
}

/// Each of the route's times that is given, and the service's others.
fn overridden(service: Timeouts, route: TimeoutOverrides) -> Timeouts {
    let TimeoutOverrides { connect, response, idle, total } = route;
    Timeouts {
        connect: connect.unwrap_or(service.connect),
        response: response.unwrap_or(service.response),
        idle: idle.unwrap_or(service.idle),
        total: total.or(service.total),
    }
}

/// The policies of who has none.
const UNSET: Policies = Policies {
    cors: Policy::Unset,
    compression: Policy::Unset,
    request_headers: None,
    response_headers: None,
    ambiguous_paths: None,
    cache: Policy::Unset,
    rate_limits: Policy::Unset,
    auth: Policy::Unset,
};

/// The policies in force: of each, what the route says, else what the service says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InForce<'t> {
    pub cors: Option<&'t Cors>,
    pub compression: Option<&'t Compression>,
    pub request_fields: FieldEdits<'t>,
    pub response_fields: FieldEdits<'t>,
    pub ambiguous_paths: AmbiguousPaths,
    pub cache: Option<&'t Cache>,
    pub rate_limits: &'t [RateLimit],
    pub auth: Option<&'t Auth>,
    /// The service's own policy on that, where the route has another one, or has turned it off: what clients show
    /// for it is none of the endpoint's business all the same.
    pub passed_over: Option<&'t Auth>,
    /// By which fields the service's endpoints may be told who calls, whatever policy does so, and those of the
    /// shadow: they believe them all the same.
    pub told: [&'t [HeaderName]; 2],
}

impl<'t> InForce<'t> {
    fn of(route: &'t Policies, service: &'t Policies) -> Self {
        let fields = |route: &'t Option<_>, service: &'t Option<_>| FieldEdits(route.as_ref().or(service.as_ref()));
        Self {
            cors: route.cors.or(&service.cors),
            compression: route.compression.or(&service.compression),
            request_fields: fields(&route.request_headers, &service.request_headers),
            response_fields: fields(&route.response_headers, &service.response_headers),
            ambiguous_paths: route.ambiguous_paths.or(service.ambiguous_paths).unwrap_or(AmbiguousPaths::Allow),
            cache: route.cache.or(&service.cache),
            rate_limits: route.rate_limits.or(&service.rate_limits).map(|limits| &**limits).unwrap_or_default(),
            auth: route.auth.or(&service.auth).map(|auth| &**auth),
            passed_over: None,
            told: [&[], &[]],
        }
    }

    /// At a service, with these of a route.
    fn at(service: &'t Service, route: &'t Policies) -> Self {
        Self {
            passed_over: own(service).filter(|_| route.auth != Policy::Unset),
            told: [&service.told, &[]],
            ..Self::of(route, &service.policies)
        }
    }

    /// Those of a route that the gateway answers by itself, in front of the service that gets what no route matches.
    pub(crate) fn of_route(route: &'t Route, owner: Option<&'t Service>) -> Self {
        Self { passed_over: owner.and_then(own), ..Self::of(&route.policies, &UNSET) }
    }

    /// Refuses a path, as the client sent it, that servers read differently, where it is to be refused.
    pub(crate) fn admit(&self, asked: &Asked<'_>) -> Result<(), ProxyError> {
        match self.ambiguous_paths {
            AmbiguousPaths::Allow => Ok(()),
            AmbiguousPaths::Refuse => {
                ambiguity(asked.path()).map_or(Ok(()), |why| Err(ProxyError::BadRequest(why.reason())))
            }
        }
    }
}
