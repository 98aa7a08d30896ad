//! What is asked of the claims of a token (RFC 7519 section 4.1).

use std::time::Duration;

use super::{Algorithm, Claims, Refused};
use crate::json::Json;

/// What is asked of a token.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// Which algorithms may be used at all; none means all that are known. A key decides beside it.
    pub algorithms: Vec<Algorithm>,
    /// `iss` has to be this.
    pub issuer: Option<String>,
    /// `aud` has to name one of these, where there are any. Where there are none, a token that names an
    /// audience is for somebody else (section 4.1.3).
    pub audiences: Vec<String>,
    /// How far clocks may differ.
    pub leeway: Duration,
    /// Claims that have to be there, and to say this where a value is given, as [`Claims::says`] has it.
    pub required: Vec<(String, Option<String>)>,
}

impl Default for Rules {
    /// A minute of leeway, and everything else as strict as it can be said without knowing the issuer.
    fn default() -> Self {
        Self {
            algorithms: Vec::new(),
            issuer: None,
            audiences: Vec::new(),
            leeway: Duration::from_secs(60),
            required: Vec::new(),
        }
    }
}

impl Rules {
    pub(super) fn allows(&self, algorithm: Algorithm) -> bool {
        self.algorithms.is_empty() || self.algorithms.contains(&algorithm)
    }

    /// Whether the claims are, by their own word, those of the issuer.
    pub(super) fn is_of_issuer(&self, claims: &Json) -> bool {
        self.issuer.as_deref().is_none_or(|issuer| claims.get("iss").and_then(Json::as_text) == Some(issuer))
    }

    /// Checks the rest of the claims at `now`.
    pub(super) fn check(&self, all: Json, now: i64) -> Result<Claims, Refused> {
        if !matches!(all, Json::Object(_)) {
            return Err(Refused::Json);
        }
        let expires = self.check_times(&all, now)?;
        self.check_audience(&all)?;
        let claims = Claims { all, expires: Some(expires) };
        if !self.required.iter().all(|(name, value)| claims.says(name, value.as_deref())) {
            return Err(Refused::Claim);
        }
        Ok(claims)
    }

    fn check_times(&self, claims: &Json, now: i64) -> Result<i64, Refused> {
        let leeway = i64::try_from(self.leeway.as_secs()).unwrap_or(i64::MAX);
        let expires = claims.get("exp").and_then(Json::as_seconds).ok_or(Refused::NoExpiry)?;
        // Section 4.1.4: on or after that time it must not be accepted; leeway moves that time.
        if now >= expires.saturating_add(leeway) {
            return Err(Refused::Expired);
        }
        for name in ["nbf", "iat"] {
            if let Some(claim) = claims.get(name) {
                // One that cannot be read promises nothing.
                let from = claim.as_seconds().ok_or(Refused::NotYet)?;
                if now < from.saturating_sub(leeway) {
                    return Err(Refused::NotYet);
                }
            }
        }
        Ok(expires)
    }

    fn check_audience(&self, claims: &Json) -> Result<(), Refused> {
        let is_for_us = match claims.get("aud") {
            None => self.audiences.is_empty(),
            Some(claim) => {
                let named = claim.as_texts().ok_or(Refused::Audience)?;
                named.iter().any(|named| self.audiences.iter().any(|ours| ours == named))
            }
        };
        if is_for_us { Ok(()) } else { Err(Refused::Audience) }
    }
}
