//! What becomes of calls and streams whose token ends, and of ids that are another token's.

use std::time::Duration;

use futures_util::{Stream, StreamExt, future::join, stream};
use gateway_proto::{
    auth::v1 as auth,
    code::Reason,
    discovery::v1::{self as pb, discovery_service_client::DiscoveryServiceClient},
    registry::v1::{self as registry, registry_service_client::RegistryServiceClient},
};
use prost::Message;
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;

use super::{
    SOON,
    door::{Shown, TestDoor},
    reason,
};
use crate::auth::{sample::token, token::Role};

/// A stream that stays open behind its first message.
fn open<T: Send + 'static>(first: T) -> impl Stream<Item = T> + Send + 'static {
    stream::iter([first]).chain(stream::pending())
}

fn subscribe(id: &str) -> pb::DiscoveryRequest {
    let node = Some(pb::Node { id: id.into(), ..pb::Node::default() });
    let subscribe = pb::Subscribe { node, ..pb::Subscribe::default() };
    pb::DiscoveryRequest { request: Some(pb::discovery_request::Request::Subscribe(subscribe)) }
}

fn demand(id: &str) -> pb::LimitDemand {
    pb::LimitDemand { node_id: id.into(), ..pb::LimitDemand::default() }
}

fn introduction(id: &str) -> pb::QueryReply {
    pb::QueryReply { node_id: id.into(), ..pb::QueryReply::default() }
}

/// Waits until so many data planes are connected.
async fn until_connected(door: &TestDoor, count: usize) {
    let mut changes = door.nodes.changes();
    while door.nodes.list().iter().filter(|node| node.connected).count() != count {
        timeout(SOON, changes.changed()).await.expect("data planes come and go").unwrap();
    }
}

#[tokio::test]
async fn a_token_that_is_revoked_or_expires_ends_its_streams() {
    for revoked in [true, false] {
        let door = TestDoor::start().await;
        // One that ends by itself, and one that is ended.
        let (data_plane, viewer) = door.more_tokens(None).await;
        let mut watch = RegistryServiceClient::new(door.channel_of(&viewer));
        let current = registry::WatchRequest { include_current: true, after_revision: None };
        let mut watch = watch.watch(current).await.unwrap().into_inner();
        let synced = watch.message().await.unwrap().unwrap().event;
        assert!(matches!(synced, Some(registry::watch_response::Event::Synced(_))));
        let mut client = DiscoveryServiceClient::new(door.channel_of(&data_plane));
        let mut snapshots = client.stream_snapshots(open(subscribe("edge"))).await.unwrap().into_inner();
        snapshots.message().await.unwrap().unwrap();
        let mut leases = client.lease_limits(open(demand("edge"))).await.unwrap().into_inner();
        leases.message().await.unwrap().unwrap();
        let mut queries = client.answer_queries(open(introduction("edge"))).await.unwrap().into_inner();
        until_connected(&door, 1).await;

        if revoked {
            door.revoke(&data_plane).await;
            door.revoke(&viewer).await;
        } else {
            door.more_tokens(Some(Duration::from_millis(200))).await;
        }
        let ended = timeout(SOON, watch.message()).await.expect("the watch ends").unwrap_err();
        assert_eq!((ended.code(), reason(&ended)), (Code::Unauthenticated, Reason::Unauthenticated.to_string()));
        let ended = timeout(SOON, snapshots.message()).await.expect("the snapshots end").unwrap_err();
        assert_eq!(ended.code(), Code::Unauthenticated);
        let ended = timeout(SOON, leases.message()).await.expect("the leases end").unwrap_err();
        assert_eq!(ended.code(), Code::Unauthenticated);
        let ended = timeout(SOON, queries.message()).await.expect("the queries end").unwrap_err();
        assert_eq!(ended.code(), Code::Unauthenticated);
        until_connected(&door, 0).await;
        let status = door.call("/gateway.admin.v1.AdminService/GetStatus", &super::door::bearer(&viewer)).await;
        assert_eq!(status.code(), Code::Unauthenticated);
    }
}

