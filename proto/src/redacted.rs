//! How messages with a secret in them are shown: without it. `build.rs` lists them.

use std::fmt;

use crate::{auth::v1 as auth, discovery::v1 as discovery, registry::v1 as registry};

/// In place of what is not shown; of what is empty, that is said.
struct Hidden(bool);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0 { "(hidden)" } else { "(none)" })
    }
}

impl fmt::Debug for registry::SetPasswordRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { consumer, password } = self;
        let password = Hidden(password.is_some());
        f.debug_struct("SetPasswordRequest").field("consumer", consumer).field("password", &password).finish()
    }
}

impl fmt::Debug for registry::CreateKeyResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, secret, revision } = self;
        let secret = Hidden(!secret.is_empty());
        let mut told = f.debug_struct("CreateKeyResponse");
        told.field("key", key).field("secret", &secret).field("revision", revision).finish()
    }
}

impl fmt::Debug for auth::CreateTokenResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { token, secret } = self;
        let secret = Hidden(!secret.is_empty());
        f.debug_struct("CreateTokenResponse").field("token", token).field("secret", &secret).finish()
    }
}

impl fmt::Debug for discovery::Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, groups, rate_limits, keys, password_hash } = self;
        let password_hash = Hidden(!password_hash.is_empty());
        let mut told = f.debug_struct("Consumer");
        told.field("name", name).field("groups", groups).field("rate_limits", rate_limits).field("keys", keys);
        told.field("password_hash", &password_hash).finish()
    }
}

impl fmt::Debug for discovery::ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, sha256, expires_at } = self;
        let sha256 = Hidden(!sha256.is_empty());
        f.debug_struct("ApiKey").field("id", id).field("sha256", &sha256).field("expires_at", expires_at).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{auth, discovery, registry};

    #[test]
    fn no_secret_is_shown() {
        let secret = "hunter2-hunter2".to_owned();
        let password = registry::SetPasswordRequest { consumer: "anna".into(), password: Some(secret.clone()) };
        let key = registry::CreateKeyResponse { secret: secret.clone(), ..registry::CreateKeyResponse::default() };
        let token = auth::CreateTokenResponse { secret: secret.clone(), ..auth::CreateTokenResponse::default() };
        let kept = discovery::ApiKey { id: "4f".into(), sha256: vec![77; 32], expires_at: None };
        let consumer = discovery::Consumer {
            name: "anna".into(),
            keys: vec![kept],
            password_hash: secret.clone(),
            ..discovery::Consumer::default()
        };
        let body = Some(discovery::resource::Body::Consumer(consumer));
        let resource = discovery::Resource { name: "consumers/anna".into(), digest: 0, body };
        let shown = format!("{password:?} {key:?} {token:?} {resource:?}");
        assert!(!shown.contains(&secret) && !shown.contains("77"), "{shown}");
        assert!(shown.contains("anna") && shown.contains("4f") && shown.contains("(hidden)"), "{shown}");
    }
}
