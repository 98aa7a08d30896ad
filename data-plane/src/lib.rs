//! The data plane: routes requests by Host to a random healthy endpoint, as the control plane says.
//!
//! A request walks `worker` (accept, connection), then `proxy` (parse, route, balance, forward,
//! respond), and `upstream` on its way out. A change walks `discovery` (client, apply, compile),
//! then `table`, and reaches the workers through `worker::fleet`.

mod admin;
mod app;
mod config;
pub mod discovery;
#[doc(hidden)]
pub mod doors;
mod error;
mod http1;
mod jwks;
mod limiter;
mod outside;
mod proxy;
mod secrets;
pub mod table;
mod telemetry;
mod upstream;
pub mod worker;

pub use app::{Listeners, run};
pub use config::{Config, Workers};
pub use proxy::auth::AuthArgs;
pub use telemetry::access_log::{AccessLogArgs, Form as AccessLogForm};
pub use worker::limits::Limits;
