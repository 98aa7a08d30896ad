//! Reads a consumer as data planes get him. Nothing that is wrong about what he is known by quotes it.

use std::sync::Arc;

use gateway_caching::Time;
use gateway_proto::{discovery::v1 as pb, name::is_name, registry::v1 as registry, violation::Path};
use gateway_routing::route::{self, Policy, RateLimit};

use super::Reader;
use crate::{
    proxy::auth::is_password_hash,
    table::consumers::{Consumer, Groups, Key, NEVER},
};

impl Reader<'_> {
    /// The consumer; `None` with at least one violation noted.
    pub(super) fn consumer(&mut self, expected: &str, resource: &pb::Resource) -> Option<Consumer> {
        let before = self.violations.len();
        let pb::Resource { name: _, digest: _, body } = resource;
        let Some(pb::resource::Body::Consumer(consumer)) = body else {
            self.violation("holds nothing that this data plane knows; update the data plane");
            return None;
        };
        let pb::Consumer { name, groups, rate_limits, keys, password_hash } = consumer;
        if !is_name(name) || name != expected {
            self.violation(&format!("holds a consumer named {name:?}"));
        }
        let mut groups: Vec<Arc<str>> = groups.iter().map(|group| Arc::from(&**group)).collect();
        groups.sort_unstable();
        groups.dedup();
        let keys: Vec<_> = keys.iter().enumerate().filter_map(|(at, key)| self.key(at, key)).collect();
        if !password_hash.is_empty() && !is_password_hash(password_hash) {
            self.violation("password_hash is no Argon2id hash in PHC string format that can be verified here");
        }
        let rate_limits = self.own_limits(rate_limits.as_ref());
        if self.violations.len() > before {
            return None;
        }
        let password = (!password_hash.is_empty()).then(|| Arc::from(&**password_hash));
        Some(Consumer::new(expected, Groups::from(groups), &keys, password, rate_limits?))
    }

    fn key(&mut self, at: usize, wire: &pb::ApiKey) -> Option<Key> {
        let pb::ApiKey { id: _, sha256, expires_at } = wire;
        let sha256 = <[u8; 32]>::try_from(&**sha256);
        if sha256.is_err() {
            self.violation(&format!("keys[{at}].sha256 has not 32 bytes"));
        }
        let ends = expires_at.map_or(NEVER, |prost_types::Timestamp { seconds, nanos }| {
            Time::from_millis(seconds.saturating_mul(1000).saturating_add(i64::from(nanos) / 1_000_000))
        });
        Some(Key { sha256: sha256.ok()?, ends })
    }

    /// Limits of whom they hang on, whatever their keys say.
    fn own_limits(&mut self, wire: Option<&registry::RateLimits>) -> Option<Box<[RateLimit]>> {
        use registry::rate_limit_key_part::Part;
        let mut rate_limits = wire.cloned().unwrap_or_default();
        for limit in &mut rate_limits.limits {
            limit.key = vec![registry::RateLimitKeyPart { part: Some(Part::Consumer(true)) }];
            (limit.ipv4_prefix, limit.ipv6_prefix) = (None, None);
        }
        let wire = registry::Policies { rate_limits: Some(rate_limits), ..registry::Policies::default() };
        let read = self.all(|violations| Some(route::policies(&wire, &Path::Root("consumer"), violations)))?;
        Some(match read.rate_limits {
            Policy::On(limits) => limits,
            Policy::Off | Policy::Unset => Box::default(),
        })
    }
}

#[cfg(test)]
mod tests;
