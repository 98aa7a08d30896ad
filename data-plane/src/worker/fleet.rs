//! The control thread's handle to all workers.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::table::RoutingTable;

/// A table for a worker, and where it says that it holds it.
#[derive(Debug)]
pub struct Swap {
    /// The table to route by from now on.
    pub table: Arc<RoutingTable>,
    /// Answered once new requests are routed by it.
    pub held: oneshot::Sender<()>,
}

/// Every worker of this process.
#[derive(Debug, Clone)]
pub struct Fleet {
    workers: Vec<mpsc::Sender<Swap>>,
}

impl Fleet {
    /// The workers that receive from the other ends of these.
    #[must_use]
    pub fn new(workers: Vec<mpsc::Sender<Swap>>) -> Self {
        Self { workers }
    }

    /// Hands the table to every worker, and returns once all of them route by it. A worker that
    /// has ended routes nothing, and is not waited for.
    pub async fn serve(&self, table: &Arc<RoutingTable>) {
        let mut held = Vec::with_capacity(self.workers.len());
        for worker in &self.workers {
            let (sender, receiver) = oneshot::channel();
            if worker.send(Swap { table: Arc::clone(table), held: sender }).await.is_ok() {
                held.push(receiver);
            }
        }
        for receiver in held {
            let _ = receiver.await;
        }
    }
}
