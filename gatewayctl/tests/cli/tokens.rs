//! Tokens and the audit, and how the program shows who it is.

use gateway_proto::{
    admin::v1 as admin,
    auth::v1 as pb,
    code::{DOMAIN, Reason},
};
use serde_json::json;
use tonic::Status;
use tonic_types::{ErrorDetails, StatusExt};

use crate::{
    program::{Ran, command, run},
    server::{Server, time},
};

const TOKEN: &str = "gwt_0123456789ab_00000000000000010000000000000002000000000000000300000000000000ff";

fn kept() -> pb::Token {
    pb::Token {
        id: "0123456789ab".into(),
        name: "ci".into(),
        role: pb::Role::Operator.into(),
        created_at: time(0),
        expires_at: time(60),
        last_used_at: None,
    }
}

#[test]
fn a_token_is_printed_once_and_alone() {
    let server = Server::start();
    let created = pb::CreateTokenResponse { token: Some(kept()), secret: TOKEN.into() };
    server.answer("create_token", created).answer("list_tokens", pb::ListTokensResponse { tokens: vec![kept()] });
    server.answer("revoke_token", pb::RevokeTokenResponse { token: Some(kept()) });
    let args = ["token", "create", "--role", "operator", "--expires", "30d", "--name", "ci"];
    let ran = run(&server.url, &args);
    assert_eq!((ran.code, ran.out.trim_end()), (0, TOKEN), "{ran:?}");
    assert!(ran.err.contains("not shown again") && !ran.err.contains(&TOKEN[17..]), "{ran:?}");
    let asked: Vec<pb::CreateTokenRequest> = server.asked("create_token");
    let lifetime = Some(prost_types::Duration { seconds: 30 * 86_400, nanos: 0 });
    assert_eq!(asked, [pb::CreateTokenRequest { role: pb::Role::Operator.into(), name: "ci".into(), lifetime }]);

    let ran = run(&server.url, &[&args[..], &["-o", "json"]].concat());
    assert!(ran.err.contains("token 0123456789ab ") && !ran.err.contains(&TOKEN[17..]), "{ran:?}");
    let printed = ran.json();
    let expires = "2023-11-14T22:14:20.000Z";
    assert_eq!(
        printed,
        json!({"id": "0123456789ab", "name": "ci", "role": "operator", "token": TOKEN, "expires": expires})
    );
    let listed = run(&server.url, &["token", "list"]).quiet();
    for word in ["0123456789ab", "operator", "ci", "2023-11-14T22:14:20Z", "-"] {
        assert!(listed.contains(word), "{listed}");
    }
    let listed = run(&server.url, &["token", "list", "-o", "json"]).json();
    assert_eq!((&listed[0]["id"], &listed[0]["last_used"]), (&json!("0123456789ab"), &json!(null)));
    assert_eq!(run(&server.url, &["token", "revoke", "0123456789ab"]).quiet(), "token 0123456789ab revoked\n");
    for wrong in ["30s", "11y", "soon"] {
        let ran = run(&server.url, &["token", "create", "--role", "viewer", "--expires", wrong]);
        assert!(ran.code == 2 && ran.err.contains("--expires") && ran.out.is_empty(), "{ran:?}");
    }
}

#[test]
fn the_audit_says_who_and_what() {
    let server = Server::start();
    let entry = admin::AuditEntry {
        revision: 7,
        time: time(0),
        actor: "token:0123456789ab (ci\u{1b}[2J)".into(),
        actions: vec!["put service \"shop\"".into(), "delete route \"old\"".into()],
        more: 3,
    };
    let page = admin::ListAuditResponse { entries: vec![entry], next_page_token: String::new() };
    server.answer("list_audit", page);
    let table = run(&server.url, &["audit", "--limit", "5"]).quiet();
    assert!(table.contains("put service \"shop\", delete route \"old\", and 3 more"), "{table}");
    assert!(table.contains("token:0123456789ab (ci\\u{1b}[2J)"), "{table}");
    let entries = run(&server.url, &["audit", "--since", "2023-11-14T22:13:20Z", "-o", "json"]).json();
    assert_eq!((&entries[0]["revision"], &entries[0]["more"]), (&json!(7), &json!(3)));
    let asked: Vec<admin::ListAuditRequest> = server.asked("list_audit");
    let page_token = String::new();
    assert_eq!(asked[0], admin::ListAuditRequest { since: None, limit: 5, page_token: page_token.clone() });
    assert_eq!(asked[1], admin::ListAuditRequest { since: time(0), limit: 100, page_token });
    for wrong in [["audit", "--limit", "0"], ["audit", "--since", "yesterday"]] {
        let ran = run(&server.url, &wrong);
        assert!(ran.code == 2 && ran.err.contains(wrong[1]), "{ran:?}");
    }
}

