mod control_plane;
mod data_plane;
mod purges;
mod queries;
mod sample;
mod stored;
mod story;
mod surroundings;

pub(super) use control_plane::{ControlPlane, SOON, Sharing};
pub(super) use data_plane::DataPlane;
pub(super) use sample::{digested, full, purge, resource, route_resource, version};
