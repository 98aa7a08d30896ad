//! Connections to endpoints.

pub(crate) mod connect;
pub(crate) mod pool;
