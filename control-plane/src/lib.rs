//! The control plane: keeps the registry of services, finds out which endpoints are healthy, and
//! tells every data plane what to serve.
//!
//! The way of a change: `grpc::registry` takes the command in, `registry` validates it, `store`
//! makes it durable, `health` probes its endpoints, `snapshot` publishes both, and
//! `grpc::discovery` streams them to the data planes. `queries` takes what operators ask to a data plane
//! and back. `leases` shares limits out that hold for all data planes together. `app` puts these parts together.

pub mod auth;
pub mod config;
pub mod error;
pub mod grpc;
pub mod health;
pub mod leases;
pub mod observed;
pub mod queries;
pub mod registry;
pub mod snapshot;
pub mod store;

mod app;
mod http;
mod listener;
mod metrics;
mod time;
mod tls;

pub use self::{
    app::{Listeners, run},
    config::Config,
    tls::TlsArgs,
};
