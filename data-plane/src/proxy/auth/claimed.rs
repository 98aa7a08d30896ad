//! Whom claims are about.

use std::{collections::BTreeSet, sync::Arc};

use gateway_auth::{Json, jwt::Claims};
use gateway_routing::route::IdentityClaims;

use super::subject::Subject;

/// The longest name of a consumer or a group in bytes, as rules have them.
pub(super) const MAX_NAME: usize = 256;

impl Subject {
    /// Who a token's claims are about: its consumer is a text, its groups are texts or one text with spaces
    /// between (RFC 8693 section 4.2 has scopes so). What is neither names nobody and nothing.
    pub(super) fn claimed(claims: Claims, identity: &IdentityClaims) -> Self {
        let IdentityClaims { consumer, groups } = identity;
        let consumer = claims.all.get(consumer).and_then(Json::as_text).filter(|name| is_name(name)).map(Arc::from);
        let groups = match claims.all.get(groups) {
            Some(Json::Text(text)) => sorted(text.split(' ')),
            Some(list) => sorted(list.as_texts().unwrap_or_default().into_iter()),
            None => Arc::default(),
        };
        Self { consumer, groups, claims: Some(Arc::new(claims)) }
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

/// Distinct names in order.
pub(super) fn sorted<'n>(names: impl Iterator<Item = &'n str>) -> Arc<[Arc<str>]> {
    let names: BTreeSet<_> = names.filter(|name| is_name(name)).collect();
    names.into_iter().map(Arc::from).collect()
}

/// Whether it can be the name of anybody.
pub(super) fn is_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len()) && !name.contains(char::is_control)
}
