//! What it costs to find one of a thousand routes of a host, and the one route of a host among many hosts.

#![allow(missing_docs, reason = "criterion's macros make public functions")]
#![allow(clippy::expect_used, reason = "a benchmark ends where it cannot be set up")]

use std::{hint::black_box, sync::Arc};

use criterion::{Criterion, criterion_group, criterion_main};
use gateway_routing::{HostRoutes, Match, Methods, PathMatcher, Request, Rule, Test};
use http::Method;

const ROUTES: usize = 1000;
const HOSTS: usize = 100_000;

struct Asked {
    path: String,
    headers: Vec<(&'static str, &'static str)>,
}

struct Route {
    name: Arc<str>,
    rule: Match,
}

impl Route {
    fn new(number: usize, rule: Match) -> Self {
        Self { name: number.to_string().into(), rule }
    }
}

impl Rule for Route {
    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn rule(&self) -> &Match {
        &self.rule
    }
}

impl Request for Asked {
    fn method(&self) -> &Method {
        &Method::GET
    }

    fn path(&self) -> &[u8] {
        self.path.as_bytes()
    }

    fn query(&self) -> &[u8] {
        b""
    }

    fn headers(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let fields = self.headers.iter().filter(move |(there, _)| there.eq_ignore_ascii_case(name));
        fields.map(|(_, value)| value.as_bytes())
    }
}

/// Of twenty routes: seven exact, six templates, five prefixes, one of them twice for a canary, and a
/// regular expression.
fn rule(number: usize) -> Match {
    let canary = |rule: Match| rule.header("x-canary", Test::Present);
    let rule = match number % 20 {
        0..7 => PathMatcher::exact(&format!("/static/{number}/app.js")).map(Match::new),
        7..13 => PathMatcher::template(&format!("/api/v1/resource-{number}/{{id}}/items/{{item}}")).map(Match::new),
        13..18 => PathMatcher::prefix(&format!("/shop/section-{number}")).map(Match::new),
        18 => PathMatcher::prefix(&format!("/shop/section-{}", number - 1)).map(Match::new).and_then(canary),
        _ => PathMatcher::regex(&format!("^/legacy-{number}/[0-9]+/[a-z]+$")).map(Match::new),
    };
    let methods = Methods::parse(["GET", "HEAD"]).expect("two methods");
    rule.expect("a path").methods(methods)
}

fn path(number: usize) -> String {
    match number % 20 {
        0..7 => format!("/static/{number}/app.js"),
        7..13 => format!("/api/v1/resource-{number}/8d7f3c/items/42"),
        13..18 => format!("/shop/section-{number}/shoes/7"),
        18 => format!("/shop/section-{}/shoes/8", number - 1),
        _ => format!("/legacy-{number}/2024/report"),
    }
}

fn select(criterion: &mut Criterion) {
    let route = |number| Route::new(number, rule(number));
    let routes = HostRoutes::build((0..ROUTES).map(route).collect()).expect("no conflict");
    let headers = vec![("user-agent", "bench"), ("accept", "*/*"), ("x-canary", "1"), ("cookie", "a=b")];
    let mut group = criterion.benchmark_group("select");
    for (name, kinds, spelling) in [
        ("mixed", 0..20, ""),
        ("exact", 0..7, ""),
        ("template", 7..13, ""),
        ("prefix", 13..18, ""),
        ("header", 18..19, ""),
        ("regex", 19..20, ""),
        ("mixed, to be normalised", 0..20, "/x/%2e."),
        ("miss", 0..20, "/nowhere"),
    ] {
        // Far from each other, so that the processor's cache is not all that is measured.
        let numbers = (0..ROUTES).map(|at| at * 7 % ROUTES).filter(|number| kinds.contains(&(number % 20)));
        let asked = |number| Asked { path: format!("{spelling}{}", path(number)), headers: headers.clone() };
        let all: Vec<_> = numbers.clone().map(asked).collect();
        for (number, asked) in numbers.zip(&all) {
            let found = routes.select(asked).and_then(|selected| selected.route().name.parse().ok());
            // A prefix that has a canary is taken by it.
            let expected = if number % 20 == 17 { number + 1 } else { number };
            assert_eq!(found, (name != "miss").then_some(expected));
        }
        let mut next = all.iter().cycle();
        group.bench_function(name, |bencher| {
            bencher.iter(|| next.next().map(|asked| routes.select(black_box(asked)).is_some()));
        });
    }
    group.finish();
}

/// A route for each host, all of them behind what finds a host: most are in no cache of the processor.
fn alone(criterion: &mut Criterion) {
    let rule = PathMatcher::prefix("/shop").map(Match::new).expect("a prefix");
    let route = |number| Arc::new(Route::new(number, rule.clone()));
    let hosts = (0..HOSTS).map(|number| HostRoutes::build(vec![route(number)]).expect("no conflict"));
    let hosts: Vec<_> = hosts.collect();
    let asked = Asked { path: "/shop/items".into(), headers: Vec::new() };
    // As far from each other as hashes put them; the step has no factor in common with the number.
    let mut at = 0;
    criterion.bench_function("the one route of a host", |bencher| {
        bencher.iter(|| {
            at = (at + 61_803) % HOSTS;
            hosts[at].select(black_box(&asked)).is_some()
        });
    });
}

criterion_group!(routes, select, alone);
criterion_main!(routes);
