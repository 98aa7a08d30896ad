//! `apply` and `export`.

use std::{
    collections::HashMap,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
};

use gateway_proto::{
    admin::v1::{WaitForRevisionRequest, WaitForRevisionResponse},
    code::{DOMAIN, Reason},
    registry::v1::{self as pb, watch_response::Event},
};
use tonic::Status;
use tonic_types::{ErrorDetails, StatusExt};

use crate::{
    program::{run, run_with_input},
    server::{Server, consumer, route, service, statuses},
};

const MAIL: &str = "services:\n  - name: mail\n    hosts: [mail.test]\n";
const SHOP: &str = "services:\n  - name: shop\n    hosts:\n      - shop.test\n      - \"*.shop.test\"\n";

fn applied(changes: &[(&str, pb::ChangeKind)]) -> pb::ApplyResponse {
    let change =
        |(name, kind): &(&str, pb::ChangeKind)| pb::ServiceChange { name: (*name).into(), change: (*kind).into() };
    let changes = changes.iter().map(change).collect();
    pb::ApplyResponse { changes, revision: 9, ..pb::ApplyResponse::default() }
}

#[test]
fn files_directories_and_standard_input_are_one_change() {
    let server = Server::start();
    let changes =
        [("shop", pb::ChangeKind::Created), ("mail", pb::ChangeKind::Updated), ("last", pb::ChangeKind::Unchanged)];
    server.answer("apply", applied(&changes));
    let done =
        WaitForRevisionResponse { done: true, revision: 9, nodes_in_sync: vec!["dp-1".into()], ..Default::default() };
    server.answer("wait_for_revision", done);
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    fs::create_dir(path("d")).unwrap();
    fs::write(path("d/2.yaml"), MAIL).unwrap();
    fs::write(path("d/1.json"), "{\"services\": [{\"name\": \"shop\"}]}").unwrap();
    fs::write(path("d/notes.txt"), "not read: [").unwrap();
    let args = ["apply", "--file", path("d").to_str().unwrap(), "-f", "-", "--wait"].map(str::to_owned);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let out = run_with_input(&server.url, &args, "services: [{name: last}]").quiet();
    let expected = "\
created   shop
updated   mail
unchanged last
1 created, 1 updated, 1 unchanged (revision 9)
revision 9: served by 1 data plane: dp-1
";
    assert_eq!(out, expected);
    let asked: Vec<pb::ApplyRequest> = server.asked("apply");
    let names: Vec<_> = asked[0].services.iter().map(|service| &*service.name).collect();
    assert_eq!((names, asked[0].dry_run), (vec!["shop", "mail", "last"], false));
    let asked: Vec<WaitForRevisionRequest> = server.asked("wait_for_revision");
    assert_eq!((asked[0].revision, &asked[0].services[..]), (9, &["shop".to_owned(), "mail".to_owned()][..]));
    let json = run_with_input(&server.url, &["apply", "-f", "-", "--wait", "-o", "json"], MAIL).quiet();
    // A key that stands twice is no JSON to many readers; ours would take the last.
    assert_eq!((json.matches("\"revision\"").count(), json.matches("\"served_by\"").count()), (1, 1), "{json}");
}

#[test]
fn routes_are_part_of_the_change() {
    let server = Server::start();
    let route_change =
        |name: &str, change: pb::ChangeKind| pb::RouteChange { name: name.into(), change: change.into() };
    let answer = pb::ApplyResponse {
        route_changes: vec![
            route_change("canary", pb::ChangeKind::Created),
            route_change("moved", pb::ChangeKind::Unchanged),
        ],
        ..applied(&[("mail", pb::ChangeKind::Unchanged)])
    };
    server.answer("apply", answer.clone());
    let text = "services: [{name: mail}]
routes:
  - {name: canary, hosts: [mail.test], forward: {services: [{name: mail}]}, ambiguous_paths: refuse}
  - {name: moved, hosts: [old.test], redirect: {host: mail.test}}
";
    let out = run_with_input(&server.url, &["apply", "-f", "-"], text).quiet();
    let expected = "\
unchanged mail
created   route canary
unchanged route moved
1 created, 0 updated, 2 unchanged (revision 9)
";
    assert_eq!(out, expected);
    let asked: Vec<pb::ApplyRequest> = server.asked("apply");
    let names: Vec<_> = asked[0].routes.iter().map(|route| &*route.name).collect();
    assert_eq!(names, ["canary", "moved"]);
    let policies = asked[0].routes[0].policies.as_ref().unwrap();
    assert_eq!(policies.ambiguous_paths(), pb::AmbiguousPaths::Refuse);
    let json = run_with_input(&server.url, &["apply", "-f", "-", "-o", "json"], text).json();
    assert_eq!(json["route_changes"][0], serde_json::json!({"name": "canary", "change": "created"}));
    let unchanged = pb::ApplyResponse { route_changes: vec![answer.route_changes[1].clone()], ..applied(&[]) };
    server.answer("apply", unchanged);
    run_with_input(&server.url, &["apply", "-f", "-"], text).quiet();
    let out = run_with_input(&server.url, &["apply", "-f", "-"], text).quiet();
    assert_eq!(out, "unchanged route moved\nnothing changed: 1 route already so (revision 9)\n");
}

