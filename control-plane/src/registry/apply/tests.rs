//! Random commands against a naive model, and the cases that matter one by one.

mod consumers;
mod purges;
mod routes;
mod together;

use std::{collections::BTreeMap, time::Duration};

use gateway_proto::host::HostPattern;
use gateway_routing::route::{AmbiguousPaths, Policies};
use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::registry::{
    draft::DraftEndpoint,
    model::{Limits, Timeouts},
    sample,
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn draft(name: &str, hosts: &[&str]) -> Draft {
    Draft {
        name: sample::name(name),
        title: None,
        tags: vec![],
        hosts: hosts.iter().map(|host| HostPattern::parse(host).unwrap()).collect(),
        endpoints: vec![],
        load_balancing: None,
        health_check: None,
        timeouts: None,
        limits: None,
        policies: None,
    }
}

/// A change of services and routes.
fn apply(now: &Desired, services: Vec<Draft>, routes: Vec<Route>, at: Timestamp) -> Planned {
    super::apply(now, Wanted { services, routes, ..Wanted::default() }, at)
}

fn endpoint(address: &str, weight: Option<u32>) -> DraftEndpoint {
    DraftEndpoint { address: EndpointAddress::parse(address).unwrap(), weight }
}

fn with(services: &[Draft]) -> Desired {
    apply(&Desired::default(), services.to_vec(), vec![], at(1)).unwrap().next
}

fn kinds(plan: &Plan) -> Vec<ChangeKind> {
    plan.services.iter().map(|outcome| outcome.change).collect()
}

#[test]
fn a_service_carries_its_revision_and_times() {
    let created = create(&Desired::default(), draft("a", &["a.test"]), at(1)).unwrap();
    let updated = update(&created.next, draft("a", &["b.test"]), Some(Revision(1)), at(5)).unwrap();
    let service = &updated.services[0].resource;
    assert_eq!((service.revision, service.created_at, service.updated_at), (Revision(2), at(1), at(5)));
    assert_eq!(updated.next.revision, Revision(2));
    let batch = updated.batch.unwrap();
    let expect = Expect::At(Revision(1));
    assert_eq!(batch.base, Some(Revision(1)));
    assert_eq!(batch.preconditions, [Precondition { key: Key::Service(sample::name("a")), expect }]);
}

#[test]
fn a_change_that_changes_nothing_is_no_commit() {
    let now = with(&[draft("a", &["a.test"])]);
    for plan in [
        update(&now, draft("a", &["a.test"]), None, at(9)).unwrap(),
        register(&now, draft("a", &[]), at(9)).unwrap(),
        apply(&now, vec![draft("a", &["a.test"])], vec![], at(9)).unwrap(),
    ] {
        assert!(plan.batch.is_none());
        assert_eq!((kinds(&plan), plan.next.revision), (vec![ChangeKind::Unchanged], Revision(1)));
        assert_eq!(plan.services[0].resource.updated_at, at(1));
    }
}

#[test]
fn registering_merges_and_keeps_what_is_left_open() {
    let first = Draft {
        title: Some("Mail".into()),
        tags: vec!["b".into()],
        endpoints: vec![endpoint("10.0.0.1:1", Some(5))],
        timeouts: Some(Timeouts { total: Some(Duration::from_secs(90)), ..Timeouts::default() }),
        limits: Some(Limits { request_body: Some(0) }),
        policies: Some(sample::policies()),
        ..draft("mail", &["mail.test"])
    };
    let now = register(&Desired::default(), first, at(1)).unwrap().next;
    let second = Draft {
        tags: vec!["a".into()],
        endpoints: vec![endpoint("10.0.0.2:1", None), endpoint("10.0.0.1:1", None)],
        ..draft("mail", &["*.mail.test", "mail.test"])
    };
    let merged = register(&now, second, at(2)).unwrap();
    assert_eq!(kinds(&merged), [ChangeKind::Updated]);
    let service = &merged.services[0].resource;
    assert_eq!((service.title.as_str(), service.tags.join(",")), ("Mail", "a,b".into()));
    assert_eq!((service.timeouts.total, service.limits.request_body), (Some(Duration::from_secs(90)), Some(0)));
    assert_eq!(service.policies, sample::policies());
    let hosts: Vec<String> = service.hosts.iter().map(ToString::to_string).collect();
    assert_eq!(hosts, ["mail.test", "*.mail.test"]);
    let weights: Vec<_> = service.endpoints.iter().map(|known| (known.address.to_string(), known.weight)).collect();
    assert_eq!(weights, [("10.0.0.1:1".into(), 5), ("10.0.0.2:1".into(), 1)]);
    let ambiguous = Policies { ambiguous_paths: Some(AmbiguousPaths::Allow), ..Policies::default() };
    let third = Draft {
        endpoints: vec![endpoint("10.0.0.1:1", Some(9))],
        timeouts: Some(Timeouts::default()),
        limits: Some(Limits::default()),
        // As a whole, not block by block.
        policies: Some(ambiguous.clone()),
        ..draft("mail", &[])
    };
    let service = &register(&merged.next, third, at(3)).unwrap().services[0].resource;
    assert_eq!(service.endpoints[0].weight, 9);
    assert_eq!((service.timeouts, service.limits), (Timeouts::default(), Limits::default()));
    assert_eq!(service.policies, ambiguous);
}

#[test]
fn a_limit_or_a_policy_alone_is_a_change() {
    let now = with(&[draft("a", &["a.test"])]);
    let total = Some(Timeouts { total: Some(Duration::from_secs(90)), ..Timeouts::default() });
    for changed in [
        Draft { timeouts: total, ..draft("a", &["a.test"]) },
        Draft { limits: Some(Limits { request_body: Some(0) }), ..draft("a", &["a.test"]) },
        Draft { policies: Some(sample::policies()), ..draft("a", &["a.test"]) },
    ] {
        let plan = apply(&now, vec![changed.clone()], vec![], at(9)).unwrap();
        assert_eq!(kinds(&plan), [ChangeKind::Updated], "{changed:?}");
        assert_eq!(kinds(&apply(&plan.next, vec![changed], vec![], at(9)).unwrap()), [ChangeKind::Unchanged]);
        // A file that names no limit takes it away.
        assert_eq!(
            kinds(&apply(&plan.next, vec![draft("a", &["a.test"])], vec![], at(9)).unwrap()),
            [ChangeKind::Updated]
        );
    }
}

#[test]
fn a_merge_may_not_make_a_service_too_large() {
    let port = |port: u32| endpoint(&format!("10.0.0.1:{port}"), None);
    let now = with(&[Draft { endpoints: (1..=1000).map(port).collect(), ..draft("a", &[]) }]);
    let refused = add_endpoints(&now, &sample::name("a"), vec![port(1001)], at(2)).unwrap_err();
    let RegistryError::Invalid(violations) = &refused else { panic!("{refused}") };
    assert_eq!(violations[0].field, "endpoints");
    assert!(violations[0].message.contains("1001 endpoints"), "{refused}");
    let refused = register(&now, Draft { endpoints: vec![port(1001)], ..draft("a", &[]) }, at(2)).unwrap_err();
    let RegistryError::Invalid(violations) = &refused else { panic!("{refused}") };
    assert_eq!(violations[0].field, "service.endpoints");
    assert!(add_endpoints(&now, &sample::name("a"), vec![port(1)], at(2)).unwrap().batch.is_none());
}

#[test]
fn endpoints_go_all_or_none() {
    let now =
        with(&[Draft { endpoints: vec![endpoint("10.0.0.1:1", None), endpoint("h:1", None)], ..draft("a", &[]) }]);
    let address = |text: &str| EndpointAddress::parse(text).unwrap();
    let gone = [address("10.0.0.1:1"), address("10.0.0.9:1"), address("x:1")];
    let refused = remove_endpoints(&now, &sample::name("a"), &gone, at(2)).unwrap_err();
    let endpoints = vec![address("10.0.0.9:1"), address("x:1")];
    assert_eq!(refused, RegistryError::EndpointsNotFound { service: sample::name("a"), endpoints });
    let plan = remove_endpoints(&now, &sample::name("a"), &[address("H:1"), address("10.0.0.1:1")], at(2)).unwrap();
    assert!(plan.services[0].resource.endpoints.is_empty());
}

#[test]
fn every_taken_host_is_named_with_its_owner() {
    let now = with(&[draft("a", &["a.test", "*.a.test"]), draft("b", &["b.test"])]);
    let refused = create(&now, draft("c", &["b.test", "c.test", "*.a.test"]), at(2)).unwrap_err();
    let RegistryError::HostTaken(taken) = &refused else { panic!("{refused}") };
    let taken: Vec<_> = taken.iter().map(|taken| (taken.host.to_string(), taken.owner.to_string())).collect();
    assert_eq!(taken, [("b.test".to_owned(), "b".to_owned()), ("*.a.test".to_owned(), "a".to_owned())]);
    assert!(refused.to_string().contains("service \"c\" cannot have host \"b.test\", for service \"b\" has it"));
}

#[test]
fn a_host_moves_within_one_change_only_if_its_owner_gives_it_up() {
    let now = with(&[draft("a", &["x.test", "y.test"]), draft("b", &[])]);
    for order in
        [[draft("a", &["y.test"]), draft("b", &["x.test"])], [draft("b", &["x.test"]), draft("a", &["y.test"])]]
    {
        let plan = apply(&now, order.to_vec(), vec![], at(2)).unwrap();
        assert_eq!(plan.next.owner("x.test").unwrap().name.as_str(), "b");
        assert_eq!(plan.next.owner("y.test").unwrap().name.as_str(), "a");
    }
    let swap = [draft("a", &["x.test", "y.test"]), draft("b", &["x.test"])];
    assert!(matches!(apply(&now, swap.to_vec(), vec![], at(2)), Err(RegistryError::HostTaken(_))));
    let both = [draft("c", &["z.test"]), draft("d", &["z.test"])];
    assert!(matches!(apply(&now, both.to_vec(), vec![], at(2)), Err(RegistryError::HostTaken(_))));
}

#[test]
fn what_is_not_there_and_what_is_stale_is_refused() {
    let now = with(&[draft("a", &[])]);
    let missing = RegistryError::NotFound(Key::Service(sample::name("b")));
    assert_eq!(update(&now, draft("b", &[]), None, at(2)).unwrap_err(), missing);
    assert_eq!(delete(&now, &sample::name("b"), None, at(2)).unwrap_err(), missing);
    assert_eq!(add_endpoints(&now, &sample::name("b"), vec![], at(2)).unwrap_err(), missing);
    assert_eq!(remove_endpoints(&now, &sample::name("b"), &[], at(2)).unwrap_err(), missing);
    let stale = RegistryError::StaleRevision {
        key: Key::Service(sample::name("a")),
        expected: Revision(7),
        actual: Revision(1),
    };
    assert_eq!(update(&now, draft("a", &[]), Some(Revision(7)), at(2)).unwrap_err(), stale);
    assert_eq!(delete(&now, &sample::name("a"), Some(Revision(7)), at(2)).unwrap_err(), stale);
    let exists = RegistryError::Exists(Key::Service(sample::name("a")));
    assert_eq!(create(&now, draft("a", &[]), at(2)).unwrap_err(), exists);
}

/// A command of the random test: services are `s0` to `s3`, hosts `h0.test` to `h5.test`.
#[derive(Debug, Clone)]
enum Command {
    Create(u8, Vec<u8>),
    Update(u8, Vec<u8>, Option<u64>),
    Register(u8, Vec<u8>),
    Delete(u8),
    Apply(Vec<(u8, Vec<u8>)>),
}

fn hosts() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::btree_set(0..6_u8, 0..3).prop_map(|hosts| hosts.into_iter().collect())
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        (0..4_u8, hosts()).prop_map(|(name, hosts)| Command::Create(name, hosts)),
        (0..4_u8, hosts(), proptest::option::of(0..9_u64))
            .prop_map(|(name, hosts, at)| Command::Update(name, hosts, at)),
        (0..4_u8, hosts()).prop_map(|(name, hosts)| Command::Register(name, hosts)),
        (0..4_u8).prop_map(Command::Delete),
        proptest::collection::btree_map(0..4_u8, hosts(), 1..4)
            .prop_map(|services| Command::Apply(services.into_iter().collect())),
    ]
}

