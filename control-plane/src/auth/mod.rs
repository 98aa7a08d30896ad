//! Who speaks with the control plane, and what he may do.
//!
//! One layer stands in front of every service: `layer` asks `methods` what the call needs and
//! `authenticator` who makes it, and ends calls and streams when the token ends that they were made with;
//! only what concerns tokens has its answer still, once it was asked. `token` is what is kept of tokens,
//! `first` makes the first ones, and `actor` is what history says of who it was.

pub mod actor;
pub mod authenticator;
mod certificate;
pub(crate) mod first;
pub mod layer;
pub mod methods;
pub mod token;

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;

pub(crate) use self::layer::unauthenticated;
pub use self::{
    actor::Actor,
    authenticator::{Authenticator, Identity, RefusedCalls},
    layer::AuthLayer,
};
