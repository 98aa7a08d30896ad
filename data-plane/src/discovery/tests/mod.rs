mod control_plane;
mod data_plane;
mod queries;
mod sample;
mod story;
mod surroundings;

pub(super) use sample::{full, resource, route_resource, version};