/// Hosts and revision by name: what the registry must come to.
#[derive(Debug, Clone, Default, PartialEq)]
struct Model {
    revision: u64,
    services: BTreeMap<u8, (Vec<u8>, u64)>,
}

impl Model {
    /// Whether the command is accepted; if so the model follows it.
    fn follow(&mut self, command: &Command) -> bool {
        let mut next = self.clone();
        let wanted = match command {
            Command::Create(name, _) if self.services.contains_key(name) => return false,
            Command::Create(name, hosts) => vec![(*name, hosts.clone())],
            Command::Update(name, hosts, expected) => {
                let Some((_, revision)) = self.services.get(name) else { return false };
                if expected.is_some_and(|expected| expected != *revision) {
                    return false;
                }
                vec![(*name, hosts.clone())]
            }
            Command::Register(name, hosts) => {
                let mut all = self.services.get(name).map(|(hosts, _)| hosts.clone()).unwrap_or_default();
                all.extend(hosts.iter().filter(|host| !all.contains(host)).copied().collect::<Vec<_>>());
                vec![(*name, all)]
            }
            Command::Delete(name) => {
                self.revision += u64::from(self.services.contains_key(name));
                return self.services.remove(name).is_some();
            }
            Command::Apply(services) => services.clone(),
        };
        let is_new = |(name, hosts): &(u8, Vec<u8>)| self.services.get(name).is_none_or(|(old, _)| old != hosts);
        let changed: Vec<_> = wanted.into_iter().filter(is_new).collect();
        next.revision += u64::from(!changed.is_empty());
        for (name, hosts) in changed {
            next.services.insert(name, (hosts, next.revision));
        }
        let mut all: Vec<u8> = next.services.values().flat_map(|(hosts, _)| hosts.clone()).collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        let unique = all.len() == count;
        if unique {
            *self = next;
        }
        unique
    }
}

