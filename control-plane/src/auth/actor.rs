//! Who asked for a change, as history has it.

use std::{fmt, sync::Arc};

use super::token::TokenId;

/// The most characters of a certificate's name that are kept.
const MAX_NAME: usize = 100;

/// Who asked for a change, in a few words without anything secret; nobody by default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor(Arc<str>);

impl Actor {
    /// The holder of a token.
    #[must_use]
    pub fn token(id: &TokenId, name: &str) -> Self {
        if name.is_empty() { Self(format!("token:{id}").into()) } else { Self(format!("token:{id} ({name})").into()) }
    }

    /// The holder of a client certificate, where authentication is off.
    #[must_use]
    pub fn certificate(name: &str) -> Self {
        // Whoever signed it chose the name; it is shown on terminals.
        let name: String = name.chars().filter(|c| !c.is_control()).take(MAX_NAME).collect();
        Self(format!("mtls:{name}").into())
    }

    /// Anybody, where authentication is off.
    #[must_use]
    pub fn insecure() -> Self {
        Self("insecure".into())
    }

    /// The control plane itself, at its first start.
    #[must_use]
    pub fn first_start() -> Self {
        Self("first start".into())
    }

    /// The words.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Actor {
    fn default() -> Self {
        Self("".into())
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
