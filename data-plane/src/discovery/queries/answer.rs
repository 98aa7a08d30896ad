//! Explanations, to the wire.

use gateway_proto::{discovery::v1 as pb, registry::v1 as registry};
use gateway_routing::{
    PassedOver,
    route::{Limits, TimeoutOverrides, wire},
};

use crate::{
    proxy::explain::{End, Explanation, OwnAnswer, Target},
    table::{Endpoint, Stamp, Timeouts},
};

pub(super) fn explanation(stamp: Option<&Stamp>, explanation: &Explanation<'_>) -> pb::Explanation {
    let Explanation { host, host_pattern, path, ambiguity, route, owner, passed_over, others, targets, end } =
        explanation;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (mut error, mut location, mut own_answer) = (String::new(), String::new(), String::new());
    match end {
        End::Forwarded(target) | End::Redirected(target) => location = text(target),
        End::Answered => {}
        End::AnsweredFor(answer) => self::own_answer(*answer).clone_into(&mut own_answer),
        End::Refused(refusal) => refusal.code().clone_into(&mut error),
    }
    pb::Explanation {
        version: stamp.map(|stamp| stamp.version.to_string()).unwrap_or_default(),
        revision: stamp.map(|stamp| stamp.revision).unwrap_or_default(),
        host: host.clone(),
        host_pattern: host_pattern.as_ref().map(ToString::to_string).unwrap_or_default(),
        path: text(path),
        ambiguity: ambiguity.map(|ambiguity| ambiguity.to_string()).unwrap_or_default(),
        error,
        route: route.map(wire::route),
        host_service: owner.map(|service| service.name.to_string()).unwrap_or_default(),
        passed_over: passed_over.iter().map(self::passed_over).collect(),
        others: u32::try_from(*others).unwrap_or(u32::MAX),
        targets: targets.iter().map(target).collect(),
        location,
        own_answer,
    }
}

const fn own_answer(answer: OwnAnswer) -> &'static str {
    match answer {
        OwnAnswer::LastHop => "Max-Forwards is 0, so the gateway answers for itself",
        OwnAnswer::PreflightGranted => "this is a CORS preflight request; the page may send what it asks for",
        OwnAnswer::PreflightDenied => "this is a CORS preflight request; the page may not send what it asks for",
    }
}

fn passed_over(passed: &PassedOver<'_>) -> pb::PassedOver {
    let PassedOver { name, why } = passed;
    pb::PassedOver { route: (*name).to_owned(), why: why.to_string() }
}

fn target(target: &Target<'_>) -> pb::Target {
    let Target { service, weight, endpoints, timeouts, max_body, policies } = target;
    pb::Target {
        service: service.name.to_string(),
        weight: weight.unwrap_or_default(),
        is_mirror: weight.is_none(),
        endpoints: endpoints.iter().map(endpoint).collect(),
        timeouts: self::timeouts(*timeouts),
        limits: wire::limits(&Limits { request_body: *max_body }),
        policies: wire::policies(policies),
    }
}

fn timeouts(timeouts: Timeouts) -> Option<registry::Timeouts> {
    let Timeouts { connect, response, idle, total } = timeouts;
    wire::timeouts(&TimeoutOverrides { connect: Some(connect), response: Some(response), idle: Some(idle), total })
}

fn endpoint(endpoint: &Endpoint) -> pb::ExplainedEndpoint {
    let Endpoint { address, weight, healthy } = *endpoint;
    pb::ExplainedEndpoint { address: address.to_string(), weight, healthy }
}
