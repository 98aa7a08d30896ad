//! A server outside, whose every byte the test decides.

use super::Trust;

/// Trusts no authority.
pub(crate) fn nobody() -> Trust {
    Trust::of(rustls::RootCertStore::empty()).unwrap()
}
