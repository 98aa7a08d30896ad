//! Reading what tokens are accepted that were signed for this gateway.

use std::{ops::RangeInclusive, time::Duration};

use gateway_proto::{
    registry::v1 as pb,
    violation::{Path, Shown, Violations, distinct, duration},
};
use http::header::AUTHORIZATION;

use super::{
    claim::{self, MAX_VALUE, text},
    place::place,
    source::jwks,
};
use crate::route::{Jwt, JwtAlgorithm};

/// The most audiences.
const MAX_AUDIENCES: usize = 16;
const LEEWAY: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(600);
const DEFAULT_LEEWAY: Duration = Duration::from_secs(60);

pub(super) fn jwt(wire: &pb::JwtAuth, path: &Path<'_>, violations: &mut Violations) -> Option<Jwt> {
    let pb::JwtAuth {
        issuer,
        audience,
        keys,
        algorithms: names,
        leeway,
        required_claims,
        consumer_claim,
        groups_claim,
        place: wanted,
    } = wire;
    let issuer = text(issuer, MAX_VALUE, &path.field("issuer"), violations);
    let audience =
        distinct(audience.iter(), MAX_AUDIENCES, &path.field("audience"), violations, |one, path, violations| {
            text(one, MAX_VALUE, path, violations)
        });
    let jwks = jwks(keys.as_ref(), path, violations);
    let algorithms = algorithms(names, &path.field("algorithms"), violations);
    let leeway = duration(*leeway, &LEEWAY, &path.field("leeway"), violations).unwrap_or(DEFAULT_LEEWAY);
    let required_claims = claim::required(required_claims, &path.field("required_claims"), violations);
    let claims = claim::identity(consumer_claim, groups_claim, path, violations);
    let place = place(wanted.as_ref(), AUTHORIZATION, &path.field("place"), violations);
    Some(Jwt {
        issuer: issuer?,
        audience: audience.into(),
        jwks: jwks?,
        algorithms,
        leeway,
        required_claims,
        claims,
        place: place?,
    })
}

fn algorithms(wire: &[String], path: &Path<'_>, violations: &mut Violations) -> Box<[JwtAlgorithm]> {
    let read = distinct(wire.iter(), JwtAlgorithm::ALL.len(), path, violations, |text, path, violations| {
        let found = JwtAlgorithm::ALL.into_iter().find(|algorithm| algorithm.name() == text);
        if found.is_none() {
            let known = JwtAlgorithm::ALL.map(JwtAlgorithm::name).join(", ");
            violations.add(path, format_args!("{} is no algorithm here; there are: {known}", Shown(text)));
        }
        found
    });
    read.into()
}
