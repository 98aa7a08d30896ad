//! A data plane's discovery, as a test follows it.

use std::{path::Path, sync::Arc};

use gateway_proto::{access::Access, discovery::v1 as pb, process::Failure};
use http::Uri;
use tokio::{sync::watch, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{control_plane::SOON, surroundings::fleet};
use crate::{
    discovery::{Options, Responses, Status, client::Patience, leases::Leasing, run_with},
    table::RoutingTable,
    worker::limits::Limits,
};

/// The discovery of a data plane with one worker.
pub(crate) struct DataPlane {
    pub(crate) tables: watch::Receiver<Arc<RoutingTable>>,
    pub(crate) status: watch::Receiver<Status>,
    shutdown: CancellationToken,
    pub(crate) task: JoinHandle<Result<(), Failure>>,
}

/// What a data plane does beside following.
#[derive(Default)]
struct Beside {
    responses: Option<Responses>,
    leasing: Option<Leasing>,
}

impl DataPlane {
    pub(crate) fn start(control_planes: &[Uri], cache_dir: Option<&Path>) -> Self {
        Self::start_with(Patience::default(), control_planes, cache_dir)
    }

    /// One that shares limits.
    pub(crate) fn start_leasing(control_planes: &[Uri], leasing: Leasing) -> Self {
        let beside = Beside { responses: None, leasing: Some(leasing) };
        Self::start_over(beside, Patience::default(), control_planes, None)
    }

    pub(crate) fn start_with(patience: Patience, control_planes: &[Uri], cache_dir: Option<&Path>) -> Self {
        Self::start_over(Beside::default(), patience, control_planes, cache_dir)
    }

    /// One that stores responses.
    pub(crate) fn start_caching(control_planes: &[Uri], responses: Responses) -> Self {
        Self::start_over(
            Beside { responses: Some(responses), leasing: None },
            Patience::default(),
            control_planes,
            None,
        )
    }

    /// The same with a snapshot in this directory.
    pub(crate) fn start_over_cache(control_planes: &[Uri], cache_dir: &Path, responses: Responses) -> Self {
        let beside = Beside { responses: Some(responses), leasing: None };
        Self::start_over(beside, Patience::default(), control_planes, Some(cache_dir))
    }

    fn start_over(
        Beside { responses, leasing }: Beside,
        patience: Patience,
        control_planes: &[Uri],
        cache_dir: Option<&Path>,
    ) -> Self {
        let (fleet, tables) = fleet();
        let (sender, status) = watch::channel(Status::default());
        let shutdown = CancellationToken::new();
        let node = pb::Node { id: "n1".into(), ..Default::default() };
        let options = Options {
            control_planes: control_planes.to_vec(),
            access: Access::without(),
            node,
            limits: Limits::default(),
            cache_dir: cache_dir.map(Path::to_owned),
            responses,
            leasing,
        };
        let task = tokio::spawn(run_with(patience, options, fleet, sender, shutdown.clone()));
        Self { tables, status, shutdown, task }
    }

    pub(crate) fn serves(&self, host: &str) -> bool {
        self.tables.borrow().bound(host).is_some()
    }

    pub(crate) async fn status(&mut self, what: impl FnMut(&Status) -> bool) -> Status {
        timeout(SOON, self.status.wait_for(what)).await.expect("the status comes about").unwrap().clone()
    }

    pub(crate) async fn stop(self) -> Result<(), Failure> {
        self.shutdown.cancel();
        timeout(SOON, self.task).await.expect("ends when told").unwrap()
    }
}
