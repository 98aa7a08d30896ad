//! Reading what to list.

use gateway_proto::{
    host::{Authority, HostPattern},
    registry::v1 as pb,
    violation::{Path, Shown, Violations},
};

use super::named;
use crate::{
    error::RegistryError,
    registry::{
        list::{ConsumerQuery, KeyPlace, KeyQuery, MAX_PAGE, PageToken, RouteQuery, ServiceQuery},
        model::{ConsumerName, RouteName, ServiceName},
    },
};

const FILTER: Path<'static> = Path::Root("filter");

/// Reads which services to list.
///
/// # Errors
/// Everything that is wrong with it.
pub fn service_query(wire: pb::ListServicesRequest) -> Result<ServiceQuery, RegistryError> {
    let pb::ListServicesRequest { filter, page_size, page_token } = wire;
    let pb::ServiceFilter { name_prefix, tag, host } = filter.unwrap_or_default();
    let mut violations = Violations::default();
    let host = given(host).and_then(|host| match Authority::parse(&host) {
        Ok(authority) => Some(authority.host.into_owned()),
        Err(err) => {
            violations.add(&FILTER.field("host"), format_args!("{} {err}", Shown(&host)));
            None
        }
    });
    check_page_size(page_size, &mut violations);
    let after = last(page_token, ServiceName::parse, &mut violations);
    let query = ServiceQuery { name_prefix, tag: given(tag), host, page_size, after };
    violations.finish(Some(query)).map_err(RegistryError::Invalid)
}

/// Reads which routes to list.
///
/// # Errors
/// Everything that is wrong with it.
pub fn route_query(wire: pb::ListRoutesRequest) -> Result<RouteQuery, RegistryError> {
    let pb::ListRoutesRequest { filter, page_size, page_token } = wire;
    let pb::RouteFilter { name_prefix, host, service } = filter.unwrap_or_default();
    let mut violations = Violations::default();
    let host = given(host).and_then(|host| {
        let pattern = HostPattern::parse(&host);
        pattern.map_err(|err| violations.add(&FILTER.field("host"), format_args!("{} {err}", Shown(&host)))).ok()
    });
    let service = given(service)
        .and_then(|service| named(&service, ServiceName::parse, &FILTER.field("service"), &mut violations));
    check_page_size(page_size, &mut violations);
    let after = last(page_token, RouteName::parse, &mut violations);
    let query = RouteQuery { name_prefix, host, service, page_size, after };
    violations.finish(Some(query)).map_err(RegistryError::Invalid)
}

/// Reads which consumers to list.
///
/// # Errors
/// Everything that is wrong with it.
pub fn consumer_query(wire: pb::ListConsumersRequest) -> Result<ConsumerQuery, RegistryError> {
    let pb::ListConsumersRequest { group, page_size, page_token } = wire;
    let mut violations = Violations::default();
    check_page_size(page_size, &mut violations);
    let after = last(page_token, ConsumerName::parse, &mut violations);
    violations.finish(Some(ConsumerQuery { group: given(group), page_size, after })).map_err(RegistryError::Invalid)
}

/// Reads which keys to list.
///
/// # Errors
/// Everything that is wrong with it.
pub fn key_query(wire: pb::ListKeysRequest) -> Result<KeyQuery, RegistryError> {
    let pb::ListKeysRequest { consumer, page_size, page_token } = wire;
    let mut violations = Violations::default();
    let consumer = given(consumer)
        .and_then(|consumer| named(&consumer, ConsumerName::parse, &Path::Root("consumer"), &mut violations));
    check_page_size(page_size, &mut violations);
    let after = last(page_token, KeyPlace::read, &mut violations);
    violations.finish(Some(KeyQuery { consumer, page_size, after })).map_err(RegistryError::Invalid)
}

fn given(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

fn check_page_size(size: u32, violations: &mut Violations) {
    if size > MAX_PAGE {
        let message = format_args!("{size} is too large; use 1 to {MAX_PAGE}, or 0 for the default");
        violations.add(&Path::Root("page_size"), message);
    }
}

/// What the last page ended with.
fn last<N>(token: String, parse: impl Fn(&str) -> Option<N>, violations: &mut Violations) -> Option<N> {
    let token = given(token)?;
    let after = PageToken::read(&token).and_then(|name| parse(&name));
    if after.is_none() {
        violations.add(&Path::Root("page_token"), "is none; use the last response's next_page_token, or none");
    }
    after
}
