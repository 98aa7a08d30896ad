//! By which fields endpoints are told who calls, as changes come one by one.

use std::{collections::BTreeSet, sync::Arc};

use gateway_routing::route::{Action, Auth, Forward, Identity, Policies, Policy, Route};
use http::HeaderName;
use proptest::prelude::*;

use super::{
    Changes, changes, entry,
    routes::{mirrored, route},
    stamp,
};
use crate::table::{Entry, RoutingTable, Service};

/// A policy that tells by this field.
fn telling(field: &str) -> Policies {
    let identity = Identity { consumer_header: Some(field.parse().unwrap()), groups_header: None, claims: [].into() };
    let auth = Auth {
        methods: [].into(),
        anonymous: true,
        allow: [].into(),
        deny: [].into(),
        keep_credentials: false,
        shadow: false,
        identity,
        realm: "test".into(),
    };
    Policies { auth: Policy::On(auth.into()), ..Policies::default() }
}

fn policies(choice: u8) -> Policies {
    match choice {
        0 => Policies::default(),
        1 => Policies { auth: Policy::Off, ..Policies::default() },
        choice => telling(&format!("x-{choice}")),
    }
}

fn served(name: &str, choice: u8) -> Arc<Entry> {
    let entry = entry(name, &[&format!("{name}.test")]).unwrap();
    let service = Service { policies: policies(choice), ..super::service(name) };
    Arc::new(Entry { service: Arc::new(service), ..Entry::clone(&entry) })
}

fn routed(number: u8, (service, shadow): (u8, u8), choice: u8) -> Route {
    let names = ["a", "b", "c"];
    let (name, host) = (format!("r{number}"), format!("r{number}.test"));
    let (to, copy) = (names[usize::from(service)], names.get(usize::from(shadow)));
    let route = copy.map_or_else(|| route(&name, &[&host], "/", to), |copy| mirrored(&name, &[&host], to, copy));
    Route { policies: policies(choice), ..route }
}

/// The fields of a service, looked for in every policy; where it gets copies, in those of whom they are meant for.
fn looked_for(table: &RoutingTable, name: &str) -> BTreeSet<String> {
    let leads = || table.all_routes().filter(|route| route.services().any(|service| **service == *name));
    let copies = leads().filter(|route| {
        let Action::Forward(Forward { mirror, .. }) = &route.action else { return false };
        route.policies.auth == Policy::Unset && mirror.as_ref().is_some_and(|mirror| *mirror.service == *name)
    });
    let own = copies.flat_map(Route::services).map(|service| &**service).chain([name]);
    let own = own.filter_map(|service| table.service(service)).map(|service| &service.policies);
    let policies = own.chain(leads().map(|route| &route.policies));
    let told = |policies: &Policies| match &policies.auth {
        Policy::On(auth) => auth.told().map(ToString::to_string).collect(),
        Policy::Off | Policy::Unset => Vec::new(),
    };
    policies.flat_map(told).collect()
}

proptest! {
    #[test]
    fn a_service_knows_what_any_policy_tells_that_leads_to_it(
        steps in prop::collection::vec((any::<bool>(), 0_u8..3, (0_u8..3, 0_u8..5), 0_u8..5), 1..30),
    ) {
        let mut all = Changes::default();
        let services = ["a", "b", "c"].map(|name| (Arc::from(name), Some(served(name, 0))));
        all.services.extend(services);
        let mut table = RoutingTable::default().amend(stamp(1), &all).unwrap();
        for (is_service, which, to, choice) in steps {
            let mut step = Changes::default();
            if is_service {
                let name = ["a", "b", "c"][usize::from(which)];
                step.services.insert(name.into(), Some(served(name, choice)));
            } else {
                let route = routed(which, to, choice);
                // Now and then one goes.
                step.routes.insert(Arc::clone(&route.name), (to.1 < 4).then(|| Arc::new(route)));
            }
            table = table.amend(stamp(1), &step).unwrap();
            all.services.extend(step.services);
            all.routes.extend(step.routes);
            prop_assert_eq!(&table, &RoutingTable::default().amend(stamp(1), &all).unwrap());
            for name in ["a", "b", "c"] {
                let service = table.service(name).unwrap();
                let told: Vec<_> = service.told.iter().map(ToString::to_string).collect();
                prop_assert_eq!(told, looked_for(&table, name).into_iter().collect::<Vec<_>>());
                let owner = table.bound(&format!("{name}.test")).and_then(|bound| bound.owner.as_deref());
                prop_assert!(owner.is_some_and(|owner| std::ptr::eq(owner, service)), "its host leads to the same");
            }
        }
    }
}

#[test]
fn a_route_that_tells_nothing_new_leaves_its_service_as_it_is() {
    let routes = |count: usize| {
        (0..count).map(|number| {
            let name = format!("r{number}");
            let route = route(&name, &["r.test"], &format!("/{number}"), "a");
            (Arc::from(name), Some(Arc::new(Route { policies: telling("x-who"), ..route })))
        })
    };
    let first = Changes { routes: routes(1000).collect(), ..changes([("a", entry("a", &["a.test"]))]) };
    let table = RoutingTable::default().amend(stamp(1), &first).unwrap();
    let who: HeaderName = "x-who".parse().unwrap();
    assert_eq!(*table.service("a").unwrap().told, [who]);
    let gone = Changes { routes: routes(999).map(|(name, _)| (name, None)).collect(), ..Changes::default() };
    let next = table.amend(stamp(2), &gone).unwrap();
    assert!(std::ptr::eq(table.service("a").unwrap(), next.service("a").unwrap()));
    let gone = Changes { routes: [(Arc::from("r999"), None)].into(), ..Changes::default() };
    let next = next.amend(stamp(3), &gone).unwrap();
    assert!(next.service("a").unwrap().told.is_empty());
}
