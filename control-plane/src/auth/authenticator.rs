//! Who makes a call, by the token that it shows.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use gateway_proto::token::Token;
use http::HeaderMap;
use jiff::Timestamp;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use super::{
    actor::Actor,
    certificate::common_name,
    methods::Need,
    token::{Kept, TokenId, Tokens, USE_PRECISION},
};
use crate::store::{Store, TokenNote};

/// Who makes a call; nobody in particular by default.
#[derive(Debug, Clone, Default)]
pub struct Identity {
    /// What history says of it.
    pub actor: Actor,
    /// The token that was shown, where authentication is on.
    pub token: Option<TokenId>,
}

impl Identity {
    /// Whether who made the call could make it still, for a call may wait between the door and what it does.
    #[must_use]
    pub fn is_valid(&self, tokens: &Tokens, now: Timestamp) -> bool {
        self.token.as_ref().is_none_or(|id| tokens.get(id).is_some_and(|kept| kept.is_valid(now)))
    }
}

/// Why a call is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It shows no token.
    Missing,
    /// What it shows is none that is known.
    Invalid,
    /// The token has expired.
    Expired(TokenId),
    /// The token's role does not allow it.
    Role(TokenId),
}

impl Refused {
    /// The token that is known, and not good enough.
    pub(crate) const fn token(&self) -> Option<&TokenId> {
        match self {
            Self::Missing | Self::Invalid => None,
            Self::Expired(id) | Self::Role(id) => Some(id),
        }
    }

    /// The reason, as it is counted and logged.
    pub(crate) const fn as_str(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Invalid => "invalid",
            Self::Expired(_) => "expired",
            Self::Role(_) => "role",
        }
    }
}

/// Calls that were refused, by reason: someone who tries tokens is seen here.
#[derive(Debug, Default)]
pub struct RefusedCalls {
    /// Without a token.
    pub missing: AtomicU64,
    /// With one that is none, is revoked, or has the wrong secret.
    pub invalid: AtomicU64,
    /// With one that has expired.
    pub expired: AtomicU64,
    /// With a role that is not enough.
    pub role: AtomicU64,
}

