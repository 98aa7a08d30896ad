//! Exit statuses and messages when something is wrong.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read},
    net::{TcpListener, TcpStream},
    process::Stdio,
};

use gateway_proto::{
    code::{DOMAIN, Reason},
    registry::v1 as pb,
};
use tonic::Status;
use tonic_types::{ErrorDetails, StatusExt};

use crate::{
    program::{Ran, command, run},
    server::{Server, service},
};

fn refusal(reason: Reason, message: &str, owner: Option<&str>) -> Status {
    let metadata: HashMap<String, String> = owner.map(|owner| ("owner".into(), owner.into())).into_iter().collect();
    let details = ErrorDetails::with_error_info(reason.as_str(), DOMAIN, metadata);
    Status::with_error_details(reason.grpc(), message, details)
}

/// A port where nobody listens.
fn nobody() -> String {
    format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap())
}

#[test]
fn wrong_usage_exits_2() {
    for args in [
        &[][..],
        &["servce"],
        &["service"],
        &["service", "get"],
        &["service", "list", "--colour"],
        &["endpoint", "list", ""],
        &["cache", "purge"],
        &["cache", "purge", "--soft"],
        &["cache", "purge", "--host", "a.test", "--tag", "t"],
        &["cache", "purge", "--url", "http://a.test/", "--prefix", "http://a.test/"],
        &["endpoint", "add", "mail"],
        &["endpoint", "add", "mail", "a:1,weight=many"],
        &["service", "register", "mail", "--health-interval", "5"],
        &["service", "register", "mail", "--health-expect", "99"],
        &["service", "register", "mail", "--health-rise", "0"],
        &["service", "register", "mail", "--no-health-check", "--health-path", "/"],
        &["service", "register", "mail", "--no-health-check", "--health-jitter", "1"],
        &["service", "register", "mail", "--no-health-check", "--tcp-health-check"],
        &["service", "register", "mail", "--tcp-health-check", "--health-host", "a"],
        &["route", "create", "r", "--service", "s"],
        &["route", "create", "r", "--host", "a.test"],
        &["route", "create", "r", "--host", "a.test", "--service", "s", "--respond", "200"],
        &["route", "create", "r", "--host", "a.test", "--redirect", "/", "--sticky", "client-address"],
        &["route", "create", "r", "--host", "a.test", "--sticky", "client-address"],
        &["route", "create", "r", "--host", "a.test", "--service", "s=1001"],
        &["route", "create", "r", "--host", "a.test", "--service", "s", "--path", "/", "--path-prefix", "/"],
        &["route", "create", "r", "--host", "a.test", "--service", "s", "--rewrite-path", "/", "--rewrite-prefix", "/"],
        &["route", "create", "r", "--host", "a.test", "--service", "s", "--priority", "1001"],
        &["route", "create", "r", "--host", "a.test", "--service", "s", "--header", ": x"],
        &["route", "create", "r", "--host", "a.test", "--redirect", "elsewhere"],
        &["route", "create", "r", "--host", "a.test", "--redirect", "/a", "--redirect-prefix", "/b"],
        &["route", "create", "r", "--host", "a.test", "--redirect-status", "301"],
        &["route", "create", "r", "--host", "a.test", "--body", "hello"],
        &["route", "create", "r", "--host", "a.test", "--respond", "199"],
        &["route", "weights", "r"],
        &["route", "weights", "r", "shop"],
        &["route", "weights", "r", "shop=900"],
        &["route", "weights", "r", "shop=500", "shop=500"],
        &["consumer", "update", "anna"],
        &["consumer", "update", "anna", "--no-groups", "--group", "staff"],
        &["explain", "GET"],
        &["explain", "GET", "http://a.test", "-H", "X-Beta"],
        &["service", "list", "--timeout", "0s"],
        &["service", "list", "-o", "xml"],
        &["service", "list", "--server", "https://a:1"],
        &["apply"],
        &["apply", "-f", "-", "--dry-run", "--wait"],
        &["watch", "--current", "--after-revision", "1"],
        &["completion", "tcsh"],
    ] {
        let ran = run(&nobody(), args);
        assert_eq!((ran.code, &*ran.out), (2, ""), "{args:?}: {ran:#?}");
        assert!(!ran.err.is_empty(), "{args:?}");
    }
}

#[test]
fn a_switch_in_the_environment_counts_by_its_value() {
    let with = |variable: &str, value: &str, args: &[&str]| -> Ran {
        command("http://127.0.0.1:1", args).env(variable, value).output().unwrap().into()
    };
    let dry = ["apply", "-f", "-", "--dry-run"];
    let probed = ["service", "register", "mail", "--health-path", "/"];
    let after = ["watch", "--after-revision", "1"];
    for (variable, args) in
        [("GATEWAY_WAIT", &dry[..]), ("GATEWAY_NO_HEALTH_CHECK", &probed), ("GATEWAY_CURRENT", &after)]
    {
        for (value, conflicts) in [("false", false), ("0", false), ("true", true), ("1", true), ("maybe", true)] {
            let ran = with(variable, value, args);
            assert_eq!(ran.code == 2, conflicts, "{variable}={value}: {ran:#?}");
        }
    }
}

