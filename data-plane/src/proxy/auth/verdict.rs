//! What methods make of a request, and what becomes of it.

use gateway_routing::route::AuthMethod;

use super::{caller::Caller, subject::Shown};
use crate::error::ProxyError;

/// What a method makes of a request; as [`Shown`], with a caller of the table.
#[derive(Debug, Clone)]
pub(super) enum Verdict<'t> {
    /// It brings no credentials of this kind.
    Nothing,
    /// It brings some that are not accepted.
    Refused,
    /// It is this one's.
    Accepted(Caller<'t>),
    /// It cannot be told now.
    Unknown,
}

impl Verdict<'_> {
    pub(super) fn of(shown: Shown) -> Self {
        match shown {
            Shown::Nothing => Self::Nothing,
            Shown::Refused => Self::Refused,
            Shown::Accepted(subject) => Self::Accepted(Caller::Told(subject, None)),
            Shown::Unknown => Self::Unknown,
        }
    }
}

/// What becomes of a request where a policy says who may call, for metrics and logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It passes, by this method.
    ApiKey,
    Basic,
    Jwt,
    Introspection,
    Forward,
    /// It passes without credentials.
    Anonymous,
    /// It is refused.
    Refused(Refusal),
    /// It passes although it would be refused, were the policy not in shadow mode.
    Shadow(Refusal),
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It has no credentials.
    Unauthenticated,
    /// It has credentials that are not accepted.
    Invalid,
    /// Its caller may not make it.
    Forbidden,
    /// Whether its credentials are good cannot be told now.
    Unavailable,
}

/// Every outcome's name, by [`Outcome::index`].
pub(crate) const OUTCOMES: [&str; 14] = [
    "api_key",
    "basic",
    "jwt",
    "introspection",
    "forward",
    "anonymous",
    "unauthenticated",
    "invalid",
    "forbidden",
    "unavailable",
    "shadow_unauthenticated",
    "shadow_invalid",
    "shadow_forbidden",
    "shadow_unavailable",
];

impl Outcome {
    pub(super) const fn by(method: &AuthMethod) -> Self {
        match method {
            AuthMethod::ApiKey(_) => Self::ApiKey,
            AuthMethod::Basic => Self::Basic,
            AuthMethod::Jwt(_) => Self::Jwt,
            AuthMethod::Introspection(_) => Self::Introspection,
            AuthMethod::Forward(_) => Self::Forward,
        }
    }

    /// The place of its name in [`OUTCOMES`].
    pub(crate) const fn index(self) -> usize {
        match self {
            Self::ApiKey => 0,
            Self::Basic => 1,
            Self::Jwt => 2,
            Self::Introspection => 3,
            Self::Forward => 4,
            Self::Anonymous => 5,
            Self::Refused(refusal) => 6 + refusal.index(),
            Self::Shadow(refusal) => 10 + refusal.index(),
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        OUTCOMES[self.index()]
    }
}

impl Refusal {
    const fn index(self) -> usize {
        match self {
            Self::Unauthenticated => 0,
            Self::Invalid => 1,
            Self::Forbidden => 2,
            Self::Unavailable => 3,
        }
    }

    /// What the client is told: no more than that.
    pub(super) const fn error(self) -> ProxyError {
        match self {
            Self::Unauthenticated | Self::Invalid => ProxyError::Unauthenticated,
            Self::Forbidden => ProxyError::Forbidden,
            Self::Unavailable => ProxyError::AuthUnavailable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{OUTCOMES, Outcome, Refusal};

    #[test]
    fn every_outcome_has_a_name_of_its_own() {
        let refusals = [Refusal::Unauthenticated, Refusal::Invalid, Refusal::Forbidden, Refusal::Unavailable];
        let passed = [
            Outcome::ApiKey,
            Outcome::Basic,
            Outcome::Jwt,
            Outcome::Introspection,
            Outcome::Forward,
            Outcome::Anonymous,
        ];
        let refused = refusals.map(Outcome::Refused).into_iter().chain(refusals.map(Outcome::Shadow));
        let names: Vec<_> = passed.into_iter().chain(refused).map(Outcome::name).collect();
        assert_eq!(names, OUTCOMES);
        assert_eq!(Outcome::Shadow(Refusal::Forbidden).name(), "shadow_forbidden");
    }
}
