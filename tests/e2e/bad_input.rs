//! What is wrong is refused whole, every mistake is named, and nothing is half done.

use gateway_proto::{
    code::Reason,
    registry::v1::{
        ApplyRequest, CreateServiceRequest, DeleteServiceRequest, Endpoint, GetServiceRequest, HealthCheck, Limits,
        ListServicesRequest, RemoveEndpointsRequest, Service, Timeouts, UpdateServiceRequest,
    },
};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::harness::{Gateway, Upstream};

fn service(name: &str, host: &str) -> Service {
    let endpoints = vec![Endpoint { address: "192.0.2.1:80".into(), weight: 1 }];
    Service { name: name.into(), hosts: vec![host.into()], endpoints, ..Service::default() }
}

fn fields(status: &Status) -> Vec<String> {
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    let details = status.get_details_bad_request().expect("the fields that are wrong");
    details.field_violations.into_iter().map(|violation| violation.field).collect()
}

fn reason(status: &Status) -> Reason {
    let info = status.get_details_error_info().unwrap_or_else(|| panic!("no reason in {status:?}"));
    assert_eq!(info.domain, "gateway");
    let reason = Reason::parse(&info.reason).expect("a known reason");
    assert_eq!(status.code(), reason.grpc());
    reason
}

#[tokio::test]
async fn every_violation_is_named_at_once() {
    let gateway = Gateway::builder().data_planes(0).start().await;
    let mut registry = gateway.control_plane.registry().await;
    let endpoint = |address: &str, weight| Endpoint { address: address.into(), weight };
    let bad = Service {
        name: "Not A Name".into(),
        title: "x".repeat(201),
        tags: vec!["UPPER".into()],
        hosts: vec!["".into(), "a..b".into(), "*".into(), "shop.test:80".into(), "a b".into(), "fine.test".into()],
        endpoints: vec![
            endpoint("", 1),
            endpoint("no-port", 1),
            endpoint("192.0.2.1:0", 1),
            endpoint("192.0.2.1:70000", 1),
            endpoint("192.0.2.1:80", 1_001),
            endpoint("[::1:80", 1),
            endpoint("http://192.0.2.1:80", 1),
        ],
        health_check: Some(HealthCheck {
            interval: Some(prost_types::Duration { seconds: 0, nanos: 1 }),
            rise: 11,
            fall: 11,
            jitter_percent: Some(51),
            ..HealthCheck::default()
        }),
        timeouts: Some(Timeouts {
            connect: Some(prost_types::Duration { seconds: -1, nanos: 0 }),
            total: Some(prost_types::Duration { seconds: 0, nanos: 0 }),
            ..Timeouts::default()
        }),
        limits: Some(Limits { request_body: Some(u64::MAX) }),
        ..Service::default()
    };
    let status = registry.create_service(CreateServiceRequest { service: Some(bad) }).await.unwrap_err();
    let fields = fields(&status);
    for field in [
        "name",
        "title",
        "tags[0]",
        "hosts[0]",
        "hosts[1]",
        "hosts[2]",
        "hosts[3]",
        "hosts[4]",
        "endpoints[0].address",
        "endpoints[1].address",
        "endpoints[2].address",
        "endpoints[3].address",
        "endpoints[4].weight",
        "endpoints[5].address",
        "endpoints[6].address",
        "health_check.interval",
        "health_check.rise",
        "health_check.fall",
        "health_check.jitter_percent",
        "timeouts.connect",
        "timeouts.total",
        "limits.request_body",
    ] {
        let named = fields.iter().any(|named| named.strip_prefix("service.").unwrap_or(named) == field);
        assert!(named, "{field} is not among {fields:?}");
    }
    assert!(!fields.iter().any(|field| field.ends_with("hosts[5]")), "{fields:?}");
    let listed = registry.list_services(ListServicesRequest::default()).await.unwrap().into_inner();
    assert_eq!((listed.services.len(), listed.revision), (0, 0));
}

#[tokio::test]
async fn a_host_belongs_to_one_service() {
    let gateway = Gateway::builder().data_planes(0).start().await;
    let mut registry = gateway.control_plane.registry().await;
    let create = |service| CreateServiceRequest { service: Some(service) };
    registry.create_service(create(service("owner", "shop.test"))).await.unwrap();

    let status = registry.create_service(create(service("thief", "SHOP.test."))).await.unwrap_err();
    assert_eq!(reason(&status), Reason::HostTaken);
    assert!(status.message().contains("owner") && status.message().contains("shop.test"), "{status}");
    let status = registry.create_service(create(service("owner", "other.test"))).await.unwrap_err();
    assert_eq!(reason(&status), Reason::ServiceExists);
    // Twice in one service, and twice in one change.
    let mut twice = service("twice", "a.test");
    twice.hosts.push("A.test".into());
    let status = registry.create_service(create(twice)).await.unwrap_err();
    assert!(!fields(&status).is_empty());
    let services = vec![service("one", "same.test"), service("two", "same.test")];
    let status = registry.apply(ApplyRequest { services, ..ApplyRequest::default() }).await.unwrap_err();
    assert!(matches!(status.code(), Code::InvalidArgument | Code::AlreadyExists), "{status}");
    let listed = registry.list_services(ListServicesRequest::default()).await.unwrap().into_inner();
    assert_eq!(listed.services.len(), 1);

    let conflict = ["service", "register", "thief", "--host", "shop.test", "--endpoint", "192.0.2.1:80"];
    gateway.ctl(&conflict).await.exits(4).says(&["shop.test", "owner"]);
}

