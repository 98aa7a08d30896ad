//! Data planes that share limits.

use gateway_proto::{
    code::Reason,
    discovery::v1::{self as pb, discovery_service_client::DiscoveryServiceClient},
};
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};
use tonic_types::StatusExt;

use super::harness::{ControlPlane, LONG, many};

const WHOLE: u64 = 1 << 32;

/// Says what the test does.
struct Sharing {
    demands: mpsc::Sender<pb::LimitDemand>,
    leases: Streaming<pb::LimitLease>,
    /// The share of the one key that is leased, in per cent.
    share: Option<u64>,
    nodes: u32,
}

impl Sharing {
    async fn open(control: &ControlPlane, first: pb::LimitDemand) -> Self {
        let (demands, receiver) = mpsc::channel(4);
        demands.send(first).await.unwrap();
        let mut client = DiscoveryServiceClient::new(control.channel.clone());
        let leases = client.lease_limits(ReceiverStream::new(receiver)).await.unwrap().into_inner();
        Self { demands, leases, share: None, nodes: 0 }
    }

    async fn join(control: &ControlPlane, id: &str) -> Self {
        let mut sharing = Self::open(control, introduction(id)).await;
        assert!(sharing.told().await.complete, "the first answer says everything");
        sharing
    }

    async fn say(&self, demand: pb::LimitDemand) {
        self.demands.send(demand).await.unwrap();
    }

    async fn told(&mut self) -> pb::LimitLease {
        let told = timeout(LONG, self.leases.message()).await.expect("an answer").unwrap().unwrap();
        self.nodes = told.nodes;
        for key in told.limits.iter().flat_map(|limit| &limit.keys) {
            self.share = key.share.map(|share| (u64::from(share) * 100).div_ceil(WHOLE));
        }
        told
    }

    async fn until(&mut self, what: impl Fn(&Self) -> bool) {
        while !what(self) {
            self.told().await;
        }
    }

    /// How the control plane ends it.
    async fn ended(mut self) -> Status {
        loop {
            match timeout(LONG, self.leases.message()).await.expect("an end") {
                Ok(told) => assert!(told.is_some(), "it ends with a reason"),
                Err(status) => return status,
            }
        }
    }
}

fn introduction(id: &str) -> pb::LimitDemand {
    pb::LimitDemand { node_id: id.into(), ..Default::default() }
}

fn key(low: u64, asked: u64) -> pb::DemandOfKey {
    pb::DemandOfKey { key_high: 1, key_low: low, asked, passed: asked.min(WHOLE), used: WHOLE, share: None }
}

fn demand(keys: Vec<pb::DemandOfKey>) -> pb::LimitDemand {
    pb::LimitDemand { limits: vec![pb::DemandOfLimit { limit: 5, keys }], ..Default::default() }
}

async fn control() -> ControlPlane {
    let (desired, health) = many(1);
    ControlPlane::start(1, desired, health).await
}

#[tokio::test]
async fn what_one_is_asked_for_it_gets_from_who_is_not_and_back_when_that_one_leaves() {
    let control = control().await;
    let mut hot = Sharing::join(&control, "hot").await;
    let mut cold = Sharing::join(&control, "cold").await;
    assert_eq!(cold.nodes, 2);
    hot.until(|hot| hot.nodes == 2).await;
    hot.say(demand(vec![key(7, 3 * WHOLE)])).await;
    // Both are told without having to ask.
    cold.until(|cold| cold.share == Some(1)).await;
    hot.until(|hot| hot.share == Some(100)).await;

    cold.say(demand(vec![key(7, WHOLE / 4)])).await;
    cold.until(|cold| cold.share.is_some_and(|share| (25..=27).contains(&share))).await;
    cold.say(pb::LimitDemand { leaving: true, ..Default::default() }).await;
    assert_eq!(timeout(LONG, cold.leases.message()).await.unwrap().unwrap().map(|told| told.complete), None);
    hot.until(|hot| hot.nodes == 1 && hot.share == Some(100)).await;
}

#[tokio::test]
async fn every_message_is_answered_if_only_to_say_that_nothing_changes() {
    let control = control().await;
    let mut one = Sharing::join(&control, "one").await;
    for _ in 0..3 {
        one.say(pb::LimitDemand::default()).await;
        let told = one.told().await;
        assert_eq!(told, pb::LimitLease { nodes: 1, complete: false, limits: vec![] });
    }
}

#[tokio::test]
async fn whatever_is_wrong_is_refused() {
    let control = control().await;
    let id = "x".repeat(1025);
    let many = |count| (0..count).map(|low| key(low, 1)).collect::<Vec<_>>();
    let all = |limit| pb::DemandOfLimit { limit, keys: many(1024) };
    let wrong = [
        (introduction(""), "node_id"),
        (introduction(&id), "node_id"),
        (demand(many(1025)), "limits[0].keys name the 1024 largest at most"),
        (pb::LimitDemand { limits: (0..9).map(all).collect(), ..Default::default() }, "limits name 8192 keys in all"),
        (pb::LimitDemand { limits: vec![all(1), all(1)], ..Default::default() }, "limits name each limit and each key"),
        (demand(vec![key(1, (1 << 52) + 1)]), "limits[0].keys no amount is more than 2^52"),
    ];
    for (first, why) in wrong {
        let first = if why == "node_id" { first } else { pb::LimitDemand { node_id: "edge".into(), ..first } };
        let status = Sharing::open(&control, first).await.ended().await;
        let reason = status.get_details_error_info().and_then(|info| Reason::parse(&info.reason));
        assert_eq!((status.code(), reason), (Code::InvalidArgument, Some(Reason::Invalid)), "{status}");
        assert!(status.message().contains(why), "{status}");
    }
    let good = Sharing::open(&control, pb::LimitDemand { node_id: "edge".into(), ..demand(many(1024)) });
    assert!(good.await.told().await.complete);
}

#[tokio::test]
async fn a_stream_ends_when_it_is_replaced_or_all_stops() {
    let control = control().await;
    let old = Sharing::join(&control, "edge").await;
    let new = Sharing::join(&control, "edge").await;
    assert_eq!(old.ended().await.code(), Code::Aborted);
    control.stop.cancel();
    assert_eq!(new.ended().await.code(), Code::Unavailable);
}
