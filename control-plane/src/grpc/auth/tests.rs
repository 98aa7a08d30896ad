use std::{pin::pin, sync::Arc};

use futures_util::FutureExt;
use gateway_proto::auth::v1::{self as pb, auth_service_server::AuthService};
use jiff::Timestamp;
use tokio::sync::Mutex;
use tonic::{Code, Request};
use tonic_types::StatusExt;

use super::{Auth, MAX_TOKENS};
use crate::{
    auth::{
        Identity,
        sample::kept_as,
        token::{Kept, Role},
    },
    store::{Batch, Store, TokenChange, TokenNote, memory::MemoryStore},
};

/// The service over these tokens, at the epoch.
async fn auth(tokens: impl IntoIterator<Item = Arc<Kept>>) -> Auth {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new("cluster").unwrap());
    let _ = store.note_tokens(tokens.into_iter().map(TokenNote::First).collect()).await;
    Auth { store, clock: || Timestamp::UNIX_EPOCH, changing: Mutex::new(()) }
}

fn admin(number: u64, expires_at: Option<i64>) -> Arc<Kept> {
    let expires_at = expires_at.map(|second| Timestamp::from_second(second).unwrap());
    Arc::new(Kept { expires_at, ..Kept::clone(&kept_as(number, Role::Admin)) })
}

/// A call of the holder of a token, whom the door has let in.
fn by<T>(token: &Kept, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(Identity { token: Some(token.id.clone()), ..Identity::default() });
    request
}

fn create() -> pb::CreateTokenRequest {
    pb::CreateTokenRequest { role: Role::Admin.wire().into(), ..pb::CreateTokenRequest::default() }
}

fn revoke(token: &Kept) -> pb::RevokeTokenRequest {
    pb::RevokeTokenRequest { id: token.id.to_string() }
}

#[tokio::test]
async fn who_waits_for_his_turn_makes_and_ends_nothing_once_his_token_has_ended() {
    let (own, other) = (admin(1, None), admin(2, None));
    let auth = auth([own.clone(), other.clone()]).await;
    let turn = auth.changing.lock().await;
    let mut creating = pin!(auth.create_token(by(&own, create())));
    let mut revoking = pin!(auth.revoke_token(by(&own, revoke(&other))));
    assert!(creating.as_mut().now_or_never().is_none() && revoking.as_mut().now_or_never().is_none());
    let ended = Batch { tokens: vec![TokenChange::Revoke(own.id.clone())], ..Batch::default() };
    auth.store.commit(ended).await.unwrap().unwrap();
    drop(turn);
    assert_eq!(creating.await.unwrap_err().code(), Code::Unauthenticated);
    assert_eq!(revoking.await.unwrap_err().code(), Code::Unauthenticated);
    assert_eq!(auth.store.tokens().borrow().keys().collect::<Vec<_>>(), [&other.id]);
}

#[tokio::test]
async fn an_admin_is_left_for_as_long_as_the_one_that_is_revoked_would_have_been_there() {
    for (own, other, is_left) in [
        (None, None, true),
        (Some(60), None, true),
        (Some(60), Some(60), true),
        (None, Some(60), false),
        (Some(61), Some(60), false),
        (Some(60), Some(0), false),
        // What has ended is needed by nobody.
        (Some(0), Some(0), true),
    ] {
        let (own, other) = (admin(1, own), admin(2, other));
        // Who is no admin does not count.
        let auth = auth([own.clone(), other, kept_as(3, Role::Operator)]).await;
        let refused = auth.revoke_token(Request::new(revoke(&own))).await.err();
        assert_eq!(refused.as_ref().map(tonic::Status::code), (!is_left).then_some(Code::FailedPrecondition));
        assert_eq!(auth.store.tokens().borrow().contains_key(&own.id), !is_left);
    }
}

#[tokio::test]
async fn there_are_so_many_tokens_and_no_more() {
    let auth = auth((0..MAX_TOKENS as u64).map(|number| kept_as(number, Role::Viewer))).await;
    let refused = auth.create_token(Request::new(create())).await.unwrap_err();
    let info = refused.get_details_error_info().unwrap();
    assert_eq!((refused.code(), info.reason.as_str()), (Code::ResourceExhausted, "TOO_MANY_TOKENS"));
}
