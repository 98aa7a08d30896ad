//! `watch`.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use gateway_proto::{
    code::{DOMAIN, Reason},
    registry::v1::{self as pb, cache_purge::What, watch_response::Event},
};
use tonic::Status;
use tonic_types::{ErrorDetails, StatusExt};

use crate::{
    program::{command, run},
    server::{Server, consumer, route, service, statuses, time},
};

fn events() -> Vec<Option<pb::WatchResponse>> {
    let created = pb::Service { updated_at: time(0), ..service("mail") };
    let happened = [
        Event::ServiceUpserted(created),
        Event::ServiceUpserted(service("mail")),
        Event::EndpointStatus(statuses("mail").remove(1)),
        Event::Synced(pb::Synced {}),
        Event::ServiceDeleted("mail".into()),
    ];
    let event =
        |(index, event)| pb::WatchResponse { revision: index, time: time(0), event: Some(event), actor: String::new() };
    (7..).zip(happened).map(event).map(Some).collect()
}

#[test]
fn events_are_lines_and_a_broken_stream_is_a_failure() {
    let server = Server::start();
    server.answer("watch", events());
    let ran = run(&server.url, &["watch", "--after-revision", "6"]);
    assert_eq!(ran.code, 5, "{ran:#?}");
    let expected = "\
2023-11-14T22:13:20.000Z service_created    mail hosts mail.test, *.mail.test; 2 endpoints; revision 7
2023-11-14T22:13:20.000Z service_updated    mail hosts mail.test, *.mail.test; 2 endpoints; revision 8
2023-11-14T22:13:20.000Z endpoint_unhealthy mail 10.0.0.2:3001; connection refused; revision 9
2023-11-14T22:13:20.000Z synced             - revision 10
2023-11-14T22:13:20.000Z service_deleted    mail revision 11
";
    assert_eq!(ran.out, expected);
    assert!(ran.err.contains("error: the stream broke: the control plane ended it\nhint: "), "{ran:#?}");
    let asked: Vec<pb::WatchRequest> = server.asked("watch");
    assert_eq!(asked, [pb::WatchRequest { include_current: false, after_revision: Some(6) }]);
}

#[test]
fn a_refusal_ends_it_as_it_would_have_kept_it_from_beginning() {
    for (reason, code, says) in [
        (Reason::Unauthenticated, 1, "error: no more\nhint: a control plane's first start leaves admin.token"),
        (Reason::Compacted, 5, "error: the stream broke: no more\nhint: `gatewayctl watch --current` begins again"),
        (Reason::ShuttingDown, 5, "error: the stream broke: no more\nhint: "),
    ] {
        let server = Server::start();
        let details = ErrorDetails::with_error_info(reason.as_str(), DOMAIN, HashMap::new());
        server.answer("watch", events());
        server.end_watch(Status::with_error_details(reason.grpc(), "no more", details));
        let ran = run(&server.url, &["watch"]);
        assert_eq!((ran.code, ran.out.lines().count()), (code, 5), "{reason}: {ran:#?}");
        assert!(ran.err.contains(says), "{reason}: {ran:#?}");
    }
}

#[test]
fn routes_are_told_too() {
    let server = Server::start();
    let created = pb::Route { updated_at: time(0), ..route("canary") };
    let happened =
        [Event::RouteUpserted(created), Event::RouteUpserted(route("canary")), Event::RouteDeleted("canary".into())];
    let event = |(index, event)| {
        Some(pb::WatchResponse { revision: index, time: time(0), event: Some(event), actor: String::new() })
    };
    server.answer("watch", (7..).zip(happened).map(event).collect::<Vec<_>>());
    let expected = "\
2023-11-14T22:13:20.000Z route_created      canary hosts shop.test; GET, POST prefix /api; header x-beta is \"1\" -> shop 90%, shop-v2 10%; revision 7
2023-11-14T22:13:20.000Z route_updated      canary hosts shop.test; GET, POST prefix /api; header x-beta is \"1\" -> shop 90%, shop-v2 10%; revision 8
2023-11-14T22:13:20.000Z route_deleted      canary revision 9
";
    assert_eq!(run(&server.url, &["watch"]).out, expected);
    let ran = run(&server.url, &["watch", "-o", "json"]);
    let first: serde_json::Value = serde_json::from_str(ran.out.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&first["kind"], &first["route"]["forward"]["services"][1]["weight"]),
        (&"route_created".into(), &100.into())
    );
}

