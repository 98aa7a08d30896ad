//! What flags say of how it is found out who calls.

use std::path::PathBuf;

use clap::Args;
use gateway_proto::{process::Failure, size::size};

use super::remote::Remote;
use crate::{outside::Trust, secrets::Secrets};

const DEFAULT_MEMORY: u64 = 32 << 20;
/// There is room for some tokens of the longest kind; and no machine has more.
const MEMORY: std::ops::RangeInclusive<u64> = 1 << 20..=1 << 40;

/// Where keys and secrets are, and what tokens may take up.
#[derive(Debug, Clone, Args)]
pub struct AuthArgs {
    /// Directory of the files that policies name: client secrets, and key sets that tokens are verified by; what changes there is taken up [default: none]
    #[arg(long, env = "GATEWAY_SECRETS_DIR", value_name = "DIR")]
    pub secrets_dir: Option<PathBuf>,
    /// PEM file of authorities that may vouch for the https servers that policies name, beside those of the system [default: none]
    #[arg(long, env = "GATEWAY_AUTH_CA", value_name = "FILE")]
    pub auth_ca: Option<PathBuf>,
    /// Memory for what was found out about tokens, 1MiB to 1TiB
    #[arg(long, env = "GATEWAY_AUTH_MEMORY", value_name = "SIZE", value_parser = memory, default_value = "32MiB")]
    pub auth_memory: u64,
}

impl Default for AuthArgs {
    fn default() -> Self {
        Self { secrets_dir: None, auth_ca: None, auth_memory: DEFAULT_MEMORY }
    }
}

impl AuthArgs {
    /// What workers need for it.
    ///
    /// # Errors
    /// A failure that names the flag whose file or directory cannot be used.
    pub(crate) fn open(&self) -> Result<Remote, Failure> {
        let Self { secrets_dir, auth_ca, auth_memory } = self;
        Ok(Remote::new(Trust::open(auth_ca.as_deref())?, Secrets::open(secrets_dir.clone())?, *auth_memory))
    }
}

fn memory(text: &str) -> Result<u64, String> {
    let bytes = size(text)?;
    if MEMORY.contains(&bytes) { Ok(bytes) } else { Err("give a size from 1MiB to 1TiB".into()) }
}
