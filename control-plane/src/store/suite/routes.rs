//! Routes, and what services have in common with them.

use std::slice;

use super::{Fixture, key, put};
use crate::{
    registry::{
        model::{Key, Record, Revision, Route, Service},
        sample,
    },
    store::{Batch, Expect, Precondition, StoreError},
};

fn route_key(name: &str) -> Key {
    Key::Route(sample::route_name(name))
}

fn at_revision(route: Route, revision: Revision) -> Route {
    Route { revision, ..route }
}

pub(super) async fn routes_are_kept_beside_services(mut fixture: Fixture) {
    // Of the same name as the service, and longer than a piece on disk.
    let mut full = sample::full_route("a", ["a", "b"], "c");
    let long = "x".repeat(30 * 1024);
    full.title.clone_from(&long);
    let services = ["a", "b", "c"].map(|name| Record::from(sample::service(name, &[])));
    let routes = [full.clone(), sample::route("r", &["x.test"], "/", "b")].map(Record::from);
    let batch = Batch { puts: services.into_iter().chain(routes).collect(), ..Batch::default() };
    assert_eq!(fixture.commit(batch).await, Ok(Revision(1)));
    fixture.reopen();
    let desired = fixture.desired();
    assert_eq!((desired.services.len(), desired.routes.len()), (3, 2));
    assert_eq!(*desired.routes["a"], at_revision(full.clone(), Revision(1)));
    let to_b: Vec<_> = desired.routes_to(&sample::name("b")).map(|route| route.name().to_string()).collect();
    assert_eq!(to_b, ["a", "r"]);
    assert!(full.claims().all(|claim| desired.holder(&claim) == Some(&sample::route_name("a"))));

    let short = Route { title: String::new(), ..full.clone() };
    let batch = Batch { puts: vec![short.clone().into()], deletes: vec![route_key("r")], ..Batch::default() };
    assert_eq!(fixture.commit(batch).await, Ok(Revision(2)));
    fixture.reopen();
    let desired = fixture.desired();
    assert_eq!((desired.routes.len(), &*desired.routes["a"]), (1, &at_revision(short, Revision(2))));
    assert_eq!(fixture.names(), ["a", "b", "c"]);

    let delete = Batch { deletes: vec![route_key("a"), route_key("gone")], ..Batch::default() };
    assert_eq!(fixture.commit(delete).await, Ok(Revision(3)));
    fixture.reopen();
    assert!(fixture.desired().routes.is_empty());
    assert_eq!(fixture.names(), ["a", "b", "c"]);
}

pub(super) async fn a_batch_of_services_and_routes_is_all_or_nothing(mut fixture: Fixture) {
    fixture.commit(put(&[sample::service("a", &[])])).await.unwrap();
    let route = sample::route("r", &["x.test"], "/", "b");
    let both = |preconditions| Batch {
        preconditions,
        puts: vec![sample::service("b", &[]).into(), route.clone().into()],
        ..Batch::default()
    };
    let expecting = |key, expect| Precondition { key, expect };
    let stale = expecting(route_key("r"), Expect::At(Revision(1)));
    let refused = StoreError::Precondition { key: route_key("r"), expected: stale.expect, actual: None };
    assert_eq!(fixture.commit(both(vec![expecting(key("b"), Expect::Absent), stale])).await, Err(refused));
    fixture.reopen();
    assert_eq!((fixture.names(), fixture.desired().routes.len()), (vec!["a".to_owned()], 0));

    let absent = [key("b"), route_key("r")].map(|key| expecting(key, Expect::Absent));
    assert_eq!(fixture.commit(both(absent.to_vec())).await, Ok(Revision(2)));
    let mut changes = fixture.store().watch(Revision(1)).unwrap();
    let change = changes.next().await.unwrap();
    let written: Vec<_> = change.puts.iter().map(|record| (record.key(), record.revision())).collect();
    assert_eq!(written, [(key("b"), Revision(2)), (route_key("r"), Revision(2))]);
    fixture.reopen();
    assert_eq!((fixture.names().len(), fixture.desired().routes.len()), (2, 1));
    let exists = expecting(route_key("r"), Expect::Absent);
    let refused = StoreError::Precondition { key: route_key("r"), expected: Expect::Absent, actual: Some(Revision(2)) };
    assert_eq!(fixture.commit(both(vec![exists])).await, Err(refused));
    let now = expecting(route_key("r"), Expect::At(Revision(2)));
    assert_eq!(fixture.commit(both(vec![now])).await, Ok(Revision(3)));
}

pub(super) async fn policies_of_services_are_kept(mut fixture: Fixture) {
    let plain = sample::service("a", &["a.test"]);
    let with = Service { policies: sample::policies(), ..plain.clone() };
    for service in [plain.clone(), with, plain] {
        let revision = fixture.commit(put(slice::from_ref(&service))).await.unwrap();
        fixture.reopen();
        assert_eq!(*fixture.desired().services["a"], Service { revision, ..service });
    }
}
