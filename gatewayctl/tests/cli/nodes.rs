//! `node`.

use gateway_proto::admin::v1 as admin;

use crate::{
    program::run,
    server::{Server, node},
};

#[test]
fn data_planes_are_listed_and_shown() {
    let server = Server::start();
    let mut refusing = node("dp-2", 6, false);
    refusing.violations = vec!["services/mail: bad".into()];
    let mut gone = node("dp-3", 5, false);
    gone.connected = false;
    let nodes = vec![node("dp-1", 7, true), refusing.clone(), gone, node("dp-4", 6, false)];
    server.answer("list_nodes", admin::ListNodesResponse { nodes });
    server.answer("get_node", admin::GetNodeResponse { node: Some(refusing) });
    let expected = "\
ID    STATE    REVISION  PROXY         SINCE
dp-1  in sync  7         0.0.0.0:8080  2023-11-14T22:13:21Z
dp-2  refuses  6         0.0.0.0:8080  2023-11-14T22:13:21Z
dp-3  gone     5         0.0.0.0:8080  2023-11-14T22:13:21Z
dp-4  behind   6         0.0.0.0:8080  2023-11-14T22:13:21Z
";
    assert_eq!(run(&server.url, &["node", "list"]).quiet(), expected);
    let expected = "\
Id:             dp-2
State:          refuses
Revision:       6
Version:        feed000000000001.3
Proxy address:  0.0.0.0:8080
Peer address:   127.0.0.1:50000
Connected:      2023-11-14T22:13:21.000Z
Build:          0.1.0
Refuses:        services/mail: bad
";
    assert_eq!(run(&server.url, &["node", "get", "dp-2"]).quiet(), expected);
    assert_eq!(server.asked::<admin::GetNodeRequest>("get_node")[0].id, "dp-2");
}

#[test]
fn no_data_plane_is_an_empty_list() {
    let server = Server::start();
    server.answer("list_nodes", admin::ListNodesResponse::default());
    let ran = run(&server.url, &["node", "list"]);
    assert_eq!((ran.code, &*ran.out), (0, ""));
    assert!(ran.err.contains("start one with `data-plane`"), "{ran:#?}");
}

#[test]
fn wait_ends_with_a_verdict() {
    let server = Server::start();
    let done = admin::WaitForRevisionResponse {
        done: true,
        revision: 7,
        nodes_in_sync: vec!["dp-1".into()],
        ..Default::default()
    };
    let behind = admin::WaitForRevisionResponse {
        done: false,
        revision: 9,
        nodes_behind: vec![node("dp-1", 7, false)],
        ..Default::default()
    };
    server.answer("wait_for_revision", done).answer("wait_for_revision", behind);
    assert_eq!(run(&server.url, &["node", "wait"]).quiet(), "revision 7: served by 1 data plane: dp-1\n");
    let ran = run(&server.url, &["node", "wait", "--revision", "9", "--timeout", "250ms", "-o", "json"]);
    assert_eq!((ran.code, &ran.json()["done"]), (6, &false.into()), "{ran:#?}");
    assert!(ran.err.contains("dp-1: serves revision 7") && !ran.err.contains("change"), "{ran:#?}");
    let asked: Vec<admin::WaitForRevisionRequest> = server.asked("wait_for_revision");
    assert_eq!([asked[0].revision, asked[1].revision], [0, 9]);
    assert_eq!(asked[1].timeout, Some(prost_types::Duration { seconds: 0, nanos: 250_000_000 }));
}
