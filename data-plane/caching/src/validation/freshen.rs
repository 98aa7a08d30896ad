//! Which stored responses a 304 or the answer to a HEAD is about (RFC 9111 sections 4.3.4 and 4.3.5).

use http::StatusCode;

use super::Validators;
use crate::{
    fields::{Fields, single},
    time::Time,
};

/// The places of those responses that a 304 has found valid, among all that could have been chosen for
/// its request: each with its validators and its date. If there are none, the 304 says nothing about what
/// is stored, and the request has to be sent again without conditions.
///
/// A strong entity tag is of every response that has it. A weak one, or `Last-Modified`, is of the most
/// recent response that has it. Without a validator, the 304 is about the only response there is, if that
/// has none either.
#[must_use]
pub fn freshened(answer: &Validators<'_>, stored: &[(Validators<'_>, Time)]) -> Vec<usize> {
    let latest = |is_same: &dyn Fn(&Validators<'_>) -> bool| {
        let same = stored.iter().enumerate().filter(|(_, (each, _))| is_same(each));
        same.max_by_key(|(_, (_, date))| *date).map(|(at, _)| at).into_iter().collect()
    };
    if let Some(tag) = answer.strong_tag() {
        let has_it = |each: &Validators<'_>| each.entity_tag.is_some_and(|own| own.matches_strongly(&tag));
        return stored.iter().enumerate().filter(|(_, (each, _))| has_it(each)).map(|(at, _)| at).collect();
    }
    if let Some(tag) = answer.entity_tag {
        return latest(&|each| each.entity_tag.is_some_and(|own| own.matches_weakly(&tag)));
    }
    if let Some((_, modified)) = answer.last_modified {
        return latest(&|each| each.last_modified.is_some_and(|(_, own)| own == modified));
    }
    match stored {
        [(only, _)] if !only.can_validate() => vec![0],
        _ => Vec::new(),
    }
}

/// What the answer to a HEAD does to a stored response that could have been chosen for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadEffect {
    /// Its fields are updated ([`super::update`]).
    Update,
    /// It is stale from now on ([`crate::Freshness::expire`]).
    Expire,
    /// None: only a 200 tells something.
    Nothing,
}

/// Judges what the answer to a HEAD says of a stored response, by its validators and its length in bytes
/// (`None` if it is a part of unknown length).
#[must_use]
pub fn freshen_by_head(
    status: StatusCode,
    answer: &(impl Fields + ?Sized),
    received: &Validators<'_>,
    stored: &Validators<'_>,
    stored_length: Option<u64>,
) -> HeadEffect {
    if status != StatusCode::OK {
        return HeadEffect::Nothing;
    }
    let has_same_tag = received.entity_tag.is_none_or(|tag| stored.entity_tag == Some(tag));
    let modified = |of: &Validators<'_>| of.last_modified.map(|(_, time)| time);
    let has_same_date = modified(received).is_none_or(|time| modified(stored) == Some(time));
    let has_same_length = match answer.values("content-length").next() {
        None => true,
        Some(_) => {
            single(answer, "content-length").and_then(number).is_some_and(|length| Some(length) == stored_length)
        }
    };
    if has_same_tag && has_same_date && has_same_length { HeadEffect::Update } else { HeadEffect::Expire }
}

fn number(text: &[u8]) -> Option<u64> {
    let digits = str::from_utf8(text).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    digits?.parse().ok()
}