#[test]
fn a_long_audit_is_read_page_by_page() {
    let server = Server::start();
    let of = |revision| admin::AuditEntry { revision, ..admin::AuditEntry::default() };
    let page = |entries: Vec<_>, next: &str| admin::ListAuditResponse { entries, next_page_token: next.into() };
    server.answer("list_audit", page(vec![], "2"));
    server.answer("list_audit", page((0..999).map(of).collect(), "3"));
    server.answer("list_audit", page((0..2).map(of).collect(), "4"));
    let entries = run(&server.url, &["audit", "--limit", "1001", "-o", "json"]).json();
    assert_eq!(entries.as_array().unwrap().len(), 999 + 2);
    let asked: Vec<admin::ListAuditRequest> = server.asked("list_audit");
    let asked: Vec<_> = asked.iter().map(|asked| (asked.limit, &*asked.page_token)).collect();
    assert_eq!(asked, [(1000, ""), (1000, "2"), (2, "3")]);
}

#[test]
fn a_refusal_names_the_way_to_a_token() {
    for (reason, says) in [
        (Reason::Unauthenticated, "admin.token in its data directory"),
        (Reason::PermissionDenied, "gatewayctl token create --role ROLE"),
        (Reason::LastAdminToken, "gatewayctl token create --role admin"),
    ] {
        let server = Server::start();
        let details = ErrorDetails::with_error_info(reason.as_str(), DOMAIN, std::collections::HashMap::new());
        server.refuse("list_tokens", Status::with_error_details(reason.grpc(), "no", details));
        let ran = run(&server.url, &["token", "list"]);
        assert!(ran.code == 1 && ran.err.contains(says), "{ran:?}");
    }
}

#[test]
fn the_token_is_sent_from_the_variable_and_never_shown() {
    let server = Server::start();
    server.answer("list_nodes", admin::ListNodesResponse::default());
    let ran = command(&server.url, &["node", "list"]).env("GATEWAY_TOKEN", TOKEN).output().unwrap();
    assert!(ran.status.success(), "{ran:?}");
    assert_eq!(server.shown(), [format!("Bearer {TOKEN}")]);
    assert_eq!(run(&server.url, &["node", "list"]).code, 0);
    assert_eq!(server.shown().len(), 1, "nobody has named a token for this server");
    let ran = command(&server.url, &["node", "list"]).env("GATEWAY_TOKEN", &TOKEN[1..]).output().unwrap();
    let err = String::from_utf8(ran.stderr).unwrap();
    assert!(ran.status.code() == Some(2) && err.contains("GATEWAY_TOKEN") && !err.contains(&TOKEN[17..]), "{err}");
    // The same server, at an address that is not loopback by what it says.
    let exposed = server.url.replace("127.0.0.1", "0.0.0.0");
    let list = |more: &[&str]| -> Ran {
        let mut command = command(&exposed, &[&["node", "list"], more].concat());
        command.env("GATEWAY_TOKEN", TOKEN).output().unwrap().into()
    };
    let ran = list(&[]);
    assert!(ran.code == 2 && ran.err.contains("--allow-plaintext") && ran.err.contains("https://"), "{ran:?}");
    assert_eq!(server.shown().len(), 1, "it goes there only if that is wanted");
    assert_eq!((list(&["--allow-plaintext"]).code, server.shown().len()), (0, 2));
    let help = run(&server.url, &["--help"]).quiet();
    assert!(help.contains("--token-file") && !help.contains("--token "), "{help}");
}