#[tokio::test]
async fn a_stale_revision_changes_nothing() {
    let gateway = Gateway::builder().data_planes(0).start().await;
    let mut registry = gateway.control_plane.registry().await;
    let created = registry.create_service(CreateServiceRequest { service: Some(service("shop", "shop.test")) }).await;
    let first = created.unwrap().into_inner().service.unwrap();
    let mut update = async |title: &str, expected_revision| {
        let service = Some(Service { title: title.into(), ..first.clone() });
        registry.update_service(UpdateServiceRequest { service, expected_revision }).await
    };
    let second = update("second", Some(first.revision)).await.unwrap().into_inner().service.unwrap();
    assert!(second.revision > first.revision);
    let status = update("lost", Some(first.revision)).await.unwrap_err();
    assert_eq!(reason(&status), Reason::StaleRevision);
    let mut registry = gateway.control_plane.registry().await;
    let delete = DeleteServiceRequest { name: "shop".into(), expected_revision: Some(first.revision) };
    assert_eq!(reason(&registry.delete_service(delete).await.unwrap_err()), Reason::StaleRevision);
    let held = registry.get_service(GetServiceRequest { name: "shop".into() }).await.unwrap().into_inner().service;
    assert_eq!(held.unwrap().title, "second");
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let gateway = Gateway::builder().data_planes(0).start().await;
    let mut registry = gateway.control_plane.registry().await;
    registry.create_service(CreateServiceRequest { service: Some(service("shop", "shop.test")) }).await.unwrap();
    let name = || "nobody".to_owned();
    let get = registry.get_service(GetServiceRequest { name: name() }).await.unwrap_err();
    assert_eq!(reason(&get), Reason::ServiceNotFound);
    let update = UpdateServiceRequest { service: Some(service("nobody", "a.test")), expected_revision: None };
    assert_eq!(reason(&registry.update_service(update).await.unwrap_err()), Reason::ServiceNotFound);
    // All or nothing: one of the two is there.
    let addresses = vec!["192.0.2.1:80".into(), "192.0.2.9:80".into()];
    let remove = RemoveEndpointsRequest { name: "shop".into(), addresses };
    assert_eq!(reason(&registry.remove_endpoints(remove).await.unwrap_err()), Reason::EndpointNotFound);
    let held = registry.get_service(GetServiceRequest { name: "shop".into() }).await.unwrap().into_inner().service;
    assert_eq!(held.unwrap().endpoints.len(), 1);
}

#[tokio::test]
async fn an_oversized_message_is_refused_and_hurts_nobody() {
    let gateway = Gateway::start().await;
    let upstream = Upstream::start("shop").await;
    gateway.register_unchecked("shop", "shop.test", &[&upstream]).await;
    let mut registry = gateway.control_plane.registry().await;
    let huge = Service { title: "x".repeat(64 << 20), ..service("huge", "huge.test") };
    let status = registry.create_service(CreateServiceRequest { service: Some(huge) }).await.unwrap_err();
    assert!(
        matches!(status.code(), Code::OutOfRange | Code::ResourceExhausted | Code::InvalidArgument),
        "{:?} {}",
        status.code(),
        status.message()
    );
    let many = Service { hosts: (0..257).map(|host| format!("{host}.test")).collect(), ..service("many", "x.test") };
    let status = registry.create_service(CreateServiceRequest { service: Some(many) }).await.unwrap_err();
    assert!(fields(&status).iter().any(|field| field.ends_with("hosts")), "{status}");
    assert_eq!(gateway.ctl(&["-o", "json", "service", "list"]).await.ok().json().as_array().map(Vec::len), Some(1));
    assert_eq!(gateway.get("shop.test", "/").await.text(), "shop");
}

#[tokio::test]
async fn the_command_line_names_what_is_wrong() {
    let gateway = Gateway::builder().data_planes(0).start().await;
    let register = async |args: &[&str]| {
        let args = [&["service", "register", "shop", "--host", "shop.test"][..], args].concat();
        gateway.ctl(&args).await
    };
    // Wrong usage, found before anything is asked.
    register(&["--endpoint", "192.0.2.1:80,weight=heavy"]).await.exits(2).says(&["--endpoint", "heavy"]);
    register(&["--endpoint", "192.0.2.1:80,wait=1"]).await.exits(2).says(&["--endpoint", "wait"]);
    register(&["--endpoint", "192.0.2.1:80", "--health-interval", "soon"]).await.exits(2).says(&["--health-interval"]);
    register(&["--endpoint", "192.0.2.1:80", "--no-health-check", "--health-path", "/x"]).await.exits(2);
    // What only the control plane judges; all of it at once.
    let title = "x".repeat(201);
    let wrong =
        ["--endpoint", "192.0.2.1:80,weight=2000", "--endpoint", "nonsense", "--host", "a..b", "--title", &title];
    register(&wrong).await.exits(1).says(&["endpoints[0].weight", "endpoints[1]", "hosts[1]", "title"]);
    let name = ["service", "register", "Bad_Name", "--host", "shop.test", "--endpoint", "192.0.2.1:80"];
    gateway.ctl(&name).await.exits(1).says(&["name"]);
    assert_eq!(gateway.ctl(&["-o", "json", "service", "list"]).await.ok().json(), serde_json::json!([]));
}
