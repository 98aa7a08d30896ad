//! What an answer other than success means, and what to do about it.

use std::error::Error;

use gateway_proto::code::{DOMAIN, Reason};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::{
    exit::{Exit, Failure},
    output::text,
};

/// What the things that people name are in, in requests.
const WRAPPERS: [&str; 4] = ["service.", "route.", "consumer.", "query."];

/// Whether the control plane has answered at all.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It has, and refuses.
    Refused,
    /// It is stopping and has done nothing; another may answer.
    Stopping(String),
    /// The connection broke or stood still; it may have done what was asked.
    Broken(String),
}

/// Tells a refusal from a failure of the way to the control plane.
pub(super) fn judge(status: &Status) -> Verdict {
    match reason(status) {
        Some(Reason::ShuttingDown) => return Verdict::Stopping(text::escape(status.message())),
        Some(_) => return Verdict::Refused,
        None => {}
    }
    if let Some(transport) = transport_error(status) {
        return Verdict::Broken(root_cause(transport));
    }
    match status.code() {
        Code::Unavailable | Code::DeadlineExceeded => Verdict::Broken(text::escape(status.message())),
        _ => Verdict::Refused,
    }
}

/// One field that is wrong, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The field's path in the request, such as `hosts[0]`.
    pub field: String,
    /// What is wrong, as a sentence that follows the field's name.
    pub description: String,
}

/// Fields that the control plane named as wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Violations {
    /// Those that there was room for.
    pub listed: Vec<Violation>,
    /// How many more there are.
    pub more: usize,
}

/// What the control plane named as wrong.
#[must_use]
pub fn violations(status: &Status) -> Violations {
    let listed = status.get_details_bad_request().map(|bad| bad.field_violations).unwrap_or_default();
    let info = status.get_details_error_info();
    let all = info.and_then(|info| info.metadata.get("violations")?.parse::<usize>().ok());
    Violations {
        more: all.unwrap_or_default().saturating_sub(listed.len()),
        listed: listed
            .into_iter()
            .map(|violation| Violation {
                field: text::escape(&violation.field),
                description: text::escape(&violation.description),
            })
            .collect(),
    }
}

/// The failure that a refusal comes to.
pub(super) fn failure(status: &Status) -> Failure {
    let reason = reason(status);
    let Violations { listed, more } = match reason {
        Some(Reason::Invalid) => violations(status),
        // What other refusals say of fields is in their message.
        Some(_) | None => Violations::default(),
    };
    let wrong = listed.len() + more;
    let details = listed.into_iter().map(|Violation { field, description }| {
        let field = WRAPPERS.into_iter().find_map(|wrapper| field.strip_prefix(wrapper)).unwrap_or(&field);
        format!("{field}: {description}")
    });
    let mut details: Vec<String> = details.collect();
    if more > 0 {
        details.push(format!("and {more} more"));
    }
    let mut failure = Failure::new(exit(status, reason), summary(status, wrong)).details(details);
    failure.hint = hint(status, reason);
    failure
}

fn exit(status: &Status, reason: Option<Reason>) -> Exit {
    match reason {
        Some(Reason::ServiceNotFound | Reason::RouteNotFound) => Exit::NotFound,
        Some(Reason::EndpointNotFound | Reason::NodeNotFound) => Exit::NotFound,
        Some(Reason::ConsumerNotFound | Reason::KeyNotFound) => Exit::NotFound,
        Some(Reason::ServiceExists | Reason::RouteExists | Reason::HostTaken) => Exit::Conflict,
        Some(Reason::ConsumerExists) => Exit::Conflict,
        Some(Reason::RouteConflict | Reason::StaleRevision) => Exit::Conflict,
        Some(Reason::ShuttingDown) => Exit::Unreachable,
        Some(Reason::ServiceMissing | Reason::ServiceInUse) => Exit::Failed,
        Some(Reason::Invalid | Reason::Compacted | Reason::WrongCluster) => Exit::Failed,
        Some(Reason::StaleReplica | Reason::StoreUnavailable | Reason::NodeUnavailable) => Exit::Failed,
        Some(Reason::Unauthenticated | Reason::PermissionDenied | Reason::LastAdminToken) => Exit::Failed,
        Some(Reason::TooManyTokens) => Exit::Failed,
        Some(Reason::TokenNotFound) => Exit::NotFound,
        None => match status.code() {
            Code::NotFound => Exit::NotFound,
            Code::AlreadyExists | Code::Aborted => Exit::Conflict,
            Code::Unavailable | Code::DeadlineExceeded => Exit::Unreachable,
            _ => Exit::Failed,
        },
    }
}

