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
}

/// Reads every page; `read` is given where to go on.
///
/// # Errors
/// Why a page could not be read.
pub(crate) async fn pages<T>(mut read: impl AsyncFnMut(String) -> Result<Page<T>, Failure>) -> Result<Vec<T>, Failure> {
    let Page { mut items, mut next } = read(String::new()).await?;
    while !next.is_empty() {
        let page = read(next).await?;
        items.extend(page.items);
        next = page.next;
    }
    Ok(items)
}
