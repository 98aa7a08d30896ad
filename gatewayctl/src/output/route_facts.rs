//! A route, as lines for people.

use super::{
    action::{Action, Forward, Mirror, PathRewrite, Redirect, Respond, Rewrite, Sticky, WeightedService},
    facts::{self, Fact},
    route::{Condition, ConditionTest, Match, PathMatch, Route},
    table::list,
    text,
};

/// Everything about a route.
#[must_use]
pub fn facts(route: &Route) -> Vec<Fact> {
    let mut facts = vec![("Name", route.name.clone())];
    facts.extend(route.title.clone().filter(|title| !title.is_empty()).map(|title| ("Title", title)));
    facts.push(("Hosts", list(route.hosts.iter().map(String::as_str))));
    facts.push(("Path", path(route.r#match.as_ref().and_then(|matched| matched.path.as_ref()))));
    facts.extend(route.r#match.iter().flat_map(conditions));
    facts.push(("Priority", route.priority.unwrap_or_default().to_string()));
    facts.extend(route.action.as_ref().map(action).unwrap_or_default());
    facts.extend(route.timeouts.as_ref().map(facts::timeouts));
    facts.extend(route.limits.as_ref().map(facts::limits));
    facts.extend(facts::policies(&route.policies));
    facts.extend(route.revision.map(|revision| ("Revision", revision.to_string())));
    facts.extend(route.created_at.clone().map(|time| ("Created", time)));
    facts.extend(route.updated_at.clone().map(|time| ("Updated", time)));
    facts
}

/// Which requests it is for, on a line: `GET, POST prefix /api; header x-beta is "1"; priority 10`.
#[must_use]
pub fn matching(route: &Route) -> String {
    let none = Match::default();
    let Match { path: by, methods, headers, query } = route.r#match.as_ref().unwrap_or(&none);
    let path = path(by.as_ref());
    let mut parts = vec![match &**methods {
        [] => path,
        some => format!("{} {path}", list(some.iter().map(String::as_str))),
    }];
    parts.extend(headers.iter().map(|one| format!("header {}", condition(one))));
    parts.extend(query.iter().map(|one| format!("query {}", condition(one))));
    parts.extend(route.priority.filter(|priority| *priority != 0).map(|priority| format!("priority {priority}")));
    parts.join("; ")
}

/// What it does, on a line: `shop 90%, shop-v2 10%`, `redirect 308 …`, `respond 503`.
#[must_use]
pub fn doing(route: &Route) -> String {
    match &route.action {
        Some(Action::Forward(forward)) => shares(&forward.services),
        Some(Action::Redirect(to)) => format!("redirect {}", redirect(to)),
        Some(Action::Respond(Respond { status, body: _, content_type: _ })) => format!("respond {status}"),
        None => "-".to_owned(),
    }
}

/// Services with their shares: `shop 90%, shop-v2 10%`; of one alone, its name.
#[must_use]
pub fn shares(services: &[WeightedService]) -> String {
    match services {
        [WeightedService { name, weight: None | Some(1000) }] => name.clone(),
        all => {
            let share = |one: &WeightedService| format!("{} {}", one.name, percent(one.weight.unwrap_or_default()));
            all.iter().map(share).collect::<Vec<_>>().join(", ")
        }
    }
}

/// A share in per mille as people know it: `90%`, `0.5%`.
#[must_use]
pub fn percent(per_mille: u32) -> String {
    match per_mille % 10 {
        0 => format!("{}%", per_mille / 10),
        tenth => format!("{}.{tenth}%", per_mille / 10),
    }
}

/// Which paths; every one where there is none.
#[must_use]
pub fn path(by: Option<&PathMatch>) -> String {
    match by {
        None => "every path".to_owned(),
        Some(PathMatch::Exact(path)) => format!("exact {path}"),
        Some(PathMatch::Prefix(path)) => format!("prefix {path}"),
        Some(PathMatch::Template(path)) => format!("template {path}"),
        Some(PathMatch::Regex(path)) => format!("regex {path}"),
    }
}

fn conditions(matched: &Match) -> Vec<Fact> {
    let Match { path: _, methods, headers, query } = matched;
    let all = |some: &[Condition]| some.iter().map(condition).collect::<Vec<_>>().join(", ");
    let methods = list(methods.iter().map(String::as_str));
    let facts = [("Methods", methods), ("Headers", all(headers)), ("Query", all(query))];
    facts.into_iter().filter(|(_, text)| !matches!(&**text, "" | "-")).collect()
}

/// What is asked of a header field or a query parameter.
#[must_use]
pub fn condition(condition: &Condition) -> String {
    let Condition { name, test } = condition;
    match test {
        Some(ConditionTest::Exact(value)) => format!("{name} is {value:?}"),
        Some(ConditionTest::Prefix(value)) => format!("{name} begins with {value:?}"),
        Some(ConditionTest::Regex(value)) => format!("{name} matches {value:?}"),
        Some(ConditionTest::Present(_)) => format!("{name} is there"),
        None => format!("{name} meets a test that this program does not know"),
    }
}

fn action(action: &Action) -> Vec<Fact> {
    match action {
        Action::Forward(Forward { services, sticky, mirror, rewrite }) => {
            let mut facts = vec![("Forward", shares(services))];
            facts.extend(sticky.as_ref().map(|by| ("Sticky", sticky_text(by))));
            facts.extend(mirror.as_ref().map(|mirror| ("Mirror", mirror_text(mirror))));
            facts.extend(rewrite.as_ref().map(|rewrite| ("Rewrite", rewrite_text(rewrite))));
            facts
        }
        Action::Redirect(to) => vec![("Redirect", redirect(to))],
        Action::Respond(Respond { status, body, content_type }) => {
            let kind = content_type.as_deref().unwrap_or_default();
            let size = body.as_ref().map_or(0, String::len);
            let mut facts = vec![("Respond", status.to_string())];
            if size > 0 {
                facts.push(("Body", format!("{} of {kind}", text::count(size, "byte"))));
            }
            facts
        }
    }
}

/// What a client is recognised by.
#[must_use]
pub fn sticky_text(by: &Sticky) -> String {
    match by {
        Sticky::Header(name) => format!("by header {name}"),
        Sticky::Cookie(name) => format!("by cookie {name}"),
        Sticky::ClientAddress(_) => "by the client's address".to_owned(),
    }
}

fn mirror_text(mirror: &Mirror) -> String {
    let Mirror { service, per_mille } = mirror;
    format!("{service} {}", percent(per_mille.unwrap_or(1000)))
}

fn rewrite_text(rewrite: &Rewrite) -> String {
    let Rewrite { path, host } = rewrite;
    let mut parts: Vec<String> = path.iter().map(path_rewrite).collect();
    parts.extend(host.as_ref().map(|host| format!("Host {host}")));
    parts.join("; ")
}

fn path_rewrite(path: &PathRewrite) -> String {
    match path {
        PathRewrite::Prefix(prefix) => format!("prefix to {prefix}"),
        PathRewrite::Path(path) => format!("path to {path}"),
    }
}

fn redirect(to: &Redirect) -> String {
    let Redirect { status, scheme, host, port, path, strip_query } = to;
    let mut parts = vec![status.unwrap_or(308).to_string()];
    parts.extend(scheme.as_ref().map(|scheme| format!("scheme {scheme}")));
    parts.extend(host.as_ref().map(|host| format!("host {host}")));
    parts.extend(port.map(|port| format!("port {port}")));
    parts.extend(path.as_ref().map(path_rewrite));
    parts.extend((*strip_query == Some(true)).then(|| "without query".to_owned()));
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use gateway_proto::registry::v1 as pb;

    use super::{doing, matching, percent};
    use crate::{
        file::{Source, parse},
        output::route::Route,
    };

    #[test]
    fn shares_are_per_cent() {
        assert_eq!([0, 1, 5, 900, 999, 1000].map(percent), ["0%", "0.1%", "0.5%", "90%", "99.9%", "100%"]);
    }

    #[test]
    fn a_route_is_told_on_a_line() {
        let told = |rest: &str| {
            let text = format!("routes: [{{name: r, hosts: [a.test], {rest}}}]");
            let (declaration, mistakes) = parse(&[Source { name: "f".into(), text }]);
            assert!(mistakes.is_empty(), "{rest}: {mistakes:?}");
            let routes: Vec<pb::Route> = declaration.routes.into_iter().map(|declared| declared.wire).collect();
            let route = Route::full(&routes[0]);
            format!("{} -> {}", matching(&route), doing(&route))
        };
        assert_eq!(told("respond: {status: 204}"), "every path -> respond 204");
        let canary = "match: {path: {prefix: /a}, methods: [GET, PUT]}, priority: -3, \
                      forward: {services: [{name: x, weight: 995}, {name: y, weight: 5}]}";
        assert_eq!(told(canary), "GET, PUT prefix /a; priority -3 -> x 99.5%, y 0.5%");
        let conditions = "match: {headers: [{name: x-a, exact: b}, {name: x-c, present: true}], \
                          query: [{name: q, prefix: z}, {name: r, regex: ^1$}]}, forward: {services: [{name: x}]}";
        let expected = "every path; header x-a is \"b\"; header x-c is there; query q begins with \"z\"; \
                        query r matches \"^1$\" -> x";
        assert_eq!(told(conditions), expected);
        let moved = "match: {path: {template: \"/u/{id}\"}}, redirect: {scheme: https, port: 8443, path: \"/x/{id}\"}";
        let expected = "template /u/{id} -> redirect 308, scheme https, port 8443, path to /x/{id}";
        assert_eq!(told(moved), expected);
    }
}