/// One sentence; where fields are wrong, they are listed below it.
fn summary(status: &Status, wrong: usize) -> String {
    match (status.code(), status.message()) {
        (Code::Unimplemented, _) => "the server does not know this request".to_owned(),
        (Code::InvalidArgument, _) if wrong > 0 => format!("{}; nothing was changed", text::count(wrong, "mistake")),
        (code, "") => format!("the control plane refused: {}", code.description()),
        (_, message) => text::escape(message),
    }
}

/// The command that helps further; what to do otherwise is in the message.
fn hint(status: &Status, reason: Option<Reason>) -> Option<String> {
    let Some(reason) = reason else {
        let older = "is it a control plane of the gateway, and not older than this program?";
        return (status.code() == Code::Unimplemented).then(|| older.to_owned());
    };
    let named = |key: &str| named(status, key).unwrap_or_else(|| "NAME".to_owned());
    let hint = match reason {
        Reason::Invalid => "correct this and repeat the command",
        Reason::ServiceNotFound | Reason::ServiceMissing => "`gatewayctl service list` shows the services there are",
        Reason::RouteNotFound => "`gatewayctl route list` shows the routes there are",
        Reason::ConsumerNotFound => "`gatewayctl consumer list` shows the consumers there are",
        Reason::KeyNotFound => "`gatewayctl key list` shows the keys there are",
        Reason::EndpointNotFound => "`gatewayctl endpoint list NAME` shows the service's endpoints",
        Reason::NodeNotFound => "`gatewayctl node list` shows the data planes there are",
        Reason::NodeUnavailable => "`gatewayctl node list` shows how the data planes are; --node ID asks another one",
        Reason::ServiceExists => return Some(format!("`gatewayctl service get {}` shows it", named("service"))),
        Reason::RouteExists => {
            return Some(format!("`gatewayctl route get {}` shows it; `gatewayctl apply` changes it", named("route")));
        }
        Reason::ConsumerExists => {
            let name = named("consumer");
            return Some(format!("`gatewayctl consumer get {name}` shows it; `gatewayctl consumer update` changes it"));
        }
        Reason::HostTaken => {
            return Some(format!("`gatewayctl service get {}` shows the host's owner", named("owner")));
        }
        Reason::RouteConflict => {
            return Some(format!("`gatewayctl route get {}` shows what that route matches", named("other")));
        }
        Reason::ServiceInUse => {
            return Some(format!("`gatewayctl route list --service {}` shows these routes", named("service")));
        }
        Reason::StaleRevision => return Some(stale(status)),
        Reason::Compacted => "begin with the current state: `gatewayctl watch --current`",
        Reason::WrongCluster | Reason::StaleReplica => "name the right control plane with --server URL",
        Reason::StoreUnavailable => "nothing was changed; look at the control plane's log and its disk",
        Reason::ShuttingDown => "repeat the command when it is back",
        Reason::Unauthenticated => {
            "a control plane's first start leaves admin.token in its data directory; `gatewayctl token create` makes others"
        }
        Reason::PermissionDenied => "ask whoever has an admin's token for one: `gatewayctl token create --role ROLE`",
        Reason::TokenNotFound => "`gatewayctl token list` shows the tokens there are",
        Reason::LastAdminToken => "`gatewayctl token create --role admin` makes another one",
        Reason::TooManyTokens => "`gatewayctl token list` shows which were not used for long",
    };
    Some(hint.to_owned())
}

fn stale(status: &Status) -> String {
    let nouns = ["route", "consumer", "service"];
    let found = nouns.into_iter().find_map(|noun| named(status, noun).map(|name| (noun, name)));
    let (noun, name) = found.unwrap_or(("service", "NAME".to_owned()));
    format!("`gatewayctl {noun} get {name}` shows its revision")
}

/// What a refusal says that it is about.
fn named(status: &Status, key: &str) -> Option<String> {
    let info = status.get_details_error_info()?;
    info.metadata.get(key).map(|name| text::escape(name))
}

/// The stable reason that a refusal names.
#[must_use]
pub fn reason(status: &Status) -> Option<Reason> {
    let info = status.get_details_error_info().filter(|info| info.domain == DOMAIN);
    match info {
        Some(info) => Reason::parse(&info.reason),
        None => status.get_details_bad_request().map(|_| Reason::Invalid),
    }
}

fn transport_error(status: &Status) -> Option<&tonic::transport::Error> {
    std::iter::successors(status.source(), |err| (*err).source()).find_map(|err| err.downcast_ref())
}

