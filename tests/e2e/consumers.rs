//! Consumers, their keys and their passwords, from their making to their end, at the control plane.

use std::fs;

use serde_json::{Value, json};

use crate::harness::{ControlPlane, ctl};

const PASSWORD: &str = "correct horse battery";

/// All bytes of a directory's files.
fn bytes_of(directory: &std::path::Path) -> Vec<u8> {
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    files.flat_map(|path| if path.is_dir() { bytes_of(&path) } else { fs::read(path).unwrap() }).collect()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn consumers_outlive_a_kill_and_nothing_secret_leaves_the_store_or_gets_there() {
    let dir = tempfile::tempdir().unwrap();
    let mut control_plane = ControlPlane::start(&dir.path().join("store"), &["--log-level", "trace"]).await;
    let url = control_plane.url();
    let run = async |args: &[&str]| ctl::ctl(&url, args).await;
    run(&["consumer", "create", "anna", "--group", "staff", "--title", "Anna"]).await.ok();
    run(&["consumer", "create", "anna"]).await.exits(4).says(&["already"]);
    let made = run(&["-o", "json", "key", "create", "anna", "--expires", "30d"]).await.ok().json();
    let members: Vec<&str> = made.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members.len(), 4, "{made}");
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    assert!(made["consumer"] == "anna" && made["expires"].is_string() && key.starts_with(&format!("gwk_{id}_")));
    ctl::ctl_with_input(&url, &["consumer", "password", "anna"], PASSWORD).await.ok();

    control_plane.kill().await;
    control_plane.restart().await;
    let shown = run(&["-o", "json", "consumer", "get", "anna"]).await.ok();
    let anna = shown.json();
    assert_eq!(
        (&anna["groups"], &anna["has_password"], &anna["revision"]),
        (&json!(["staff"]), &json!(true), &json!(3))
    );
    assert_eq!((&anna["keys"][0]["id"], anna["keys"].as_array().unwrap().len()), (&json!(id), 1));

    // So does who made him.
    let told = run(&["-o", "json", "audit"]).await.ok().json();
    let actions: Vec<&Value> = told.as_array().unwrap().iter().map(|entry| &entry["actions"]).collect();
    let known = |what: &str| format!("{what} consumer \"anna\"");
    assert_eq!(*actions[0], json!([known("put"), known("set the password of")]));
    assert_eq!(*actions[1], json!([known("put"), known(&format!("create key {id} of"))]));
    assert_eq!((actions[2], &told[3]["by"]), (&json!([known("put")]), &json!("first start")));
    assert_eq!((&told[3]["revision"], actions[3].as_array().unwrap().len()), (&json!(0), 2), "{told}");

    // A file takes nothing away from him, and says nothing of it.
    let export = run(&["export"]).await.ok().stdout;
    assert!(!export.contains(id) && export.contains("anna"), "{export}");
    let file = "consumers: [{name: anna, groups: [admins], rate_limits: [{name: all, requests: 10, per: 1s}]}]";
    let preview = ctl::ctl_with_input(&url, &["apply", "-f", "-", "--dry-run"], file).await.ok().stdout;
    assert!(preview.starts_with("updated   consumer anna\n"), "{preview}");
    ctl::ctl_with_input(&url, &["apply", "-f", "-"], file).await.ok();
    let again = ctl::ctl_with_input(&url, &["apply", "-f", "-"], file).await.ok().stdout;
    assert!(again.contains("nothing changed: 1 consumer already so (revision 4)"), "{again}");
    let anna = run(&["-o", "json", "consumer", "get", "anna"]).await.ok().json();
    assert_eq!((&anna["has_password"], &anna["keys"][0]["id"]), (&json!(true), &json!(id)));
    let export = run(&["export"]).await.ok().stdout;
    let again = ctl::ctl_with_input(&url, &["apply", "-f", "-"], &export).await.ok().stdout;
    assert!(again.contains("nothing changed"), "{again}");

    let second = run(&["-o", "json", "key", "create", "anna"]).await.ok().json();
    run(&["key", "revoke", id]).await.ok();
    run(&["key", "revoke", id]).await.exits(3).says(&["no key of that id"]);
    run(&["key", "revoke", key]).await.exits(3);
    let audit = run(&["-o", "json", "audit"]).await.ok();
    let entries = audit.json();
    let actions: Vec<&Value> = entries.as_array().unwrap().iter().map(|entry| &entry["actions"][1]).collect();
    let second_id = second["id"].as_str().unwrap();
    let told =
        [format!("revoke key {id} of consumer \"anna\""), format!("create key {second_id} of consumer \"anna\"")];
    assert_eq!(actions[..2], [&json!(told[0]), &json!(told[1])]);
    assert!(entries[0]["by"].as_str().unwrap().ends_with("(first start)"), "{entries}");
    let listed = run(&["-o", "json", "key", "list"]).await.ok();
    assert_eq!(listed.json().as_array().unwrap().len(), 1);
    run(&["consumer", "delete", "anna", "--revision", "1"]).await.exits(4);
    run(&["consumer", "delete", "anna"]).await.ok();
    let told = run(&["-o", "json", "audit", "--limit", "1"]).await.ok().json();
    let ended = [known("delete"), known(&format!("revoke key {second_id} of")), known("remove the password of")];
    assert_eq!(told[0]["actions"], json!(ended));
    run(&["consumer", "get", "anna"]).await.exits(3);
    run(&["key", "list", "anna"]).await.exits(3);

    let log = control_plane.log();
    assert!(!log.is_empty());
    let store = bytes_of(&control_plane.data_dir);
    for secret in [PASSWORD, &key[17..], &second["key"].as_str().unwrap()[17..]] {
        for output in [&log, &export, &audit.stdout, &listed.stdout, &shown.stdout] {
            assert!(!output.contains(secret) && !output.contains("argon2id"), "{output}");
        }
        assert!(!holds(&store, secret));
    }
}
