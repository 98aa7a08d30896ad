//! The threads that serve clients.
pub mod fleet;
