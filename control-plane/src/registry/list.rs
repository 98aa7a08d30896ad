//! Reading what is registered a page at a time. Pure.

use std::{ops::Bound, sync::Arc};

use super::model::Revision;

mod consumers;
mod keys;
mod routes;
mod services;

pub use self::{
    consumers::{ConsumerQuery, page as consumers},
    keys::{KeyPage, KeyPlace, KeyQuery, page as keys},
    routes::{RouteQuery, page as routes},
    services::{ServiceQuery, page as services},
};

/// Services, routes, consumers or keys on a page at the most.
pub const MAX_PAGE: u32 = 1000;
/// Such things on a page where nothing else is asked for.
const DEFAULT_PAGE: u32 = 100;
/// Bytes on a page, give or take one of them: half of what gRPC clients take by default.
const MAX_PAGE_BYTES: usize = 2 * 1024 * 1024;

/// Some services, routes or consumers in the order of their names.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The services, routes or consumers.
    pub items: Vec<Arc<T>>,
    /// For the next page; empty on the last.
    pub next_page_token: String,
    /// The revision that was read.
    pub revision: Revision,
}

/// Where a page ends. It names the last thing on it, so that pages fit together whatever changes
/// between them; clients must not look into it.
#[derive(Debug)]
pub struct PageToken;

impl PageToken {
    /// The version of the token's form, then the name in hexadecimal.
    const PREFIX: &str = "1-";

    /// The token of a page that ends with this name.
    #[must_use]
    pub fn write(last: &str) -> String {
        let hex = last.bytes().map(|byte| format!("{byte:02x}"));
        hex.fold(Self::PREFIX.to_owned(), |token, byte| token + &byte)
    }

    /// The last name of the page that the token ends; `None` if it is none of ours.
    #[must_use]
    pub fn read(token: &str) -> Option<String> {
        let hex = token.strip_prefix(Self::PREFIX).filter(|hex| hex.is_ascii() && hex.len() % 2 == 0)?;
        let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).ok();
        let bytes = (0..hex.len()).step_by(2).map(byte).collect::<Option<Vec<u8>>>()?;
        String::from_utf8(bytes).ok()
    }
}

/// The first of these, in the order of their names: at most so many, 0 meaning the default, and no
/// more than fit on a page.
fn cut<'a, T: 'a>(
    found: impl Iterator<Item = &'a Arc<T>>,
    page_size: u32,
    revision: Revision,
    name: impl Fn(&T) -> &str,
    size: impl Fn(&T) -> usize,
) -> Page<T> {
    let count = if page_size == 0 { DEFAULT_PAGE } else { page_size };
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let mut page = Page { items: Vec::new(), next_page_token: String::new(), revision };
    let mut bytes = 0;
    for item in found {
        if page.items.len() == count || bytes >= MAX_PAGE_BYTES {
            page.next_page_token = page.items.last().map(|last| PageToken::write(name(last))).unwrap_or_default();
            break;
        }
        bytes += size(item);
        page.items.push(Arc::clone(item));
    }
    page
}

/// Where names that begin so begin, after a name.
fn start<'a>(prefix: &'a str, after: Option<&'a str>) -> (Bound<&'a str>, Bound<&'a str>) {
    let after = after.filter(|after| *after >= prefix);
    (after.map_or(Bound::Included(prefix), Bound::Excluded), Bound::Unbounded)
}

#[cfg(test)]
mod tests {
    use super::PageToken;

    #[test]
    fn only_our_own_tokens_are_read() {
        assert_eq!(PageToken::read(&PageToken::write("mail-2")).as_deref(), Some("mail-2"));
        for token in ["", "1", "1-zz", "1-6", "1-ff", "2-61", "mail", "1-éé"] {
            assert_eq!(PageToken::read(token), None, "{token}");
        }
    }
}
