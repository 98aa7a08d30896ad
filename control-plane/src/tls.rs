//! TLS on the gRPC listener: what its files say, and how they are read anew.

use std::{path::PathBuf, sync::Arc};

use clap::Args;
use gateway_proto::{
    pem::{PemFlag, certified_key, provider},
    process::Failure,
};
use rustls::{ServerConfig, server::WebPkiClientVerifier, sign::SingleCertAndKey};
use tokio::{signal::unix::Signal, sync::watch, task::spawn_blocking};
use tokio_util::sync::CancellationToken;

/// The files that TLS takes.
#[derive(Debug, Clone, Default, Args)]
pub struct TlsArgs {
    /// PEM file of the gRPC listener's certificate and those that lead to its authority; read anew on SIGHUP [default: no TLS]
    #[arg(long, env = "GATEWAY_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// PEM file of the private key of --tls-cert; read anew on SIGHUP
    #[arg(long, env = "GATEWAY_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// PEM file of authorities: clients have to show a certificate of one of them, beside their token; read anew on SIGHUP
    #[arg(long, env = "GATEWAY_TLS_CLIENT_CA", value_name = "FILE")]
    pub tls_client_ca: Option<PathBuf>,
}

/// What the listener's TLS is at this moment; nothing where it has none.
pub(crate) type Tls = Option<watch::Receiver<Arc<ServerConfig>>>;

impl TlsArgs {
    /// Whether connections are encrypted.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.tls_cert.is_some()
    }

    /// Reads the files.
    ///
    /// # Errors
    /// A sentence that names the flag.
    pub(crate) fn read(&self) -> Result<Option<Arc<ServerConfig>>, Failure> {
        let Self { tls_cert, tls_key, tls_client_ca } = self;
        let (cert, key) = match (tls_cert, tls_key) {
            (Some(cert), Some(key)) => (cert, key),
            (Some(_), None) => return Err(usage("--tls-cert is given without --tls-key; give both")),
            (None, Some(_)) => return Err(usage("--tls-key is given without --tls-cert; give both")),
            (None, None) if tls_client_ca.is_some() => {
                return Err(usage("--tls-client-ca is given without --tls-cert and --tls-key; give all three"));
            }
            (None, None) => return Ok(None),
        };
        let cert = PemFlag { flag: "--tls-cert", path: cert };
        let certified = certified_key(cert, PemFlag { flag: "--tls-key", path: key })?;
        let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let builder = builder.map_err(|err| Failure::Failed(format!("TLS cannot be set up: {err}")))?;
        let builder = match tls_client_ca {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let roots = PemFlag { flag: "--tls-client-ca", path }.roots()?;
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider()).build();
                let wrong = |err| usage(&format!("--tls-client-ca {}: {err}", path.display()));
                builder.with_client_cert_verifier(verifier.map_err(wrong)?)
            }
        };
        let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Some(Arc::new(config)))
    }
}

fn usage(sentence: &str) -> Failure {
    Failure::Usage(sentence.to_owned())
}

/// Reads the files anew on SIGHUP, for the connections from then on. Where they are wrong, what was
/// good stays; where there are none, nothing happens.
pub(crate) async fn keep_current(
    args: TlsArgs,
    current: Option<watch::Sender<Arc<ServerConfig>>>,
    mut hangup: Signal,
    end: CancellationToken,
) {
    while end.run_until_cancelled(hangup.recv()).await.flatten().is_some() {
        let Some(current) = &current else {
            tracing::info!("there are no certificates to read anew");
            continue;
        };
        let args = args.clone();
        match spawn_blocking(move || args.read()).await {
            Ok(Ok(Some(config))) => {
                current.send_replace(config);
                tracing::info!("certificates were read anew");
            }
            Ok(Ok(None)) => {}
            Ok(Err(error)) => tracing::error!(%error, "certificates stay as they were"),
            Err(error) => tracing::error!(%error, "certificates stay as they were"),
        }
    }
}
