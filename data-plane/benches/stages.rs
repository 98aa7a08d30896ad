//! What the pure stages of a request's way cost: parse, route, authenticate, balance, and both rewrites.

#![allow(missing_docs, reason = "criterion's macros make public functions")]
#![allow(clippy::expect_used, reason = "a benchmark ends where it cannot be set up")]

use std::{collections::HashSet, hint::black_box, iter, net::SocketAddr, time::Duration};

use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main, measurement::WallTime};
use data_plane::{
    doors::bench,
    table::{Limits, Policies, RoutingTable, Service, Timeouts, WeightedEndpoint},
};
use gateway_routing::{
    Match, Methods, PathMatcher,
    route::{Auth, AuthMethod, CredentialPlace, Identity, Policy},
};
use http::HeaderName;
use rand::{SeedableRng, rngs::SmallRng};

const ROUTES: usize = 100_000;
const HOST_ROUTES: usize = 1000;
const CONSUMERS: u32 = 100_000;
/// As wrk sends it.
const TINY: &str = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
/// As a browser sends it, with twelve fields.
const BROWSER: &str = "GET /shop/items?page=2&sort=price HTTP/1.1\r\n\
    Host: shop.example.com\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
    Accept-Language: en-GB,en;q=0.5\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Referer: http://shop.example.com/\r\n\
    Connection: keep-alive\r\n\
    Cookie: session=4f2d0c6b8e9a4f1c; theme=dark; consent=yes\r\n\
    Upgrade-Insecure-Requests: 1\r\n\
    Sec-Fetch-Dest: document\r\n\
    Sec-Fetch-Mode: navigate\r\n\
    Priority: u=0, i\r\n\r\n";
const ANSWER: &str = "HTTP/1.1 200 OK\r\n\
    Server: nginx\r\n\
    Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n\
    Content-Type: text/html; charset=utf-8\r\n\
    Content-Length: 16384\r\n\
    Last-Modified: Thu, 01 Jan 1970 00:00:00 GMT\r\n\
    Connection: keep-alive\r\n\
    ETag: \"5f2d0c6b-4000\"\r\n\
    Accept-Ranges: bytes\r\n\r\n";

fn parse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse");
    for (name, head) in [("tiny", TINY), ("browser", BROWSER)] {
        let mut request = bench::Request::new(head);
        group.bench_function(name, |bencher| bencher.iter(|| request.parse()));
    }
    group.finish();
}

/// Nine of ten hosts are exact; no host has routes.
fn route(criterion: &mut Criterion) {
    let host = |number: usize| match number % 10 {
        0 => format!("*.tenant-{number}.example.com"),
        _ => format!("service-{number}.example.com"),
    };
    let table = bench::table((0..ROUTES).map(host));
    let mut group = criterion.benchmark_group("route");
    // Far from each other, so that the processor's cache is not all that is measured.
    let spread: Vec<_> = (0..ROUTES).step_by(ROUTES / 1000).collect();
    for (name, host, is_hit) in [
        ("exact", (|number| format!("service-{}.example.com", number + 1)) as fn(usize) -> String, true),
        ("wildcard", |number| format!("a.tenant-{number}.example.com"), true),
        ("miss", |number| format!("nobody-{number}.example.com"), false),
    ] {
        let hosts: Vec<_> = spread.iter().map(|number| host(*number)).collect();
        assert!(hosts.iter().all(|host| table.bound(host).is_some() == is_hit), "{name}");
        let mut next = hosts.iter().cycle();
        group.bench_function(name, |bencher| {
            bencher.iter(|| next.next().map(|host| table.bound(black_box(host)).is_some()));
        });
    }
    group.finish();
}

/// The whole stage, from a parsed request to what decides about it.
fn select(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("select");
    let hosts = || (0..ROUTES).map(|number| format!("service-{number:05}.example.com"));
    let api = PathMatcher::prefix("/shop").map(Match::new).expect("a prefix");
    let spread: Vec<_> = hosts().step_by(ROUTES / 1000).collect();

    bench_hosts(&mut group, "service alone, of 100,000 hosts", &bench::table(hosts()), &spread);
    let routes = hosts().map(|host| (host.clone(), host, api.clone()));
    bench_hosts(&mut group, "one route, of 100,000 hosts", &bench::routed_table(routes), &spread);

    let host = "shop.example.com";
    let routes = (0..HOST_ROUTES).map(|number| (number.to_string(), host.to_owned(), rule(number)));
    let table = bench::routed_table(routes);
    // Far from each other, and all kinds in turn.
    let numbers = (0..HOST_ROUTES).map(|at| at * 7 % HOST_ROUTES);
    let requests: Vec<_> = numbers.map(|number| browser(host, &path(number))).collect();
    bench_select(&mut group, "one of 1,000 routes of a host", &table, &requests);
    group.finish();
}

fn bench_select(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    table: &RoutingTable,
    requests: &[bench::Request],
) {
    let found: HashSet<_> = requests.iter().map(|request| request.route(table)).collect();
    assert!(found.len() == requests.len() && !found.contains(&None), "{name}: each its own");
    let mut next = requests.iter().cycle();
    group.bench_function(name, |bencher| {
        bencher.iter(|| next.next().map(|request| black_box(request).route(table).is_some()));
    });
}

/// One host after the other, each asked by the same request: as it is when it was just read, in the processor's
/// cache, while what decides about it is not.
fn bench_hosts(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, table: &RoutingTable, hosts: &[String]) {
    let mut request = browser(&hosts[0], "/shop/items?page=2&sort=price");
    let found: HashSet<_> = hosts.iter().map(|host| asking(&mut request, host).route(table)).collect();
    assert!(found.len() == hosts.len() && !found.contains(&None), "{name}: each its own");
    let mut next = hosts.iter().cycle();
    group.bench_function(name, |bencher| {
        bencher.iter(|| next.next().map(|host| asking(&mut request, black_box(host)).route(table).is_some()));
    });
}

