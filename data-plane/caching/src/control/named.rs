//! `private` and `no-cache`, which can be about the whole response or about fields of it (RFC 9111
//! sections 5.2.2.4 and 5.2.2.7).

use super::directive::Argument;
use crate::{
    fields::is_one_of,
    list::{is_token, members},
};

/// More names than this are read as the whole response.
const MAX_NAMES: usize = 32;

/// Fields without which a response means something else. A directive that names one is about the whole
/// response.
const ESSENTIAL: [&str; 13] = [
    "age",
    "cache-control",
    "cdn-cache-control",
    "content-encoding",
    "content-length",
    "content-location",
    "content-range",
    "content-type",
    "date",
    "expires",
    "location",
    "transfer-encoding",
    "vary",
];

/// What such a directive is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Named<'a> {
    /// It is not there.
    #[default]
    Nothing,
    /// These fields: not to be stored, and so never reused.
    Fields(Vec<&'a [u8]>),
    /// All of the response. So is everything that cannot be read with certainty.
    Everything,
}

impl<'a> Named<'a> {
    pub(super) fn of(argument: Argument<'a>) -> Self {
        match argument {
            Argument::Absent | Argument::Integer(_) | Argument::Malformed => Self::Everything,
            Argument::Token(names) | Argument::Quoted(names) => Self::listed(names),
        }
    }

    fn listed(list: &'a [u8]) -> Self {
        let names: Vec<_> = members(list).take(MAX_NAMES + 1).collect();
        let is_certain = |name: &&[u8]| is_token(name) && !is_one_of(name, &ESSENTIAL);
        let are_certain = !names.is_empty() && names.len() <= MAX_NAMES && names.iter().all(is_certain);
        if are_certain { Self::Fields(names) } else { Self::Everything }
    }

    /// Of two directives of one name, both hold.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Everything, _) | (_, Self::Everything) => Self::Everything,
            (Self::Nothing, named) | (named, Self::Nothing) => named,
            (Self::Fields(mut names), Self::Fields(more)) => {
                names.extend(more);
                if names.len() > MAX_NAMES { Self::Everything } else { Self::Fields(names) }
            }
        }
    }

    /// Whether it is about this field and not about everything.
    pub(crate) fn names(&self, field: &[u8]) -> bool {
        match self {
            Self::Nothing | Self::Everything => false,
            Self::Fields(names) => names.iter().any(|name| name.eq_ignore_ascii_case(field)),
        }
    }
}
