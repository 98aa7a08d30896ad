//! `service` and `endpoint`.

use gateway_proto::{
    admin::v1::{ListEndpointsRequest, ListEndpointsResponse, WaitForRevisionRequest, WaitForRevisionResponse},
    code::{DOMAIN, Reason},
    registry::v1::{self as pb, health_check::Probe},
};
use tonic_types::{ErrorDetails, StatusExt};

use crate::{
    program::{command, run},
    server::{Server, node, service, statuses},
};

fn registered(change: pb::ChangeKind) -> pb::RegisterServiceResponse {
    pb::RegisterServiceResponse { service: Some(service("mail")), change: change.into() }
}

#[test]
fn register_sends_what_was_given_and_nothing_else() {
    let server = Server::start();
    server.answer("register_service", registered(pb::ChangeKind::Created));
    let args = ["service", "register", "mail", "--host", "mail.test", "--endpoint", "127.0.0.1:3001"];
    assert_eq!(run(&server.url, &args).quiet(), "service mail created (revision 7)\n");
    let expected = pb::Service {
        name: "mail".into(),
        hosts: vec!["mail.test".into()],
        endpoints: vec![pb::Endpoint { address: "127.0.0.1:3001".into(), weight: 0 }],
        ..pb::Service::default()
    };
    let asked: Vec<pb::RegisterServiceRequest> = server.asked("register_service");
    assert_eq!(asked, [pb::RegisterServiceRequest { service: Some(expected) }]);
}

#[test]
fn register_knows_every_setting_of_a_service() {
    let server = Server::start();
    server.answer("register_service", registered(pb::ChangeKind::Updated));
    let args = [
        "service",
        "register",
        "mail",
        "--host",
        "a.test",
        "--host",
        "*.a.test",
        "--endpoint",
        "a:1,weight=3",
        "--endpoint",
        "[::1]:2",
        "--tag",
        "web",
        "--tag",
        "blue",
        "--title",
        "Mail",
        "--health-path",
        "/up",
        "--health-interval",
        "250ms",
        "--health-timeout",
        "100ms",
        "--health-rise",
        "2",
        "--health-fall",
        "3",
        "--health-jitter",
        "0",
        "--health-expect",
        "200-299",
        "--health-expect",
        "404",
        "--health-host",
        "up.test",
        "--connect-timeout",
        "1s",
        "--response-timeout",
        "1m",
        "--idle-timeout",
        "1h",
        "--total-timeout",
        "2h",
    ];
    assert_eq!(run(&server.url, &args).quiet(), "service mail updated (revision 7)\n");
    let duration = |seconds, nanos| Some(prost_types::Duration { seconds, nanos });
    let range = |first, last| pb::StatusRange { first, last };
    let endpoint = |address: &str, weight| pb::Endpoint { address: address.into(), weight };
    let expected = pb::Service {
        name: "mail".into(),
        title: "Mail".into(),
        tags: vec!["web".into(), "blue".into()],
        hosts: vec!["a.test".into(), "*.a.test".into()],
        endpoints: vec![endpoint("a:1", 3), endpoint("[::1]:2", 0)],
        health_check: Some(pb::HealthCheck {
            probe: Some(Probe::Http(pb::HttpProbe {
                path: "/up".into(),
                expected_statuses: vec![range(200, 299), range(404, 404)],
                host: "up.test".into(),
            })),
            interval: duration(0, 250_000_000),
            timeout: duration(0, 100_000_000),
            rise: 2,
            fall: 3,
            jitter_percent: Some(0),
        }),
        timeouts: Some(pb::Timeouts {
            connect: duration(1, 0),
            response: duration(60, 0),
            idle: duration(3600, 0),
            total: duration(7200, 0),
        }),
        ..pb::Service::default()
    };
    let asked: Vec<pb::RegisterServiceRequest> = server.asked("register_service");
    assert_eq!(asked, [pb::RegisterServiceRequest { service: Some(expected) }]);
}

