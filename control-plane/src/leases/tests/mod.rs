mod claims;
mod cluster;
mod model;
mod story;
