//! The service that makes, shows and ends tokens.

use std::{sync::Arc, time::Duration};

use gateway_proto::{
    auth::v1::{
        self as pb,
        auth_service_server::{AuthService, AuthServiceServer},
    },
    code::Reason,
};
use jiff::Timestamp;
use tokio::sync::Mutex;
use tonic::{Request, Response, Status};

use super::{caller, invalid, refusal::status, refuse};
use crate::{
    auth::{
        Actor, Identity,
        first::generate,
        token::{Kept, Role, TokenId, Tokens},
        unauthenticated,
    },
    error::RegistryError,
    store::{Batch, Store, StoreError, TokenChange},
    time::{LIFETIME, timestamp},
};

/// Characters of a name at the most.
const MAX_NAME: usize = 100;
/// Tokens there may be.
const MAX_TOKENS: usize = 10_000;

/// The service.
pub struct Auth {
    store: Arc<dyn Store>,
    clock: fn() -> Timestamp,
    /// One change at a time, so that two cannot each end what the other has left.
    changing: Mutex<()>,
}

impl Auth {
    /// The service over the tokens of a store.
    pub fn server(store: Arc<dyn Store>, clock: fn() -> Timestamp) -> AuthServiceServer<Self> {
        AuthServiceServer::new(Self { store, clock, changing: Mutex::new(()) })
    }

    /// The tokens there are, for who has one of them still: his may have been ended while he waited for his turn.
    fn tokens(&self, caller: &Identity) -> Result<Tokens, Status> {
        let tokens = self.store.tokens().borrow().clone();
        if caller.is_valid(&tokens, (self.clock)()) { Ok(tokens) } else { Err(unauthenticated()) }
    }

    async fn commit(&self, change: TokenChange, actor: Actor) -> Result<(), Status> {
        let batch = Batch { tokens: vec![change], actor, at: (self.clock)(), ..Batch::default() };
        let committed = self.store.commit(batch).await.unwrap_or(Err(StoreError::Closed));
        committed.map(drop).map_err(|err| status(&RegistryError::StoreUnavailable(err)))
    }
}

#[tonic::async_trait]
impl AuthService for Auth {
    async fn create_token(
        &self,
        request: Request<pb::CreateTokenRequest>,
    ) -> Result<Response<pb::CreateTokenResponse>, Status> {
        let caller = caller(&request);
        let pb::CreateTokenRequest { role, name, lifetime } = request.into_inner();
        let role =
            Role::from_wire(role).ok_or_else(|| invalid("role", "must be viewer, operator, admin or data-plane"))?;
        if name.chars().count() > MAX_NAME || name.chars().any(char::is_control) || name.trim() != name {
            return Err(invalid("name", "must be at most 100 visible characters, with spaces only between them"));
        }
        let now = (self.clock)();
        let expires_at = lifetime.map(|lifetime| expiry(now, lifetime)).transpose()?;
        let _changing = self.changing.lock().await;
        let tokens = self.tokens(&caller)?;
        if tokens.len() >= MAX_TOKENS {
            return Err(refuse(Reason::TooManyTokens, "there are 10000 tokens already; revoke some first"));
        }
        let token = loop {
            let token = generate(&mut rand::rng());
            if !tokens.contains_key(token.id()) {
                break token;
            }
        };
        let kept = Arc::new(Kept { expires_at, ..Kept::of(&token, name, role, now) });
        self.commit(TokenChange::Create(Arc::clone(&kept)), caller.actor).await?;
        Ok(Response::new(pb::CreateTokenResponse { token: Some(wire(&kept)), secret: token.reveal().to_owned() }))
    }

    async fn list_tokens(
        &self,
        request: Request<pb::ListTokensRequest>,
    ) -> Result<Response<pb::ListTokensResponse>, Status> {
        let pb::ListTokensRequest {} = request.into_inner();
        let tokens = self.store.tokens().borrow().clone();
        Ok(Response::new(pb::ListTokensResponse { tokens: tokens.values().map(|kept| wire(kept)).collect() }))
    }

    async fn revoke_token(
        &self,
        request: Request<pb::RevokeTokenRequest>,
    ) -> Result<Response<pb::RevokeTokenResponse>, Status> {
        let caller = caller(&request);
        let pb::RevokeTokenRequest { id } = request.into_inner();
        let _changing = self.changing.lock().await;
        let tokens = self.tokens(&caller)?;
        let Some(kept) = TokenId::parse(&id).and_then(|id| tokens.get(&id)) else {
            return Err(refuse(Reason::TokenNotFound, "there is no token of that id; ids have 12 hexadecimal digits"));
        };
        let now = (self.clock)();
        let mut others = tokens.values().filter(|other| other.id != kept.id && other.role == Role::Admin);
        let is_needed = kept.role == Role::Admin && kept.is_valid(now);
        if is_needed && !others.any(|other| other.is_valid(now) && other.outlasts(kept)) {
            let message = "no other valid token of the role admin lasts as long as this one, and without one nobody \
                           could make another; create one first";
            return Err(refuse(Reason::LastAdminToken, message));
        }
        self.commit(TokenChange::Revoke(kept.id.clone()), caller.actor).await?;
        Ok(Response::new(pb::RevokeTokenResponse { token: Some(wire(kept)) }))
    }
}

fn expiry(now: Timestamp, lifetime: prost_types::Duration) -> Result<Timestamp, Status> {
    let lifetime = Duration::try_from(lifetime).ok().filter(|wanted| LIFETIME.contains(wanted));
    let end = lifetime.and_then(|lifetime| now.checked_add(lifetime).ok());
    end.ok_or_else(|| invalid("lifetime", "must be from 1 minute to 10 years"))
}

fn wire(kept: &Kept) -> pb::Token {
    let Kept { id, name, role, digest: _, created_at, expires_at, last_used_at } = kept;
    pb::Token {
        id: id.to_string(),
        name: name.clone(),
        role: role.wire().into(),
        created_at: Some(timestamp(*created_at)),
        expires_at: expires_at.map(timestamp),
        last_used_at: last_used_at.map(timestamp),
    }
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Auth").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
