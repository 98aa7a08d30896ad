//! Who may call, as it is printed: named as in the declarative file.

use gateway_proto::registry::v1::{self as pb, auth_method::Method, credential_place, jwt_auth::Keys};
use serde::Serialize;

use super::{route::PathMatch, text};

mod read;

/// Authentication and authorisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Auth {
    /// Whether it is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// How clients show who they are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<AuthMethod>,
    /// Whether nobody passes, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anonymous: Option<bool>,
    /// Who passes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<Rule>,
    /// Who does not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<Rule>,
    /// Whether credentials go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_credentials: Option<bool>,
    /// Whether it only counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shadow: Option<bool>,
    /// What endpoints are told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    /// What clients are told to authenticate for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub realm: Option<String>,
}

/// How a client shows who it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// A key of a consumer.
    ApiKey(Place),
    /// Name and password of a consumer.
    Basic {},
    /// A signed token.
    Jwt(Box<Jwt>),
    /// A token that its issuer is asked about.
    Introspection(Box<Introspection>),
    /// Whatever another server says.
    Forward(Box<Forward>),
    /// One that this program does not know.
    Unknown {},
}

/// Where a credential is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Place {
    /// In this header field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// In this query parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// In this cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cookie: Option<String>,
}

/// A signed token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Jwt {
    /// Of whom.
    pub issuer: String,
    /// For whom.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub audience: Vec<String>,
    /// Keys in a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_file: Option<String>,
    /// Keys at a URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_url: Option<String>,
    /// Keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks: Option<String>,
    /// How it may be signed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub algorithms: Vec<String>,
    /// How far clocks may differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leeway: Option<String>,
    /// What has to be in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub required_claims: Vec<Claim>,
    /// Which claim is the consumer's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consumer_claim: Option<String>,
    /// Which claim has the groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups_claim: Option<String>,
    /// Where it is.
    #[serde(flatten)]
    pub place: Place,
}

/// A token that its issuer is asked about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Introspection {
    /// Who is asked.
    pub url: String,
    /// As whom.
    pub client_id: String,
    /// Where the secret for that is.
    pub client_secret_file: String,
    /// How long an answer may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
    /// How long one is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_ttl: Option<String>,
    /// What has to be in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub required_claims: Vec<Claim>,
    /// Which claim is the consumer's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consumer_claim: Option<String>,
    /// Which claim has the groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups_claim: Option<String>,
    /// Where the token is.
    #[serde(flatten)]
    pub place: Place,
}

/// Whatever another server says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Forward {
    /// Who is asked.
    pub url: String,
    /// How long an answer may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
    /// What it gets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub request_headers: Vec<String>,
    /// What endpoints get of its answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub response_headers: Vec<String>,
    /// Where its answer has the consumer's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consumer_header: Option<String>,
    /// Where its answer has the groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups_header: Option<String>,
}

/// A claim, and what it has to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Claim {
    /// Its name.
    pub name: String,
    /// Its value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// Whom or what a rule is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// A consumer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consumer: Option<String>,
    /// A group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// A claim.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim: Option<Claim>,
    /// Methods of requests.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// Paths of requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathMatch>,
    /// Where clients are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub client_networks: Vec<String>,
}

/// What endpoints are told of who calls.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// The field with the consumer's name; empty for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consumer_header: Option<String>,
    /// The field with the groups; empty for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups_header: Option<String>,
    /// Claims.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<ClaimHeader>,
}

/// A claim that endpoints are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClaimHeader {
    /// Its name.
    pub claim: String,
    /// The field that has its value.
    pub header: String,
}
