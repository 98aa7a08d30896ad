//! Reading everything that is listed page by page.

use crate::exit::Failure;

/// The most things of a page, by registry.proto.
pub(crate) const PAGE: u32 = 1_000;

/// One page.
#[derive(Debug)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    /// Where to go on; empty on the last.
    pub(crate) next: String,
    /// Of when it is.
    pub(crate) revision: u64,
}

/// Everything.
#[derive(Debug)]
pub(crate) struct Listing<T> {
    pub(crate) items: Vec<T>,
    /// Of when it is; none if something changed between two pages.
    pub(crate) revision: Option<u64>,
}

/// Reads every page; `read` is given where to go on.
///
/// # Errors
/// Why a page could not be read.
pub(crate) async fn pages<T>(
    mut read: impl AsyncFnMut(String) -> Result<Page<T>, Failure>,
) -> Result<Listing<T>, Failure> {
    let Page { mut items, mut next, revision: first } = read(String::new()).await?;
    let mut revision = Some(first);
    while !next.is_empty() {
        let page = read(next).await?;
        items.extend(page.items);
        next = page.next;
        revision = revision.filter(|read_at| *read_at == page.revision);
    }
    Ok(Listing { items, revision })
}