#[tokio::test]
async fn a_token_that_ends_ends_what_is_asked_of_a_client_that_takes_no_answers() {
    let door = TestDoor::start().await;
    let (data_plane, _) = door.more_tokens(None).await;
    let mut client = DiscoveryServiceClient::new(door.deaf_channel_of(&data_plane));
    let _snapshots = client.stream_snapshots(open(subscribe("edge"))).await.unwrap();
    until_connected(&door, 1).await;
    // Meanwhile its answer is on its way, and cannot leave.
    for _ in 0..10 {
        let header = Shown::Good(Role::Viewer).header();
        assert_eq!(door.call("/gateway.admin.v1.AdminService/GetStatus", &header).await.code(), Code::Ok);
    }
    door.revoke(&data_plane).await;
    until_connected(&door, 0).await;
}

#[tokio::test]
async fn what_is_asked_only_after_the_token_has_ended_is_not_done() {
    let admin = Shown::Good(Role::Admin).header();
    let create = auth::CreateTokenRequest { role: Role::Admin.wire().into(), ..auth::CreateTokenRequest::default() };
    let revoke = auth::RevokeTokenRequest { id: token(1).id().to_owned() };
    for (method, message) in [("CreateToken", create.encode_to_vec()), ("RevokeToken", revoke.encode_to_vec())] {
        let door = TestDoor::start().await;
        let (messages, held_back) = mpsc::channel(1);
        let path = format!("/gateway.auth.v1.AuthService/{method}");
        let call = door.call_with(&path, &admin, ReceiverStream::new(held_back));
        let later = async {
            // The door notes the use of the token.
            let mut tokens = door.store.tokens();
            let used = tokens.wait_for(|tokens| tokens[token(4).id()].last_used_at.is_some());
            drop(timeout(SOON, used).await.expect("the call is made").unwrap());
            door.revoke(&token(4)).await;
            // It may not be wanted any more.
            let _ = messages.send(message.into()).await;
            messages
        };
        let (status, _messages) = timeout(SOON, join(call, later)).await.expect("the call ends");
        assert_eq!(status.code(), Code::Unauthenticated, "{method}: {status:?}");
        assert_eq!(door.store.tokens().borrow().len(), 4, "{method}");
    }
}

#[tokio::test]
async fn who_has_another_token_does_not_pose_as_a_data_plane_that_is_connected() {
    let door = TestDoor::start().await;
    let (other, _) = door.more_tokens(None).await;
    let mut own = DiscoveryServiceClient::new(door.channel(Role::DataPlane));
    let mut snapshots = own.stream_snapshots(open(subscribe("edge"))).await.unwrap().into_inner();
    snapshots.message().await.unwrap().unwrap();
    let mut other = DiscoveryServiceClient::new(door.channel_of(&other));
    let refused = [
        other.stream_snapshots(open(subscribe("edge"))).await.unwrap().into_inner().message().await.unwrap_err(),
        other.lease_limits(open(demand("edge"))).await.unwrap().into_inner().message().await.unwrap_err(),
        other.answer_queries(open(introduction("edge"))).await.unwrap().into_inner().message().await.unwrap_err(),
    ];
    for refused in refused {
        assert_eq!(refused.code(), Code::PermissionDenied, "{refused:?}");
        assert!(refused.message().contains("\"edge\"") && refused.message().contains("--node-id"), "{refused:?}");
    }
    // Its own may come anew, and whoever has another token once that has ended, as when it is replaced.
    let mut again = own.stream_snapshots(open(subscribe("edge"))).await.unwrap().into_inner();
    again.message().await.unwrap().unwrap();
    assert_eq!(timeout(SOON, snapshots.message()).await.unwrap().unwrap_err().code(), Code::Aborted);
    door.revoke(&token(2)).await;
    until_connected(&door, 0).await;
    let mut replaced = other.stream_snapshots(open(subscribe("edge"))).await.unwrap().into_inner();
    replaced.message().await.unwrap().unwrap();
}
