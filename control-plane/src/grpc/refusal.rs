//! The registry's refusals as statuses: a message for people, details for programs.

use std::collections::HashMap;

use gateway_proto::code::DOMAIN;
use tonic::Status;
use tonic_types::{ErrorDetails, StatusExt};

use crate::{
    error::{ConflictingRoute, MissingService, RegistryError, TakenHost, Violation},
    registry::model::Key,
};

/// Bytes of a status message at the most. It travels in the trailers together with the details,
/// both encoded; 8 KiB is what every gRPC client takes.
const MAX_MESSAGE: usize = 2048;
/// Bytes of field violations in the details at the most.
const MAX_DETAILS: usize = 3072;
/// Bytes of one violation or metadata value at the most.
const MAX_TEXT: usize = 512;

/// A refusal as it is sent: the message for people, the details for programs.
#[must_use]
pub fn status(err: &RegistryError) -> Status {
    let reason = err.reason();
    let mut details = ErrorDetails::with_error_info(reason.as_str(), DOMAIN, metadata(err));
    let message = match err {
        RegistryError::Invalid(violations) => {
            add_violations(
                &mut details,
                violations.iter().map(|Violation { field, message }| (field, message.clone())),
            );
            joined(violations, "; ")
        }
        RegistryError::HostTaken(taken) => joined(taken, "; ") + "; remove it there first, or choose another host",
        RegistryError::RouteConflict(conflicts) => {
            add_violations(&mut details, conflicts.iter().map(|conflict| (&conflict.field, conflict.to_string())));
            joined(conflicts, "; ") + "; change what one of them matches, or its priority"
        }
        RegistryError::ServiceMissing(missing) => {
            add_violations(&mut details, missing.iter().map(|missing| (&missing.field, missing.to_string())));
            joined(missing, "; ") + "; register it first, or lead elsewhere"
        }
        RegistryError::ServiceInUse { service, routes } => {
            let routes = joined(routes, ", ");
            format!(
                "service \"{service}\" cannot be deleted, for these routes lead to it: {routes}; delete or change them first"
            )
        }
        RegistryError::NotFound(_)
        | RegistryError::KeyNotFound
        | RegistryError::EndpointsNotFound { .. }
        | RegistryError::Exists(_)
        | RegistryError::StaleRevision { .. }
        | RegistryError::Compacted { .. }
        | RegistryError::StoreUnavailable(_)
        | RegistryError::ShuttingDown => cut(&err.to_string(), MAX_MESSAGE),
    };
    Status::with_error_details(reason.grpc(), message, details)
}

/// What a program may want to know of a refusal.
fn metadata(err: &RegistryError) -> HashMap<String, String> {
    let pairs: Vec<(&str, String)> = match err {
        RegistryError::Invalid(violations) => vec![("violations", violations.len().to_string())],
        RegistryError::NotFound(key) | RegistryError::Exists(key) => vec![named(key)],
        RegistryError::EndpointsNotFound { service, endpoints } => {
            vec![("service", service.to_string()), ("endpoints", listed(endpoints))]
        }
        RegistryError::HostTaken(taken) => taken
            .first()
            .map(|TakenHost { host, owner, wanted_by }| {
                vec![
                    ("host", host.to_string()),
                    ("owner", owner.to_string()),
                    ("service", wanted_by.to_string()),
                    ("hosts", taken.len().to_string()),
                ]
            })
            .unwrap_or_default(),
        RegistryError::RouteConflict(conflicts) => conflicts
            .first()
            .map(|ConflictingRoute { field: _, host, other, wanted_by }| {
                vec![
                    ("host", host.to_string()),
                    ("other", other.to_string()),
                    ("route", wanted_by.to_string()),
                    ("violations", conflicts.len().to_string()),
                ]
            })
            .unwrap_or_default(),
        RegistryError::ServiceMissing(missing) => missing
            .first()
            .map(|MissingService { field: _, service, wanted_by }| {
                let (service, route) = (cut(service, MAX_TEXT), wanted_by.to_string());
                vec![("service", service), ("route", route), ("violations", missing.len().to_string())]
            })
            .unwrap_or_default(),
        RegistryError::ServiceInUse { service, routes } => {
            let count = routes.len().to_string();
            vec![("service", service.to_string()), ("routes", listed(routes)), ("count", count)]
        }
        RegistryError::StaleRevision { key, expected, actual } => {
            vec![named(key), ("expected_revision", expected.to_string()), ("actual_revision", actual.to_string())]
        }
        RegistryError::Compacted { oldest } => vec![("oldest_revision", oldest.to_string())],
        RegistryError::KeyNotFound | RegistryError::StoreUnavailable(_) | RegistryError::ShuttingDown => Vec::new(),
    };
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn named(key: &Key) -> (&'static str, String) {
    match key {
        Key::Consumer(name) => ("consumer", name.to_string()),
        Key::Purge(revision) => ("purge", revision.to_string()),
        Key::Route(name) => ("route", name.to_string()),
        Key::Service(name) => ("service", name.to_string()),
    }
}

/// As many items as there is room for, without anything between them but commas.
fn listed(items: &[impl ToString]) -> String {
    let items: Vec<String> = items.iter().map(ToString::to_string).collect();
    cut(&items.join(","), MAX_TEXT)
}

/// As many violations as there is room for; the error's metadata tells how many there are.
fn add_violations<'a>(details: &mut ErrorDetails, violations: impl Iterator<Item = (&'a String, String)>) {
    let mut room = MAX_DETAILS;
    for (field, message) in violations {
        let (field, message) = (cut(field, MAX_TEXT), cut(&message, MAX_TEXT));
        let Some(left) = room.checked_sub(field.len() + message.len() + 16) else { return };
        room = left;
        details.add_bad_request_violation(field, message);
    }
}

