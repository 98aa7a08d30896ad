//! Certificates and keys from PEM files that flags name; a mistake is told by the flag.

use std::{fs::File, io::Read, path::Path, sync::Arc};

use rustls::{
    RootCertStore,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};

use crate::{process::Failure, token::read_private};

/// The largest file that is read in bytes: a bundle of all public authorities is a quarter of it.
const MAX_FILE: u64 = 1 << 20;

/// A flag and the file that it names.
#[derive(Debug, Clone, Copy)]
pub struct PemFlag<'a> {
    /// Such as `--tls-cert`.
    pub flag: &'a str,
    /// The file.
    pub path: &'a Path,
}

impl PemFlag<'_> {
    fn wrong(&self, what: impl std::fmt::Display) -> Failure {
        Failure::Usage(format!("{} {}: {what}", self.flag, self.path.display()))
    }

    /// What is in the file.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn text(&self) -> Result<Vec<u8>, Failure> {
        let read = || {
            let mut text = Vec::new();
            File::open(self.path)?.take(MAX_FILE).read_to_end(&mut text)?;
            Ok(text)
        };
        read().map_err(|err: std::io::Error| self.wrong(format_args!("cannot be read: {err}; name a PEM file")))
    }

    /// What is in the file, which others may not read.
    ///
    /// # Errors
    /// It cannot be read, or is open to others.
    pub fn secret_text(&self) -> Result<Vec<u8>, Failure> {
        read_private(self.path, MAX_FILE).map_err(|err| Failure::Usage(format!("{}: {err}", self.flag)))
    }

    /// The certificates in the file, at least one.
    ///
    /// # Errors
    /// There are none, or the file is damaged.
    pub fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, Failure> {
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.text()?).collect();
        let certificates = certificates.map_err(|err| self.wrong(format_args!("is no PEM file: {err}")))?;
        if certificates.is_empty() {
            return Err(self.wrong("holds no certificate; name a PEM file with BEGIN CERTIFICATE in it"));
        }
        Ok(certificates)
    }

    /// The certificates in the file, as authorities to trust.
    ///
    /// # Errors
    /// As [`PemFlag::certificates`], or one of them is none.
    pub fn roots(&self) -> Result<RootCertStore, Failure> {
        let mut roots = RootCertStore::empty();
        for certificate in self.certificates()? {
            let added = roots.add(certificate);
            added.map_err(|err| self.wrong(format_args!("holds a certificate that cannot be used: {err}")))?;
        }
        Ok(roots)
    }

    fn key(&self) -> Result<PrivateKeyDer<'static>, Failure> {
        let key = PrivateKeyDer::from_pem_slice(&self.secret_text()?);
        key.map_err(|_| self.wrong("holds no private key; name a PEM file with BEGIN PRIVATE KEY in it"))
    }
}

/// A certificate, those that lead from it to an authority, and its key.
///
/// # Errors
/// One of them cannot be read, or the key is another certificate's.
pub fn certified_key(certificate: PemFlag<'_>, key: PemFlag<'_>) -> Result<CertifiedKey, Failure> {
    let chain = certificate.certificates()?;
    let certified = CertifiedKey::from_der(chain, key.key()?, &provider());
    certified.map_err(|err| {
        let what = format_args!("does not go with {} {}: {err}", certificate.flag, certificate.path.display());
        key.wrong(what)
    })
}

/// The one library for cryptography.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}