#[test]
fn routes_that_conflict_are_named_with_their_places() {
    let refusal = |reason: Reason, message: &str, violations: &[(&str, &str)]| {
        let mut details = ErrorDetails::with_error_info(reason.as_str(), DOMAIN, HashMap::<String, String>::new());
        for (field, description) in violations {
            details.add_bad_request_violation(*field, *description);
        }
        Status::with_error_details(reason.grpc(), message, details)
    };
    let text = "routes:
- {name: a, hosts: [a.test, b.test], forward: {services: [{name: mail}]}}
- {name: b, hosts: [a.test], cors: {allow_origins: [x]}, forward: {services: [{name: gone}]}}
";
    let apply = |status: Status| {
        let server = Server::start();
        server.refuse("apply", status);
        run_with_input(&server.url, &["apply", "-f", "-"], text)
    };
    let conflict = "matches the same requests as route \"old\"";
    let ran = apply(refusal(Reason::RouteConflict, "a conflict", &[("routes[0].hosts[1]", conflict)]));
    let expected = "\
error: 1 mistake; nothing was changed
  stdin:2:29: routes[0].hosts[1]: matches the same requests as route \"old\"
hint: `gatewayctl route get NAME` shows what that route matches
";
    assert_eq!((ran.code, &*ran.err), (4, expected));
    let missing = [("routes[1].forward.services[0].name", "is \"gone\", which there is not")];
    let ran = apply(refusal(Reason::ServiceMissing, "a service is missing", &missing));
    assert!(ran.err.contains("stdin:3:86: routes[1].forward.services[0].name: is \"gone\""), "{ran:#?}");
    assert_eq!(ran.code, 1);
    let origin = [("routes[1].policies.cors.allow_origins[0]", "is no origin")];
    let ran = apply(refusal(Reason::Invalid, "1 field is wrong", &origin));
    assert!(ran.err.contains("stdin:3:53: routes[1].cors.allow_origins[0]: is no origin"), "{ran:#?}");
}

#[test]
fn a_second_time_says_that_nothing_changed() {
    let server = Server::start();
    server.answer("apply", applied(&[("mail", pb::ChangeKind::Unchanged)]));
    let out = run_with_input(&server.url, &["apply", "-f", "-"], MAIL).quiet();
    assert_eq!(out, "unchanged mail\nnothing changed: 1 service already so (revision 9)\n");
}

#[test]
fn a_dry_run_says_what_would_change() {
    let server = Server::start();
    server.answer("apply", applied(&[("mail", pb::ChangeKind::Created)]));
    let out = run_with_input(&server.url, &["apply", "-f", "-", "--dry-run"], MAIL).quiet();
    assert_eq!(out, "created   mail\ndry run, nothing changed: 1 to create, 0 to update, 0 unchanged (revision 9)\n");
    assert!(server.asked::<pb::ApplyRequest>("apply")[0].dry_run);
    let ran = run_with_input(&server.url, &["apply", "-f", "-", "--dry-run", "-o", "json"], MAIL);
    let expected = serde_json::json!({
        "revision": 9, "dry_run": true, "changes": [{"name": "mail", "change": "created"}], "route_changes": [],
        "consumer_changes": [],
    });
    assert_eq!(ran.json(), expected);
}

