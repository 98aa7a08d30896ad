//! `gatewayctl route weights`: a canary goes on with one command.

use clap::{Args, builder::BoolishValueParser};
use gateway_proto::{
    code::Reason,
    registry::v1::{self as pb, route::Action},
};

use super::{read, target::share_of};
use crate::{
    client::{Client, reason, refused, registry},
    commands::{
        Context,
        change::{change_name, print_change},
        wait::wait_for_change,
    },
    exit::{Exit, Failure},
    output::{
        route::Route,
        route_facts::{doing, percent},
        text,
    },
};

/// How often a route that others change at the same time is read again.
const ATTEMPTS: usize = 5;
/// What all shares come to, in per mille.
const WHOLE: u32 = 1000;

/// Set which share of its requests each service of a route gets; those that are not named get none
#[derive(Debug, Args)]
pub struct Weights {
    /// Name of the route
    pub name: String,
    /// Service and its share, in per mille or with %; together 1000
    #[arg(required = true, value_name = "SERVICE=SHARE", value_parser = share_of)]
    pub shares: Vec<pb::WeightedService>,
    /// Return when every connected data plane serves the change, at the most after --timeout
    #[arg(long, env = "GATEWAY_WAIT", value_parser = BoolishValueParser::new())]
    pub wait: bool,
}

impl Weights {
    pub(super) async fn run(self, mut context: Context) -> Result<(), Failure> {
        let Self { name, shares, wait } = self;
        is_whole(&shares)?;
        let client = &mut context.client;
        let answer = shift(client, &name, &shares).await?;
        let change = change_name(answer.change());
        let route = Route::full(&answer.route.unwrap_or_default());
        let revision = route.revision.unwrap_or_default();
        let waited = wait_for_change(client, wait, revision, Vec::new()).await;
        let line = format!("route {} {change}: {} (revision {revision})", route.name, doing(&route));
        print_change(&context.output, &route, change, waited, &text::escape(&line))
    }
}

/// Refuses shares that are not everything, or given twice.
fn is_whole(shares: &[pb::WeightedService]) -> Result<(), Failure> {
    let named = |one: &&pb::WeightedService, all: &[pb::WeightedService]| {
        all.iter().filter(|other| other.name == one.name).count() > 1
    };
    if let Some(twice) = shares.iter().find(|one| named(one, shares)) {
        return Err(Failure::new(Exit::Usage, format!("service {:?} has two shares; give it one", twice.name)));
    }
    let sum = shares.iter().filter_map(|one| one.weight).sum();
    if sum == WHOLE {
        return Ok(());
    }
    let summary = format!("the shares are {sum} ({}) in all; they must be {WHOLE} (100%)", percent(sum));
    Err(Failure::new(Exit::Usage, summary))
}

/// Changes the shares and nothing else of the route, whoever changes it meanwhile.
async fn shift(
    client: &mut Client,
    name: &str,
    shares: &[pb::WeightedService],
) -> Result<pb::UpdateRouteResponse, Failure> {
    let mut attempts = 1;
    loop {
        let mut route = read(client, name).await?;
        let expected_revision = Some(route.revision);
        set(&mut route, shares)?;
        let request = pb::UpdateRouteRequest { route: Some(route), expected_revision };
        let update =
            client.call_within(client.limit(), async |channel| registry(channel).update_route(request.clone()).await);
        match update.await? {
            Ok(answer) => return Ok(answer),
            Err(status) if attempts < ATTEMPTS && reason(&status) == Some(Reason::StaleRevision) => attempts += 1,
            Err(status) => return Err(refused(&status)),
        }
    }
}

fn set(route: &mut pb::Route, shares: &[pb::WeightedService]) -> Result<(), Failure> {
    let Some(Action::Forward(forward)) = &mut route.action else {
        let summary = format!("route {:?} leads to no service, so there are no shares to set", route.name);
        return Err(Failure::new(Exit::Failed, summary).hint("`gatewayctl route get NAME` shows what it does"));
    };
    for service in &mut forward.services {
        service.weight = Some(0);
    }
    for share in shares {
        match forward.services.iter_mut().find(|service| service.name == share.name) {
            Some(service) => service.weight = share.weight,
            None => forward.services.push(share.clone()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use gateway_proto::registry::v1::{self as pb, route::Action};

    use super::{is_whole, set, share_of};

    fn shares(texts: &[&str]) -> Vec<pb::WeightedService> {
        texts.iter().map(|text| share_of(text).unwrap()).collect()
    }

    #[test]
    fn services_keep_their_places_and_those_that_are_not_named_get_none() {
        let services = shares(&["shop=1000", "old=0"]);
        let forward = pb::Forward { services, ..pb::Forward::default() };
        let mut route = pb::Route { action: Some(Action::Forward(forward)), ..pb::Route::default() };
        set(&mut route, &shares(&["new=5%", "shop=950"])).unwrap();
        let Some(Action::Forward(forward)) = route.action else { unreachable!() };
        assert_eq!(forward.services, shares(&["shop=950", "old=0", "new=50"]));
    }

    #[test]
    fn a_route_that_leads_to_no_service_has_no_shares() {
        let respond = pb::Respond { status: 503, ..pb::Respond::default() };
        let mut route = pb::Route { action: Some(Action::Respond(respond)), ..pb::Route::default() };
        assert!(set(&mut route, &shares(&["shop=1000"])).is_err());
    }

    #[test]
    fn shares_are_everything_and_each_is_given_once() {
        assert!(is_whole(&shares(&["a=900", "b=10%"])).is_ok());
        assert!(is_whole(&shares(&["a=1000", "b=0"])).is_ok());
        let wrong = is_whole(&shares(&["a=900", "b=99"])).unwrap_err();
        assert_eq!(wrong.summary, "the shares are 999 (99.9%) in all; they must be 1000 (100%)");
        let twice = is_whole(&shares(&["a=500", "a=500"])).unwrap_err();
        assert_eq!(twice.summary, "service \"a\" has two shares; give it one");
    }
}