impl RefusedCalls {
    /// So many, by reason.
    #[must_use]
    pub fn by_reason(&self) -> [(&'static str, u64); 4] {
        let Self { missing, invalid, expired, role } = self;
        [("missing", missing), ("invalid", invalid), ("expired", expired), ("role", role)]
            .map(|(reason, count)| (reason, count.load(Ordering::Relaxed)))
    }

    fn count(&self, refused: &Refused) {
        let counter = match refused {
            Refused::Missing => &self.missing,
            Refused::Invalid => &self.invalid,
            Refused::Expired(_) => &self.expired,
            Refused::Role(_) => &self.role,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// Knows the tokens; a copy is the same one.
#[derive(Clone)]
pub struct Authenticator {
    store: Arc<dyn Store>,
    tokens: watch::Receiver<Tokens>,
    clock: fn() -> Timestamp,
    insecure: bool,
    refused: Arc<RefusedCalls>,
}

impl Authenticator {
    /// Asks for the tokens that a store holds.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: fn() -> Timestamp, refused: Arc<RefusedCalls>) -> Self {
        let tokens = store.tokens();
        Self { store, tokens, clock, insecure: false, refused }
    }

    /// The same, which asks for nothing.
    #[must_use]
    pub fn insecure(self) -> Self {
        Self { insecure: true, ..self }
    }

    /// Who makes a call that needs this, or any token where nobody knows what it needs. `certificate` is
    /// the client's, where it has shown one.
    pub(crate) fn admit(
        &self,
        need: Option<Need>,
        headers: &HeaderMap,
        certificate: Option<&[u8]>,
    ) -> Result<Identity, Refused> {
        if self.insecure {
            let name = certificate.map(|der| common_name(der).unwrap_or_default());
            let actor = name.map_or_else(Actor::insecure, |name| Actor::certificate(&name));
            return Ok(Identity { actor, token: None });
        }
        if need == Some(Need::Nothing) {
            return Ok(Identity::default());
        }
        let admitted = self.kept(headers).and_then(|kept| {
            let is_met = need.is_none_or(|need| need.is_met_by(kept.role));
            if is_met { Ok(kept) } else { Err(Refused::Role(kept.id.clone())) }
        });
        let kept = admitted.inspect_err(|refused| self.refused.count(refused))?;
        Ok(Identity { actor: Actor::token(&kept.id, &kept.name), token: Some(kept.id.clone()) })
    }

    /// What is known of the token that a call shows.
    fn kept(&self, headers: &HeaderMap) -> Result<Arc<Kept>, Refused> {
        let mut shown = headers.get_all(http::header::AUTHORIZATION).iter();
        let first = shown.next().ok_or(Refused::Missing)?;
        // Of two, either might be meant.
        if shown.next().is_some() {
            return Err(Refused::Invalid);
        }
        let text = first.to_str().map_err(|_| Refused::Invalid)?;
        let (scheme, token) = text.split_once(' ').ok_or(Refused::Invalid)?;
        // RFC 9110 section 11.1: the name of a scheme has no case.
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Refused::Invalid);
        }
        let token = Token::parse(token).map_err(|_| Refused::Invalid)?;
        let kept = self.tokens.borrow().get(token.id()).cloned();
        let kept = kept.filter(|kept| kept.is(&token)).ok_or(Refused::Invalid)?;
        let now = self.now();
        if !kept.is_valid(now) {
            return Err(Refused::Expired(kept.id.clone()));
        }
        if kept.last_used_at.is_none_or(|last| now.duration_since(last) >= USE_PRECISION) {
            // Nobody waits for it: should it be lost, the next use is as good.
            drop(self.store.note_tokens(vec![TokenNote::Used(kept.id.clone(), now)]));
        }
        Ok(kept)
    }

    /// What time it is.
    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Returns when the token that was shown is revoked or has expired; never without one.
    pub(crate) async fn until_ended(self, identity: Identity) {
        let Some(id) = identity.token else { return std::future::pending().await };
        let mut tokens = self.tokens;
        let mut expiry: Option<Instant> = None;
        loop {
            let Some(kept) = tokens.borrow_and_update().get(&id).cloned() else { return };
            let now = (self.clock)();
            if !kept.is_valid(now) {
                return;
            }
            let left = kept.expires_at.and_then(|end| end.duration_since(now).try_into().ok());
            let due = left.and_then(|left| Instant::now().checked_add(left));
            // What was seen first counts: a clock that is set back makes no token last longer.
            expiry = expiry.into_iter().chain(due).min();
            let expired = async {
                match expiry {
                    Some(expiry) => sleep_until(expiry).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = expired => return,
                changed = tokens.changed() => {
                    if changed.is_err() {
                        // The store is closed, for the control plane is stopping.
                        return std::future::pending().await;
                    }
                }
            }
        }
    }
}

impl std::fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authenticator").field("insecure", &self.insecure).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        sync::{
            Arc,
            atomic::{AtomicI64, Ordering},
        },
        time::Duration,
    };

    use futures_util::FutureExt;
    use jiff::Timestamp;
    use tokio::time::timeout;

    use super::{Authenticator, Identity};
    use crate::{
        auth::{
            sample::kept,
            token::{Kept, TokenId},
        },
        store::{Store, TokenNote, memory::MemoryStore},
    };

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_set_back_makes_no_token_last_longer() {
        static SECONDS: AtomicI64 = AtomicI64::new(10_000);
        let clock = || Timestamp::from_second(SECONDS.load(Ordering::Relaxed)).unwrap();
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new("cluster").unwrap());
        let expires_at = Some(Timestamp::from_second(10_060).unwrap());
        let kept = Kept { expires_at, ..Kept::clone(&kept(1)) };
        let token: Option<TokenId> = Some(kept.id.clone());
        let _ = store.note_tokens(vec![TokenNote::First(kept.into())]).await;
        let authenticator = Authenticator::new(store, clock, Arc::default());
        let mut ended = pin!(authenticator.until_ended(Identity { token, ..Identity::default() }));
        assert!(ended.as_mut().now_or_never().is_none());
        SECONDS.store(5_000, Ordering::Relaxed);
        timeout(Duration::from_secs(61), ended).await.expect("it ends when it was to end");
    }
}