#[test]
fn consumers_are_told_too_but_never_what_they_are_known_by() {
    let server = Server::start();
    let created = pb::Consumer { keys: vec![], has_password: false, updated_at: time(0), ..consumer("anna") };
    let happened = [
        Event::ConsumerUpserted(created),
        Event::ConsumerUpserted(consumer("anna")),
        Event::ConsumerDeleted("anna".into()),
    ];
    let event = |(index, event)| {
        Some(pb::WatchResponse { revision: index, time: time(0), event: Some(event), actor: String::new() })
    };
    server.answer("watch", (7..).zip(happened).map(event).collect::<Vec<_>>());
    let expected = "\
2023-11-14T22:13:20.000Z consumer_created   anna groups admins, staff; known by -; revision 7
2023-11-14T22:13:20.000Z consumer_updated   anna groups admins, staff; known by 2 keys and a password; revision 8
2023-11-14T22:13:20.000Z consumer_deleted   anna revision 9
";
    assert_eq!(run(&server.url, &["watch"]).out, expected);
    let ran = run(&server.url, &["watch", "-o", "json"]);
    let second: serde_json::Value = serde_json::from_str(ran.out.lines().nth(1).unwrap()).unwrap();
    assert_eq!(
        (&second["kind"], &second["consumer"]["keys"][0]["id"]),
        (&"consumer_updated".into(), &"000000000001".into())
    );
}

#[test]
fn what_is_current_is_not_called_a_change() {
    let server = Server::start();
    server.answer("watch", events());
    let ran = run(&server.url, &["watch", "--current"]);
    let kinds: Vec<_> = ran.out.lines().map(|line| line.split_whitespace().nth(1).unwrap()).collect();
    let expected = ["service_current", "service_current", "endpoint_unhealthy", "synced", "service_deleted"];
    assert_eq!(kinds, expected);
    assert!(server.asked::<pb::WatchRequest>("watch")[0].include_current);
}

#[test]
fn events_are_json_lines_and_yaml_documents() {
    let server = Server::start();
    server.answer("watch", events());
    let ran = run(&server.url, &["watch", "-o", "json"]);
    let lines: Vec<serde_json::Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 5);
    assert_eq!((&lines[0]["kind"], &lines[0]["service"]["hosts"][0]), (&"service_created".into(), &"mail.test".into()));
    assert_eq!(lines[2]["endpoint"]["health"], "unhealthy");
    let deleted = serde_json::json!({
        "time": "2023-11-14T22:13:20.000Z", "revision": 11, "kind": "service_deleted", "name": "mail",
    });
    assert_eq!(lines[4], deleted);
    let yaml = run(&server.url, &["watch", "-o", "yaml"]).out;
    assert_eq!(yaml.matches("---\n").count(), 5, "{yaml}");
}

#[test]
fn purges_are_told_too() {
    let server = Server::start();
    let purge = |what, soft| {
        let purge = pb::CachePurge { revision: 7, what: Some(what), soft, created_at: time(0) };
        Some(pb::WatchResponse {
            revision: 7,
            time: time(0),
            event: Some(Event::CachePurged(purge)),
            actor: String::new(),
        })
    };
    let events = vec![purge(What::Host("shop.test".into()), false), purge(What::Tag("t\u{1b}".into()), true)];
    server.answer("watch", events);
    let expected = "\
2023-11-14T22:13:20.000Z cache_purged       - host shop.test; revision 7
2023-11-14T22:13:20.000Z cache_purged       - tag t\\u{1b} softly; revision 7
";
    assert_eq!(run(&server.url, &["watch"]).out, expected);
    let json = run(&server.url, &["watch", "-o", "json"]).out;
    let first: serde_json::Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!((&first["purge"]["host"], &first["purge"]["soft"]), (&"shop.test".into(), &false.into()));
}

#[test]
fn a_signal_ends_it_well() {
    let server = Server::start();
    server.answer("watch", [events(), vec![None]].concat());
    let mut child = command(&server.url, &["watch"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("service_created"));
    let sent = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
