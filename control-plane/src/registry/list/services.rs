//! Reading services.

use std::sync::Arc;

use gateway_routing::route::wire;
use prost::Message;

use super::{Page, cut, start};
use crate::registry::model::{Desired, EndpointAddress, Service, ServiceName};

/// What to list: services that meet every given part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceQuery {
    /// The name begins so.
    pub name_prefix: String,
    /// It has this tag.
    pub tag: Option<String>,
    /// It is the owner of this host, which is in the form of `Authority::host`.
    pub host: Option<String>,
    /// At most so many; 0 means the default, 100.
    pub page_size: u32,
    /// Only names after this one.
    pub after: Option<ServiceName>,
}

/// The page that a query asks for.
#[must_use]
pub fn page(desired: &Desired, query: &ServiceQuery) -> Page<Service> {
    let ServiceQuery { name_prefix, tag, host, page_size, after } = query;
    let has_tag = |service: &&Arc<Service>| tag.as_ref().is_none_or(|tag| service.tags.contains(tag));
    let candidates: Box<dyn Iterator<Item = &Arc<Service>>> = match host {
        Some(host) => {
            let later = |service: &&Arc<Service>| after.as_ref().is_none_or(|after| service.name > *after);
            let owner = desired.owner(host).filter(later);
            Box::new(owner.filter(|service| service.name.as_str().starts_with(name_prefix)).into_iter())
        }
        None => Box::new(from(desired, name_prefix, after.as_ref())),
    };
    cut(candidates.filter(has_tag), *page_size, desired.revision, |service| service.name.as_str(), encoded_size)
}

/// The services whose names begin so, after a name.
fn from<'a>(
    desired: &'a Desired,
    prefix: &'a str,
    after: Option<&'a ServiceName>,
) -> impl Iterator<Item = &'a Arc<Service>> {
    let range = desired.services.range::<_, str>(start(prefix, after.map(ServiceName::as_str)));
    range.take_while(move |(name, _)| name.as_str().starts_with(prefix)).map(|(_, service)| service)
}

/// What a service takes in a message, rather more than less.
fn encoded_size(service: &Service) -> usize {
    let Service { title, tags, hosts, endpoints, policies, .. } = service;
    let tags: usize = tags.iter().map(|tag| tag.len() + 2).sum();
    // The longest host has 253 characters; most are short, and the limit leaves room for both.
    let hosts: usize = hosts.iter().map(|host| host.to_string().len() + 3).sum();
    let endpoint = |address: &EndpointAddress| match address {
        EndpointAddress::Socket(_) => 60,
        EndpointAddress::Name { host, .. } => host.len() + 20,
    };
    let endpoints: usize = endpoints.iter().map(|known| endpoint(&known.address)).sum();
    let policies = wire::policies(policies).map_or(0, |wire| wire.encoded_len());
    512 + 2048 + title.len() + tags + hosts + endpoints + policies
}

#[cfg(test)]
mod tests {
    use super::{ServiceQuery, page};
    use crate::registry::{
        list::{Page, PageToken},
        model::{Desired, Service, ServiceName},
        sample,
    };

    fn names(page: &Page<Service>) -> Vec<&str> {
        page.items.iter().map(|service| service.name.as_str()).collect()
    }

    fn all_pages(desired: &Desired, mut query: ServiceQuery) -> Vec<Vec<String>> {
        let mut pages = Vec::new();
        loop {
            let page = page(desired, &query);
            pages.push(names(&page).into_iter().map(str::to_owned).collect());
            if page.next_page_token.is_empty() {
                return pages;
            }
            query.after = PageToken::read(&page.next_page_token).and_then(|name| ServiceName::parse(&name));
            assert!(query.after.is_some());
        }
    }

    fn desired(services: impl IntoIterator<Item = Service>) -> Desired {
        let mut desired = Desired::default();
        for service in services {
            desired.put(service.into());
        }
        desired
    }

    #[test]
    fn pages_fit_together_in_the_order_of_names() {
        let desired = desired(["d", "a", "c", "b", "e"].map(|name| sample::service(name, &[])));
        let query = ServiceQuery { page_size: 2, ..ServiceQuery::default() };
        assert_eq!(all_pages(&desired, query), [vec!["a", "b"], vec!["c", "d"], vec!["e"]]);
        let query = ServiceQuery { page_size: 5, ..ServiceQuery::default() };
        assert_eq!(all_pages(&desired, query), [["a", "b", "c", "d", "e"]]);
        assert_eq!(names(&page(&Desired::default(), &ServiceQuery::default())), [""; 0]);
    }

    #[test]
    fn a_page_goes_on_after_the_last_name_even_if_that_is_gone() {
        let desired = desired(["a", "c"].map(|name| sample::service(name, &[])));
        let query = ServiceQuery { after: Some(sample::name("b")), ..ServiceQuery::default() };
        assert_eq!(names(&page(&desired, &query)), ["c"]);
    }

    #[test]
    fn every_part_of_a_filter_counts() {
        let mut tagged = sample::service("mail-2", &["*.mail.test"]);
        tagged.tags = vec!["blue".into()];
        let desired =
            desired([sample::service("mail-1", &["a.mail.test"]), tagged, sample::service("web", &["web.test"])]);
        let list = |prefix: &str, tag: Option<&str>, host: Option<&str>| {
            let query = ServiceQuery {
                name_prefix: prefix.into(),
                tag: tag.map(Into::into),
                host: host.map(Into::into),
                ..ServiceQuery::default()
            };
            page(&desired, &query).items.iter().map(|service| service.name.to_string()).collect::<Vec<_>>()
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
        let query = ServiceQuery { name_prefix: "b".into(), page_size: 2, ..ServiceQuery::default() };
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
        let pages = all_pages(&desired, ServiceQuery { page_size: 1000, ..ServiceQuery::default() });
        assert!(pages.len() > 2, "{}", pages.len());
        assert_eq!(pages.concat().len(), 50);
    }
}
