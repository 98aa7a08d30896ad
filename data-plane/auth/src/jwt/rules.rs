//! What is asked of the claims of a token (RFC 7519 section 4.1).

use std::time::Duration;

use super::{Algorithm, Refused};
use crate::json::Json;

/// What is asked of a token.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// Which algorithms may be used at all; none means all that are known. A key decides beside it.
    pub algorithms: Vec<Algorithm>,
    /// `iss` has to be this.
    pub issuer: Option<String>,
    /// `aud` has to name one of these, where there are any. Where there are none, a token that names an
    /// audience is for somebody else (section 4.1.3), unless `any_audience`.
    pub audiences: Vec<String>,
    /// Whether a token may be for anybody.
    pub any_audience: bool,
    /// How far clocks may differ.
    pub leeway: Duration,
    /// Whether `exp` may be missing.
    pub may_never_expire: bool,
    /// Claims that have to be there, and where a value is given, to have it or, being an array, hold it.
    pub required: Vec<(String, Option<String>)>,
}

impl Default for Rules {
    /// A minute of leeway, and everything else as strict as it can be said without knowing the issuer.
    fn default() -> Self {
        Self {
            algorithms: Vec::new(),
            issuer: None,
            audiences: Vec::new(),
            any_audience: false,
            leeway: Duration::from_secs(60),
            may_never_expire: false,
            required: Vec::new(),
        }
    }
}

impl Rules {
    pub(super) fn allows(&self, algorithm: Algorithm) -> bool {
        self.algorithms.is_empty() || self.algorithms.contains(&algorithm)
    }

    /// Checks the claims at `now`, and says when the token expires.
    pub(super) fn check(&self, claims: &Json, now: i64) -> Result<Option<i64>, Refused> {
        if !matches!(claims, Json::Object(_)) {
            return Err(Refused::Json);
        }
        let expires = self.check_times(claims, now)?;
        if let Some(issuer) = &self.issuer
            && claims.get("iss").and_then(Json::as_text) != Some(issuer)
        {
            return Err(Refused::Issuer);
        }
        self.check_audience(claims)?;
        if !self.required.iter().all(|(name, value)| claims.has(name, value.as_deref())) {
            return Err(Refused::Claim);
        }
        Ok(expires)
    }

    fn check_times(&self, claims: &Json, now: i64) -> Result<Option<i64>, Refused> {
        let leeway = i64::try_from(self.leeway.as_secs()).unwrap_or(i64::MAX);
        let expires = match claims.get("exp") {
            None if self.may_never_expire => None,
            claim => Some(claim.and_then(Json::as_seconds).ok_or(Refused::NoExpiry)?),
        };
        // Section 4.1.4: on or after that time it must not be accepted; leeway moves that time.
        if expires.is_some_and(|expires| now >= expires.saturating_add(leeway)) {
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
        if self.any_audience {
            return Ok(());
        }
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
