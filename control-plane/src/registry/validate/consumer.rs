//! Reading consumers, and what they are known by.

use std::time::Duration;

use gateway_proto::{
    registry::v1 as pb,
    violation::{Path, Violations, duration},
};

use super::{named, read_labels, read_title};
use crate::{
    error::RegistryError,
    registry::{
        consumer::{MAX_GROUPS, read_limits},
        model::{Consumer, ConsumerName, KeyId},
        password::Password,
    },
    time::LIFETIME,
};

/// Reads the consumer of a request.
///
/// # Errors
/// Everything that is wrong with him.
pub fn consumer(wire: Option<pb::Consumer>) -> Result<Consumer, RegistryError> {
    let Some(wire) = wire else { return Err(RegistryError::invalid("consumer", "is missing; give a consumer")) };
    let mut violations = Violations::default();
    let consumer = read_consumer(wire, &Path::Root("consumer"), &mut violations);
    violations.finish(consumer).map_err(RegistryError::Invalid)
}

/// Reads a consumer's name, which is in this field of the request.
///
/// # Errors
/// It is none.
pub fn consumer_name(wire: &str, field: &'static str) -> Result<ConsumerName, RegistryError> {
    let mut violations = Violations::default();
    let name = named(wire, ConsumerName::parse, &Path::Root(field), &mut violations);
    violations.finish(name).map_err(RegistryError::Invalid)
}

/// Reads whose password a request sets, and which; none is taken away.
///
/// # Errors
/// Everything that is wrong with it. Nothing of the password is quoted.
pub fn password(wire: pb::SetPasswordRequest) -> Result<(ConsumerName, Option<Password>), RegistryError> {
    let pb::SetPasswordRequest { consumer, password } = wire;
    let mut violations = Violations::default();
    let name = named(&consumer, ConsumerName::parse, &Path::Root("consumer"), &mut violations);
    let password = password.and_then(|password| {
        Password::parse(password).map_err(|why| violations.add(&Path::Root("password"), why)).ok()
    });
    violations.finish(name.map(|name| (name, password))).map_err(RegistryError::Invalid)
}

/// Reads whose key a request makes, and for how long.
///
/// # Errors
/// Everything that is wrong with it.
pub fn lifetime(wire: pb::CreateKeyRequest) -> Result<(ConsumerName, Option<Duration>), RegistryError> {
    let pb::CreateKeyRequest { consumer, lifetime } = wire;
    let mut violations = Violations::default();
    let name = named(&consumer, ConsumerName::parse, &Path::Root("consumer"), &mut violations);
    let lifetime = duration(lifetime, &LIFETIME, &Path::Root("lifetime"), &mut violations);
    violations.finish(name.map(|name| (name, lifetime))).map_err(RegistryError::Invalid)
}

/// Reads a key's id.
///
/// # Errors
/// It is none, so that there is no key of that id.
pub fn key_id(wire: &str) -> Result<KeyId, RegistryError> {
    KeyId::parse(wire).ok_or(RegistryError::KeyNotFound)
}

pub(super) fn read_consumer(wire: pb::Consumer, path: &Path<'_>, violations: &mut Violations) -> Option<Consumer> {
    let pb::Consumer {
        name,
        title,
        groups,
        rate_limits,
        revision: _,
        created_at: _,
        updated_at: _,
        keys: _,
        has_password: _,
    } = wire;
    let name = named(&name, ConsumerName::parse, &path.field("name"), violations);
    let title = read_title(title, &path.field("title"), violations);
    let groups = read_labels("group", &groups, MAX_GROUPS, &path.field("groups"), violations);
    let rate_limits = read_limits(rate_limits, path, violations);
    Some(Consumer::new(name?, title.unwrap_or_default(), groups, rate_limits))
}
