//! Entity tags (RFC 9110 section 8.8.3).

use std::iter;

use crate::list::trim;

/// An entity tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntityTag<'a> {
    whole: &'a [u8],
    strength: Strength,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Strength {
    Strong,
    Weak,
}

impl<'a> EntityTag<'a> {
    /// Reads one that stands alone: `"opaque"` or `W/"opaque"`.
    #[must_use]
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let (tag, rest) = Self::split(value)?;
        rest.is_empty().then_some(tag)
    }

    /// Reads one, and what is behind it.
    fn split(text: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (strength, prefix) = if text.starts_with(b"W/") { (Strength::Weak, 2) } else { (Strength::Strong, 0) };
        let opaque = text[prefix..].strip_prefix(b"\"")?;
        let length = opaque.iter().position(|byte| !matches!(byte, 0x21 | 0x23..=0x7e | 0x80..))?;
        let end = prefix + length + 2;
        (opaque[length] == b'"').then(|| (Self { whole: &text[..end], strength }, &text[end..]))
    }

    /// As it was sent.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.whole
    }

    /// Whether it changes with every byte of the content.
    #[must_use]
    pub fn is_strong(&self) -> bool {
        self.strength == Strength::Strong
    }

    /// Section 8.8.3.2: the same content, byte for byte.
    #[must_use]
    pub fn matches_strongly(&self, other: &Self) -> bool {
        self.is_strong() && other.is_strong() && self.whole == other.whole
    }

    /// Section 8.8.3.2: the same meaning.
    #[must_use]
    pub fn matches_weakly(&self, other: &Self) -> bool {
        self.opaque() == other.opaque()
    }

    fn opaque(&self) -> &'a [u8] {
        match self.strength {
            Strength::Strong => self.whole,
            Strength::Weak => &self.whole[2..],
        }
    }
}

/// The entity tags of a list, up to the first member that is none: tags may hold commas, so that nobody
/// knows where the next one would begin.
pub fn entity_tags(line: &[u8]) -> impl Iterator<Item = EntityTag<'_>> {
    let mut rest = line;
    iter::from_fn(move || {
        let start = rest.iter().position(|byte| !matches!(byte, b',' | b' ' | b'\t'))?;
        let (tag, behind) = EntityTag::split(&rest[start..])?;
        rest = trim(behind);
        if !rest.is_empty() && !rest.starts_with(b",") {
            rest = b"";
            return None;
        }
        Some(tag)
    })
}
