//! Policies as the control plane stores them.

use gateway_proto::registry::v1 as pb;
use proptest::{collection::vec, option, prelude::*};

use super::{
    auth::{auth, stored_auth},
    bytes,
    cache::{cache, stored_cache},
    duration,
    rate_limit::{rate_limits, stored_rate_limits},
    text, texts,
};

/// zstd, brotli, gzip.
const ALGORITHMS: [i32; 3] = [3, 2, 1];

fn methods() -> Vec<String> {
    ["GET", "HEAD", "POST"].map(str::to_owned).to_vec()
}

prop_compose! {
    /// None where there is no policy, as the control plane has it.
    pub(super) fn policies()(
        cors in option::weighted(0.3, cors()),
        compression in option::weighted(0.3, compression()),
        request_headers in option::weighted(0.3, header_rules()),
        response_headers in option::weighted(0.3, header_rules()),
        ambiguous_paths in 0..3i32,
        cache in option::weighted(0.3, cache()),
        rate_limits in option::weighted(0.3, rate_limits()),
        auth in option::weighted(0.3, auth()),
    ) -> Option<pb::Policies> {
        let policies = pb::Policies {
            cors,
            compression,
            request_headers,
            response_headers,
            ambiguous_paths,
            cache,
            rate_limits,
            auth,
        };
        Some(policies).filter(|policies| *policies != pb::Policies::default())
    }
}

prop_compose! {
    fn cors()(
        enabled: bool,
        allow_origins in texts(),
        allow_methods in prop_oneof![Just(methods()), vec(text(), 1..3)],
        allow_headers in texts(),
        expose_headers in texts(),
        allow_credentials: bool,
        max_age in option::of(duration(0..86_400_000)),
    ) -> pb::Cors {
        let enabled = Some(enabled);
        let max_age = max_age.flatten();
        pb::Cors { enabled, allow_origins, allow_methods, allow_headers, expose_headers, allow_credentials, max_age }
    }
}

prop_compose! {
    fn compression()(
        enabled: bool,
        algorithms in prop_oneof![Just(ALGORITHMS.to_vec()), vec(1..4i32, 1..3)],
        min_size in prop_oneof![Just(1024), bytes()],
        content_types in texts(),
    ) -> pb::Compression {
        pb::Compression { enabled: Some(enabled), algorithms, min_size: Some(min_size), content_types }
    }
}

fn header_rules() -> impl Strategy<Value = pb::HeaderRules> {
    let field = || ("[a-zA-Z0-9-]{1,9}", text()).prop_map(|(name, value)| pb::HeaderField { name, value });
    let rules = (vec(field(), 0..3), vec(field(), 0..3), texts());
    rules.prop_map(|(set, add, remove)| pb::HeaderRules { set, add, remove })
}

/// Fills in what the control plane would, by policy.proto.
pub(super) fn stored_policies(mut policies: pb::Policies) -> pb::Policies {
    if let Some(cors) = &mut policies.cors {
        cors.enabled = cors.enabled.or(Some(true));
        if cors.allow_methods.is_empty() {
            cors.allow_methods = methods();
        }
    }
    if let Some(compression) = &mut policies.compression {
        compression.enabled = compression.enabled.or(Some(true));
        compression.min_size = compression.min_size.or(Some(1024));
        if compression.algorithms.is_empty() {
            compression.algorithms = ALGORITHMS.to_vec();
        }
    }
    policies.cache = policies.cache.map(stored_cache);
    policies.auth = policies.auth.map(stored_auth);
    policies.rate_limits = policies.rate_limits.map(stored_rate_limits);
    policies
}
