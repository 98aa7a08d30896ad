//! Who calls, as tokens and servers outside say it.

mod args;
mod claimed;
pub(crate) mod forward_auth;
pub(crate) mod introspect;
pub(crate) mod jwt;
pub(crate) mod remote;
pub(crate) mod subject;
#[cfg(test)]
mod tests;
mod verdicts;

pub use args::AuthArgs;
