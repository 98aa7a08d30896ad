//! Tags by which an origin lets responses be purged together: `Surrogate-Key`, separated by spaces, and
//! `Cache-Tag`, separated by commas.

use crate::{fields::Fields, list::members};

/// The most tags of one response.
pub const MAX_TAGS: usize = 256;

/// The most bytes of one tag.
pub const MAX_TAG: usize = 256;

/// A response has more tags than can be kept. Without all of them it could not be purged by the others,
/// so that it should not be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany;

/// The tags of a response, in order, with regard to case; the same one may come twice.
///
/// # Errors
/// If there are more than [`MAX_TAGS`], or one is longer than [`MAX_TAG`] bytes.
pub fn tags(response: &(impl Fields + ?Sized)) -> Result<impl Iterator<Item = &[u8]>, TooMany> {
    let fits = |tag: &[u8]| tag.len() <= MAX_TAG;
    let mut count = 0;
    let all_fit = every(response).all(|tag| {
        count += 1;
        count <= MAX_TAGS && fits(tag)
    });
    if all_fit { Ok(every(response)) } else { Err(TooMany) }
}

fn every(response: &(impl Fields + ?Sized)) -> impl Iterator<Item = &[u8]> {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let spaced = response.values("surrogate-key").flat_map(move |line| line.split(is_space));
    spaced.filter(|tag| !tag.is_empty()).chain(response.values("cache-tag").flat_map(members))
}
