mod control_plane;
mod sample;
mod story;
mod surroundings;

pub(super) use sample::{full, resource, route_resource, version};
