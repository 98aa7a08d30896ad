//! How large requests may be: those that name many things, and all others.

use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
};

use gateway_proto::registry::v1::registry_service_server::{RegistryServiceServer, SERVICE_NAME};
use tonic::{
    body::Body,
    codegen::{BoxFuture, Service, http},
    server::NamedService,
};

use super::RegistryRpc;
use crate::registry::validate::MAX_APPLY_BYTES;

/// Bytes of a request at the most. It is more than a valid one takes, so that one that is somewhat
/// too large is refused by `validate`, with a sentence.
const MAX_REQUEST: usize = 16 * 1024 * 1024;
/// The one method whose requests may be larger.
const APPLY: &str = "/gateway.registry.v1.RegistryService/Apply";

/// The registry's service. Messages are held in memory before they are looked at, so that large ones are taken
/// for `Apply` alone: whoever may only read cannot make it hold one.
#[derive(Debug, Clone)]
pub struct RegistryServer {
    apply: RegistryServiceServer<RegistryRpc>,
    others: RegistryServiceServer<RegistryRpc>,
}

impl RegistryServer {
    pub(super) fn new(rpc: RegistryRpc) -> Self {
        let rpc = Arc::new(rpc);
        let taking = |rpc, bytes| RegistryServiceServer::from_arc(rpc).max_decoding_message_size(bytes);
        Self { apply: taking(Arc::clone(&rpc), MAX_APPLY_BYTES + MAX_REQUEST), others: taking(rpc, MAX_REQUEST) }
    }
}

impl NamedService for RegistryServer {
    const NAME: &'static str = SERVICE_NAME;
}

impl Service<http::Request<Body>> for RegistryServer {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let server = if request.uri().path() == APPLY { &mut self.apply } else { &mut self.others };
        server.call(request)
    }
}
