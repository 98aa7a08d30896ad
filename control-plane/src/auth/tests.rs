//! Real clients at the door: every method with every kind of credential.

mod door;
mod ends;

use std::time::Duration;

use gateway_proto::{
    auth::v1::{self as auth, auth_service_client::AuthServiceClient},
    code::Reason,
    registry::v1::{self as pb, registry_service_client::RegistryServiceClient},
};
use tokio::time::timeout;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use self::door::{Shown, TestDoor};
use super::{
    methods::{METHODS, Need},
    sample::token,
    token::Role,
};

/// A stream has to end within a second; the rest is for a busy machine.
const SOON: Duration = Duration::from_secs(20);

fn reason(status: &Status) -> String {
    status.get_error_details().error_info().map(|info| info.reason.clone()).unwrap_or_default()
}

#[tokio::test]
async fn every_method_asks_for_a_token_that_is_valid() {
    let door = TestDoor::start().await;
    for (path, need) in METHODS {
        for shown in Shown::BAD {
            let status = door.call(path, &shown.header()).await;
            if *need == Need::Nothing {
                assert_ne!(status.code(), Code::Unauthenticated, "{path} {shown:?}");
                continue;
            }
            assert_eq!(status.code(), Code::Unauthenticated, "{path} {shown:?}: {status:?}");
            assert_eq!(reason(&status), Reason::Unauthenticated.as_str());
            // Whatever is wrong with it, nobody learns.
            assert!(status.message().contains("--token-file") && !status.message().contains("expired"), "{status:?}");
            assert!(!format!("{status:?}").contains(token(1).reveal()), "{status:?}");
        }
    }
    let counts = door.refused.by_reason();
    let asked = METHODS.iter().filter(|(_, need)| *need != Need::Nothing).count() as u64;
    assert_eq!(counts, [("missing", asked), ("invalid", 6 * asked), ("expired", asked), ("role", 0)]);
}

#[tokio::test]
async fn every_method_asks_for_its_role() {
    let door = TestDoor::start().await;
    for (path, need) in METHODS {
        for role in Role::ALL {
            let status = door.call(path, &Shown::Good(role).header()).await;
            let refused = status.code() == Code::PermissionDenied;
            assert_eq!(refused, !need.is_met_by(role), "{path} as {role:?}: {status:?}");
            if refused {
                assert_eq!(reason(&status), Reason::PermissionDenied.as_str());
                assert!(status.message().contains(need.least()), "{status:?}");
            }
            assert_ne!(status.code(), Code::Unauthenticated, "{path} as {role:?}");
        }
    }
}

#[tokio::test]
async fn a_method_that_is_not_in_the_table_cannot_be_called() {
    let door = TestDoor::start().await;
    for path in ["/gateway.discovery.v1.DiscoveryService/Other", "/other.Service/Method"] {
        assert_eq!(door.call(path, &[]).await.code(), Code::Unauthenticated);
        // As a data plane that is newer than its control plane expects.
        let status = door.call(path, &Shown::Good(Role::DataPlane).header()).await;
        assert_eq!(status.code(), Code::Unimplemented, "{status:?}");
    }
}

#[tokio::test]
async fn a_data_plane_cannot_write() {
    let door = TestDoor::start().await;
    let mut registry = RegistryServiceClient::new(door.channel(Role::DataPlane));
    let service = Some(pb::Service { name: "mine".into(), ..pb::Service::default() });
    let refused = registry.create_service(pb::CreateServiceRequest { service: service.clone() }).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert!(door.store.desired().borrow().services.is_empty());
    let mut registry = RegistryServiceClient::new(door.channel(Role::Operator));
    registry.create_service(pb::CreateServiceRequest { service }).await.unwrap();
    assert_eq!(door.latest_actors()[0], format!("token:{} (number 3)", token(3).id()));
}

#[tokio::test]
async fn who_only_reads_makes_no_key_and_whoever_makes_one_is_in_history() {
    let door = TestDoor::start().await;
    let mut viewer = RegistryServiceClient::new(door.channel(Role::Viewer));
    let mut operator = RegistryServiceClient::new(door.channel(Role::Operator));
    let consumer = Some(pb::Consumer { name: "anna".into(), ..pb::Consumer::default() });
    let create = pb::CreateConsumerRequest { consumer };
    assert_eq!(viewer.create_consumer(create.clone()).await.unwrap_err().code(), Code::PermissionDenied);
    operator.create_consumer(create).await.unwrap();
    let key = pb::CreateKeyRequest { consumer: "anna".into(), lifetime: None };
    let password = pb::SetPasswordRequest { consumer: "anna".into(), password: Some("correct horse".into()) };
    assert_eq!(viewer.create_key(key.clone()).await.unwrap_err().code(), Code::PermissionDenied);
    assert_eq!(viewer.set_password(password.clone()).await.unwrap_err().code(), Code::PermissionDenied);
    operator.create_key(key).await.unwrap();
    operator.set_password(password).await.unwrap();
    let by = format!("token:{} (number 3)", token(3).id());
    assert_eq!(door.latest_actors()[..3], [&*by; 3]);
    let read = viewer.list_keys(pb::ListKeysRequest::default()).await.unwrap().into_inner();
    assert_eq!(read.keys.len(), 1);
}

#[tokio::test]
async fn without_authentication_everybody_is_let_in_and_history_says_so() {
    let door = TestDoor::insecure().await;
    for (path, _) in METHODS {
        let status = door.call(path, &[]).await;
        assert!(!matches!(status.code(), Code::Unauthenticated | Code::PermissionDenied), "{path}: {status:?}");
    }
    let service = Some(pb::Service { name: "mine".into(), ..pb::Service::default() });
    let mut registry = RegistryServiceClient::new(door.channel(Role::Viewer));
    registry.create_service(pb::CreateServiceRequest { service }).await.unwrap();
    assert_eq!(door.latest_actors()[0], "insecure");
}

#[tokio::test]
async fn that_a_token_was_used_is_kept_and_never_what_it_is() {
    let door = TestDoor::start().await;
    let header = Shown::Good(Role::Viewer).header();
    assert_eq!(door.call("/gateway.admin.v1.AdminService/GetStatus", &header).await.code(), Code::Ok);
    let kept = door.store.tokens();
    timeout(SOON, kept.clone().wait_for(|tokens| tokens[token(1).id()].last_used_at.is_some())).await.unwrap().unwrap();
    assert!(!format!("{:?} {:?}", kept.borrow(), door.authenticator()).contains(&token(1).reveal()[17..]));
}

#[tokio::test]
async fn who_ends_his_own_token_is_told_that_it_is_done() {
    let door = TestDoor::start().await;
    let mut tokens = AuthServiceClient::new(door.channel(Role::Admin));
    let role = Role::Admin.wire().into();
    tokens.create_token(auth::CreateTokenRequest { role, ..auth::CreateTokenRequest::default() }).await.unwrap();
    let own = auth::RevokeTokenRequest { id: token(4).id().to_owned() };
    let revoked = tokens.revoke_token(own.clone()).await.unwrap().into_inner().token.unwrap();
    assert_eq!(revoked.id, own.id);
    assert_eq!(tokens.revoke_token(own).await.unwrap_err().code(), Code::Unauthenticated);
}