#[test]
fn what_the_control_plane_finds_wrong_has_its_place_too() {
    let server = Server::start();
    let mut details = ErrorDetails::new();
    details.add_bad_request_violation("services[1].hosts[1]", "belongs to old-shop");
    details.add_bad_request_violation("services[0].hosts[0]", "is odd");
    details.add_bad_request_violation("services[1].endpoints", "is empty");
    server.refuse("apply", Status::with_error_details(Reason::Invalid.grpc(), "3 fields are wrong", details));
    let directory = tempfile::tempdir().unwrap();
    let (mail, shop) = (directory.path().join("mail.yaml"), directory.path().join("shop.yaml"));
    fs::write(&mail, MAIL).unwrap();
    fs::write(&shop, SHOP).unwrap();
    let (mail, shop) = (mail.to_str().unwrap(), shop.to_str().unwrap());
    let ran = run(&server.url, &["apply", "-f", mail, "-f", shop]);
    let expected = format!(
        "\
error: 3 mistakes; nothing was changed
  {mail}:3:13: services[0].hosts[0]: is odd
  {shop}:2:5: services[0].endpoints: is empty
  {shop}:5:9: services[0].hosts[1]: belongs to old-shop
hint: correct this and repeat the command
"
    );
    assert_eq!((ran.code, &*ran.out, &*ran.err), (1, "", &*expected));
}

#[test]
fn what_there_was_no_room_for_is_asked_for_again() {
    let server = Server::start();
    let refusal = |all: usize, fields: &[&str]| {
        let metadata = HashMap::from([("violations".to_owned(), all.to_string())]);
        let mut details = ErrorDetails::with_error_info(Reason::Invalid.as_str(), DOMAIN, metadata);
        for field in fields {
            details.add_bad_request_violation(*field, "is odd");
        }
        Status::with_error_details(Reason::Invalid.grpc(), "many", details)
    };
    // The whole, then its halves, then those of the second half.
    server.refuse("apply", refusal(4, &["services[0].title"]));
    server.refuse("apply", refusal(1, &["services[0].title"]));
    server.refuse("apply", refusal(3, &["services[0].title"]));
    server.refuse("apply", refusal(1, &["services[0].title"]));
    server.refuse("apply", refusal(2, &["services[0].hosts"]));
    let text = "services:\n- name: a\n- name: b\n- name: c\n";
    let ran = run_with_input(&server.url, &["apply", "-f", "-"], text);
    let expected = "\
error: 4 mistakes; nothing was changed
  stdin:2:3: services[0].title: is odd
  stdin:3:3: services[1].title: is odd
  stdin:4:3: services[2].hosts: is odd
  stdin:4:3: services[2]: and 1 more
hint: correct this and repeat the command
";
    assert_eq!((ran.code, &*ran.err), (1, expected));
    let asked = server.asked::<pb::ApplyRequest>("apply").into_iter();
    let asked: Vec<_> = asked.map(|request| (request.services.len(), request.dry_run)).collect();
    assert_eq!(asked, [(3, false), (1, true), (2, true), (1, true), (1, true)]);
}

#[test]
fn a_host_of_another_service_is_named_with_its_place_and_owner() {
    let server = Server::start();
    let metadata = HashMap::from([("owner".to_owned(), "mail".to_owned())]);
    let details = ErrorDetails::with_error_info(Reason::HostTaken.as_str(), DOMAIN, metadata);
    server.refuse("apply", Status::with_error_details(Reason::HostTaken.grpc(), "mail has mail.test", details));
    server.answer("list_services", pb::ListServicesResponse { services: vec![service("mail")], ..Default::default() });
    let text = "services:\n- name: shop\n  hosts: [shop.test, Mail.test]\n";
    let ran = run_with_input(&server.url, &["apply", "-f", "-"], text);
    let expected = "\
error: 1 mistake; nothing was changed
  stdin:3:22: services[0].hosts[1]: \"Mail.test\" belongs to service \"mail\"; remove it there first
hint: `gatewayctl service get mail` shows the host's owner
";
    assert_eq!((ran.code, &*ran.err), (4, expected));
}