#[test]
fn register_turns_probes_off_or_to_tcp() {
    let server = Server::start();
    server.answer("register_service", registered(pb::ChangeKind::Unchanged));
    for flag in ["--no-health-check", "--tcp-health-check"] {
        let out = run(&server.url, &["service", "register", "mail", flag]).quiet();
        assert_eq!(out, "service mail unchanged (revision 7)\n");
    }
    let probes = server.asked::<pb::RegisterServiceRequest>("register_service").into_iter();
    let probes: Vec<_> = probes.map(|request| request.service.unwrap().health_check.unwrap().probe.unwrap()).collect();
    assert_eq!(probes, [Probe::Disabled(pb::DisabledProbe {}), Probe::Tcp(pb::TcpProbe {})]);
}

#[test]
fn register_and_wait_says_who_serves_it() {
    let server = Server::start();
    server.answer("register_service", registered(pb::ChangeKind::Created));
    let done = WaitForRevisionResponse {
        done: true,
        revision: 7,
        nodes_in_sync: vec!["dp-1".into(), "dp-2".into()],
        endpoints: statuses("mail"),
        ..WaitForRevisionResponse::default()
    };
    server.answer("wait_for_revision", done);
    let args = ["service", "register", "mail", "--host", "mail.test", "--wait", "--timeout", "3s"];
    let ran = run(&server.url, &args);
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert_eq!(ran.out, "service mail created (revision 7)\nrevision 7: served by 2 data planes: dp-1, dp-2\n");
    let warning =
        "warning: endpoint mail-2.internal:3001 of mail is unhealthy and gets no traffic: connection refused\n";
    assert_eq!(ran.err, warning);
    let asked: Vec<WaitForRevisionRequest> = server.asked("wait_for_revision");
    let timeout = Some(prost_types::Duration { seconds: 3, nanos: 0 });
    assert_eq!(asked, [WaitForRevisionRequest { revision: 7, services: vec!["mail".into()], timeout }]);
    let json = run(&server.url, &[&args[..], &["-o", "json"]].concat()).json();
    assert_eq!(json["served_by"], serde_json::json!(["dp-1", "dp-2"]));
    assert_eq!((&json["name"], &json["change"]), (&"mail".into(), &"created".into()));
}

#[test]
fn register_and_wait_names_those_that_are_behind() {
    let server = Server::start();
    server.answer("register_service", registered(pb::ChangeKind::Created));
    let mut refusing = node("dp-2", 6, false);
    refusing.violations = vec!["services/mail: bad".into()];
    let behind = WaitForRevisionResponse {
        done: false,
        revision: 7,
        nodes_in_sync: vec!["dp-1".into()],
        nodes_behind: vec![refusing],
        endpoints: Vec::new(),
    };
    server.answer("wait_for_revision", behind);
    let ran = run(&server.url, &["service", "register", "mail", "--host", "mail.test", "--wait"]);
    assert_eq!(ran.code, 6, "{ran:#?}");
    let expected = "\
error: not every data plane serves revision 7 in time
  dp-2: serves revision 6
    refused: services/mail: bad
hint: the change is stored; `gatewayctl node wait` waits longer, `gatewayctl node get ID` shows a data plane
";
    assert_eq!(ran.err, expected);
    let ran = run(&server.url, &["service", "register", "mail", "--host", "mail.test", "--wait", "-o", "json"]);
    assert_eq!((ran.code, &ran.json()["behind"][0]["id"]), (6, &"dp-2".into()));
}

#[test]
fn a_change_that_cannot_be_waited_for_is_stored_all_the_same() {
    let server = Server::start();
    server.answer("register_service", registered(pb::ChangeKind::Created));
    server.refuse("wait_for_revision", tonic::Status::unavailable("gone"));
    let ran = run(&server.url, &["service", "register", "mail", "--wait"]);
    assert_eq!((ran.code, &*ran.out), (5, "service mail created (revision 7)\n"), "{ran:#?}");
    assert!(ran.err.starts_with("error: the change is stored at revision 7, but the control plane"), "{ran:#?}");
}

