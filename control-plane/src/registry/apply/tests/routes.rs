//! Routes: the cases that matter one by one.

use std::sync::Arc;

use gateway_routing::{
    Match, PathMatcher,
    route::{Action, Mirror, WeightedService},
};

use super::*;
use crate::error::{ConflictingRoute, MissingService};

/// A route of `x.test` that leads to service `a`.
fn route(name: &str, prefix: &str) -> Route {
    sample::route(name, &["x.test"], prefix, "a")
}

/// The same route with something changed in what data planes serve of it.
fn but(route: Route, change: impl FnOnce(&mut gateway_routing::route::Route)) -> Route {
    let mut changed = gateway_routing::route::Route::clone(&route.route);
    change(&mut changed);
    Route { route: Arc::new(changed), ..route }
}

fn mirrored(route: Route, service: &str) -> Route {
    but(route, |route| {
        let Action::Forward(forward) = &mut route.action else { panic!("it leads nowhere") };
        forward.mirror = Some(Mirror { service: service.into(), per_mille: 10 });
    })
}

/// Service `a`, and these routes.
fn with_routes(routes: &[Route]) -> Desired {
    apply(&with(&[draft("a", &[])]), vec![], routes.to_vec(), at(2)).unwrap().next
}

fn route_kinds(plan: &Plan) -> Vec<ChangeKind> {
    plan.routes.iter().map(|outcome| outcome.change).collect()
}

fn key(route: &str) -> Key {
    Key::Route(sample::route_name(route))
}

#[track_caller]
fn conflicts(result: Planned) -> Vec<(String, String, String, String)> {
    let Err(RegistryError::RouteConflict(conflicts)) = result else { panic!("{result:?}") };
    let texts = |conflict: ConflictingRoute| {
        let ConflictingRoute { field, host, other, wanted_by } = conflict;
        (field, host.to_string(), other.to_string(), wanted_by.to_string())
    };
    conflicts.into_iter().map(texts).collect()
}

#[test]
fn a_route_carries_its_revision_and_times() {
    let created = create_route(&with(&[draft("a", &[])]), route("r", "/a"), at(3)).unwrap();
    assert_eq!(route_kinds(&created), [ChangeKind::Created]);
    let updated = update_route(&created.next, route("r", "/b"), Some(Revision(2)), at(5)).unwrap();
    let changed = &updated.routes[0].resource;
    assert_eq!((changed.revision, changed.created_at, changed.updated_at), (Revision(3), at(3), at(5)));
    assert_eq!((updated.next.revision, updated.next.routes.len()), (Revision(3), 1));
    let batch = updated.batch.unwrap();
    assert_eq!(batch.preconditions, [Precondition { key: key("r"), expect: Expect::At(Revision(2)) }]);
    let deleted = delete_route(&updated.next, &sample::route_name("r"), Some(Revision(3)), at(6)).unwrap();
    assert_eq!((deleted.next.revision, deleted.next.routes.len()), (Revision(4), 0));
    assert_eq!(deleted.batch.unwrap().deletes, [key("r")]);
}

#[test]
fn a_route_that_asks_for_the_same_is_no_commit_and_anything_else_is() {
    let template = |text: &str| {
        but(route("r", "/a"), |route| {
            route.rule = Match::new(PathMatcher::template(text).unwrap());
        })
    };
    let now = with_routes(&[template("/users/{id}")]);
    for plan in [
        update_route(&now, template("/users/{id}"), None, at(9)).unwrap(),
        apply(&now, vec![draft("a", &[])], vec![template("/users/{id}")], at(9)).unwrap(),
    ] {
        assert!(plan.batch.is_none());
        assert_eq!((route_kinds(&plan), plan.next.revision), (vec![ChangeKind::Unchanged], Revision(2)));
        assert_eq!(plan.routes[0].resource.updated_at, at(2));
    }
    for changed in [
        Route { title: "Users".into(), ..template("/users/{id}") },
        // What it matches is the same, but not what people read.
        template("/users/{user}"),
        mirrored(template("/users/{id}"), "a"),
        but(template("/users/{id}"), |route| route.limits.request_body = Some(0)),
    ] {
        let plan = update_route(&now, changed.clone(), None, at(9)).unwrap();
        assert_eq!(route_kinds(&plan), [ChangeKind::Updated], "{changed:?}");
        assert_eq!(plan.next.routes[&sample::route_name("r")].title, changed.title);
    }
}

