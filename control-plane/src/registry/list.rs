//! Reading services a page at a time. Pure.

use std::{ops::Bound, sync::Arc};

use super::model::{Desired, EndpointAddress, Revision, Service, ServiceName};

/// Services on a page at the most.
pub const MAX_PAGE: u32 = 1000;
/// Services on a page where nothing else is asked for.
const DEFAULT_PAGE: u32 = 100;
/// Bytes on a page, give or take a service: half of what gRPC clients take by default.
const MAX_PAGE_BYTES: usize = 2 * 1024 * 1024;

/// What to list: services that meet every given part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// The name begins so.
    pub name_prefix: String,
    /// It has this tag.
    pub tag: Option<String>,
    /// A request for this host reaches it; in the form of `Authority::host`.
    pub host: Option<String>,
    /// At most so many; 0 means the default, 100.
    pub page_size: u32,
    /// Only names after this one.
    pub after: Option<ServiceName>,
}

/// Some services in the order of their names.
#[derive(Debug, Clone)]
pub struct Page {
    /// The services.
    pub services: Vec<Arc<Service>>,
    /// For the next page; empty on the last.
    pub next_page_token: String,
    /// The revision that was read.
    pub revision: Revision,
}

/// Where a page ends. It names the last service, so that pages fit together whatever changes
/// between them; clients must not look into it.
#[derive(Debug)]
pub struct PageToken;

impl PageToken {
    /// The version of the token's form, then the name in hexadecimal.
    const PREFIX: &str = "1-";

    /// The token of a page that ends with this service.
    #[must_use]
    pub fn write(last: &ServiceName) -> String {
        let hex = last.as_str().bytes().map(|byte| format!("{byte:02x}"));
        hex.fold(Self::PREFIX.to_owned(), |token, byte| token + &byte)
    }

    /// The last service of the page that the token ends; `None` if it is none of ours.
    #[must_use]
    pub fn read(token: &str) -> Option<ServiceName> {
        let hex = token.strip_prefix(Self::PREFIX).filter(|hex| hex.is_ascii() && hex.len() % 2 == 0)?;
        let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).ok();
        let bytes = (0..hex.len()).step_by(2).map(byte).collect::<Option<Vec<u8>>>()?;
        ServiceName::parse(&String::from_utf8(bytes).ok()?)
    }
}

/// The page that a query asks for.
#[must_use]
pub fn page(desired: &Desired, query: &Query) -> Page {
    let Query { name_prefix, tag, host, page_size, after } = query;
    let size = if *page_size == 0 { DEFAULT_PAGE } else { *page_size };
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let has_tag = |service: &&Arc<Service>| tag.as_ref().is_none_or(|tag| service.tags.contains(tag));
    let mut page = Page { services: Vec::new(), next_page_token: String::new(), revision: desired.revision };
    let mut bytes = 0;
    let candidates: Box<dyn Iterator<Item = &Arc<Service>>> = match host {
        Some(host) => {
            let later = |service: &&Arc<Service>| after.as_ref().is_none_or(|after| service.name > *after);
            let routed = desired.route(host).filter(later);
            Box::new(routed.filter(|service| service.name.as_str().starts_with(name_prefix)).into_iter())
        }
        None => Box::new(from(desired, name_prefix, after.as_ref())),
    };
    for service in candidates.filter(has_tag) {
        if page.services.len() == size || bytes >= MAX_PAGE_BYTES {
            page.next_page_token = page.services.last().map(|last| PageToken::write(&last.name)).unwrap_or_default();
            break;
        }
        bytes += encoded_size(service);
        page.services.push(Arc::clone(service));
    }
    page
}

/// The services whose names begin so, after a name.
fn from<'a>(
    desired: &'a Desired,
    prefix: &'a str,
    after: Option<&'a ServiceName>,
) -> impl Iterator<Item = &'a Arc<Service>> {
    let after = after.filter(|after| after.as_str() >= prefix);
    let start = match after {
        Some(after) => Bound::Excluded(after.as_str()),
        None => Bound::Included(prefix),
    };
    let range = desired.services.range::<_, str>((start, Bound::Unbounded));
    range.take_while(move |(name, _)| name.as_str().starts_with(prefix)).map(|(_, service)| service)
}

