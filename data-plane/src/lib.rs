//! The data plane.
pub mod table;
pub mod worker;
