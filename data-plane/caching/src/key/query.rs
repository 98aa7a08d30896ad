//! Which query parameters are in a key.

use super::{Written, name};

/// Which query parameters are in a key. Parameters are what `&` separates; their order counts.
///
/// What is left out of the key still reaches the origin. So a parameter stays in wherever somebody could
/// take it for another one: with a `;` in it, at which some origins separate, it always does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Query {
    /// All of them, byte for byte.
    #[default]
    All,
    /// All but those whose names are byte for byte these.
    Without(Vec<Box<str>>),
    /// These alone, and what some origin could take for one of them.
    Only(Vec<Box<str>>),
}

impl Query {
    /// Appends a query with its `?`. One of which nothing is left is none.
    pub(super) fn write(&self, query: Option<&[u8]>, out: &mut Vec<u8>) {
        let Some(query) = query else { return };
        if *self == Self::All {
            out.push(b'?');
            return out.extend(query);
        }
        let kept = query.split(|byte| *byte == b'&').filter(|pair| self.keeps(pair));
        for (at, pair) in kept.enumerate() {
            out.push(if at == 0 { b'?' } else { b'&' });
            out.extend(pair);
        }
    }

    /// Appends the rule itself.
    pub(super) fn write_rule(&self, out: &mut Vec<u8>) {
        let (kind, names): (u8, &[Box<str>]) = match self {
            Self::All => (0, &[]),
            Self::Without(names) => (1, names),
            Self::Only(names) => (2, names),
        };
        out.push(kind);
        Written(out).whole(|out| names.iter().for_each(|name| Written(out).text(name.as_bytes())));
    }

    fn keeps(&self, pair: &[u8]) -> bool {
        if pair.is_empty() {
            return false;
        }
        let there = name::of(pair);
        let is_kept = match self {
            Self::All => true,
            Self::Without(names) => !names.iter().any(|known| known.as_bytes() == there),
            Self::Only(names) => names.iter().any(|known| name::is_same(known.as_bytes(), there)),
        };
        is_kept || pair.contains(&b';')
    }
}
