//! `consumer` and `key`.

use std::{collections::HashMap, fs, os::unix::fs::PermissionsExt};

use gateway_proto::{
    admin::v1::{WaitForRevisionRequest, WaitForRevisionResponse},
    code::{DOMAIN, Reason},
    registry::v1 as pb,
};
use serde_json::json;
use tonic::Status;
use tonic_types::{ErrorDetails, StatusExt};

use crate::{
    program::{run, run_with_input},
    server::{Server, consumer, key, node, time},
};

const KEY: &str = "gwk_0123456789ab_00000000000000010000000000000002000000000000000300000000000000ff";

fn refusal(reason: Reason, message: &str) -> Status {
    let metadata = HashMap::from([("consumer".to_owned(), "anna".to_owned())]);
    let details = ErrorDetails::with_error_info(reason.as_str(), DOMAIN, metadata);
    Status::with_error_details(reason.grpc(), message, details)
}

fn served() -> WaitForRevisionResponse {
    WaitForRevisionResponse { done: true, revision: 7, nodes_in_sync: vec!["dp-1".into()], ..Default::default() }
}

#[test]
fn a_consumer_is_created_shown_listed_and_deleted() {
    let server = Server::start();
    server.answer("create_consumer", pb::CreateConsumerResponse { consumer: Some(consumer("anna")) });
    server.answer("get_consumer", pb::GetConsumerResponse { consumer: Some(consumer("anna")) });
    server.answer("wait_for_revision", served());
    let args = ["consumer", "create", "anna", "--group", "staff,admins", "--group", "x", "--title", "Of the shop"];
    let out = run(&server.url, &args).quiet();
    assert_eq!(out, "consumer anna created: groups admins, staff (revision 7)\n");
    let expected = pb::Consumer {
        name: "anna".into(),
        title: "Of the shop".into(),
        groups: ["staff", "admins", "x"].map(str::to_owned).into(),
        ..pb::Consumer::default()
    };
    let asked: Vec<pb::CreateConsumerRequest> = server.asked("create_consumer");
    assert_eq!(asked[0].consumer, Some(expected));
    let ran = run(&server.url, &["consumer", "create", "anna", "--wait", "-o", "json"]);
    let json = ran.json();
    assert_eq!((&json["change"], &json["served_by"]), (&json!("created"), &json!(["dp-1"])));
    assert_eq!(server.asked::<WaitForRevisionRequest>("wait_for_revision")[0].revision, 7);

    let shown = run(&server.url, &["consumer", "get", "anna"]).quiet();
    for line in [
        "Name:        anna",
        "Groups:      admins, staff",
        "Rate limit:  all: 1000 requests in 60s; burst 1000; of the cluster",
        "Key:         000000000001, created 2023-11-14T22:13:20.000Z",
        "Key:         000000000002, created 2023-11-14T22:13:20.000Z, expires 2023-11-14T22:14:20.000Z",
        "Password:    yes",
        "Revision:    7",
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    let json = run(&server.url, &["consumer", "get", "anna", "-o", "json"]).json();
    let limits = json!([{
        "name": "all", "requests": 1000, "per": "60s", "burst": 1000, "scope": "cluster",
    }]);
    assert_eq!((&json["groups"], &json["rate_limits"]), (&json!(["admins", "staff"]), &limits));
    let created = "2023-11-14T22:13:20.000Z";
    let first = json!({"id": "000000000001", "consumer": "anna", "created": created, "expires": null});
    assert_eq!((&json["keys"][0], &json["has_password"]), (&first, &json!(true)));

    let page = |name: &str, next: &str| pb::ListConsumersResponse {
        consumers: vec![consumer(name)],
        next_page_token: next.into(),
        revision: 7,
    };
    server.answer("list_consumers", page("anna", "next")).answer("list_consumers", page("ben", ""));
    let table = run(&server.url, &["consumer", "list", "--group", "staff"]).quiet();
    let rows: Vec<_> =
        table.lines().map(|line| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty())).collect();
    let row = rows[2].clone().collect::<Vec<_>>();
    assert_eq!((rows.len(), row), (3, vec!["ben", "Of the shop", "admins, staff", "2 keys and a password", "7"]));
    let asked: Vec<pb::ListConsumersRequest> = server.asked("list_consumers");
    let asked: Vec<_> = asked.iter().map(|request| (&*request.group, &*request.page_token)).collect();
    assert_eq!(asked, [("staff", ""), ("staff", "next")]);

    server.answer("delete_consumer", pb::DeleteConsumerResponse { revision: 8 });
    let out = run(&server.url, &["consumer", "delete", "anna", "--revision", "7", "--wait"]).quiet();
    assert_eq!(out, "consumer anna deleted (revision 8)\nrevision 7: served by 1 data plane: dp-1\n");
    let asked: Vec<pb::DeleteConsumerRequest> = server.asked("delete_consumer");
    assert_eq!(asked, [pb::DeleteConsumerRequest { name: "anna".into(), expected_revision: 7 }]);
}

