//! Random commands on services and routes against a naive model.

use std::collections::{BTreeMap, BTreeSet};

use gateway_routing::route::{Action, Mirror};

use super::*;
use crate::registry::model::RouteName;

const SERVICES: u8 = 3;
const ROUTES: u8 = 4;
const HOSTS: u8 = 3;
const RULES: u8 = 3;

/// A route of the random test: hosts `h0.test` and on, a prefix `/0` and on, the service it leads to
/// and the one it mirrors to, `s0` and on.
#[derive(Debug, Clone, PartialEq)]
struct Wanted {
    hosts: BTreeSet<u8>,
    rule: u8,
    service: u8,
    mirror: Option<u8>,
}

#[derive(Debug, Clone)]
enum Command {
    DeleteService(u8),
    Create(u8, Wanted),
    Update(u8, Wanted, Option<u64>),
    Delete(u8),
    Apply(BTreeSet<u8>, BTreeMap<u8, Wanted>),
}

fn wanted() -> impl Strategy<Value = Wanted> {
    let hosts = proptest::collection::btree_set(0..HOSTS, 1..3);
    (hosts, 0..RULES, 0..SERVICES, proptest::option::weighted(0.3, 0..SERVICES))
        .prop_map(|(hosts, rule, service, mirror)| Wanted { hosts, rule, service, mirror })
}

fn command() -> impl Strategy<Value = Command> {
    let routes = proptest::collection::btree_map(0..ROUTES, wanted(), 0..4);
    prop_oneof![
        (0..SERVICES).prop_map(Command::DeleteService),
        (0..ROUTES, wanted()).prop_map(|(name, wanted)| Command::Create(name, wanted)),
        (0..ROUTES, wanted(), proptest::option::of(0..9_u64))
            .prop_map(|(name, wanted, at)| Command::Update(name, wanted, at)),
        (0..ROUTES).prop_map(Command::Delete),
        (proptest::collection::btree_set(0..SERVICES, 0..3), routes)
            .prop_map(|(services, routes)| Command::Apply(services, routes)),
    ]
}

/// What the registry must come to.
#[derive(Debug, Clone, Default)]
struct Model {
    revision: u64,
    services: BTreeSet<u8>,
    routes: BTreeMap<u8, (Wanted, u64)>,
}

impl Model {
    /// Whether the command is accepted; if so the model follows it.
    fn follow(&mut self, command: &Command) -> bool {
        let mut next = self.clone();
        next.revision += 1;
        match command {
            Command::DeleteService(name) => {
                if !next.services.remove(name) {
                    return false;
                }
            }
            Command::Delete(name) => {
                if next.routes.remove(name).is_none() {
                    return false;
                }
            }
            Command::Create(name, _) if self.routes.contains_key(name) => return false,
            Command::Create(name, wanted) => next.put(*name, wanted),
            Command::Update(name, wanted, expected) => {
                let Some((_, revision)) = self.routes.get(name) else { return false };
                if expected.is_some_and(|expected| expected != *revision) {
                    return false;
                }
                next.put(*name, wanted);
            }
            Command::Apply(services, routes) => {
                next.services.extend(services);
                routes.iter().for_each(|(name, wanted)| next.put(*name, wanted));
            }
        }
        let is_same = next.services == self.services && next.routes == self.routes;
        next.revision -= u64::from(is_same);
        let holds = next.holds();
        if holds {
            *self = next;
        }
        holds
    }

    fn put(&mut self, name: u8, wanted: &Wanted) {
        if self.routes.get(&name).is_none_or(|(old, _)| old != wanted) {
            self.routes.insert(name, (wanted.clone(), self.revision));
        }
    }

    fn holds(&self) -> bool {
        let there = |service: &u8| self.services.contains(service);
        let leads = self.routes.values().all(|(route, _)| there(&route.service) && route.mirror.iter().all(there));
        let claims = self.routes.values().flat_map(|(route, _)| route.hosts.iter().map(|host| (*host, route.rule)));
        let claims: Vec<_> = claims.collect();
        leads && claims.iter().collect::<BTreeSet<_>>().len() == claims.len()
    }
}

