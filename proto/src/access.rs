//! How the control plane is reached by who has to show who he is: a token, and TLS.

use std::{env, path::PathBuf};

use clap::Args;
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
        let AccessArgs { token_file, control_plane_ca, client_cert, client_key } = args;
        let source = match (token_file, env::var(TOKEN)) {
            (Some(path), _) => {
                token::read(&path).map_err(|err| Failure::Usage(format!("--token-file: {err}")))?;
                Source::Named(path)
            }
            (None, Ok(text)) if !text.is_empty() => Source::Given(
                Token::parse(&text).map_err(|err| Failure::Usage(format!("{TOKEN} holds no token: {err}")))?,
            ),
            (None, Ok(_) | Err(env::VarError::NotPresent)) => Source::Found(found),
            (None, Err(env::VarError::NotUnicode(_))) => {
                return Err(Failure::Usage(format!("{TOKEN} holds no token: {}", token::NoToken)));
            }
        };
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
        Ok(Self { source, tls })
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

    /// How calls to a control plane show who asks. The file of the token is read anew.
    ///
    /// # Errors
    /// A sentence that names the flag.
    pub fn bearer(&self, control_plane: &Uri) -> Result<Bearer, String> {
        match &self.source {
            Source::Named(path) => {
                token::read(path).map(|token| Bearer::new(&token)).map_err(|err| format!("--token-file: {err}"))
            }
            Source::Given(token) => Ok(Bearer::new(token)),
            // Without one it is for the control plane to say that it wants one.
            Source::Found(name) => {
                Ok(find(name, control_plane).map_or_else(Bearer::default, |token| Bearer::new(&token)))
            }
        }
    }

    /// How to connect to a control plane: TLS where its URL says so.
    ///
    /// # Errors
    /// What cannot be used of the certificates, or a host that has no name.
    pub fn endpoint(&self, control_plane: &Uri) -> Result<Endpoint, tonic::transport::Error> {
        let endpoint = Endpoint::from(control_plane.clone());
        match &self.tls {
            Some(tls) if control_plane.scheme_str() == Some("https") => {
                let host = control_plane.host().unwrap_or_default();
                let name = host.trim_start_matches('[').trim_end_matches(']');
                endpoint.tls_config(tls.clone().domain_name(name))
            }
            Some(_) | None => Ok(endpoint),
        }
    }
}

/// A token that nobody has named goes to loopback alone: to a control plane that this user runs, or to
/// the one whose data directory this process has.
fn find(name: &str, control_plane: &Uri) -> Option<Token> {
    let host = control_plane.host()?;
    local::loopback(host)?;
    let default = if control_plane.scheme_str() == Some("https") { 443 } else { 80 };
    let noted = local::data_dir(host, control_plane.port_u16().unwrap_or(default));
    let own = env::var_os("GATEWAY_DATA_DIR").map(PathBuf::from);
    noted.into_iter().chain(own).find_map(|directory| token::read(&directory.join(name)).ok())
}

fn tls(ca: &std::path::Path, cert: Option<PathBuf>, key: Option<PathBuf>) -> Result<ClientTlsConfig, Failure> {
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