fn numbered(name: u8, hosts: &[u8]) -> Draft {
    let hosts: Vec<String> = hosts.iter().map(|host| format!("h{host}.test")).collect();
    draft(&format!("s{name}"), &hosts.iter().map(String::as_str).collect::<Vec<_>>())
}

fn plan(now: &Desired, command: Command) -> Result<Plan, RegistryError> {
    match command {
        Command::Create(name, hosts) => create(now, numbered(name, &hosts), at(1)),
        Command::Update(name, hosts, expected) => update(now, numbered(name, &hosts), expected.map(Revision), at(1)),
        Command::Register(name, hosts) => register(now, numbered(name, &hosts), at(1)),
        Command::Delete(name) => delete(now, &sample::name(&format!("s{name}")), None, at(1)),
        Command::Apply(services) => {
            apply(now, services.iter().map(|(name, hosts)| numbered(*name, hosts)).collect(), vec![], at(1))
        }
    }
}

proptest! {
    #[test]
    fn commands_come_to_what_the_model_says(commands in proptest::collection::vec(command(), 1..40)) {
        let mut model = Model::default();
        let mut now = Desired::default();
        for command in commands {
            let accepted = model.follow(&command);
            let planned = plan(&now, command.clone());
            prop_assert_eq!(planned.is_ok(), accepted, "{:?}: {:?}", command, planned.err());
            let Ok(planned) = planned else { continue };
            prop_assert_eq!(planned.batch.is_some(), planned.next.revision != now.revision);
            now = planned.next;
            prop_assert_eq!(now.revision.0, model.revision);
            let found: BTreeMap<String, (Vec<String>, u64)> = now.services.iter().map(|(name, service)| {
                let hosts = service.hosts.iter().map(ToString::to_string).collect();
                (name.to_string(), (hosts, service.revision.0))
            }).collect();
            let expected: BTreeMap<String, (Vec<String>, u64)> = model.services.iter().map(|(name, (hosts, revision))| {
                let hosts = hosts.iter().map(|host| format!("h{host}.test")).collect();
                (format!("s{name}"), (hosts, *revision))
            }).collect();
            prop_assert_eq!(found, expected);
            let owners: BTreeMap<String, String> =
                now.hosts.iter().map(|(host, owner)| (host.to_string(), owner.to_string())).collect();
            let named: BTreeMap<String, String> = now.services.values().flat_map(|service| {
                service.hosts.iter().map(|host| (host.to_string(), service.name.to_string())).collect::<Vec<_>>()
            }).collect();
            prop_assert_eq!(owners, named);
        }
    }
}
