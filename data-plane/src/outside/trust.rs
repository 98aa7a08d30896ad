//! Which authorities vouch for servers outside.

use std::{path::Path, sync::Arc};

use gateway_proto::{
    pem::{PemFlag, provider},
    process::Failure,
};
use rustls::{ClientConfig, RootCertStore};
use tracing::{debug, warn};

/// The authorities, and how TLS is spoken.
#[derive(Debug, Clone)]
pub(crate) struct Trust(Arc<ClientConfig>);

impl Trust {
    /// Those of the system, and those in the file that `--auth-ca` names.
    ///
    /// # Errors
    /// A failure that names the flag, if the file cannot be used.
    pub(crate) fn open(auth_ca: Option<&Path>) -> Result<Self, Failure> {
        let mut roots = match auth_ca {
            Some(path) => PemFlag { flag: "--auth-ca", path }.roots()?,
            None => RootCertStore::empty(),
        };
        let system = rustls_native_certs::load_native_certs();
        for err in &system.errors {
            // A system without any is no mistake, as long as nobody is asked by https.
            debug!(error = %err, "authorities of the system cannot be read");
        }
        let (_, unusable) = roots.add_parsable_certificates(system.certs);
        if unusable > 0 {
            warn!(unusable, "some authorities of the system cannot be used");
        }
        Self::of(roots)
    }

    /// Those alone.
    ///
    /// # Errors
    /// A failure of the library for cryptography.
    pub(crate) fn of(roots: RootCertStore) -> Result<Self, Failure> {
        let tls = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|err| Failure::Failed(format!("TLS cannot be set up: {err}")))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(Arc::new(tls)))
    }

    pub(super) fn tls(&self) -> ClientConfig {
        ClientConfig::clone(&self.0)
    }
}
