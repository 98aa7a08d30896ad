//! Whom claims are about.

use std::{borrow::Cow, collections::BTreeSet, sync::Arc};

use gateway_auth::{
    Json,
    jwt::{Claims, Refused},
};
use gateway_routing::route::IdentityClaims;

use super::subject::Subject;

/// The longest name of a consumer or a group in bytes, as rules have them.
pub(super) const MAX_NAME: usize = 256;

impl Subject {
    /// Who a token's claims are about: its consumer is a name, its groups are a list of names, or one text with
    /// spaces between them (RFC 8693 section 4.2 has scopes so).
    ///
    /// # Errors
    /// If either is there and is anything else: who cannot be told apart must not become nobody, whom a rule that
    /// denies would let pass.
    pub(super) fn claimed(claims: Claims, identity: &IdentityClaims) -> Result<Self, Refused> {
        let IdentityClaims { consumer, groups } = identity;
        let consumer = match claims.all.get(consumer) {
            None | Some(Json::Null) => None,
            Some(Json::Text(empty)) if empty.is_empty() => None,
            Some(claim) => Some(name(claim)?.as_ref().into()),
        };
        let groups: Vec<_> = match claims.all.get(groups) {
            None | Some(Json::Null) => Vec::new(),
            Some(Json::Text(text)) => text.split(' ').map(Cow::Borrowed).collect(),
            Some(Json::Array(items)) => items.iter().map(name).collect::<Result<_, _>>()?,
            Some(claim @ (Json::Bool(_) | Json::Number(_) | Json::Object(_))) => vec![name(claim)?],
        };
        let groups =
            sorted(groups.iter().map(|group| &**group).filter(|group| !group.is_empty())).ok_or(Refused::Claim)?;
        Ok(Self { consumer, groups, claims: Some(Arc::new(claims)) })
    }

    /// About how many bytes of memory it takes up.
    pub(super) fn weight(&self) -> usize {
        let Self { consumer, groups, claims } = self;
        // What counts stand in front of.
        const COUNTS: usize = 32;
        let claims = claims.as_ref().map_or(0, |claims| size_of::<Claims>() + claims.all.weight() + COUNTS);
        let name = |name: &Arc<str>| name.len() + COUNTS;
        let groups = groups.iter().map(|group| size_of::<Arc<str>>() + name(group)).sum::<usize>();
        size_of::<Self>() + COUNTS + consumer.as_ref().map_or(0, name) + groups + claims
    }
}

/// A name as claims have it: numbers and truth values are the texts that JSON has for them, as far as each has one.
fn name(claim: &Json) -> Result<Cow<'_, str>, Refused> {
    let name = match claim {
        Json::Text(text) => Cow::Borrowed(&**text),
        Json::Number(number) if !number.is_f64() => number.to_string().into(),
        Json::Bool(is_so) => Cow::Borrowed(if *is_so { "true" } else { "false" }),
        Json::Number(_) | Json::Null | Json::Array(_) | Json::Object(_) => return Err(Refused::Claim),
    };
    if is_name(&name) { Ok(name) } else { Err(Refused::Claim) }
}

/// Distinct names in order; none if one of them is no name.
pub(super) fn sorted<'n>(names: impl Iterator<Item = &'n str>) -> Option<Arc<[Arc<str>]>> {
    let names = names.map(|name| is_name(name).then_some(name)).collect::<Option<BTreeSet<_>>>()?;
    Some(names.into_iter().map(Arc::from).collect())
}

/// Whether it can be the name of anybody.
pub(super) fn is_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len()) && !name.contains(char::is_control)
}
