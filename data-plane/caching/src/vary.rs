//! Which requests a stored response is for, besides its key (RFC 9111 section 4.1).

use crate::{
    fields::Fields,
    key::Written,
    list::{is_token, members, quoted_members},
};

/// The most fields that one `Vary` may name.
pub const MAX_NAMES: usize = 16;

/// Why no request could ever be matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VaryError {
    /// It has a member `*`, or one that is no name.
    Any,
    /// It has more than [`MAX_NAMES`] names.
    TooMany,
}

/// The names in a response's `Vary`: in lower case, each once, in order. Empty if there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Vary(Box<str>);

impl Vary {
    /// Reads all `Vary` fields of a response.
    ///
    /// # Errors
    /// [`VaryError`]
    pub fn of(response: &(impl Fields + ?Sized)) -> Result<Self, VaryError> {
        let mut names = Vec::new();
        for member in response.values("vary").flat_map(members) {
            let name = str::from_utf8(member).ok().filter(|name| is_token(name.as_bytes()) && *name != "*");
            names.push(name.ok_or(VaryError::Any)?.to_ascii_lowercase());
            if names.len() > MAX_NAMES {
                names.sort_unstable();
                names.dedup();
            }
            if names.len() > MAX_NAMES {
                return Err(VaryError::TooMany);
            }
        }
        names.sort_unstable();
        names.dedup();
        Ok(Self(names.join(",").into()))
    }

    /// Whether the response is for every request of its key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names: a validation that no client has asked for is sent with these fields of the request that
    /// was stored (section 4.3.1).
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.split(',').filter(|name| !name.is_empty())
    }

    /// Appends what of this request chooses among the responses with this `Vary`. Two requests match if
    /// and only if the bytes are equal.
    pub(crate) fn write(&self, request: &(impl Fields + ?Sized), out: &mut Vec<u8>) {
        Written(out).text(self.0.as_bytes());
        for name in self.names() {
            write_value(name, request, out);
        }
    }
}

/// What may be done to a value without changing what it means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Normal {
    /// Lines of one name make one, and nothing else: a comma need not separate anything.
    Opaque,
    /// A list, in which white space around commas means nothing.
    List,
    /// A list of tokens and weights, in lower case.
    Tokens,
    /// The same, in whatever order.
    Unordered,
}

impl Normal {
    fn of(name: &str) -> Self {
        match name {
            "accept" => Self::List,
            "accept-language" | "accept-charset" => Self::Tokens,
            "accept-encoding" => Self::Unordered,
            _ => Self::Opaque,
        }
    }
}

/// Appends the value of the request's fields of this name, or that there are none: absent fields match
/// absent fields only.
pub(crate) fn write_value(name: &str, request: &(impl Fields + ?Sized), out: &mut Vec<u8>) {
    let mut lines = request.values(name).peekable();
    if lines.peek().is_none() {
        return Written(out).absent();
    }
    Written(out).whole(|out| match Normal::of(name) {
        Normal::Opaque => join(lines, out),
        Normal::List => join(lines.flat_map(|line| quoted_members(line, b";")), out),
        Normal::Tokens => join_lower(lines.flat_map(members), out),
        Normal::Unordered => {
            let mut slots = [&b""[..]; MAX_SORTED];
            match sorted(lines.flat_map(members), &mut slots) {
                Some(members) => join_lower(members.iter().copied(), out),
                None => join_lower(request.values(name).flat_map(members), out),
            }
        }
    });
}

/// Lists with more members are compared in the order that they have.
const MAX_SORTED: usize = 16;

fn sorted<'a, 's>(members: impl Iterator<Item = &'a [u8]>, slots: &'s mut [&'a [u8]]) -> Option<&'s [&'a [u8]]> {
    let mut count = 0;
    for member in members {
        *slots.get_mut(count)? = member;
        count += 1;
    }
    let taken = &mut slots[..count];
    let lower = |member: &'a [u8]| member.iter().map(u8::to_ascii_lowercase);
    taken.sort_unstable_by(|one, other| lower(one).cmp(lower(other)));
    Some(taken)
}

fn join<'a>(pieces: impl Iterator<Item = &'a [u8]>, out: &mut Vec<u8>) {
    for (at, piece) in pieces.enumerate() {
        if at > 0 {
            out.extend(b", ");
        }
        out.extend(piece);
    }
}

fn join_lower<'a>(pieces: impl Iterator<Item = &'a [u8]>, out: &mut Vec<u8>) {
    let start = out.len();
    join(pieces, out);
    out[start..].make_ascii_lowercase();
}
