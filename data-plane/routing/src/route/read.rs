//! From the wire to what cannot be wrong.

use gateway_proto::{
    registry::v1 as pb,
    violation::{Path, Violations},
};

use super::{Policies, Route};

/// Reads a route. Title, revision and times are not its part.
pub fn route(_wire: &pb::Route, path: &Path<'_>, violations: &mut Violations) -> Option<Route> {
    violations.add(path, "holds a route, which this version does not know yet");
    None
}

/// Reads the policies of a service or a route.
pub fn policies(_wire: &pb::Policies, path: &Path<'_>, violations: &mut Violations) -> Policies {
    violations.add(path, "holds policies, which this version does not know yet");
    Policies::default()
}