fn asking<'r>(request: &'r mut bench::Request, host: &str) -> &'r bench::Request {
    request.ask(host);
    request
}

/// As a browser asks for this.
fn browser(host: &str, target: &str) -> bench::Request {
    let head = BROWSER.replacen("/shop/items?page=2&sort=price", target, 1);
    bench::Request::new(&head.replacen("Host: shop.example.com", &format!("Host: {host}"), 1))
}

/// Of twenty routes: seven exact, six templates, six prefixes and a regular expression, each for reading.
fn rule(number: usize) -> Match {
    let path = match number % 20 {
        0..7 => PathMatcher::exact(&path(number)),
        7..13 => PathMatcher::template(&format!("/api/v1/resource-{number}/{{id}}/items/{{item}}")),
        13..19 => PathMatcher::prefix(&format!("/shop/section-{number}")),
        _ => PathMatcher::regex(&format!("^/legacy-{number}/[0-9]+/[a-z]+$")),
    };
    Match::new(path.expect("a path")).methods(Methods::parse(["GET", "HEAD"]).expect("two methods"))
}

/// A path that only this route matches.
fn path(number: usize) -> String {
    match number % 20 {
        0..7 => format!("/static/{number}/app.js"),
        7..13 => format!("/api/v1/resource-{number}/8d7f3c/items/42"),
        13..19 => format!("/shop/section-{number}/shoes/7"),
        _ => format!("/legacy-{number}/2024/report"),
    }
}

/// What a key costs, beside the same request's plain way.
fn authenticate(criterion: &mut Criterion) {
    let mut holding = bench::Holding::default();
    holding.grow(CONSUMERS);
    let auth = auth();
    let told = auth.told().cloned().collect();
    let policies = Policies { auth: Policy::On(auth.into()), ..Policies::default() };
    let service = Service { policies, told, ..service([].into()) };
    // Far from each other, as clients are.
    let spread = (0..CONSUMERS).step_by(CONSUMERS as usize / 1000);
    let keys: Vec<_> = spread.map(bench::Holding::key).collect();
    let head = BROWSER.replacen("Priority: u=0, i", &format!("X-Api-Key: {}", keys[0]), 1);
    let place = head.find("gwk_").expect("the key is in the head");
    let mut request = bench::Request::new(&head);
    let mut group = criterion.benchmark_group("authenticate");
    let mut of_each = |name: &str, work: &dyn Fn(&mut bench::Request) -> usize| {
        let mut keys = keys.iter().cycle();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                // In the same memory, where requests come one after another.
                request.say(place, keys.next().expect("there are keys without end"));
                work(&mut request)
            });
        });
    };
    let enters = |request: &mut bench::Request| request.parse() && request.enter(&service, holding.table());
    of_each("parse and rewrite", &|request| usize::from(request.parse()) + request.write());
    of_each("parse, api key of 100,000, and rewrite", &|request| {
        assert!(enters(request), "the key is somebody's");
        request.write()
    });
    group.finish();
}

/// What it costs a data plane to take up a change of one consumer and to take it back, among few and among many.
fn consumers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("two changes of a consumer");
    for count in [CONSUMERS / 100, CONSUMERS] {
        let mut holding = bench::Holding::default();
        holding.grow(count);
        let mut numbers = (0..count).step_by(count as usize / 1000).cycle();
        group.bench_function(format!("of {count}"), |bencher| {
            bencher.iter(|| holding.move_one(numbers.next().expect("there are numbers without end")));
        });
    }
    group.finish();
}

fn auth() -> Auth {
    let identity = Identity {
        consumer_header: Some(HeaderName::from_static("x-consumer")),
        groups_header: Some(HeaderName::from_static("x-consumer-groups")),
        claims: Box::default(),
    };
    let place = CredentialPlace::Header(HeaderName::from_static("x-api-key"));
    Auth {
        methods: [AuthMethod::ApiKey(place)].into(),
        anonymous: false,
        allow: Box::default(),
        deny: Box::default(),
        keep_credentials: false,
        shadow: false,
        identity,
        realm: "gateway".into(),
    }
}

fn service(healthy: Box<[WeightedEndpoint]>) -> Service {
    let second = Duration::from_secs(1);
    Service {
        name: "bench".into(),
        healthy,
        timeouts: Timeouts { connect: second, response: second, idle: second, total: None },
        limits: Limits::default(),
        policies: Policies::default(),
        told: Default::default(),
    }
}

fn balance(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("balance");
    for count in [2, 100] {
        let healthy = iter::zip(1.., 1..=count).map(|(cumulative_weight, port)| {
            let address = SocketAddr::from(([192, 0, 2, 1], port));
            WeightedEndpoint { address, cumulative_weight }
        });
        let service = service(healthy.collect());
        let mut rng = SmallRng::seed_from_u64(1);
        group.bench_function(count.to_string(), |bencher| {
            bencher.iter(|| bench::pick(black_box(&service), &mut rng));
        });
    }
    group.finish();
}

fn rewrite(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("rewrite");
    for (name, head) in [("tiny", TINY), ("browser", BROWSER)] {
        let mut request = bench::Request::new(head);
        group.bench_function(name, |bencher| bencher.iter(|| request.write()));
    }
    let mut answer = bench::Response::new(ANSWER);
    group.bench_function("answer", |bencher| bencher.iter(|| answer.write()));
    group.finish();
}

criterion_group!(stages, parse, route, select, authenticate, consumers, balance, rewrite);
criterion_main!(stages);
