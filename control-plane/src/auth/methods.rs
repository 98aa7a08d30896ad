//! What each method of each service needs. What is not here cannot be called.

use super::token::Role;

/// What a call needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing.
    Nothing,
    /// A token of a viewer, or of who may more.
    Viewer,
    /// A token of an operator, or of an admin.
    Operator,
    /// A token of an admin.
    Admin,
    /// A token of a data plane; nobody else's business.
    DataPlane,
}

impl Need {
    /// Whether a role is enough.
    #[must_use]
    pub const fn is_met_by(self, role: Role) -> bool {
        match self {
            Self::Nothing => true,
            Self::Viewer => matches!(role, Role::Viewer | Role::Operator | Role::Admin),
            Self::Operator => matches!(role, Role::Operator | Role::Admin),
            Self::Admin => matches!(role, Role::Admin),
            Self::DataPlane => matches!(role, Role::DataPlane),
        }
    }

    /// The least role that is enough, for people.
    #[must_use]
    pub const fn least(self) -> &'static str {
        match self {
            Self::Nothing => "none",
            Self::Viewer => Role::Viewer.as_str(),
            Self::Operator => Role::Operator.as_str(),
            Self::Admin => Role::Admin.as_str(),
            Self::DataPlane => Role::DataPlane.as_str(),
        }
    }
}

/// What each method needs, by its path.
pub const METHODS: &[(&str, Need)] = &[
    ("/gateway.registry.v1.RegistryService/CreateService", Need::Operator),
    ("/gateway.registry.v1.RegistryService/GetService", Need::Viewer),
    ("/gateway.registry.v1.RegistryService/ListServices", Need::Viewer),
    ("/gateway.registry.v1.RegistryService/UpdateService", Need::Operator),
    ("/gateway.registry.v1.RegistryService/DeleteService", Need::Operator),
    ("/gateway.registry.v1.RegistryService/RegisterService", Need::Operator),
    ("/gateway.registry.v1.RegistryService/AddEndpoints", Need::Operator),
    ("/gateway.registry.v1.RegistryService/RemoveEndpoints", Need::Operator),
    ("/gateway.registry.v1.RegistryService/CreateRoute", Need::Operator),
    ("/gateway.registry.v1.RegistryService/GetRoute", Need::Viewer),
    ("/gateway.registry.v1.RegistryService/ListRoutes", Need::Viewer),
    ("/gateway.registry.v1.RegistryService/UpdateRoute", Need::Operator),
    ("/gateway.registry.v1.RegistryService/DeleteRoute", Need::Operator),
    ("/gateway.registry.v1.RegistryService/CreateConsumer", Need::Operator),
    ("/gateway.registry.v1.RegistryService/GetConsumer", Need::Viewer),
    ("/gateway.registry.v1.RegistryService/ListConsumers", Need::Viewer),
    ("/gateway.registry.v1.RegistryService/UpdateConsumer", Need::Operator),
    ("/gateway.registry.v1.RegistryService/DeleteConsumer", Need::Operator),
    ("/gateway.registry.v1.RegistryService/SetPassword", Need::Operator),
    ("/gateway.registry.v1.RegistryService/CreateKey", Need::Operator),
    ("/gateway.registry.v1.RegistryService/ListKeys", Need::Viewer),
    ("/gateway.registry.v1.RegistryService/RevokeKey", Need::Operator),
    ("/gateway.registry.v1.RegistryService/Apply", Need::Operator),
    ("/gateway.registry.v1.RegistryService/PurgeCache", Need::Operator),
    ("/gateway.registry.v1.RegistryService/Watch", Need::Viewer),
    ("/gateway.discovery.v1.DiscoveryService/StreamSnapshots", Need::DataPlane),
    ("/gateway.discovery.v1.DiscoveryService/AnswerQueries", Need::DataPlane),
    ("/gateway.discovery.v1.DiscoveryService/LeaseLimits", Need::DataPlane),
    ("/gateway.admin.v1.AdminService/GetStatus", Need::Viewer),
    ("/gateway.admin.v1.AdminService/ListNodes", Need::Viewer),
    ("/gateway.admin.v1.AdminService/GetNode", Need::Viewer),
    ("/gateway.admin.v1.AdminService/ListEndpoints", Need::Viewer),
    ("/gateway.admin.v1.AdminService/WaitForRevision", Need::Viewer),
    ("/gateway.admin.v1.AdminService/Explain", Need::Viewer),
    ("/gateway.admin.v1.AdminService/GetCacheStats", Need::Viewer),
    ("/gateway.admin.v1.AdminService/ShowLimits", Need::Viewer),
    ("/gateway.admin.v1.AdminService/ListAudit", Need::Viewer),
    ("/gateway.auth.v1.AuthService/CreateToken", Need::Admin),
    ("/gateway.auth.v1.AuthService/ListTokens", Need::Admin),
    ("/gateway.auth.v1.AuthService/RevokeToken", Need::Admin),
    // What asks whether a container lives has no token.
    ("/grpc.health.v1.Health/Check", Need::Nothing),
    ("/grpc.health.v1.Health/Watch", Need::Nothing),
    ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Need::Viewer),
    ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", Need::Viewer),
];

