//! Reading routes.

use std::sync::Arc;

use gateway_proto::host::HostPattern;

use super::{Page, cut, start};
use crate::registry::model::{Desired, Route, RouteName, ServiceName};

/// What to list: routes that meet every given part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RouteQuery {
    /// The name begins so.
    pub name_prefix: String,
    /// It has this very host.
    pub host: Option<HostPattern>,
    /// It leads or mirrors to this service.
    pub service: Option<ServiceName>,
    /// At most so many; 0 means the default, 100.
    pub page_size: u32,
    /// Only names after this one.
    pub after: Option<RouteName>,
}

/// The page that a query asks for.
#[must_use]
pub fn page(desired: &Desired, query: &RouteQuery) -> Page<Route> {
    let RouteQuery { name_prefix, host, service, page_size, after } = query;
    let range = desired.routes.range::<_, str>(start(name_prefix, after.as_ref().map(RouteName::as_str)));
    let named = range.take_while(|(name, _)| name.as_str().starts_with(name_prefix)).map(|(_, route)| route);
    let has_host = |route: &Route| host.as_ref().is_none_or(|host| route.route.hosts.contains(host));
    let leads_to =
        |route: &Route, name: &ServiceName| route.route.services().any(|service| **service == *name.as_str());
    let is_led_to = |route: &Route| service.as_ref().is_none_or(|service| leads_to(route, service));
    let found = named.filter(|route: &&Arc<Route>| has_host(route) && is_led_to(route));
    cut(found, *page_size, desired.revision, |route| &*route.route.name, Route::encoded_len)
}

#[cfg(test)]
mod tests {
    use gateway_proto::host::HostPattern;

    use super::{RouteQuery, page};
    use crate::registry::{
        list::{Page, PageToken},
        model::{Desired, Record, Route, RouteName},
        sample,
    };

    fn desired(routes: impl IntoIterator<Item = Route>) -> Desired {
        let mut desired = Desired::default();
        for route in routes {
            desired.put(Record::from(route));
        }
        desired
    }

    fn names(page: &Page<Route>) -> Vec<String> {
        page.items.iter().map(|route| route.name().to_string()).collect()
    }

    fn all_pages(desired: &Desired, mut query: RouteQuery) -> Vec<Vec<String>> {
        let mut pages = Vec::new();
        loop {
            let page = page(desired, &query);
            pages.push(names(&page));
            if page.next_page_token.is_empty() {
                return pages;
            }
            query.after = PageToken::read(&page.next_page_token).and_then(|name| RouteName::parse(&name));
            assert!(query.after.is_some());
        }
    }

    #[test]
    fn pages_fit_together_in_the_order_of_names() {
        let routes = ["d", "b1", "b3", "b2", "a"];
        let desired = desired(routes.map(|name| sample::route(name, &["x.test"], &format!("/{name}"), "s")));
        let query = RouteQuery { page_size: 2, ..RouteQuery::default() };
        assert_eq!(all_pages(&desired, query.clone()), [vec!["a", "b1"], vec!["b2", "b3"], vec!["d"]]);
        let query = RouteQuery { name_prefix: "b".into(), ..query };
        assert_eq!(all_pages(&desired, query), [vec!["b1", "b2"], vec!["b3"]]);
        let after = RouteQuery { after: Some(sample::route_name("c")), ..RouteQuery::default() };
        assert_eq!(names(&page(&desired, &after)), ["d"]);
    }

    #[test]
    fn every_part_of_a_filter_counts() {
        let desired = desired([
            sample::full_route("one", ["a", "b"], "shadow"),
            sample::route("two", &["*.one.test", "x.test"], "/", "a"),
            sample::route("three", &["one.test"], "/", "c"),
        ]);
        let list = |host: &str, service: &str| {
            let query = RouteQuery {
                host: HostPattern::parse(host).ok(),
                service: (!service.is_empty()).then(|| sample::name(service)),
                ..RouteQuery::default()
            };
            names(&page(&desired, &query))
        };
        assert_eq!(list("", ""), ["one", "three", "two"]);
        assert_eq!(list("one.test", ""), ["one", "three"]);
        assert_eq!(list("*.one.test", ""), ["one", "two"]);
        // It is not looked for what a request would reach.
        assert_eq!(list("a.one.test", ""), [""; 0]);
        assert_eq!(list("", "a"), ["one", "two"]);
        assert_eq!(list("", "shadow"), ["one"]);
        assert_eq!(list("one.test", "c"), ["three"]);
    }

    #[test]
    fn large_routes_make_short_pages() {
        let large = |at: usize| {
            let hosts: Vec<String> = (0..256).map(|host| format!("{}.h{host}.{at}.test", "x".repeat(60))).collect();
            sample::route(&format!("r{at:03}"), &hosts.iter().map(String::as_str).collect::<Vec<_>>(), "/", "s")
        };
        let desired = desired((0..200).map(large));
        let pages = all_pages(&desired, RouteQuery { page_size: 1000, ..RouteQuery::default() });
        assert!(pages.len() > 1, "{}", pages.len());
        assert_eq!(pages.concat().len(), 200);
    }
}
