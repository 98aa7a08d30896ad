//! Stories of the whole crate; each file its own.

use std::sync::Arc;

use http::Method;

use crate::{HostRoutes, Match, PathMatcher, Request, Rule};

mod agree;
mod explain;
mod model;
mod paths;
mod precedence;
mod rewrite;
mod select;

/// A request as it came.
#[derive(Debug, Clone)]
struct Asked {
    method: Method,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
}

impl Asked {
    /// `GET`, with what comes before the `?` and what comes behind it.
    fn get(target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self { method: Method::GET, path: path.into(), query: query.into(), headers: Vec::new() }
    }

    fn method(self, method: &str) -> Self {
        Self { method: method.parse().unwrap(), ..self }
    }

    fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

impl Request for Asked {
    fn method(&self) -> &Method {
        &self.method
    }

    fn path(&self) -> &[u8] {
        self.path.as_bytes()
    }

    fn query(&self) -> &[u8] {
        self.query.as_bytes()
    }

    fn headers(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let fields = self.headers.iter().filter(move |(there, _)| there.eq_ignore_ascii_case(name));
        fields.map(|(_, value)| value.as_bytes())
    }
}

/// A route, as far as this crate has to know it.
#[derive(Debug, Clone, PartialEq)]
struct Named {
    name: Arc<str>,
    rule: Match,
}

impl Rule for Named {
    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn rule(&self) -> &Match {
        &self.rule
    }
}

fn route(name: &str, rule: Match) -> Named {
    Named { name: name.into(), rule }
}

/// Where the request is led, be there a few routes or many.
fn led(routes: &HostRoutes<Named>, asked: &Asked) -> String {
    let led = |routes: &HostRoutes<Named>| routes.select(asked).map(|selected| selected.route().name.to_string());
    let elsewhere = (0..5).map(|number| {
        let never = Match::new(PathMatcher::exact(&format!("/elsewhere/{number}")).unwrap());
        route(&format!("elsewhere-{number}"), never)
    });
    let many = HostRoutes::build(routes.routes().iter().cloned().chain(elsewhere).collect()).unwrap();
    assert_eq!(led(routes), led(&many), "{asked:?}");
    led(routes).unwrap_or_else(|| "nowhere".into())
}
