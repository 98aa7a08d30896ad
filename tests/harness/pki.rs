//! An authority for tests, and the files that it makes.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};

/// An authority with a directory for its files.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    directory: PathBuf,
    /// Its own certificate.
    pub file: String,
}

/// A certificate and its key.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The certificate's file.
    pub cert: String,
    /// The key's file.
    pub key: String,
}

impl Authority {
    /// One that signs what it is asked to.
    pub fn new(directory: &Path, name: &str) -> Self {
        let directory = directory.join(name);
        fs::create_dir(&directory).expect("a directory can be made");
        let mut params = CertificateParams::new(Vec::new()).expect("no names are fine");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = params.self_signed(&key).expect("it signs itself");
        let file = write(&directory.join("ca.pem"), &certificate.pem(), 0o644);
        Self { issuer: Issuer::new(params, key), directory, file }
    }

    /// A certificate for these hosts and addresses.
    pub fn sign(&self, name: &str, hosts: &[&str]) -> Pair {
        self.sign_until(name, hosts, 4000)
    }

    /// A certificate that ends with the beginning of a year.
    pub fn sign_until(&self, name: &str, hosts: &[&str], year: i32) -> Pair {
        let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(hosts).expect("the hosts are names");
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(year, 1, 1);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = params.signed_by(&key, &self.issuer).expect("it signs");
        Pair {
            cert: write(&self.directory.join(format!("{name}.pem")), &certificate.pem(), 0o644),
            key: write(&self.directory.join(format!("{name}.key")), &key.serialize_pem(), 0o600),
        }
    }
}

fn write(path: &Path, content: &str, mode: u32) -> String {
    fs::write(path, content).expect("the file can be written");
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
    path.to_str().expect("test paths are UTF-8").to_owned()
}