/// As many items as there is room for, and how many more there are.
fn joined(items: &[impl ToString], between: &str) -> String {
    let mut message = String::new();
    for (at, item) in items.iter().enumerate() {
        let item = cut(&item.to_string(), MAX_TEXT);
        if message.len() + item.len() > MAX_MESSAGE {
            let more = items.len() - at;
            return format!("{message}{between}and {more} more");
        }
        if at > 0 {
            message.push_str(between);
        }
        message.push_str(&item);
    }
    message
}

fn cut(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    format!("{}…", &text[..text.floor_char_boundary(max)])
}

#[cfg(test)]
mod tests {
    use gateway_proto::code::Reason;
    use tonic_types::StatusExt;

    use super::status;
    use crate::{
        error::{ConflictingRoute, MissingService, RegistryError, TakenHost, Violation},
        registry::{
            model::{Key, Revision},
            sample,
        },
    };

    #[test]
    fn every_violation_is_in_the_message_and_in_the_details() {
        let violation = |at: usize| Violation { field: format!("service.hosts[{at}]"), message: "is wrong".into() };
        let status = status(&RegistryError::Invalid((0..3).map(violation).collect()));
        assert_eq!(status.code(), tonic::Code::InvalidArgument);
        assert_eq!(
            status.message(),
            "service.hosts[0]: is wrong; service.hosts[1]: is wrong; service.hosts[2]: is wrong"
        );
        let details = status.get_error_details();
        let fields = &details.bad_request().unwrap().field_violations;
        assert_eq!(fields.len(), 3);
        assert_eq!((fields[2].field.as_str(), fields[2].description.as_str()), ("service.hosts[2]", "is wrong"));
        assert_eq!(details.error_info().unwrap().reason, Reason::Invalid.as_str());
    }

    #[test]
    fn a_status_fits_the_trailers_whatever_is_wrong() {
        let violation = |at: usize| Violation { field: format!("services[{at}].name"), message: "ü".repeat(2000) };
        let invalid = RegistryError::Invalid((0..1000).map(violation).collect());
        let taken = TakenHost {
            host: gateway_proto::host::HostPattern::parse(&vec!["x".repeat(60); 4].join(".")).unwrap(),
            owner: sample::name(&"a".repeat(63)),
            wanted_by: sample::name(&"b".repeat(63)),
        };
        let conflict = ConflictingRoute {
            field: "routes[0].hosts[0]".into(),
            host: taken.host.clone(),
            other: sample::route_name(&"a".repeat(63)),
            wanted_by: sample::route_name(&"b".repeat(63)),
        };
        let missing = MissingService {
            field: "routes[0].forward.services[0].name".into(),
            service: "c".repeat(63),
            wanted_by: sample::route_name(&"b".repeat(63)),
        };
        for err in [
            invalid,
            RegistryError::HostTaken(vec![taken; 10_000]),
            RegistryError::RouteConflict(vec![conflict; 10_000]),
            RegistryError::ServiceMissing(vec![missing; 10_000]),
        ] {
            let status = status(&err);
            let headers = status.into_http::<()>().into_parts().0.headers;
            let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum();
            assert!(bytes < 15 * 1024, "{bytes}");
            assert!(status_message_ends(&err));
        }
        let routes = vec![sample::route_name(&"a".repeat(63)); 10_000];
        let in_use = status(&RegistryError::ServiceInUse { service: sample::name("a"), routes });
        let end = " more; delete or change them first";
        assert!(in_use.message().len() < 3000 && in_use.message().ends_with(end), "{in_use}");
    }

    fn status_message_ends(err: &RegistryError) -> bool {
        let message = status(err).message().to_owned();
        message.contains("more") && message.len() < 3000
    }

    #[test]
    fn each_refusal_names_what_it_is_about() {
        let stale = RegistryError::StaleRevision {
            key: Key::Service(sample::name("mail")),
            expected: Revision(1),
            actual: Revision(2),
        };
        let status = status(&stale);
        assert_eq!(status.code(), tonic::Code::Aborted);
        assert!(status.message().contains("at revision 2 and not at 1"), "{}", status.message());
        let details = status.get_error_details();
        let info = details.error_info().unwrap();
        assert_eq!((info.reason.as_str(), info.domain.as_str()), ("STALE_REVISION", "gateway"));
        assert_eq!((info.metadata["service"].as_str(), info.metadata["actual_revision"].as_str()), ("mail", "2"));
    }
}
