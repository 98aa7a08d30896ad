//! The gateway as its users meet it: the three programs as processes, on real sockets.
//!
//! One file per story. `tests/README.md` says how to run what.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on panics")]
#![allow(unreachable_pub, reason = "a test binary exports nothing; `pub` marks what the stories may use")]

#[path = "../harness/mod.rs"]
mod harness;

mod access_log;
mod apply;
mod at_once;
mod bad_input;
mod balancing;
mod cache_disk;
mod cache_purge;
mod callers;
mod canary;
mod cli;
mod connections;
mod consumers;
mod content;
mod control_plane_loss;
mod credentials;
mod data_plane_life;
mod departures;
mod dev;
mod differential;
mod encryption;
mod errors;
mod explain;
mod grpc_tools;
mod headers;
mod health;
mod hosts;
mod kills;
mod large_bodies;
mod limits;
mod policies;
mod programs;
mod protocol;
mod rate_limits;
mod registration;
mod restarts_under_load;
mod route_actions;
mod route_life;
mod routes;
mod saturation;
mod scale;
mod slow_clients;
mod stock_peers;
mod store_trouble;
mod streaming;
mod watch;