#[test]
fn mistakes_of_both_sides_are_one_list_and_nothing_is_changed() {
    let server = Server::start();
    let mut details = ErrorDetails::new();
    // What is known already is not told twice.
    details.add_bad_request_violation("services[0].name", "is empty");
    details.add_bad_request_violation("services[0].hosts[0]", "is odd");
    server.refuse("apply", Status::with_error_details(Reason::Invalid.grpc(), "2 fields are wrong", details));
    let text = "services:\n  - name: 5\n    hosts: [mail.test]\n    colour: red\nconsumers: [{name: bob, key: x}]\n";
    let ran = run_with_input(&server.url, &["apply", "-f", "-"], text);
    let expected = "\
error: 4 mistakes; nothing was changed
  stdin:2:11: services[0].name: is a number; put it in quotes: \"5\"
  stdin:3:13: services[0].hosts[0]: is odd
  stdin:4:5: services[0].colour: is no field here; there are: name, title, tags, hosts, endpoints, load_balancing, \
                    health_check, timeouts, limits, cors, compression, request_headers, response_headers, ambiguous_paths, cache, \
                    rate_limits, auth
  stdin:5:25: consumers[0].key: is no field here; there are: name, title, groups, rate_limits
hint: correct them and apply again
";
    assert_eq!((ran.code, &*ran.out, &*ran.err), (1, "", expected));
    assert!(server.asked::<pb::ApplyRequest>("apply").iter().all(|request| request.dry_run));
    let ran = run_with_input("http://127.0.0.1:1", &["apply", "-f", "-"], text);
    assert_eq!(ran.code, 1);
    assert!(ran.err.starts_with("error: 3 mistakes"), "{ran:#?}");
}

#[test]
fn files_that_cannot_be_read_are_all_named() {
    let directory = tempfile::tempdir().unwrap();
    let latin = directory.path().join("latin.yaml");
    fs::write(&latin, b"services: []\n# Gr\xfc\xdfe\n").unwrap();
    let empty = directory.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let (latin, empty) = (latin.to_str().unwrap(), empty.to_str().unwrap());
    let ran = run("http://127.0.0.1:1", &["apply", "-f", "missing.yaml", "-f", latin, "-f", empty]);
    assert_eq!(ran.code, 1);
    for expected in [
        "missing.yaml: cannot be read: No such file or directory".to_owned(),
        format!("{latin}:2: is not UTF-8"),
        format!("{empty}: holds no *.yaml, *.yml or *.json"),
    ] {
        assert!(ran.err.contains(&expected), "{expected}: {ran:#?}");
    }
}

/// What a watch tells of one revision.
fn told(events: &[Event]) -> Vec<Option<pb::WatchResponse>> {
    let event = |event: &Event| pb::WatchResponse { revision: 8, event: Some(event.clone()), ..Default::default() };
    events.iter().map(event).map(Some).collect()
}

#[test]
fn export_writes_what_apply_reads() {
    let server = Server::start();
    let everything = [
        Event::ServiceUpserted(service("mail")),
        Event::ServiceUpserted(service("shop")),
        Event::RouteUpserted(route("canary")),
        Event::ConsumerUpserted(consumer("anna")),
        Event::EndpointStatus(statuses("mail").remove(1)),
        Event::Synced(pb::Synced {}),
        // What is changed while it is read is not in it.
        Event::ServiceUpserted(service("late")),
    ];
    // The first attempt breaks off.
    server.answer("watch", told(&everything[..2])).answer("watch", told(&everything));
    let ran = run(&server.url, &["export"]);
    assert!(ran.code == 5 && ran.out.is_empty() && ran.err.contains("not everything could be read"), "{ran:#?}");
    let yaml = run(&server.url, &["export"]).quiet();
    // What he is known by is in no file.
    for secret in ["000000000001", "keys", "password"] {
        assert!(yaml.contains("anna") && !yaml.contains(secret), "{yaml}");
    }
    assert!(!yaml.contains("late") && !yaml.contains("revision") && !yaml.contains("health_check"), "{yaml}");
    server.answer("apply", applied(&[]));
    run_with_input(&server.url, &["apply", "-f", "-"], &yaml).quiet();
    let asked: Vec<pb::ApplyRequest> = server.asked("apply");
    let names: Vec<_> = asked[0].services.iter().map(|service| &*service.name).collect();
    assert_eq!(names, ["mail", "shop"]);
    assert_eq!(asked[0].services[1].endpoints[1].weight, 2);
    let mut expected = pb::Route { revision: 0, created_at: None, updated_at: None, ..route("canary") };
    // What is the default is not written.
    expected.policies.as_mut().unwrap().cors.as_mut().unwrap().enabled = None;
    assert_eq!(asked[0].routes, [expected]);
    let mut expected = pb::Consumer {
        revision: 0,
        created_at: None,
        updated_at: None,
        keys: vec![],
        has_password: false,
        ..consumer("anna")
    };
    expected.rate_limits.as_mut().unwrap().limits[0].burst = None;
    assert_eq!(asked[0].consumers, [expected]);
}