#[test]
fn every_service_that_is_missing_is_named_with_its_place() {
    let now = with(&[draft("a", &[])]);
    let two = |name: &str| {
        but(mirrored(route(name, "/"), "d"), |route| {
            let Action::Forward(forward) = &mut route.action else { panic!("it leads nowhere") };
            let share = |name: &str| WeightedService { name: name.into(), weight: 500 };
            forward.services = [share("a"), share("c")].into();
        })
    };
    let missing = |field: &str, service: &str, wanted_by: &str| MissingService {
        field: field.into(),
        service: service.into(),
        wanted_by: sample::route_name(wanted_by),
    };
    let refused = create_route(&now, two("r"), at(2)).unwrap_err();
    let expected =
        vec![missing("route.forward.services[1].name", "c", "r"), missing("route.forward.mirror.service", "d", "r")];
    assert_eq!(refused, RegistryError::ServiceMissing(expected));
    assert!(refused.to_string().starts_with("route \"r\" leads to service \"c\", which there is not; "), "{refused}");
    // A service of the same change will do.
    let refused = apply(&now, vec![draft("d", &[])], vec![route("q", "/q"), two("r")], at(2)).unwrap_err();
    let expected = vec![missing("routes[1].forward.services[1].name", "c", "r")];
    assert_eq!(refused, RegistryError::ServiceMissing(expected));
    let plan = apply(&now, vec![draft("d", &[]), draft("c", &[])], vec![two("r")], at(2)).unwrap();
    assert_eq!((kinds(&plan), route_kinds(&plan)), (vec![ChangeKind::Created; 2], vec![ChangeKind::Created]));
    assert_eq!(plan.next.revision, Revision(2));
}

#[test]
fn a_service_goes_only_after_the_routes_that_lead_to_it() {
    let now = with_routes(&[route("r1", "/1"), route("r2", "/2")]);
    let now = apply(&now, vec![draft("b", &[]), draft("aa", &[])], vec![], at(3)).unwrap().next;
    let now = update_route(&now, mirrored(route("r2", "/2"), "b"), None, at(4)).unwrap().next;
    let refused = delete(&now, &sample::name("a"), None, at(5)).unwrap_err();
    let routes = ["r1", "r2"].map(sample::route_name).into();
    assert_eq!(refused, RegistryError::ServiceInUse { service: sample::name("a"), routes });
    assert!(refused.to_string().ends_with("these routes lead to it: r1, r2; delete or change them first"), "{refused}");
    // A mirror counts too.
    let refused = delete(&now, &sample::name("b"), None, at(5)).unwrap_err();
    let routes = vec![sample::route_name("r2")];
    assert_eq!(refused, RegistryError::ServiceInUse { service: sample::name("b"), routes });
    // Nobody leads to a service because its name begins like another's.
    assert!(delete(&now, &sample::name("aa"), None, at(5)).is_ok());
    // A stale revision is told before anything else.
    let stale = delete(&now, &sample::name("a"), Some(Revision(9)), at(5)).unwrap_err();
    assert!(matches!(stale, RegistryError::StaleRevision { .. }), "{stale}");

    let now = update_route(&now, route("r2", "/2"), None, at(6)).unwrap().next;
    let now = delete(&now, &sample::name("b"), None, at(7)).unwrap().next;
    let now = delete_route(&now, &sample::route_name("r1"), None, at(8)).unwrap().next;
    let now = delete_route(&now, &sample::route_name("r2"), None, at(9)).unwrap().next;
    assert!(delete(&now, &sample::name("a"), None, at(10)).is_ok());
}

