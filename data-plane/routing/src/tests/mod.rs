//! Stories of the whole crate; each file its own.

use http::Method;

use crate::{HostRoutes, Match, PathMatcher, Request, Route};

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

/// A route that leads to its own name.
fn route(name: &str, rule: Match) -> Route<String> {
    Route { name: name.into(), rule: rule.into(), value: name.into() }
}

/// Where the request is led, be there a few routes or many.
fn led(routes: &HostRoutes<String>, asked: &Asked) -> String {
    let led = |routes: &HostRoutes<String>| routes.select(asked).map(|selected| selected.value().clone());
    let elsewhere = (0..5).map(|number| {
        let never = Match::new(PathMatcher::exact(&format!("/elsewhere/{number}")).unwrap());
        route(&format!("elsewhere-{number}"), never)
    });
    let many = HostRoutes::build(routes.routes().iter().cloned().chain(elsewhere).collect()).unwrap();
    assert_eq!(led(routes), led(&many), "{asked:?}");
    led(routes).unwrap_or_else(|| "nowhere".into())
}
