//! JSON Web Tokens: whether one is good, and what it says.
//!
//! # The walk of a token
//! 1. `compact` takes it apart: three segments of canonical base64url, within bounds.
//! 2. The header names an algorithm and perhaps a key. It decides nothing: [`Keys`] has the keys, each
//!    for the algorithms that it is for, and a token of another one is refused (RFC 8725 section 3.1). `none`
//!    is no algorithm here. Whatever `crit` asks to be understood is not (RFC 7515 section 4.1.11).
//! 3. One that does not even say that it is of the issuer is refused: these keys have nothing to do with it, and
//!    need not be newer.
//! 4. The signature is verified, by every key that the header could mean, of which there are few.
//! 5. Only then are the claims believed, and held against [`Rules`].

mod algorithm;
mod compact;
mod key;
mod keys;
mod rules;
#[cfg(test)]
mod tests;

use std::fmt;

pub use algorithm::Algorithm;
pub use compact::MAX_TOKEN;
pub use keys::{Keys, KeysError, MAX_JWKS, MAX_KEYS};
pub use rules::Rules;

use compact::Compact;

use crate::json::Json;

/// Keys that one token is tried with at the most, where it names none.
const MAX_TRIED: usize = 8;

/// What a good token says.
#[derive(Debug, Clone, PartialEq)]
pub struct Claims {
    /// All of them.
    pub all: Json,
    /// When it expires, in seconds since 1970, without leeway.
    pub expires: Option<i64>,
}

impl Claims {
    /// Whether a claim of this name is there and says something, or says this: it is that text, or a list that
    /// holds it. `scope` and the items of its list may be several with spaces between (RFC 8693 section 4.2, RFC 7662
    /// section 2.2); whoever wants several at once wants that very text.
    #[must_use]
    pub fn says(&self, name: &str, value: Option<&str>) -> bool {
        match (self.all.get(name), value) {
            (None | Some(Json::Null), _) => false,
            (Some(_), None) => true,
            (Some(claim), Some(value)) => claim.has_text(value) || name == "scope" && has_scope(claim, value),
        }
    }
}

fn has_scope(claim: &Json, wanted: &str) -> bool {
    match claim {
        Json::Text(scopes) => scopes.split(' ').any(|scope| scope == wanted),
        Json::Array(items) => {
            items.iter().filter_map(Json::as_text).any(|scopes| scopes.split(' ').any(|scope| scope == wanted))
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Object(_) => false,
    }
}

/// Why a token is not good. The client is told no more than that it is not; operators see which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It is no compact JWS of canonical base64url, or too long.
    Malformed,
    /// Its header or claims are no JSON object, have a member twice, or are nested too deeply.
    Json,
    /// `crit`, or `b64`: extensions that are not understood.
    Critical,
    /// `typ` is of something else than an access token.
    Type,
    /// The algorithm is unknown, `none`, or not allowed.
    Algorithm,
    /// No key is there that it could be signed with.
    Key,
    /// The signature is not good.
    Signature,
    /// It has no expiry, or one that is no number.
    NoExpiry,
    /// It has expired.
    Expired,
    /// It is not valid yet, or was issued in the future.
    NotYet,
    /// It is of another issuer.
    Issuer,
    /// It is for another audience.
    Audience,
    /// A claim that is required is missing or has another value, or one that says whose it is cannot be read.
    Claim,
}

impl Refused {
    /// A token that tells it, for logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Json => "json",
            Self::Critical => "critical",
            Self::Type => "type",
            Self::Algorithm => "algorithm",
            Self::Key => "key",
            Self::Signature => "signature",
            Self::NoExpiry => "no_expiry",
            Self::Expired => "expired",
            Self::NotYet => "not_yet",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Claim => "claim",
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::error::Error for Refused {}

/// Verifies a token at `now`, in seconds since 1970.
///
/// # Errors
/// The first reason for which it is not good.
pub fn verify(token: &[u8], keys: &Keys, rules: &Rules, now: i64) -> Result<Claims, Refused> {
    let compact = Compact::split(token)?;
    let header = Header::read(&compact)?;
    let claims = Json::parse(&compact.payload()?);
    if claims.as_ref().is_ok_and(|claims| !rules.is_of_issuer(claims)) {
        return Err(Refused::Issuer);
    }
    if !rules.allows(header.algorithm) {
        return Err(Refused::Algorithm);
    }
    verify_signature(&compact, &header, keys)?;
    rules.check(claims.map_err(|_| Refused::Json)?, now)
}

fn verify_signature(compact: &Compact<'_>, header: &Header, keys: &Keys) -> Result<(), Refused> {
    let mut candidates = keys.candidates(header.key_id.as_deref(), header.algorithm).take(MAX_TRIED).peekable();
    if candidates.peek().is_none() {
        return Err(Refused::Key);
    }
    if candidates.any(|key| key.verifies(compact, header.algorithm)) { Ok(()) } else { Err(Refused::Signature) }
}

/// What a header says, as far as it is listened to: keys and certificates in it mean nothing (RFC 8725
/// section 3.10), nor do URLs of such.
struct Header {
    algorithm: Algorithm,
    key_id: Option<String>,
}

impl Header {
    fn read(compact: &Compact<'_>) -> Result<Self, Refused> {
        let json = Json::parse(&compact.header()?).map_err(|_| Refused::Json)?;
        let Json::Object(members) = &json else { return Err(Refused::Json) };
        if members.contains_key("crit") || members.contains_key("b64") {
            return Err(Refused::Critical);
        }
        let text = |name: &str| members.get(name).map(|value| value.as_text().ok_or(Refused::Json)).transpose();
        if text("typ")?.is_some_and(|kind| !is_token_type(kind)) {
            return Err(Refused::Type);
        }
        let algorithm = text("alg")?.and_then(Algorithm::of).ok_or(Refused::Algorithm)?;
        Ok(Self { algorithm, key_id: text("kid")?.map(str::to_owned) })
    }
}

/// RFC 7519 section 5.1, and RFC 9068 section 2.1 for access tokens: what is signed for another purpose
/// (RFC 8725 section 3.11), such as a logout or a security event, has another type.
fn is_token_type(kind: &str) -> bool {
    let kind = kind.to_ascii_lowercase();
    matches!(kind.strip_prefix("application/").unwrap_or(&kind), "jwt" | "at+jwt")
}