/// What the method at a path needs; `None` if there is none that may be called.
#[must_use]
pub fn need(path: &str) -> Option<Need> {
    METHODS.iter().find_map(|(method, need)| (*method == path).then_some(*need))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use gateway_proto::DESCRIPTORS;
    use prost::Message;
    use prost_types::FileDescriptorSet;

    use super::{METHODS, Need, need};
    use crate::auth::token::Role;

    /// The path of every method that a set of descriptors has.
    fn paths(descriptors: &[u8]) -> BTreeSet<String> {
        let set = FileDescriptorSet::decode(descriptors).unwrap();
        let methods = set.file.iter().flat_map(|file| {
            file.service.iter().flat_map(|service| {
                service.method.iter().map(|method| format!("/{}.{}/{}", file.package(), service.name(), method.name()))
            })
        });
        methods.collect()
    }

    #[test]
    fn every_method_that_is_served_has_its_need_and_no_other_has_one() {
        let served: BTreeSet<String> = [
            DESCRIPTORS,
            tonic_health::pb::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
        ]
        .into_iter()
        .flat_map(paths)
        .collect();
        let listed: BTreeSet<String> = METHODS.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(listed.len(), METHODS.len(), "one is listed twice");
        let missing: Vec<_> = served.difference(&listed).collect();
        assert!(missing.is_empty(), "say in auth::methods what these need: {missing:?}");
        let stale: Vec<_> = listed.difference(&served).collect();
        assert!(stale.is_empty(), "these are not served: {stale:?}");
    }

    #[test]
    fn nothing_else_can_be_called() {
        for path in ["", "/", "/gateway.admin.v1.AdminService", "/gateway.admin.v1.AdminService/getStatus", "*"] {
            assert_eq!(need(path), None, "{path}");
        }
    }

    #[test]
    fn a_data_plane_can_only_subscribe_and_answer() {
        let allowed: Vec<_> = METHODS
            .iter()
            .filter(|(_, need)| *need != Need::Nothing && need.is_met_by(Role::DataPlane))
            .map(|(path, _)| path.rsplit('/').next().unwrap())
            .collect();
        assert_eq!(allowed, ["StreamSnapshots", "AnswerQueries", "LeaseLimits"]);
    }

    #[test]
    fn each_role_may_what_the_one_before_it_may() {
        for (_, need) in METHODS {
            for (less, more) in [(Role::Viewer, Role::Operator), (Role::Operator, Role::Admin)] {
                assert!(!need.is_met_by(less) || need.is_met_by(more));
            }
        }
    }
}
