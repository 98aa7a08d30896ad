//! Who may call, and how anyone shows who they are.

use std::{net::IpAddr, sync::Arc, time::Duration};

use gateway_proto::network::Network;
use http::{HeaderName, Uri};

use crate::{Methods, PathKind, PathMatcher, Request, matcher::bit};

mod jwt;

pub use jwt::{Jwks, Jwt, JwtAlgorithm};

/// Authentication and authorisation of clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auth {
    /// How clients show who they are, in this order; none only where `anonymous` holds.
    pub methods: Box<[AuthMethod]>,
    /// Whether requests without credentials pass, as nobody's.
    pub anonymous: bool,
    /// Of these one has to be met, if there are any.
    pub allow: Box<[AuthRule]>,
    /// Of these none may be met, whatever `allow` says.
    pub deny: Box<[AuthRule]>,
    /// Whether credentials go on to the endpoint.
    pub keep_credentials: bool,
    /// Whether it only counts what it would have refused.
    pub shadow: bool,
    /// What endpoints are told of who calls.
    pub identity: Identity,
    /// What clients are told to authenticate for: printable ASCII without `"` and `\`.
    pub realm: Box<str>,
}

impl Auth {
    /// The fields by which endpoints are told who calls, by the gateway or by a server that it asks.
    pub fn told(&self) -> impl Iterator<Item = &HeaderName> + Clone {
        let forwards = self.methods.iter().filter_map(|method| match method {
            AuthMethod::Forward(forward) => Some(&forward.response_headers),
            AuthMethod::ApiKey(_) | AuthMethod::Basic | AuthMethod::Jwt(_) | AuthMethod::Introspection(_) => None,
        });
        self.identity.fields().chain(forwards.flatten())
    }
}

/// How a client shows who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthMethod {
    /// A key of a consumer.
    ApiKey(CredentialPlace),
    /// Name and password of a consumer, in Authorization (RFC 7617).
    Basic,
    /// A token that was signed for this gateway (RFC 7519).
    Jwt(Arc<Jwt>),
    /// A token that its issuer is asked about (RFC 7662).
    Introspection(Arc<Introspection>),
    /// Whatever another server makes of the request.
    Forward(Arc<ForwardAuth>),
}

/// Where a credential is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialPlace {
    /// In this header field, as its whole value; of Authorization, behind `Bearer ` where it is a token.
    Header(HeaderName),
    /// In this query parameter, without percent-encoding.
    Query(Box<str>),
    /// In this cookie.
    Cookie(Box<str>),
}

/// Which claims say who a token's subject is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityClaims {
    /// The consumer's name.
    pub consumer: Box<str>,
    /// The groups, as texts or as one text with spaces between.
    pub groups: Box<str>,
}

/// A claim, and what it has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthClaim {
    /// Its name.
    pub name: Box<str>,
    /// What it is, or, being a list, what it holds; `None` is anything.
    pub value: Option<Box<str>>,
}

/// A token that its issuer is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Introspection {
    /// The endpoint that is asked; http or https.
    pub url: Uri,
    /// As whom the gateway asks it.
    pub client_id: Box<str>,
    /// The file of the directory of secrets that has its secret.
    pub client_secret_file: Box<str>,
    /// How long an answer may take.
    pub timeout: Duration,
    /// How long an answer is kept, though never beyond the token's expiry.
    pub cache_ttl: Duration,
    /// Claims that have to be in the answer; distinct by name.
    pub required_claims: Box<[AuthClaim]>,
    /// Which claims say who it is.
    pub claims: IdentityClaims,
    /// Where the token is.
    pub place: CredentialPlace,
}

/// Whatever another server makes of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwardAuth {
    /// The server; http or https.
    pub url: Uri,
    /// How long an answer may take.
    pub timeout: Duration,
    /// Which header fields of the request it gets.
    pub request_headers: Box<[HeaderName]>,
    /// Which header fields of its answer the endpoint gets, in place of the client's.
    pub response_headers: Box<[HeaderName]>,
    /// The field of its answer that names the consumer.
    pub consumer_header: Option<HeaderName>,
    /// The field of its answer that has the groups, with commas between.
    pub groups_header: Option<HeaderName>,
}

/// Whom or what a rule is about: all that is given has to hold, and something is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthRule {
    /// The consumer of this name.
    pub consumer: Option<Box<str>>,
    /// Consumers of this group.
    pub group: Option<Box<str>>,
    /// Tokens with this claim.
    pub claim: Option<AuthClaim>,
    /// Requests with one of these methods.
    pub methods: Methods,
    /// Requests for such a path.
    pub path: PathMatcher,
    /// Clients in one of these networks; none is every client.
    pub client_networks: Box<[Network]>,
}

impl AuthRule {
    /// Whether it is about this request, whoever makes it; `path` is the request's in normal form, or nothing
    /// where servers read it in two ways. Who calls, and from where, has to hold beside it.
    pub fn is_about(&self, request: &impl Request, path: Option<&[u8]>) -> bool {
        let Self { consumer: _, group: _, claim: _, methods, path: paths, client_networks: _ } = self;
        let is_any = || paths.kind() == PathKind::Any;
        let is_meant = path.map_or_else(is_any, |path| paths.matches(path));
        is_meant && methods.contain(request.method(), bit(request.method()))
    }

    /// Whether a server may take the request for one that it is about.
    pub fn may_be_about(&self, request: &impl Request, path: Option<&[u8]>) -> bool {
        path.is_none_or(|path| self.path.matches(path)) && self.methods.may_contain(request.method())
    }

    /// Whether it is about clients of this address.
    #[must_use]
    pub fn is_from(&self, client: IpAddr) -> bool {
        let networks = &self.client_networks;
        networks.is_empty() || networks.iter().any(|network| network.contains(client))
    }

    /// Whether it asks who the client is, so that nobody's request never meets it.
    #[must_use]
    pub fn asks_who(&self) -> bool {
        self.consumer.is_some() || self.group.is_some() || self.claim.is_some()
    }
}

/// What endpoints are told of who calls. Clients' own fields of these names are removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The field with the consumer's name.
    pub consumer_header: Option<HeaderName>,
    /// The field with the groups, with commas between.
    pub groups_header: Option<HeaderName>,
    /// Claims that are told; distinct by field.
    pub claims: Box<[ClaimHeader]>,
}

impl Identity {
    /// All of these fields.
    pub fn fields(&self) -> impl Iterator<Item = &HeaderName> + Clone {
        let Self { consumer_header, groups_header, claims } = self;
        let claims = claims.iter().map(|ClaimHeader { claim: _, header }| header);
        consumer_header.iter().chain(groups_header).chain(claims)
    }
}

/// A claim that endpoints are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimHeader {
    /// The claim's name.
    pub claim: Box<str>,
    /// The header field that has its value.
    pub header: HeaderName,
}