#[test]
fn list_follows_pages_and_shows_health() {
    let server = Server::start();
    let page = |name: &str, token: &str| pb::ListServicesResponse {
        services: vec![service(name)],
        next_page_token: token.into(),
        revision: 9,
    };
    server.answer("list_services", page("mail", "next")).answer("list_services", page("shop", ""));
    server.answer("list_endpoints", ListEndpointsResponse { endpoints: statuses("mail") });
    let out = run(&server.url, &["service", "list", "--tag", "web", "--prefix", "s", "--host", "h.test"]).quiet();
    let expected = "\
NAME  HOSTS                   HEALTHY  TAGS  REVISION
mail  mail.test, *.mail.test  1/2      web   7
shop  shop.test, *.shop.test  0/2      web   7
";
    assert_eq!(out, expected);
    let asked: Vec<pb::ListServicesRequest> = server.asked("list_services");
    let filter = pb::ServiceFilter { name_prefix: "s".into(), tag: "web".into(), host: "h.test".into() };
    assert!(asked.iter().all(|request| request.filter.as_ref() == Some(&filter)), "{asked:#?}");
    assert_eq!([&*asked[0].page_token, &*asked[1].page_token], ["", "next"]);
}

#[test]
fn an_empty_list_is_empty_on_standard_output() {
    let server = Server::start();
    server.answer("list_services", pb::ListServicesResponse::default());
    let ran = run(&server.url, &["service", "list"]);
    assert_eq!((ran.code, &*ran.out, &*ran.err), (0, "", "there are no services yet\n"));
    let ran = run(&server.url, &["service", "list", "-o", "json"]);
    assert_eq!((ran.code, &*ran.out), (0, "[]\n"));
}

#[test]
fn get_shows_the_service_and_its_endpoints() {
    let server = Server::start();
    server.answer("get_service", pb::GetServiceResponse { service: Some(service("mail")) });
    server.answer("list_endpoints", ListEndpointsResponse { endpoints: statuses("mail") });
    let expected = "\
Name:            mail
Title:           A title
Tags:            web
Hosts:           mail.test, *.mail.test
Load balancing:  random
Health check:    GET /healthcheck, expects 200-299, every 5s, timeout 2s, rise 1, fall 2, jitter 10%
Timeouts:        connect 2s, response 30s, idle 60s
Revision:        7
Created:         2023-11-14T22:13:20.000Z
Updated:         2023-11-14T22:14:20.000Z

ADDRESS               RESOLVED       WEIGHT  HEALTH     SINCE                 REASON
127.0.0.1:3001        -              1       healthy    2023-11-14T22:13:25Z  -
mail-2.internal:3001  10.0.0.2:3001  2       unhealthy  2023-11-14T22:13:25Z  connection refused
";
    assert_eq!(run(&server.url, &["service", "get", "mail"]).quiet(), expected);
    let asked: Vec<ListEndpointsRequest> = server.asked("list_endpoints");
    assert_eq!(asked[0].service, "mail");
}

#[test]
fn get_shows_limits_where_there_are_some() {
    let server = Server::start();
    let mut limited = service("mail");
    limited.timeouts.as_mut().unwrap().total = Some(prost_types::Duration { seconds: 300, nanos: 0 });
    limited.limits = Some(pb::Limits { request_body: Some(10 << 20) });
    server.answer("get_service", pb::GetServiceResponse { service: Some(limited) });
    server.answer("list_endpoints", ListEndpointsResponse::default());
    let table = run(&server.url, &["service", "get", "mail"]).quiet();
    let expected = "\
Timeouts:        connect 2s, response 30s, idle 60s, total 5m
Limits:          request body 10MiB
Revision:        7
";
    assert!(table.contains(expected), "{table}");
    let json = run(&server.url, &["service", "get", "mail", "-o", "json"]).json();
    assert_eq!((&json["timeouts"]["total"], &json["limits"]["request_body"]), (&"5m".into(), &"10MiB".into()));
    let yaml = run(&server.url, &["service", "get", "mail", "-o", "yaml"]).quiet();
    assert!(yaml.contains("  total: 5m\nlimits:\n  request_body: 10MiB\n"), "{yaml}");
}

