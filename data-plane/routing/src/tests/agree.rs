//! The slow router agrees with the compiled one, whatever the routes, the order in which they came, and
//! the way in which a request is spelt.
//!
//! The long form, a million requests:
//! `cargo test --release -p gateway-routing -- --ignored --nocapture a_million_requests`.

use std::cell::Cell;

use proptest::{
    prelude::*,
    sample::{Index, select, subsequence},
    test_runner::{Config, TestRunner},
};

use super::{
    Named,
    model::{Call, Path, REGEXES, Spec, VALUES, Wanted},
};
use crate::{Conflict, HostRoutes, Why};

/// Requests for each set of routes.
const REQUESTS: usize = 20;

fn segment() -> impl Strategy<Value = &'static str> {
    select(vec!["a", "a", "b", "b", "ab", "1", "12", "", "%2F"])
}

fn segments() -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(segment(), 1..4)
}

/// Its last segment is not empty.
fn prefix() -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(segment(), 0..3).prop_map(|mut segments| {
        while segments.last() == Some(&"") {
            segments.pop();
        }
        segments
    })
}

fn path() -> impl Strategy<Value = Path> {
    let or_parameter = prop_oneof![segment(), Just("{}")];
    let template = prop::collection::vec(or_parameter, 1..4).prop_map(|mut segments| {
        if !segments.contains(&"{}") {
            segments[0] = "{}";
        }
        Path::Template(segments)
    });
    prop_oneof![
        3 => segments().prop_map(Path::Exact),
        4 => template,
        3 => prefix().prop_map(Path::Prefix),
        2 => (0..REGEXES.len()).prop_map(Path::Regex),
        2 => Just(Path::Any),
    ]
}

fn wanted() -> impl Strategy<Value = Wanted> {
    prop_oneof![
        select(vec!["1", "2", "12"]).prop_map(Wanted::Exact),
        Just(Wanted::Present),
        Just(Wanted::Prefix("1")),
        (0..VALUES.len()).prop_map(Wanted::Regex),
    ]
}