#[test]
fn consumers_are_part_of_the_change() {
    let server = Server::start();
    let change = |name: &str, kind: pb::ChangeKind| pb::ConsumerChange { name: name.into(), change: kind.into() };
    let consumer_changes = vec![change("anna", pb::ChangeKind::Created), change("ben", pb::ChangeKind::Unchanged)];
    server.answer("apply", pb::ApplyResponse { consumer_changes, ..applied(&[("mail", pb::ChangeKind::Updated)]) });
    let text = "services: [{name: mail}]\nconsumers: [{name: anna, groups: [staff]}, {name: ben}]\n";
    let out = run_with_input(&server.url, &["apply", "-f", "-"], text).quiet();
    let expected = "\
updated   mail
created   consumer anna
unchanged consumer ben
1 created, 1 updated, 1 unchanged (revision 9)
";
    assert_eq!(out, expected);
    let asked: Vec<pb::ApplyRequest> = server.asked("apply");
    let names: Vec<_> = asked[0].consumers.iter().map(|consumer| (&*consumer.name, consumer.groups.len())).collect();
    assert_eq!(names, [("anna", 1), ("ben", 0)]);
    let json = run_with_input(&server.url, &["apply", "-f", "-", "-o", "json"], text).json();
    assert_eq!(json["consumer_changes"][0], serde_json::json!({"name": "anna", "change": "created"}));

    let mut details = ErrorDetails::new();
    details.add_bad_request_violation("consumers[0].groups[0]", "is odd");
    server.refuse("apply", Status::with_error_details(Reason::Invalid.grpc(), "1 field is wrong", details));
    run_with_input(&server.url, &["apply", "-f", "-"], text);
    let ran = run_with_input(&server.url, &["apply", "-f", "-"], text);
    assert!(ran.err.contains("stdin:2:35: consumers[0].groups[0]: is odd"), "{ran:#?}");
}

#[test]
fn export_replaces_a_file_and_takes_its_form_from_the_name() {
    let server = Server::start();
    server.answer("watch", told(&[Event::ServiceUpserted(service("mail")), Event::Synced(pb::Synced {})]));
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("all.json");
    fs::write(&file, "old").unwrap();
    let ran = run(&server.url, &["export", file.to_str().unwrap()]);
    assert_eq!((ran.code, &*ran.out), (0, ""), "{ran:#?}");
    let json: serde_json::Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!((&json["services"][0]["name"], &json["consumers"]), (&"mail".into(), &serde_json::json!([])));
    assert_eq!(run(&server.url, &["export", "-", "-o", "json"]).json(), json);
    // A table is no form of a file, so its name decides.
    run(&server.url, &["export", file.to_str().unwrap(), "-o", "table"]);
    assert!(fs::read_to_string(&file).unwrap().starts_with('{'));
    let ran = run(&server.url, &["export", "/no/such/directory/all.yaml"]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("/no/such/directory/all.yaml cannot be written"), "{ran:#?}");
}

#[test]
fn export_keeps_what_is_no_plain_file() {
    let server = Server::start();
    server.answer("watch", told(&[Event::ServiceUpserted(service("mail")), Event::Synced(pb::Synced {})]));
    let directory = tempfile::tempdir().unwrap();
    let (file, link) = (directory.path().join("all.yaml"), directory.path().join("link.yaml"));
    fs::write(&file, "old").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    symlink(&file, &link).unwrap();
    assert_eq!(run(&server.url, &["export", link.to_str().unwrap()]).code, 0);
    assert!(link.is_symlink() && fs::read_to_string(&file).unwrap().contains("mail"));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
    let device = directory.path().join("device");
    symlink("/dev/null", &device).unwrap();
    assert_eq!(run(&server.url, &["export", device.to_str().unwrap()]).code, 0);
    assert!(device.is_symlink() && !fs::metadata(&device).unwrap().is_file());
    assert_eq!(run(&server.url, &["export", directory.path().to_str().unwrap()]).code, 1);
}