#[test]
fn delete_takes_a_revision_and_refuses_a_stale_one() {
    let server = Server::start();
    let details = ErrorDetails::with_error_info(
        Reason::StaleRevision.as_str(),
        DOMAIN,
        std::iter::empty::<(String, String)>().collect::<std::collections::HashMap<_, _>>(),
    );
    let stale =
        tonic::Status::with_error_details(Reason::StaleRevision.grpc(), "mail is at revision 7, not 6", details);
    server.refuse("delete_service", stale).answer("delete_service", pb::DeleteServiceResponse { revision: 8 });
    server.answer("wait_for_revision", WaitForRevisionResponse { done: true, revision: 8, ..Default::default() });
    let ran = run(&server.url, &["service", "delete", "mail", "--revision", "6"]);
    assert_eq!(ran.code, 4, "{ran:#?}");
    assert!(
        ran.err.starts_with("error: mail is at revision 7, not 6\nhint: `gatewayctl service get NAME`"),
        "{ran:#?}"
    );
    assert_eq!(run(&server.url, &["service", "delete", "mail"]).quiet(), "service mail deleted (revision 8)\n");
    let ran = run(&server.url, &["service", "delete", "mail", "--wait"]);
    assert_eq!(ran.out, "service mail deleted (revision 8)\nrevision 8: no data plane serves it\n");
    assert_eq!(ran.err, "warning: no data plane is connected; start one with `data-plane`\n");
    let asked: Vec<pb::DeleteServiceRequest> = server.asked("delete_service");
    let revisions: Vec<_> = asked.into_iter().map(|request| request.expected_revision).collect();
    assert_eq!(revisions, [Some(6), None, None]);
    assert!(server.asked::<WaitForRevisionRequest>("wait_for_revision")[0].services.is_empty());
}

#[test]
fn endpoints_are_added_removed_and_listed() {
    let server = Server::start();
    let updated = pb::ChangeKind::Updated.into();
    server.answer("add_endpoints", pb::AddEndpointsResponse { service: Some(service("mail")), change: updated });
    server.answer("remove_endpoints", pb::RemoveEndpointsResponse { service: Some(service("mail")) });
    server.answer("list_endpoints", ListEndpointsResponse { endpoints: statuses("mail") });
    let out = run(&server.url, &["endpoint", "add", "mail", "a:1", "b:2,weight=5"]).quiet();
    assert_eq!(out, "service mail: 2 endpoints given, 2 in all (revision 7)\n");
    let asked: Vec<pb::AddEndpointsRequest> = server.asked("add_endpoints");
    assert_eq!((&*asked[0].name, asked[0].endpoints[0].weight, asked[0].endpoints[1].weight), ("mail", 0, 5));
    let out = run(&server.url, &["endpoint", "remove", "mail", "a:1"]).quiet();
    assert_eq!(out, "service mail: 1 endpoint removed, 2 left (revision 7)\n");
    let asked: Vec<pb::RemoveEndpointsRequest> = server.asked("remove_endpoints");
    assert_eq!(asked[0].addresses, ["a:1"]);
    let out = run(&server.url, &["endpoint", "list", "mail"]).quiet();
    assert!(out.starts_with("ADDRESS               RESOLVED       WEIGHT  HEALTH"), "{out}");
    assert_eq!(out.lines().count(), 3);
}

#[test]
fn flags_can_come_from_the_environment() {
    let server = Server::start();
    server.answer("register_service", registered(pb::ChangeKind::Created));
    let mut command = command(&server.url, &["service", "register", "mail"]);
    let environment = [
        ("GATEWAY_HOST", "a.test,b.test"),
        ("GATEWAY_ENDPOINT", "a:1,weight=2 b:1"),
        ("GATEWAY_OUTPUT", "json"),
        ("GATEWAY_NO_HEALTH_CHECK", "true"),
    ];
    let output = command.envs(environment).output().unwrap();
    assert!(output.stdout.starts_with(b"{\n  \"name\": \"mail\""), "{output:#?}");
    let asked: Vec<pb::RegisterServiceRequest> = server.asked("register_service");
    let service = asked[0].service.clone().unwrap();
    assert_eq!((service.hosts, service.endpoints.len()), (vec!["a.test".into(), "b.test".into()], 2));
    assert!(service.health_check.is_some());
}
