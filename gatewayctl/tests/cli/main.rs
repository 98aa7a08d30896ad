//! The real program against a scripted control plane.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod apply;
mod cache;
mod consumers;
mod dev;
mod explain;
mod failures;
mod formats;
mod limits;
mod nodes;
mod program;
mod routes;
mod server;
mod services;
mod tokens;
mod watch;
