//! Which pages may read responses, to the wire.

use gateway_proto::registry::v1 as pb;

use super::duration;
use crate::route::{Allowed, Cors};

pub(super) fn cors(cors: &Cors) -> pb::Cors {
    let Cors { allow_origins, allow_methods, allow_headers, expose_headers, allow_credentials, max_age } = cors;
    pb::Cors {
        enabled: Some(true),
        allow_origins: allow_origins.iter().map(ToString::to_string).collect(),
        allow_methods: allowed(allow_methods),
        allow_headers: allowed(allow_headers),
        expose_headers: allowed(expose_headers),
        allow_credentials: *allow_credentials,
        max_age: max_age.map(duration),
    }
}

fn allowed<T: ToString>(allowed: &Allowed<T>) -> Vec<String> {
    match allowed {
        Allowed::Any => vec!["*".to_owned()],
        Allowed::Only(items) => items.iter().map(ToString::to_string).collect(),
    }
}
