//! The registry.
pub mod model;
