//! How long a change takes until every data plane serves it, in a cluster of some size.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use gateway_proto::{
    admin::v1::WaitForRevisionRequest,
    registry::v1::{ApplyRequest, Endpoint, RegisterServiceRequest, Service},
};

use crate::harness::{Answer, Gateway, Upstream};

#[tokio::test]
async fn a_change_is_soon_served_by_every_data_plane() {
    measure(Size { data_planes: 3, services: 100, endpoints: 3, changes: 20 }).await;
}

#[tokio::test]
#[ignore = "a long run; see tests/README.md"]
async fn a_change_is_soon_served_by_ten_data_planes_of_a_thousand_services() {
    let median = measure(Size { data_planes: 10, services: 1_000, endpoints: 3, changes: 200 }).await;
    assert!(median < Duration::from_millis(100), "the median is {median:?}");
}

#[derive(Debug, Clone, Copy)]
struct Size {
    data_planes: usize,
    services: usize,
    endpoints: usize,
    changes: usize,
}

async fn measure(size: Size) -> Duration {
    let gateway = Gateway::builder().data_planes(size.data_planes).start().await;
    // One listener on every loopback address stands for all endpoints.
    let upstream = Upstream::on((Ipv4Addr::UNSPECIFIED, 0).into(), Answer::Text("scale".into())).await;
    let port = upstream.address.port();
    let endpoint = |number: usize| {
        let number = u32::try_from(number).unwrap() + 1;
        // 127.64.0.0 and above: apart from the addresses of the harness.
        let address = SocketAddr::from((Ipv4Addr::from((127 << 24) | (64 << 16) | number), port));
        Endpoint { address: address.to_string(), weight: 1 }
    };
    let service = |number: usize| Service {
        name: format!("service-{number}"),
        hosts: vec![format!("{number}.scale.test")],
        endpoints: (0..size.endpoints).map(|of| endpoint(number * size.endpoints + of)).collect(),
        ..Service::default()
    };

    let (mut registry, mut admin) = (gateway.control_plane.registry().await, gateway.control_plane.admin().await);
    let services: Vec<_> = (0..size.services).map(service).collect();
    let names: Vec<_> = services.iter().map(|service| service.name.clone()).collect();
    let began = Instant::now();
    let applied = registry.apply(ApplyRequest { services, ..ApplyRequest::default() }).await.unwrap().into_inner();
    let wait = WaitForRevisionRequest { revision: applied.revision, services: names, timeout: seconds(60) };
    let waited = admin.wait_for_revision(wait).await.unwrap().into_inner();
    assert!(waited.done, "{:?}", waited.nodes_behind);
    println!("{size:?}: everything at once took {:?}", began.elapsed());

    let mut times = Vec::new();
    for change in 0..size.changes {
        // Every change is one that matters: a new host, and a new endpoint that must first be probed.
        let number = change * 7 % size.services;
        let host = format!("change-{change}.scale.test");
        let new = endpoint(size.services * size.endpoints + change);
        let service = Service {
            name: format!("service-{number}"),
            hosts: vec![host.clone()],
            endpoints: vec![new],
            ..Service::default()
        };
        let began = Instant::now();
        let registered = registry.register_service(RegisterServiceRequest { service: Some(service) }).await;
        let service = registered.unwrap().into_inner().service.unwrap();
        let wait =
            WaitForRevisionRequest { revision: service.revision, services: vec![service.name], timeout: seconds(10) };
        let waited = admin.wait_for_revision(wait).await.unwrap().into_inner();
        times.push(began.elapsed());
        assert!(waited.done, "{:?}", waited.nodes_behind);
        assert_eq!(waited.nodes_in_sync.len(), size.data_planes);
        for data_plane in &gateway.data_planes {
            assert_eq!(data_plane.get(&host, "/").await.status, 200, "{host} at {}", data_plane.id);
        }
    }
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share).round() as usize];
    println!(
        "{size:?}: a change is served by all after {:?} at the median, {:?} at p99, {:?} at the most",
        at(0.5),
        at(0.99),
        at(1.0)
    );
    at(0.5)
}

fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}
