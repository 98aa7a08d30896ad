//! An explanation for people, on one screen.

use super::{Endpoint, Explained, Outcome, PassedOver, Target};
use crate::output::{
    action::{Action, Forward, Redirect, Respond, Rewrite},
    facts::{self, Fact},
    policy::{Policies, Timeouts},
    route::Route,
    route_facts::{matching, percent, sticky_text},
    table::{grid, pairs},
    text,
};

impl Explained {
    /// What would become of the request, then why, then with what.
    #[must_use]
    pub fn screen(&self, width: Option<u16>) -> String {
        let Self { method, url, .. } = self;
        let request = text::escape(&format!("{method} {url}"));
        let mut sections = vec![format!("{request}\n{}", text::escape(&self.verdict())), pairs(width, self.facts())];
        sections.extend(self.endpoints(width));
        sections.extend(self.in_force(width));
        sections.extend(self.in_force_here(width));
        sections.extend(self.near_misses(width));
        sections.join("\n\n")
    }

    /// What would become of it, in a sentence.
    fn verdict(&self) -> String {
        let by = self.route.as_ref().map(|route| format!("by route {}", route.name)).unwrap_or_default();
        let location = self.location.as_deref().unwrap_or("-");
        if let Some(answer) = &self.own_answer {
            return format!("is answered by the gateway itself: {answer}");
        }
        match (self.outcome, self.route.as_ref().and_then(|route| route.action.as_ref())) {
            (Outcome::Refuse, _) => self.refusal(),
            (Outcome::Redirect, Some(Action::Redirect(Redirect { status, .. }))) => {
                format!("is redirected to {location} with {}, {by}", status.unwrap_or(308))
            }
            (Outcome::Respond, Some(Action::Respond(Respond { status, .. }))) => {
                format!("is answered with {status} by the gateway itself, {by}")
            }
            (Outcome::Forward | Outcome::Redirect | Outcome::Respond, _) if self.route.is_some() => {
                format!("goes to {}, {by}", self.services())
            }
            (Outcome::Forward | Outcome::Redirect | Outcome::Respond, _) => {
                let why = if self.has_routes() { "no route matches" } else { "there are no routes" };
                format!("goes to {}, which owns the host; {why}", self.services())
            }
        }
    }

    fn refusal(&self) -> String {
        let code = self.error.as_deref().unwrap_or("no_route");
        let why = match (code, &self.route, &self.host_pattern, &self.ambiguity) {
            ("no_route", _, None, _) => "no service and no route has this host".to_owned(),
            ("no_route", _, Some(host), _) => {
                format!("no route of {host} matches, and no service owns that host")
            }
            ("no_healthy_endpoint", _, _, _) => format!("nothing healthy is behind {}", self.services()),
            ("bad_request", _, _, Some(ambiguity)) => ambiguity.clone(),
            (_, Some(route), _, _) => format!("by route {}", route.name),
            (_, None, _, _) => return format!("is refused with {code}"),
        };
        format!("is refused with {code}: {why}")
    }

    /// `shop 90%, shop-v2 10%`.
    fn services(&self) -> String {
        let forwarded: Vec<&Target> = self.targets.iter().filter(|target| !target.mirror).collect();
        match &*forwarded {
            [] => self.host_service.clone().unwrap_or_else(|| "-".to_owned()),
            [only] => only.service.clone(),
            several => {
                let share = |target: &&Target| format!("{} {}", target.service, percent(target.weight));
                several.iter().map(share).collect::<Vec<_>>().join(", ")
            }
        }
    }

    fn has_routes(&self) -> bool {
        self.others > 0 || !self.passed_over.is_empty()
    }

    fn facts(&self) -> Vec<Fact> {
        let Self {
            route, host_service, host, host_pattern, path, ambiguity, location, node, revision, version, ..
        } = self;
        let mut facts = Vec::new();
        facts.push((
            "Host",
            match host_pattern {
                Some(pattern) if pattern != host => format!("{host}, by {pattern}"),
                Some(_) | None => host.clone(),
            },
        ));
        facts.push(("Path", path.clone()));
        facts.extend(ambiguity.clone().map(|why| ("Ambiguous", why)));
        facts.extend(route.iter().map(|route| ("Matched", matching(route))));
        facts.extend(host_service.clone().map(|service| ("Host's service", service)));
        facts.extend(location.clone().map(|to| match self.outcome {
            Outcome::Redirect => ("Location", to),
            Outcome::Forward | Outcome::Respond | Outcome::Refuse => ("Sent upstream", to),
        }));
        facts.extend(route.iter().flat_map(forwarding));
        facts.push(("Asked", format!("{node}, which serves revision {revision} (version {version})")));
        facts
    }

