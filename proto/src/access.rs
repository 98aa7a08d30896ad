//! How the control plane is reached by who has to show who he is: a token, and TLS.

use std::{
    env,
    error::Error,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use clap::{Args, builder::BoolishValueParser};
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Certificate, ClientTlsConfig, Endpoint, Identity, Uri},
};

use crate::{
    local,
    pem::{PemFlag, certified_key},
    process::Failure,
    token::{self, Token},
};

/// The variable with a token itself; there is no flag for it, since everybody sees a process's flags.
const TOKEN: &str = "GATEWAY_TOKEN";

/// How to show a control plane who asks, and to be sure of it.
#[derive(Debug, Clone, Default, Args)]
pub struct AccessArgs {
    /// File with the token for the control plane; GATEWAY_TOKEN may hold the token itself instead [default: that of a control plane of this user on loopback, or the one in GATEWAY_DATA_DIR]
    #[arg(long, global = true, env = "GATEWAY_TOKEN_FILE", value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// PEM file of the authorities that may vouch for the control plane; has to be given with https:// URLs
    #[arg(long, global = true, env = "GATEWAY_CONTROL_PLANE_CA", value_name = "FILE")]
    pub control_plane_ca: Option<PathBuf>,
    /// PEM file of the certificate to show a control plane that asks for one
    #[arg(long, global = true, env = "GATEWAY_CLIENT_CERT", value_name = "FILE")]
    pub client_cert: Option<PathBuf>,
    /// PEM file of the private key of --client-cert
    #[arg(long, global = true, env = "GATEWAY_CLIENT_KEY", value_name = "FILE")]
    pub client_key: Option<PathBuf>,
    /// Let the token cross the network unencrypted, to a control plane at http:// that is not loopback: for a private network
    #[arg(long, global = true, env = "GATEWAY_ALLOW_PLAINTEXT", value_parser = BoolishValueParser::new())]
    pub allow_plaintext: bool,
}

/// A way to control planes.
#[derive(Debug, Clone)]
pub struct Access {
    source: Source,
    tls: Option<ClientTlsConfig>,
}