#[test]
fn what_is_given_of_a_consumer_is_changed_and_nothing_else_of_him() {
    let (groups, title) = (["admins", "staff"], "Of the shop");
    for (args, expected) in [
        (&["--group", "staff,x", "--group", "y"][..], (&["staff", "x", "y"][..], title)),
        (&["--title", "Of the house"], (&groups, "Of the house")),
        (&["--no-groups", "--title", ""], (&[], "")),
    ] {
        let server = Server::start();
        server.answer("get_consumer", pb::GetConsumerResponse { consumer: Some(consumer("anna")) });
        server.answer("wait_for_revision", served());
        let (groups, title) = expected;
        let groups = groups.iter().map(|&group| group.to_owned()).collect();
        let changed = pb::Consumer { title: title.into(), groups, ..consumer("anna") };
        let stored = pb::Consumer { revision: 8, ..changed.clone() };
        server.answer("update_consumer", pb::UpdateConsumerResponse { consumer: Some(stored), revision: 8 });
        let ran = run(&server.url, &[&["consumer", "update", "anna", "-o", "json", "--wait"], args].concat());
        assert_eq!(
            (ran.code, &ran.json()["change"], &ran.json()["served_by"]),
            (0, &json!("updated"), &json!(["dp-1"]))
        );
        let asked: Vec<pb::UpdateConsumerRequest> = server.asked("update_consumer");
        assert_eq!(asked, [pb::UpdateConsumerRequest { consumer: Some(changed), expected_revision: 7 }], "{args:?}");
        assert_eq!(server.asked::<WaitForRevisionRequest>("wait_for_revision")[0].revision, 8);
    }
}

#[test]
fn a_consumer_whom_others_change_too_is_read_again() {
    let server = Server::start();
    let read = |revision| {
        let consumer = Some(pb::Consumer { revision, ..consumer("anna") });
        pb::GetConsumerResponse { consumer }
    };
    server.answer("get_consumer", read(7)).answer("get_consumer", read(8));
    server.refuse("update_consumer", refusal(Reason::StaleRevision, "he is at revision 8"));
    let stored = pb::UpdateConsumerResponse { consumer: read(8).consumer, revision: 9 };
    server.answer("update_consumer", stored);
    server.refuse("update_consumer", refusal(Reason::StaleRevision, "he is at revision 9"));
    let update = ["consumer", "update", "anna", "--group", "admins,staff"];
    let out = run(&server.url, &update).quiet();
    assert_eq!(out, "consumer anna unchanged: groups admins, staff (revision 8)\n");
    let asked: Vec<pb::UpdateConsumerRequest> = server.asked("update_consumer");
    assert_eq!(asked.iter().map(|request| request.expected_revision).collect::<Vec<_>>(), [7, 8]);
    // Not without end.
    let ran = run(&server.url, &update);
    assert!(ran.code == 4 && ran.err.contains("gatewayctl consumer get anna"), "{ran:?}");
    assert_eq!(server.asked::<pb::UpdateConsumerRequest>("update_consumer").len(), 2 + 5);
}

