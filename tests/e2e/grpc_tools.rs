//! Stock gRPC tools find their way: health and reflection are served.

use tokio_stream::StreamExt;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

use crate::harness::Gateway;

const SERVICES: [&str; 3] =
    ["gateway.registry.v1.RegistryService", "gateway.discovery.v1.DiscoveryService", "gateway.admin.v1.AdminService"];

#[tokio::test]
async fn the_health_service_says_that_it_serves() {
    let gateway = Gateway::builder().data_planes(0).start().await;
    let mut health = HealthClient::new(gateway.control_plane.channel().await);
    for service in [&[""][..], &SERVICES].concat() {
        let answer = health.check(HealthCheckRequest { service: service.into() }).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving, "{service:?}");
    }
}

#[tokio::test]
async fn reflection_knows_every_service() {
    let gateway = Gateway::builder().data_planes(0).start().await;
    let mut reflection = ServerReflectionClient::new(gateway.control_plane.channel().await);
    let ask = |question| ServerReflectionRequest { host: String::new(), message_request: Some(question) };
    let questions =
        [MessageRequest::ListServices(String::new()), MessageRequest::FileContainingSymbol(SERVICES[0].into())];
    let answers = reflection.server_reflection_info(tokio_stream::iter(questions.map(ask))).await.unwrap().into_inner();
    let answers: Vec<_> = answers.map(|answer| answer.unwrap().message_response.unwrap()).collect().await;
    let [MessageResponse::ListServicesResponse(list), MessageResponse::FileDescriptorResponse(file)] = &answers[..]
    else {
        panic!("{answers:?}")
    };
    for service in SERVICES {
        assert!(list.service.iter().any(|listed| listed.name == service), "{list:?}");
    }
    assert!(!file.file_descriptor_proto.is_empty());
}
