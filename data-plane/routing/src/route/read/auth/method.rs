//! Reading how a client shows who it is.

use std::{ops::RangeInclusive, sync::Arc, time::Duration};

use gateway_proto::{
    registry::v1 as pb,
    violation::{Path, Violations, distinct, duration},
};
use http::{
    HeaderName,
    header::{AUTHORIZATION, COOKIE},
};

use super::{
    super::field_name::field_name,
    claim::{self, MAX_NAME, text},
    jwt::jwt,
    place::place,
    source::{file, timeout, url},
    told_in,
};
use crate::route::{AuthMethod, ForwardAuth, Introspection};

/// The most fields that are passed on, each way.
const MAX_FIELDS: usize = 32;
const CACHE_TTL: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(3600);
const DEFAULT_CACHE_TTL: Duration = Duration::from_secs(30);
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

pub(super) fn method(wire: &pb::AuthMethod, path: &Path<'_>, violations: &mut Violations) -> Option<AuthMethod> {
    use pb::auth_method::Method;
    let pb::AuthMethod { method } = wire;
    match method {
        Some(Method::ApiKey(pb::ApiKeyAuth { place: wanted })) => {
            let path = path.field("api_key");
            place(wanted.as_ref(), API_KEY, &path.field("place"), violations).map(AuthMethod::ApiKey)
        }
        Some(Method::Basic(pb::BasicAuth {})) => Some(AuthMethod::Basic),
        Some(Method::Jwt(wire)) => jwt(wire, &path.field("jwt"), violations).map(|jwt| AuthMethod::Jwt(Arc::new(jwt))),
        Some(Method::Introspection(wire)) => introspection(wire, &path.field("introspection"), violations)
            .map(|introspection| AuthMethod::Introspection(Arc::new(introspection))),
        Some(Method::Forward(wire)) => {
            forward(wire, &path.field("forward"), violations).map(|forward| AuthMethod::Forward(Arc::new(forward)))
        }
        None => {
            violations.add(path, "says nothing; give one of api_key, basic, jwt, introspection and forward");
            None
        }
    }
}

fn introspection(wire: &pb::IntrospectionAuth, path: &Path<'_>, violations: &mut Violations) -> Option<Introspection> {
    let pb::IntrospectionAuth {
        url: endpoint,
        client_id,
        client_secret_file,
        timeout: patience,
        cache_ttl,
        required_claims,
        consumer_claim,
        groups_claim,
        place: wanted,
    } = wire;
    let url = url(endpoint, &path.field("url"), violations);
    let client_id = text(client_id, MAX_NAME, &path.field("client_id"), violations);
    let client_secret_file = file(client_secret_file, &path.field("client_secret_file"), violations);
    let timeout = timeout(*patience, &path.field("timeout"), violations);
    let cache_ttl = duration(*cache_ttl, &CACHE_TTL, &path.field("cache_ttl"), violations).unwrap_or(DEFAULT_CACHE_TTL);
    let required_claims = claim::required(required_claims, &path.field("required_claims"), violations);
    let claims = claim::identity(consumer_claim, groups_claim, path, violations);
    let place = place(wanted.as_ref(), AUTHORIZATION, &path.field("place"), violations);
    Some(Introspection {
        url: url?,
        client_id: client_id?,
        client_secret_file: client_secret_file?,
        timeout,
        cache_ttl,
        required_claims,
        claims,
        place: place?,
    })
}

fn forward(wire: &pb::ForwardAuth, path: &Path<'_>, violations: &mut Violations) -> Option<ForwardAuth> {
    let pb::ForwardAuth {
        url: server,
        timeout: patience,
        request_headers,
        response_headers,
        consumer_header,
        groups_header,
    } = wire;
    let url = url(server, &path.field("url"), violations);
    let timeout = timeout(*patience, &path.field("timeout"), violations);
    let at = path.field("request_headers");
    let mut request_headers =
        distinct(request_headers.iter(), MAX_FIELDS, &at, violations, |text, path, violations| {
            field_name(text, path, violations)
        });
    if wire.request_headers.is_empty() {
        request_headers = vec![AUTHORIZATION, COOKIE];
    }
    let at = path.field("response_headers");
    let response_headers = distinct(response_headers.iter(), MAX_FIELDS, &at, violations, |text, path, violations| {
        told_in(text, path, violations)
    });
    let mut header = |given: &str, field| {
        let path = path.field(field);
        (!given.is_empty()).then(|| field_name(given, &path, violations)).flatten()
    };
    let consumer_header = header(consumer_header, "consumer_header");
    let groups_header = header(groups_header, "groups_header");
    Some(ForwardAuth {
        url: url?,
        timeout,
        request_headers: request_headers.into(),
        response_headers: response_headers.into(),
        consumer_header,
        groups_header,
    })
}