#[test]
fn what_is_not_there_exits_3() {
    let server = Server::start();
    server.refuse("get_service", refusal(Reason::ServiceNotFound, "there is no service \"mail\"", None));
    server.refuse("get_node", refusal(Reason::NodeNotFound, "there is no data plane \"x\"", None));
    let ran = run(&server.url, &["service", "get", "mail"]);
    assert_eq!((ran.code, &*ran.out), (3, ""));
    assert_eq!(
        ran.err,
        "error: there is no service \"mail\"\nhint: `gatewayctl service list` shows the services there are\n"
    );
    assert_eq!(run(&server.url, &["node", "get", "x"]).code, 3);
}

#[test]
fn a_host_of_another_service_exits_4_and_names_the_owner() {
    let server = Server::start();
    server.refuse("register_service", refusal(Reason::HostTaken, "mail.test belongs to shop", Some("shop")));
    let ran = run(&server.url, &["service", "register", "mail", "--host", "mail.test"]);
    assert_eq!((ran.code, &*ran.out), (4, ""));
    assert!(ran.err.contains("mail.test belongs to shop"), "{ran:#?}");
    assert!(ran.err.contains("gatewayctl service get shop"), "{ran:#?}");
}

#[test]
fn every_violation_is_listed_with_its_field() {
    let server = Server::start();
    let mut details = ErrorDetails::new();
    details.add_bad_request_violation("service.name", "is empty");
    details.add_bad_request_violation("service.hosts[0]", "has a port; leave it away");
    server
        .refuse("register_service", Status::with_error_details(Reason::Invalid.grpc(), "2 fields are wrong", details));
    let ran = run(&server.url, &["service", "register", "", "--host", "a:1"]);
    let expected = "\
error: 2 mistakes; nothing was changed
  name: is empty
  hosts[0]: has a port; leave it away
hint: correct this and repeat the command
";
    assert_eq!((ran.code, &*ran.out, &*ran.err), (1, "", expected));
}

#[test]
fn nobody_there_exits_5_and_says_what_was_tried_and_what_to_do() {
    let (first, second) = (nobody(), nobody());
    let ran = run(&first, &["status"]);
    assert_eq!((ran.code, &*ran.out), (5, ""));
    assert!(
        ran.err.starts_with(&format!("error: the control plane cannot be reached\n  {first}: Connection refused")),
        "{ran:#?}"
    );
    assert!(ran.err.contains("gatewayctl dev") && ran.err.contains("--server"), "{ran:#?}");
    let ran = run("http://127.0.0.1:2", &["--server", &first, "--server", &second, "status"]);
    assert_eq!(ran.code, 5);
    assert!(ran.err.contains(&first) && ran.err.contains(&second), "{ran:#?}");
}

#[test]
fn a_server_that_says_nothing_exits_5_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let ran = run(&url, &["status", "--timeout", "200ms"]);
    assert_eq!((ran.code, &*ran.out), (5, ""), "{ran:#?}");
    assert!(ran.err.contains("within 200ms"), "{ran:#?}");
}

#[test]
fn something_else_that_listens_exits_5() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answering = std::thread::spawn(move || {
        let (mut stream, _): (TcpStream, _) = listener.accept().unwrap();
        let mut preface = [0; 24];
        stream.read_exact(&mut preface).unwrap();
        std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
    });
    let ran = run(&url, &["status"]);
    answering.join().unwrap();
    assert_eq!(ran.code, 5, "{ran:#?}");
}

#[test]
fn the_next_server_is_tried() {
    let (stopping, server) = (Server::start(), Server::start());
    stopping.refuse("list_services", refusal(Reason::ShuttingDown, "the control plane is stopping", None));
    server.answer("list_services", pb::ListServicesResponse { services: vec![service("mail")], ..Default::default() });
    server.answer("list_endpoints", gateway_proto::admin::v1::ListEndpointsResponse::default());
    let urls = format!("{},{},{}", nobody(), stopping.url, server.url);
    let ran = run(&urls, &["service", "list"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert!(ran.out.contains("mail"), "{ran:#?}");
    assert_eq!(stopping.asked::<pb::ListServicesRequest>("list_services").len(), 1);
    let ran = run(&stopping.url, &["service", "list"]);
    assert_eq!(ran.code, 5, "{ran:#?}");
    assert!(ran.err.contains("the control plane is stopping"), "{ran:#?}");
}

#[test]
fn a_change_is_not_sent_twice() {
    let (broken, second) = (Server::start(), Server::start());
    broken.refuse("delete_service", Status::unavailable("the way broke"));
    second.answer("delete_service", pb::DeleteServiceResponse { revision: 8 });
    let ran = run(&format!("{},{}", broken.url, second.url), &["service", "delete", "mail"]);
    assert_eq!(ran.code, 5, "{ran:#?}");
    assert!(second.asked::<pb::DeleteServiceRequest>("delete_service").is_empty());
}

#[test]
fn a_full_store_exits_1() {
    let server = Server::start();
    server.refuse("delete_service", refusal(Reason::StoreUnavailable, "the store cannot write: no space left", None));
    let ran = run(&server.url, &["service", "delete", "mail"]);
    assert_eq!(ran.code, 1, "{ran:#?}");
    assert!(ran.err.contains("nothing was changed"), "{ran:#?}");
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    let server = Server::start();
    let services = (0..2_000).map(|index| service(&format!("s{index}"))).collect();
    server.answer("list_services", pb::ListServicesResponse { services, ..Default::default() });
    server.answer("list_endpoints", gateway_proto::admin::v1::ListEndpointsResponse::default());
    let mut child = command(&server.url, &["service", "list", "-o", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), &*output.stderr), (Some(0), &b""[..]));
}
