mod control_plane;
mod data_plane;
mod purges;
mod queries;
mod sample;
mod stored;
mod story;
mod surroundings;

pub(super) use sample::{full, purge, resource, route_resource, version};