/// The innermost cause: `Connection refused`, where the outermost says `transport error`.
pub(super) fn root_cause(err: &(dyn Error + 'static)) -> String {
    let innermost = std::iter::successors(Some(err), |err| (*err).source()).last();
    innermost.unwrap_or(err).to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use gateway_proto::code::{DOMAIN, Reason};
    use tonic::{Code, Status};
    use tonic_types::{ErrorDetails, StatusExt};

    use super::{Verdict, failure, judge};
    use crate::exit::Exit;

    fn refusal(reason: Reason) -> Status {
        let named =
            [("owner", "shop"), ("other", "other"), ("route", "canary"), ("service", "mail"), ("consumer", "anna")];
        let metadata = named.map(|(key, name)| (key.to_owned(), name.to_owned()));
        let metadata = HashMap::from(metadata);
        let details = ErrorDetails::with_error_info(reason.as_str(), DOMAIN, metadata);
        Status::with_error_details(reason.grpc(), format!("because of {reason}"), details)
    }

    #[test]
    fn every_reason_has_its_exit_status_and_a_hint() {
        for reason in Reason::ALL {
            let expected = match reason {
                Reason::ServiceNotFound | Reason::RouteNotFound => Exit::NotFound,
                Reason::EndpointNotFound | Reason::NodeNotFound => Exit::NotFound,
                Reason::ServiceExists | Reason::RouteExists | Reason::HostTaken => Exit::Conflict,
                Reason::RouteConflict | Reason::StaleRevision | Reason::ConsumerExists => Exit::Conflict,
                Reason::ConsumerNotFound | Reason::KeyNotFound => Exit::NotFound,
                Reason::ShuttingDown => Exit::Unreachable,
                Reason::ServiceMissing | Reason::ServiceInUse => Exit::Failed,
                Reason::Invalid | Reason::Compacted | Reason::WrongCluster => Exit::Failed,
                Reason::StaleReplica | Reason::StoreUnavailable | Reason::NodeUnavailable => Exit::Failed,
                Reason::Unauthenticated | Reason::PermissionDenied | Reason::LastAdminToken => Exit::Failed,
                Reason::TooManyTokens => Exit::Failed,
                Reason::TokenNotFound => Exit::NotFound,
            };
            let failure = failure(&refusal(reason));
            assert_eq!(failure.exit, expected, "{reason}");
            assert_eq!(failure.summary, format!("because of {reason}"));
            assert!(failure.hint.is_some(), "{reason}");
        }
    }

    #[test]
    fn hints_name_what_the_refusal_is_about() {
        for (reason, command) in [
            (Reason::HostTaken, "gatewayctl service get shop"),
            (Reason::RouteConflict, "gatewayctl route get other"),
            (Reason::RouteExists, "gatewayctl route get canary"),
            (Reason::ConsumerExists, "gatewayctl consumer get anna"),
            (Reason::StaleRevision, "gatewayctl route get canary"),
            (Reason::ServiceInUse, "gatewayctl route list --service mail"),
        ] {
            let hint = failure(&refusal(reason)).hint.unwrap();
            assert!(hint.contains(command), "{hint}");
        }
    }

    #[test]
    fn every_violation_is_a_line_of_its_own() {
        let mut details = ErrorDetails::new();
        details.add_bad_request_violation("service.hosts[0]", "is empty");
        details.add_bad_request_violation("service.endpoints[1].weight", "is 2000");
        let failure = failure(&Status::with_error_details(Code::InvalidArgument, "2 fields are wrong", details));
        assert_eq!(failure.exit, Exit::Failed);
        assert_eq!(failure.details, ["hosts[0]: is empty", "endpoints[1].weight: is 2000"]);
    }

    #[test]
    fn only_a_broken_way_counts_as_unreachable() {
        assert!(matches!(judge(&Status::unavailable("gone")), Verdict::Broken(_)));
        assert!(matches!(judge(&Status::deadline_exceeded("late")), Verdict::Broken(_)));
        assert!(matches!(judge(&refusal(Reason::ShuttingDown)), Verdict::Stopping(_)));
        assert!(matches!(judge(&refusal(Reason::StoreUnavailable)), Verdict::Refused));
        assert!(matches!(judge(&Status::not_found("none")), Verdict::Refused));
    }

    #[test]
    fn what_the_server_says_cannot_steer_the_terminal() {
        assert_eq!(failure(&Status::internal("a\u{1b}[2Jb")).summary, "a\\u{1b}[2Jb");
    }
}