fn conditions(names: [&'static str; 2]) -> impl Strategy<Value = Vec<(&'static str, Wanted)>> {
    let some = prop::collection::btree_set((select(names.to_vec()), wanted()), 1..3);
    prop_oneof![2 => Just(Vec::new()), 1 => some.prop_map(|set| set.into_iter().collect())]
}

fn specs() -> impl Strategy<Value = Vec<Spec>> {
    let methods = prop_oneof![2 => Just(Vec::new()), 1 => subsequence(vec!["GET", "POST", "PURGE"], 1..3)];
    let priority = select(vec![0, 0, 0, 0, 0, 1, -1, 1000, -1000]);
    let parts = (path(), methods, conditions(["x-a", "x-b"]), conditions(["q", "r"]), priority);
    prop::collection::vec(parts, 1..=20).prop_map(|all| {
        let spec = |(at, (path, methods, headers, query, priority))| Spec {
            // Neither in the order of creation nor against it.
            name: format!("{}-{at}", at * 7 % 20),
            path,
            methods,
            headers,
            query,
            priority,
        };
        all.into_iter().enumerate().map(spec).collect()
    })
}

fn given(names: [&'static str; 2]) -> impl Strategy<Value = Vec<(&'static str, &'static str)>> {
    prop::collection::vec((select(names.to_vec()), select(vec!["1", "2", "12", "3"])), 0..4)
}

fn call() -> impl Strategy<Value = Call> {
    let parts = (select(vec!["GET", "POST", "PURGE", "PUT"]), segments(), given(["x-a", "x-b"]), given(["q", "r"]));
    (parts, any::<[u8; 8]>()).prop_map(|((method, path, headers, query), spelling)| Call {
        method,
        path,
        headers,
        query,
        spelling,
    })
}

/// Builds, and takes out what conflicts, which has to be what the model says.
fn build(mut specs: Vec<Spec>, order: &[Index]) -> Result<(Vec<Spec>, HostRoutes<Named>), TestCaseError> {
    specs.sort_by(Spec::compare);
    let mut kept: Vec<Spec> = Vec::new();
    let mut conflicts = Vec::new();
    for spec in &specs {
        match kept.iter().find(|first| first.same_requests(spec)) {
            Some(first) => {
                conflicts.push(Conflict { first: first.name.as_str().into(), second: spec.name.as_str().into() });
            }
            None => kept.push(spec.clone()),
        }
    }
    if !conflicts.is_empty() {
        let routes = shuffled(&specs, order);
        prop_assert_eq!(HostRoutes::build(routes).unwrap_err(), conflicts);
    }
    let routes = HostRoutes::build(shuffled(&kept, order));
    Ok((kept, routes.map_err(|conflicts| TestCaseError::fail(format!("{conflicts:?}")))?))
}

fn shuffled(specs: &[Spec], order: &[Index]) -> Vec<Named> {
    let mut routes: Vec<_> = specs.iter().map(Spec::route).collect();
    for (at, index) in (1..routes.len()).zip(order) {
        routes.swap(at, index.index(at + 1));
    }
    routes
}

/// How many of the specs match; the first is to win.
fn check(sorted: &[Spec], routes: &HostRoutes<Named>, call: &Call) -> Result<usize, TestCaseError> {
    let matching: Vec<_> = sorted.iter().filter(|spec| spec.matches(call)).collect();
    let expected = matching.first().map(|spec| spec.name.as_str());
    let asked = call.asked();
    let selected = routes.select(&asked);
    prop_assert_eq!(selected.as_ref().map(|selected| &*selected.route().name), expected);
    if let Some(Path::Template(segments)) = matching.first().map(|spec| &spec.path) {
        for (at, _) in segments.iter().enumerate().filter(|(_, segment)| **segment == "{}") {
            prop_assert_eq!(
                selected.as_ref().and_then(|selected| selected.param(&format!("p{at}"))),
                Some(call.path[at].as_bytes())
            );
        }
    }

    let explanation = routes.explain(&asked, usize::MAX);
    prop_assert_eq!(
        explanation.selected.map(|selected| selected.route().name.to_string()),
        expected.map(str::to_owned)
    );
    let passed_over = explanation.passed_over.iter();
    let told: Vec<_> = passed_over.map(|passed| (passed.name, matches!(passed.why, Why::Behind { .. }))).collect();
    let others = sorted.iter().filter(|spec| Some(spec.name.as_str()) != expected);
    prop_assert_eq!(told, others.map(|spec| (spec.name.as_str(), spec.matches(call))).collect::<Vec<_>>());
    Ok(matching.len())
}

/// Tries so many sets of routes.
fn agree(sets: u32) {
    let config = Config { cases: sets, failure_persistence: None, ..Config::default() };
    let (mut some, mut several) = (Cell::new(0), Cell::new(0));
    let calls = prop::collection::vec(call(), REQUESTS);
    let order = prop::collection::vec(any::<Index>(), 20);
    let run = TestRunner::new(config).run(&(specs(), calls, order), |(specs, calls, order)| {
        let (sorted, routes) = build(specs, &order)?;
        for call in calls {
            let count = check(&sorted, &routes, &call)?;
            some.set(some.get() + u32::from(count > 0));
            several.set(several.get() + u32::from(count > 1));
        }
        Ok(())
    });
    run.unwrap_or_else(|failure| panic!("{failure}"));
    // Requests that match nothing prove little.
    let requests = sets * u32::try_from(REQUESTS).unwrap();
    let (some, several) = (*some.get_mut(), *several.get_mut());
    println!("of {requests} requests, {some} match a route and {several} more than one");
    assert!(some > requests / 2 && several > requests / 5, "{some} and {several} of {requests}");
}

#[test]
fn the_compiled_routes_agree_with_the_slow_router() {
    agree(1_000);
}

#[test]
#[ignore = "a million requests; some seconds, optimised"]
fn a_million_requests() {
    agree(50_000);
}
