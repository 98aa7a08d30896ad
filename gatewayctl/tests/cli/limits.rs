//! `limit`.

use gateway_proto::{
    admin::v1::{NodeLimits, ShowLimitsRequest, ShowLimitsResponse, node_limits::Answer},
    discovery::v1::{HotKey, LimitInForce, LimitsReport, limit_in_force::Owner},
    registry::v1::{RateLimit, RateLimitKeyPart, RateLimitScope, rate_limit_key_part::Part},
};

use crate::{program::run, server::Server};

fn limit(owner: Owner, name: &str, shadow: bool, counts: [u64; 3], keys: Vec<HotKey>) -> LimitInForce {
    let part = |part| RateLimitKeyPart { part: Some(part) };
    let limit = RateLimit {
        name: name.into(),
        requests: Some(200),
        per: Some(prost_types::Duration { seconds: 1, nanos: 0 }),
        burst: Some(50),
        key: vec![part(Part::ClientAddress(true)), part(Part::Header("x-tenant".into()))],
        scope: RateLimitScope::Cluster.into(),
        shadow,
        ..RateLimit::default()
    };
    let [admitted, refused, shadow_refused] = counts;
    LimitInForce { owner: Some(owner), limit: Some(limit), admitted, refused, shadow_refused, keys }
}

fn shop() -> Owner {
    Owner::Service("shop".into())
}

fn node(id: &str, limits: Vec<LimitInForce>) -> NodeLimits {
    let report = Answer::Report(LimitsReport { limits, others: 0, nodes: 2 });
    NodeLimits { node_id: id.into(), answer: Some(report) }
}

fn answer() -> ShowLimitsResponse {
    let key = |hash, share| HotKey { hash, share, asked: 1 << 33 };
    let hot = vec![key(0xbeef, 0xe666_6666), key(0xdead_beef, 1 << 31)];
    let trial = || limit(Owner::Route("api".into()), "trial", true, [7, 0, 3], vec![]);
    ShowLimitsResponse {
        nodes: vec![
            node("dp-1", vec![limit(shop(), "per-client", false, [500, 1200, 0], hot), trial()]),
            node("dp-2", vec![limit(shop(), "per-client", false, [50, 0, 0], vec![]), trial()]),
        ],
        others: 0,
    }
}

#[test]
fn limits_are_shown_with_what_each_data_plane_counts() {
    let server = Server::start();
    server.answer("show_limits", answer());
    let expected = "\
LIMIT       OF            ADMITS                BY                                SCOPE    MODE
trial       route api     200 per 1s, burst 50  client_address + header x-tenant  cluster  shadow
per-client  service shop  200 per 1s, burst 50  client_address + header x-tenant  cluster  refuses

LIMIT       OF            DATA PLANE  ADMITTED  REFUSED  SHADOW  SHARES OF THE HOTTEST KEYS
trial       route api     dp-1        7         0        3       -
trial       route api     dp-2        7         0        3       -
per-client  service shop  dp-1        500       1200     0       0000beef 90.0%, deadbeef 50.0%
per-client  service shop  dp-2        50        0        0       -
";
    let words =
        |text: &str| text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>();
    assert_eq!(words(&run(&server.url, &["limit", "show"]).quiet()), words(expected));
    assert_eq!(server.asked::<ShowLimitsRequest>("show_limits")[0].name, "");
}

#[test]
fn for_scripts_they_are_named_as_in_the_declarative_file() {
    let server = Server::start();
    server.answer("show_limits", answer());
    let json = run(&server.url, &["limit", "show", "-o", "json"]).json();
    let expected = serde_json::json!({
        "service": "shop", "name": "per-client", "requests": 200, "per": "1s", "burst": 50,
        "key": ["client_address", {"header": "x-tenant"}], "scope": "cluster",
        "data_planes": [
            {"id": "dp-1", "admitted": 500, "refused": 1200, "shadow_refused": 0, "keys": [
                {"hash": "0000beef", "share": 0.9, "asked": 2.0}, {"hash": "deadbeef", "share": 0.5, "asked": 2.0},
            ]},
            {"id": "dp-2", "admitted": 50, "refused": 0, "shadow_refused": 0, "keys": []},
        ],
    });
    assert_eq!((&json[1], &json[0]["shadow"]), (&expected, &true.into()));
    let yaml = run(&server.url, &["limit", "show", "-o", "yaml"]).quiet();
    assert!(yaml.starts_with("- route: api\n  name: trial\n"), "{yaml}");
}

#[test]
fn who_does_not_answer_is_told_and_a_limit_that_is_nowhere_is_not_found() {
    let server = Server::start();
    let problem = Some(Answer::Problem("is asked too much already; try again".into()));
    let silent = NodeLimits { node_id: "dp-2".into(), answer: problem };
    let mut some = answer();
    some.nodes[1] = silent;
    server.answer("show_limits", some).answer("show_limits", ShowLimitsResponse::default());
    let ran = run(&server.url, &["limit", "show", "per-client"]);
    assert_eq!(ran.code, 6, "{ran:#?}");
    assert!(ran.out.contains("dp-1") && ran.err.contains("dp-2: is asked too much already"), "{ran:#?}");
    let ran = run(&server.url, &["limit", "show", "per-clinet"]);
    assert_eq!(ran.code, 3, "{ran:#?}");
    assert!(ran.err.contains("no data plane has a rate limit \"per-clinet\""), "{ran:#?}");
    let ran = run(&server.url, &["limit", "show"]);
    assert_eq!((ran.code, &*ran.out), (0, ""), "{ran:#?}");
    assert!(ran.err.contains("there are no rate limits"), "{ran:#?}");
}