/// Where the token is from.
#[derive(Debug, Clone)]
enum Source {
    /// A file, which is read for each connection, so that a new token is taken up.
    Named(PathBuf),
    Given(Token),
    /// A file of this name, where one is found.
    Found(&'static str),
}

/// A connection on which every call shows the token.
pub type Channel = InterceptedService<tonic::transport::Channel, Bearer>;

/// Puts the token into each call, if there is one.
#[derive(Debug, Clone, Default)]
pub struct Bearer(Option<MetadataValue<Ascii>>);

impl Bearer {
    /// Shows this token.
    #[must_use]
    pub fn new(token: &Token) -> Self {
        // A token is ASCII.
        let mut value = MetadataValue::try_from(format!("Bearer {}", token.reveal())).ok();
        if let Some(value) = &mut value {
            value.set_sensitive(true);
        }
        Self(value)
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}

/// Whether a text is the URL of a control plane: `http://HOST:PORT` or `https://HOST:PORT`.
///
/// # Errors
/// What is wrong with it.
pub fn control_plane_url(text: &str) -> Result<Uri, String> {
    let remedy = "give http://HOST:PORT or https://HOST:PORT";
    let uri: Uri = text.parse().map_err(|err| format!("{err}; {remedy}"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(format!("its scheme is neither http nor https; {remedy}"));
    }
    if uri.host().is_none_or(str::is_empty) || uri.path() != "/" || uri.query().is_some() {
        return Err(format!("it is not a host and a port alone; {remedy}"));
    }
    Ok(uri)
}

impl Access {
    /// Reads what the flags name. `found` is the token that is looked for where none is named.
    ///
    /// # Errors
    /// A sentence that names the flag.
    pub fn open<'a>(
        args: AccessArgs,
        found: &'static str,
        urls: impl IntoIterator<Item = &'a Uri>,
    ) -> Result<Self, Failure> {
        let AccessArgs { token_file, control_plane_ca, client_cert, client_key, allow_plaintext } = args;
        let source = Source::open(token_file, found)?;
        let (secure, plain): (Vec<_>, Vec<_>) = urls.into_iter().partition(|url| url.scheme_str() == Some("https"));
        let tls = match (control_plane_ca, secure.first(), plain.first()) {
            (None, Some(url), _) => {
                return Err(Failure::Usage(format!(
                    "--control-plane-ca is missing, and {url} needs it; name a PEM file of authorities, such as \
                     /etc/ssl/certs/ca-certificates.crt for public ones"
                )));
            }
            (Some(_), None, Some(url)) => {
                return Err(Failure::Usage(format!(
                    "--control-plane-ca is given, but {url} is not encrypted; write https:// if it should be"
                )));
            }
            (Some(ca), _, _) => Some(tls(&ca, client_cert, client_key)?),
            (None, None, _) if client_cert.is_some() || client_key.is_some() => {
                return Err(Failure::Usage(
                    "--client-cert and --client-key are for https:// URLs and --control-plane-ca; give these too"
                        .into(),
                ));
            }
            (None, None, _) => None,
        };
        let exposed = plain.into_iter().find(|url| url.host().and_then(local::loopback).is_none());
        match (&source, exposed) {
            (Source::Named(_) | Source::Given(_), Some(url)) if !allow_plaintext => Err(Failure::Usage(format!(
                "the token would cross the network to {url} unencrypted; write https://, or give --allow-plaintext if \
                 the network is private"
            ))),
            // One that is found goes to loopback alone.
            (Source::Named(_) | Source::Given(_) | Source::Found(_), _) => Ok(Self { source, tls }),
        }
    }

    /// A way without any credentials.
    #[must_use]
    pub fn without() -> Self {
        Self { source: Source::Found(""), tls: None }
    }

    /// Always with this token.
    #[must_use]
    pub fn with_token(token: Token) -> Self {
        Self { source: Source::Given(token), tls: None }
    }

    /// How to connect to a control plane, with TLS where its URL says so, and how calls show who asks. The file of the
    /// token is read anew.
    ///
    /// # Errors
    /// A sentence that names the flag, or what cannot be used of the certificates, or a host that has no name.
    pub fn way(&self, control_plane: &Uri) -> Result<(Endpoint, Bearer), String> {
        let (address, token) = match &self.source {
            Source::Named(path) => (None, Some(token::read(path).map_err(|err| format!("--token-file: {err}"))?)),
            Source::Given(token) => (None, Some(token.clone())),
            // Without one it is for the control plane to say that it wants one.
            Source::Found(name) => find(name, control_plane).unzip(),
        };
        let cause = |err: tonic::transport::Error| err.source().unwrap_or(&err).to_string();
        let endpoint = match (address, control_plane.scheme_str()) {
            // Not to wherever else the name may lead.
            (Some(address), Some(scheme)) => {
                Endpoint::from_shared(format!("{scheme}://{address}")).map_err(cause)?.origin(control_plane.clone())
            }
            (Some(_) | None, _) => Endpoint::from(control_plane.clone()),
        };
        let endpoint = match &self.tls {
            Some(tls) if control_plane.scheme_str() == Some("https") => {
                let host = control_plane.host().unwrap_or_default();
                let name = host.trim_start_matches('[').trim_end_matches(']');
                endpoint.tls_config(tls.clone().domain_name(name)).map_err(cause)?
            }
            Some(_) | None => endpoint,
        };
        Ok((endpoint, token.as_ref().map_or_else(Bearer::default, Bearer::new)))
    }
}

impl Source {
    fn open(token_file: Option<PathBuf>, found: &'static str) -> Result<Self, Failure> {
        match (token_file, env::var(TOKEN)) {
            (Some(path), _) => {
                token::read(&path).map_err(|err| Failure::Usage(format!("--token-file: {err}")))?;
                Ok(Self::Named(path))
            }
            (None, Ok(text)) if !text.is_empty() => Token::parse(&text)
                .map(Self::Given)
                .map_err(|err| Failure::Usage(format!("{TOKEN} holds no token: {err}"))),
            (None, Ok(_) | Err(env::VarError::NotPresent)) => Ok(Self::Found(found)),
            (None, Err(env::VarError::NotUnicode(_))) => {
                Err(Failure::Usage(format!("{TOKEN} holds no token: {}", token::NoToken)))
            }
        }
    }
}

/// A token that nobody has named, and where alone it goes: to a control plane that this user runs, at the very
/// address that it has noted, or to loopback where this process has its data directory. `localhost` may be two
/// addresses, and at the other one may be anybody.
fn find(name: &str, control_plane: &Uri) -> Option<(SocketAddr, Token)> {
    let host = control_plane.host()?;
    let default = if control_plane.scheme_str() == Some("https") { 443 } else { 80 };
    let port = control_plane.port_u16().unwrap_or(default);
    let first = SocketAddr::new(*local::loopback(host)?.first()?, port);
    let own = env::var_os("GATEWAY_DATA_DIR").map(|directory| (first, PathBuf::from(directory)));
    let mut directories = local::noted(host, port).into_iter().chain(own);
    directories.find_map(|(address, directory)| Some((address, token::read(&directory.join(name)).ok()?)))
}

fn tls(ca: &Path, cert: Option<PathBuf>, key: Option<PathBuf>) -> Result<ClientTlsConfig, Failure> {
    let ca = PemFlag { flag: "--control-plane-ca", path: ca };
    ca.roots()?;
    let config = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ca.text()?));
    match (cert, key) {
        (None, None) => Ok(config),
        (Some(cert), Some(key)) => {
            let cert = PemFlag { flag: "--client-cert", path: &cert };
            let key = PemFlag { flag: "--client-key", path: &key };
            certified_key(cert, key)?;
            Ok(config.identity(Identity::from_pem(cert.text()?, key.secret_text()?)))
        }
        (Some(_), None) => Err(Failure::Usage("--client-cert is given without --client-key; give both".into())),
        (None, Some(_)) => Err(Failure::Usage("--client-key is given without --client-cert; give both".into())),
    }
}

#[cfg(test)]
mod tests;
