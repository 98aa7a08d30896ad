//! What others may know of discovery: for `/readyz`, `/metrics` and `/config`.

use std::{sync::Arc, time::SystemTime};

use http::Uri;

use crate::table::RoutingTable;

/// Where the table that is served came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Source {
    /// There is none yet.
    #[default]
    None,
    /// The disk cache, at boot.
    Cache,
    /// A control plane.
    ControlPlane,
}

impl Source {
    /// Its name in outputs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Cache => "cache",
            Self::ControlPlane => "control_plane",
        }
    }
}

/// The state of discovery.
#[derive(Debug, Clone, Default)]
pub struct Status {
    /// The control plane whose stream is open.
    pub connected: Option<Uri>,
    /// Where the table came from.
    pub source: Source,
    /// The table that every worker holds; its stamp says version, revision and cluster.
    pub table: Arc<RoutingTable>,
    /// When every worker held it.
    pub applied_at: Option<SystemTime>,
    /// Why the last response was refused; empty if it was accepted.
    pub violations: Vec<String>,
    /// Responses that were accepted since the start.
    pub accepted: u64,
    /// Responses that were refused since the start.
    pub refused: u64,
    /// Streams that were opened since the start.
    pub streams: u64,
    /// Streams that could not be opened or were lost since the start.
    pub failures: u64,
}

impl Status {
    /// Whether every worker holds a table.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.table.is_ready()
    }
}