#[test]
fn two_routes_that_match_the_same_requests_of_a_host_are_refused_and_both_are_named() {
    let on = |name: &str, hosts: &[&str]| sample::route(name, hosts, "/a", "a");
    let now = with_routes(&[on("r", &["x.test", "*.x.test", "y.test"])]);
    let text =
        |place: usize, host: &str| (format!("route.hosts[{place}]"), host.to_owned(), "r".to_owned(), "q".to_owned());
    let result = create_route(&now, on("q", &["y.test", "z.test", "*.x.test"]), at(3));
    assert_eq!(conflicts(result.clone()), [text(0, "y.test"), text(2, "*.x.test")]);
    let told = result.unwrap_err().to_string();
    let expected = "route \"q\" matches the same requests of host \"y.test\" as route \"r\"; ";
    assert!(told.starts_with(expected), "{told}");
    // What parameters are called, and that a slash ends a prefix, makes no difference.
    let rule = |matcher: PathMatcher| {
        move |route: &mut gateway_routing::route::Route| {
            route.rule = Match::new(matcher);
        }
    };
    assert_eq!(conflicts(create_route(&now, route("q", "/a/"), at(3))), [text(0, "x.test")]);
    let template = |name: &str, text: &str| but(route(name, "/"), rule(PathMatcher::template(text).unwrap()));
    let template_held = create_route(&now, template("t", "/u/{id}"), at(3)).unwrap().next;
    assert_eq!(conflicts(create_route(&template_held, template("q", "/u/{user}"), at(4))).len(), 1);
    // Another host, another path or another priority does.
    let priority = Match::new(PathMatcher::prefix("/a").unwrap()).priority(1).unwrap();
    for free in [
        on("q", &["z.test", "a.x.test"]),
        route("q", "/b"),
        but(route("q", "/a"), |route| route.rule = priority),
        but(route("q", "/a"), rule(PathMatcher::exact("/a").unwrap())),
    ] {
        assert!(create_route(&now, free, at(3)).is_ok());
    }
}

#[test]
fn routes_of_one_change_do_not_conflict_with_each_other_either() {
    let now = with(&[draft("a", &[])]);
    let result = apply(&now, vec![], vec![route("r", "/a"), route("s", "/b"), route("t", "/a")], at(2));
    let expected = ["routes[2].hosts[0]", "x.test", "r", "t"].map(str::to_owned);
    let [(field, host, other, wanted_by)] = &conflicts(result)[..] else { panic!("one conflict") };
    assert_eq!([field, host, other, wanted_by].map(Clone::clone), expected);
}

#[test]
fn requests_move_within_one_change_only_if_their_holder_gives_them_up() {
    let now = with_routes(&[route("giver", "/a"), route("taker", "/b")]);
    let mut change = vec![route("giver", "/c"), route("taker", "/a")];
    for _ in 0..2 {
        change.reverse();
        let next = apply(&now, vec![], change.clone(), at(3)).unwrap().next;
        let holder = |prefix: &str| {
            let claim = route("any", prefix).claims().next().unwrap();
            next.holder(&claim).map(ToString::to_string)
        };
        let taker = Some("taker".to_owned());
        assert_eq!((holder("/a"), holder("/b"), holder("/c")), (taker, None, Some("giver".into())));
    }
    // They may swap.
    assert!(apply(&now, vec![], vec![route("giver", "/b"), route("taker", "/a")], at(3)).is_ok());
    let mut kept = vec![Route { title: "changed".into(), ..route("giver", "/a") }, route("taker", "/a")];
    for place in [1, 0] {
        let told = (format!("routes[{place}].hosts[0]"), "x.test".into(), "giver".into(), "taker".into());
        assert_eq!(conflicts(apply(&now, vec![], kept.clone(), at(3))), [told]);
        kept.reverse();
    }
    // One that asks for what it has already gives nothing up.
    assert_eq!(conflicts(apply(&now, vec![], vec![route("giver", "/a"), route("taker", "/a")], at(3))).len(), 1);
}

#[test]
fn what_is_not_there_and_what_is_stale_is_refused() {
    let now = with_routes(&[route("r", "/a")]);
    let missing = RegistryError::NotFound(key("q"));
    assert_eq!(update_route(&now, route("q", "/b"), None, at(3)).unwrap_err(), missing);
    assert_eq!(delete_route(&now, &sample::route_name("q"), None, at(3)).unwrap_err(), missing);
    let stale = RegistryError::StaleRevision { key: key("r"), expected: Revision(7), actual: Revision(2) };
    assert_eq!(update_route(&now, route("r", "/b"), Some(Revision(7)), at(3)).unwrap_err(), stale);
    assert_eq!(delete_route(&now, &sample::route_name("r"), Some(Revision(7)), at(3)).unwrap_err(), stale);
    let exists = create_route(&now, route("r", "/b"), at(3)).unwrap_err();
    assert_eq!(exists, RegistryError::Exists(key("r")));
    // A route is none of the services.
    assert!(create(&now, draft("r", &[]), at(3)).is_ok());
}