    /// Every endpoint that may be picked; a service without one has a line that says so.
    fn endpoints(&self, width: Option<u16>) -> Option<String> {
        let copied = self.route.as_ref().map_or(0, copied);
        let share = |target: &Target| {
            if target.mirror { format!("copy of {}", percent(copied)) } else { percent(target.weight) }
        };
        let rows = self.targets.iter().flat_map(|target| {
            let row = |endpoint: &Endpoint| {
                let Endpoint { address, weight, healthy } = endpoint;
                let health = if *healthy { "healthy" } else { "unhealthy" };
                [target.service.clone(), share(target), address.clone(), weight.to_string(), health.to_owned()]
            };
            let none = || [target.service.clone(), share(target), "none".to_owned(), "-".to_owned(), "-".to_owned()];
            match &*target.endpoints {
                [] => vec![none()],
                some => some.iter().map(row).collect(),
            }
        });
        let header = ["SERVICE", "SHARE", "ENDPOINT", "WEIGHT", "HEALTH"];
        (!self.targets.is_empty()).then(|| grid(width, header, rows))
    }

    /// Limits and policies, once for the services that have the same.
    fn in_force(&self, width: Option<u16>) -> Vec<String> {
        let mut groups: Vec<(Vec<Fact>, Vec<&str>)> = Vec::new();
        for target in self.targets.iter().filter(|target| !target.mirror) {
            let facts = target.facts();
            match groups.iter_mut().find(|(known, _)| *known == facts) {
                Some((_, services)) => services.push(&target.service),
                None => groups.push((facts, vec![&target.service])),
            }
        }
        let section = |(facts, services): (Vec<Fact>, Vec<&str>)| {
            let names = text::escape(&services.join(", "));
            (!facts.is_empty()).then(|| format!("In force for {names}\n{}", pairs(width, facts)))
        };
        groups.into_iter().filter_map(section).collect()
    }

    /// What holds where the gateway answers by itself: what the route says that concerns such an answer.
    fn in_force_here(&self, width: Option<u16>) -> Option<String> {
        let route = self.route.as_ref().filter(|_| self.targets.is_empty())?;
        let Policies {
            cors,
            compression: _,
            request_headers: _,
            response_headers,
            ambiguous_paths,
            cache: _,
            rate_limits: _,
            auth,
        } = &route.policies;
        let policies = Policies {
            cors: cors.clone(),
            response_headers: response_headers.clone(),
            ambiguous_paths: *ambiguous_paths,
            auth: auth.clone(),
            ..Policies::default()
        };
        let Timeouts { connect: _, response: _, idle, total } = route.timeouts.clone().unwrap_or_default();
        let timeouts = Timeouts { idle, total, ..Timeouts::default() };
        let timeouts = Some(timeouts).filter(|timeouts| *timeouts != Timeouts::default());
        let facts: Vec<Fact> = timeouts.iter().map(facts::timeouts).chain(facts::policies(&policies)).collect();
        let name = text::escape(&route.name);
        (!facts.is_empty()).then(|| format!("In force by route {name}\n{}", pairs(width, facts)))
    }

    fn near_misses(&self, width: Option<u16>) -> Option<String> {
        let row = |PassedOver { route, why }: &PassedOver| [route.clone(), why.clone()];
        let table = grid(width, ["PASSED OVER", "WHY"], self.passed_over.iter().map(row));
        let more = text::count(usize::try_from(self.others).unwrap_or(usize::MAX), "more route");
        match (self.passed_over.len(), self.others) {
            (0, 0) => None,
            (0, _) => Some(format!("{more} of this host came nowhere near")),
            (_, 0) => Some(table),
            (_, _) => Some(format!("{table}\nand {more} of this host")),
        }
    }
}

impl Target {
    fn facts(&self) -> Vec<Fact> {
        let mut facts: Vec<Fact> = self.timeouts.iter().map(facts::timeouts).collect();
        facts.extend(self.limits.as_ref().map(facts::limits));
        facts.extend(facts::policies(&self.policies));
        facts
    }
}

/// How much of the requests the mirror of a route gets, in per mille.
fn copied(route: &Route) -> u32 {
    let Some(Action::Forward(Forward { mirror: Some(mirror), .. })) = &route.action else { return 0 };
    mirror.per_mille.unwrap_or(1000)
}

/// What else a route does to a request on its way.
fn forwarding(route: &Route) -> Vec<Fact> {
    let Some(Action::Forward(Forward { services: _, sticky, mirror: _, rewrite })) = &route.action else {
        return Vec::new();
    };
    let host = rewrite.as_ref().and_then(|Rewrite { path: _, host }| host.clone());
    let mut facts: Vec<Fact> = host.map(|host| ("Host sent", host)).into_iter().collect();
    facts.extend(sticky.as_ref().map(|by| ("Sticky", sticky_text(by))));
    facts
}
