//! What the stories stand on: real processes, real sockets, and nothing of the product's own code
//! but its gRPC contract.

pub mod body;
pub mod client;
pub mod ctl;
pub mod eventually;
pub mod exchange;
pub mod gateway;
pub mod load;
pub mod loopback;
pub mod offer;
pub mod pki;
pub mod planes;
pub mod process;
pub mod upstream;
pub mod usage;

pub use eventually::{eventually, within};
pub use gateway::Gateway;
pub use planes::{ControlPlane, DataPlane};
pub use process::{Process, Signal};
pub use upstream::{Answer, Upstream};