fn numbered(name: u8, wanted: &Wanted) -> Route {
    let Wanted { hosts, rule, service, mirror } = wanted;
    let hosts: Vec<String> = hosts.iter().map(|host| format!("h{host}.test")).collect();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let mut route = sample::route(&format!("r{name}"), &hosts, &format!("/{rule}"), &format!("s{service}"));
    let mut served = gateway_routing::route::Route::clone(&route.route);
    if let (Action::Forward(forward), Some(mirror)) = (&mut served.action, mirror) {
        forward.mirror = Some(Mirror { service: format!("s{mirror}").into(), per_mille: 1 });
    }
    route.route = Arc::new(served);
    route
}

fn plan(now: &Desired, command: Command) -> Planned {
    let route_name = |name: u8| sample::route_name(&format!("r{name}"));
    match command {
        Command::DeleteService(name) => delete(now, &sample::name(&format!("s{name}")), None, at(1)),
        Command::Create(name, wanted) => create_route(now, numbered(name, &wanted), at(1)),
        Command::Update(name, wanted, expected) => {
            update_route(now, numbered(name, &wanted), expected.map(Revision), at(1))
        }
        Command::Delete(name) => delete_route(now, &route_name(name), None, at(1)),
        Command::Apply(services, routes) => {
            let services = services.iter().map(|name| draft(&format!("s{name}"), &[])).collect();
            apply(now, services, routes.iter().map(|(name, wanted)| numbered(*name, wanted)).collect(), at(1))
        }
    }
}

/// What a batch makes of a state, without any plan.
fn committed(now: &Desired, batch: Batch) -> Desired {
    let mut next = now.clone();
    for key in &batch.deletes {
        next.remove(key);
    }
    for record in batch.puts {
        next.put(record);
    }
    next
}

proptest! {
    #[test]
    fn commands_come_to_what_the_model_says(commands in proptest::collection::vec(command(), 1..50)) {
        let mut model = Model::default();
        let mut now = Desired::default();
        for command in commands {
            let accepted = model.follow(&command);
            let planned = plan(&now, command.clone());
            prop_assert_eq!(planned.is_ok(), accepted, "{:?}: {:?}", command, planned.err());
            let Ok(planned) = planned else { continue };
            prop_assert_eq!(planned.batch.is_some(), planned.next.revision != now.revision);
            if let Some(batch) = planned.batch {
                let committed = committed(&now, batch);
                prop_assert!(committed.services == planned.next.services && committed.routes == planned.next.routes);
            }
            now = planned.next;
            prop_assert_eq!(now.revision.0, model.revision);
            let services: Vec<String> = now.services.keys().map(ToString::to_string).collect();
            prop_assert_eq!(services, model.services.iter().map(|name| format!("s{name}")).collect::<Vec<_>>());
            let expected: Vec<(String, u64)> =
                model.routes.iter().map(|(name, (_, revision))| (format!("r{name}"), *revision)).collect();
            let found: Vec<(String, u64)> =
                now.routes.iter().map(|(name, route)| (name.to_string(), route.revision.0)).collect();
            prop_assert_eq!(found, expected);
            for (name, (wanted, _)) in &model.routes {
                let found = &now.routes[&sample::route_name(&format!("r{name}"))];
                prop_assert!(found.asks_the_same_as(&numbered(*name, wanted)));
            }
            check_indices(&model, &now)?;
        }
    }
}

/// What leads to each service and who has which requests is always what the routes say.
fn check_indices(model: &Model, now: &Desired) -> Result<(), TestCaseError> {
    let names = |routes: Vec<u8>| routes.into_iter().map(|name| format!("r{name}")).collect::<Vec<_>>();
    for service in 0..SERVICES {
        let leads = |(name, (route, _)): (&u8, &(Wanted, u64))| {
            (route.service == service || route.mirror == Some(service)).then_some(*name)
        };
        let found: Vec<String> =
            now.routes_to(&sample::name(&format!("s{service}"))).map(|route| route.name().to_string()).collect();
        prop_assert_eq!(found, names(model.routes.iter().filter_map(leads).collect()));
    }
    for host in 0..HOSTS {
        for rule in 0..RULES {
            let has = |(_, (route, _)): &(&u8, &(Wanted, u64))| route.hosts.contains(&host) && route.rule == rule;
            let expected = model.routes.iter().find(has).map(|(name, _)| format!("r{name}"));
            let any = sample::route("any", &[&format!("h{host}.test")], &format!("/{rule}"), "any");
            let claim = any.claims().next().unwrap();
            prop_assert_eq!(now.holder(&claim).map(RouteName::to_string), expected);
        }
    }
    Ok(())
}