/// What a service takes in a message, rather more than less.
fn encoded_size(service: &Service) -> usize {
    let Service { title, tags, hosts, endpoints, .. } = service;
    let tags: usize = tags.iter().map(|tag| tag.len() + 2).sum();
    // The longest host has 253 characters; most are short, and the limit leaves room for both.
    let hosts: usize = hosts.iter().map(|host| host.to_string().len() + 3).sum();
    let endpoint = |address: &EndpointAddress| match address {
        EndpointAddress::Socket(_) => 60,
        EndpointAddress::Name { host, .. } => host.len() + 20,
    };
    let endpoints: usize = endpoints.iter().map(|known| endpoint(&known.address)).sum();
    512 + 2048 + title.len() + tags + hosts + endpoints
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Page, PageToken, Query, page};
    use crate::registry::{
        model::{Desired, Service},
        sample,
    };

    fn names(page: &Page) -> Vec<&str> {
        page.services.iter().map(|service| service.name.as_str()).collect()
    }

    fn all_pages(desired: &Desired, mut query: Query) -> Vec<Vec<String>> {
        let mut pages = Vec::new();
        loop {
            let page = page(desired, &query);
            pages.push(names(&page).into_iter().map(str::to_owned).collect());
            if page.next_page_token.is_empty() {
                return pages;
            }
            query.after = Some(PageToken::read(&page.next_page_token).unwrap());
        }
    }

    fn desired(services: impl IntoIterator<Item = Service>) -> Desired {
        let mut desired = Desired::default();
        for service in services {
            desired.put(Arc::new(service));
        }
        desired
    }

    #[test]
    fn pages_fit_together_in_the_order_of_names() {
        let desired = desired(["d", "a", "c", "b", "e"].map(|name| sample::service(name, &[])));
        let query = Query { page_size: 2, ..Query::default() };
        assert_eq!(all_pages(&desired, query), [vec!["a", "b"], vec!["c", "d"], vec!["e"]]);
        let query = Query { page_size: 5, ..Query::default() };
        assert_eq!(all_pages(&desired, query), [["a", "b", "c", "d", "e"]]);
        assert_eq!(names(&page(&Desired::default(), &Query::default())), [""; 0]);
    }

    #[test]
    fn a_page_goes_on_after_the_last_name_even_if_that_is_gone() {
        let desired = desired(["a", "c"].map(|name| sample::service(name, &[])));
        let query = Query { after: Some(sample::name("b")), ..Query::default() };
        assert_eq!(names(&page(&desired, &query)), ["c"]);
    }

    #[test]
    fn every_part_of_a_filter_counts() {
        let mut tagged = sample::service("mail-2", &["*.mail.test"]);
        tagged.tags = vec!["blue".into()];
        let desired =
            desired([sample::service("mail-1", &["a.mail.test"]), tagged, sample::service("web", &["web.test"])]);
        let list = |prefix: &str, tag: Option<&str>, host: Option<&str>| {
            let query = Query {
                name_prefix: prefix.into(),
                tag: tag.map(Into::into),
                host: host.map(Into::into),
                ..Query::default()
            };
            page(&desired, &query).services.iter().map(|service| service.name.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(list("mail-", None, None), ["mail-1", "mail-2"]);
        assert_eq!(list("x", None, None), [""; 0]);
        assert_eq!(list("", Some("blue"), None), ["mail-2"]);
        assert_eq!(list("", Some("red"), None), [""; 0]);
        assert_eq!(list("", None, Some("a.mail.test")), ["mail-1"]);
        assert_eq!(list("", None, Some("b.mail.test")), ["mail-2"]);
        assert_eq!(list("web", None, Some("b.mail.test")), [""; 0]);
        assert_eq!(list("", None, Some("mail.test")), [""; 0]);
    }

    #[test]
    fn a_prefix_and_a_page_go_together() {
        let desired = desired(["a", "b1", "b2", "b3", "c"].map(|name| sample::service(name, &[])));
        let query = Query { name_prefix: "b".into(), page_size: 2, ..Query::default() };
        assert_eq!(all_pages(&desired, query), [vec!["b1", "b2"], vec!["b3"]]);
    }

    #[test]
    fn large_services_make_short_pages() {
        let large = |at: usize| {
            let mut service = sample::service(&format!("s{at:02}"), &[]);
            let address = |port: usize| format!("{}.{}.internal:{}", "x".repeat(60), "y".repeat(60), port + 1);
            service.endpoints = (0..1000).map(|port| sample::endpoint(&address(port))).collect();
            service
        };
        let desired = desired((0..50).map(large));
        let pages = all_pages(&desired, Query { page_size: 1000, ..Query::default() });
        assert!(pages.len() > 2, "{}", pages.len());
        assert_eq!(pages.concat().len(), 50);
    }

    #[test]
    fn only_our_own_tokens_are_read() {
        let name = sample::name("mail-2");
        assert_eq!(PageToken::read(&PageToken::write(&name)), Some(name));
        for token in ["", "1-", "1-zz", "1-6", "1-ff", "2-61", "mail", "1-éé", "1-2d"] {
            assert_eq!(PageToken::read(token), None, "{token}");
        }
    }
}