#[test]
fn a_password_comes_from_a_file_or_standard_input_and_is_never_shown() {
    let server = Server::start();
    server.answer("set_password", pb::SetPasswordResponse { consumer: Some(consumer("anna")) });
    let args = ["consumer", "password", "anna"];
    for (input, password) in [("correct horse", "correct horse"), ("correct \r\n", "correct "), (" a\n\n", " a\n")] {
        let out = run_with_input(&server.url, &args, input).quiet();
        assert_eq!(out, "password of consumer anna set (revision 7)\n");
        let asked: Vec<pb::SetPasswordRequest> = server.asked("set_password");
        assert_eq!(asked.last().unwrap().password.as_deref(), Some(password));
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("password");
    fs::write(&file, "battery staple\n").unwrap();
    let with_file = [&args[..], &["--password-file", file.to_str().unwrap()]].concat();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let ran = run(&server.url, &with_file);
    assert!(ran.code == 1 && ran.err.contains("chmod 600") && !ran.err.contains("staple"), "{ran:?}");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let ran = run(&server.url, &[&with_file[..], &["-o", "json"]].concat());
    assert_eq!((ran.code, &ran.json()["change"]), (0, &json!("password_set")));
    assert!(!ran.out.contains("staple"), "{ran:?}");
    let asked: Vec<pb::SetPasswordRequest> = server.asked("set_password");
    assert_eq!((asked.len(), asked[3].password.as_deref()), (4, Some("battery staple")));

    let out = run(&server.url, &[&args[..], &["--remove"]].concat()).quiet();
    assert_eq!(out, "password of consumer anna removed (revision 7)\n");
    assert_eq!(server.asked::<pb::SetPasswordRequest>("set_password")[4].password, None);
    let ran = run(&server.url, &[&with_file[..], &["--remove"]].concat());
    assert!(ran.code == 2 && ran.err.contains("'--remove' cannot be used with '--password-file'"), "{ran:?}");
    // It is no argument.
    assert_eq!(run(&server.url, &[&args[..], &["hunter2-hunter2"]].concat()).code, 2);
    assert_eq!(server.asked::<pb::SetPasswordRequest>("set_password").len(), 5);
}

#[test]
fn a_key_is_printed_once_and_alone() {
    let server = Server::start();
    let made = key("0123456789ab", "anna", time(60));
    server.answer("create_key", pb::CreateKeyResponse { key: Some(made), secret: KEY.into(), revision: 7 });
    let args = ["key", "create", "anna", "--expires", "30d"];
    let ran = run(&server.url, &args);
    assert_eq!((ran.code, ran.out.trim_end()), (0, KEY), "{ran:?}");
    assert!(ran.err.contains("not shown again") && !ran.err.contains(&KEY[17..]), "{ran:?}");
    let lifetime = Some(prost_types::Duration { seconds: 30 * 86_400, nanos: 0 });
    let asked: Vec<pb::CreateKeyRequest> = server.asked("create_key");
    assert_eq!(asked, [pb::CreateKeyRequest { consumer: "anna".into(), lifetime }]);
    let expected = json!({"id": "0123456789ab", "consumer": "anna", "key": KEY, "expires": "2023-11-14T22:14:20.000Z"});
    let ran = run(&server.url, &[&args[..], &["-o", "json"]].concat());
    assert_eq!(ran.json(), expected);
    assert!(ran.err.contains("key 0123456789ab ") && !ran.err.contains(&KEY[17..]), "{ran:?}");

    // It is shown whatever becomes of the wait, and the form stays what it is.
    let behind =
        WaitForRevisionResponse { revision: 7, nodes_behind: vec![node("dp-2", 6, false)], ..Default::default() };
    server.answer("wait_for_revision", served()).answer("wait_for_revision", behind);
    let ran = run(&server.url, &["key", "create", "anna", "--wait"]);
    assert!(ran.out.trim_end() == KEY && ran.err.contains("served by 1 data plane: dp-1"), "{ran:?}");
    let ran = run(&server.url, &["key", "create", "anna", "--wait", "-o", "json"]);
    assert_eq!((ran.code, ran.json()), (6, expected));
    for (wrong, says) in [("soon", "30d"), ("30s", "1m to 10y"), ("11y", "1m to 10y")] {
        let ran = run(&server.url, &["key", "create", "anna", "--expires", wrong]);
        assert!(ran.code == 2 && ran.err.contains("--expires") && ran.err.contains(says), "{ran:?}");
    }
}

#[test]
fn keys_are_listed_and_revoked() {
    let server = Server::start();
    let page =
        |id: &str, next: &str| pb::ListKeysResponse { keys: vec![key(id, "anna", None)], next_page_token: next.into() };
    server.answer("list_keys", page("000000000001", "next")).answer("list_keys", page("000000000002", ""));
    let table = run(&server.url, &["key", "list"]).quiet();
    for word in ["ID", "000000000001", "000000000002", "anna", "2023-11-14T22:13:20Z", "-"] {
        assert!(table.contains(word), "{table}");
    }
    let listed = run(&server.url, &["key", "list", "anna", "-o", "json"]).json();
    let created = "2023-11-14T22:13:20.000Z";
    assert_eq!(listed, json!([{"id": "000000000002", "consumer": "anna", "created": created, "expires": null}]));
    let asked: Vec<pb::ListKeysRequest> = server.asked("list_keys");
    let asked: Vec<_> = asked.iter().map(|request| (&*request.consumer, &*request.page_token)).collect();
    assert_eq!(asked, [("", ""), ("", "next"), ("anna", "")]);

    let revoked = pb::RevokeKeyResponse { key: Some(key("000000000001", "anna", None)), revision: 9 };
    server.answer("revoke_key", revoked).answer("wait_for_revision", served());
    let out = run(&server.url, &["key", "revoke", "000000000001", "--wait"]).quiet();
    assert!(out.starts_with("key 000000000001 of consumer anna revoked (revision 9)\n"), "{out}");
    let json = run(&server.url, &["key", "revoke", "000000000001", "-o", "json"]).json();
    assert_eq!(
        (&json["id"], &json["change"], &json["revision"]),
        (&json!("000000000001"), &json!("revoked"), &json!(9))
    );
}

#[test]
fn refusals_have_their_exit_status_and_say_what_to_do() {
    let cases: [(&'static str, Reason, &[&str], i32, &str); 6] = [
        ("create_consumer", Reason::ConsumerExists, &["consumer", "create", "anna"], 4, "gatewayctl consumer get anna"),
        ("get_consumer", Reason::ConsumerNotFound, &["consumer", "get", "anna"], 3, "gatewayctl consumer list"),
        ("get_consumer", Reason::ConsumerNotFound, &["consumer", "update", "anna", "--title", ""], 3, "consumer list"),
        ("delete_consumer", Reason::StaleRevision, &["consumer", "delete", "anna"], 4, "gatewayctl consumer get anna"),
        ("create_key", Reason::ConsumerNotFound, &["key", "create", "anna"], 3, "gatewayctl consumer list"),
        ("revoke_key", Reason::KeyNotFound, &["key", "revoke", "000000000009"], 3, "gatewayctl key list"),
    ];
    for (method, reason, args, code, hint) in cases {
        let server = Server::start();
        server.refuse(method, refusal(reason, "no"));
        let ran = run(&server.url, args);
        assert!(ran.code == code && ran.err.contains(hint), "{ran:?}");
    }
    let server = Server::start();
    server.answer("list_consumers", pb::ListConsumersResponse::default());
    server.answer("list_keys", pb::ListKeysResponse::default());
    for (args, says) in [
        (&["consumer", "list"][..], "there are no consumers yet"),
        (&["consumer", "list", "--group", "x"], "no consumer is in that group"),
        (&["key", "list"], "there are no keys yet"),
        (&["key", "list", "anna"], "he has no keys"),
    ] {
        let ran = run(&server.url, args);
        assert!(ran.code == 0 && ran.out.is_empty() && ran.err.contains(says), "{ran:?}");
    }
}
