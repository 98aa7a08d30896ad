//! Why a request goes where it goes.

use std::fmt;

use crate::{
    host_routes::{HostRoutes, Rule, Selected},
    matcher::{Condition, Match, Methods, PathMatcher, Test},
    precedence,
    request::Request,
    trie::Rank,
};

/// Where a request goes, and why not elsewhere.
#[derive(Debug)]
pub struct Explanation<'t, 'r, R> {
    /// What [`HostRoutes::select`] says.
    pub selected: Option<Selected<'t, 'r, R>>,
    /// The routes that came nearest, in order of precedence.
    pub passed_over: Vec<PassedOver<'t>>,
    /// How many other routes there are.
    pub others: usize,
}

/// A route that another was preferred to, or that does not match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassedOver<'t> {
    /// Its name.
    pub name: &'t str,
    /// What was missing.
    pub why: Why<'t>,
}

/// Why a route was passed over. The text of it never holds anything of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why<'t> {
    /// Its path does not match; nothing else was looked at.
    Path(&'t PathMatcher),
    /// Its path matches, but none of its methods.
    Method(&'t Methods),
    /// Path and method match, but not this header condition.
    Header(&'t Condition),
    /// Path, method and headers match, but not this query condition.
    Query(&'t Condition),
    /// It matches, but so does a route that comes first.
    Behind {
        /// The name of that route.
        winner: &'t str,
        /// Why that one comes first.
        because: &'static str,
    },
}

impl fmt::Display for Why<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "the path does not match {path}"),
            Self::Method(methods) => write!(f, "the method is none of {methods}"),
            Self::Header(condition) => missing(f, "header field", condition),
            Self::Query(condition) => missing(f, "query parameter", condition),
            Self::Behind { winner, because } => write!(f, "{winner:?} comes first: {because}"),
        }
    }
}

fn missing(f: &mut fmt::Formatter<'_>, what: &str, condition: &Condition) -> fmt::Result {
    let name = condition.name();
    match condition.test() {
        Test::Exact(text) => write!(f, "no {what} {name:?} is {text:?}"),
        Test::Present => write!(f, "there is no {what} {name:?}"),
        Test::Prefix(text) => write!(f, "no {what} {name:?} begins with {text:?}"),
        Test::Regex(pattern) => write!(f, "no {what} {name:?} matches {:?}", pattern.as_str()),
    }
}

impl Why<'_> {
    /// How much was missing.
    fn distance(&self) -> u8 {
        match self {
            Self::Behind { .. } => 0,
            Self::Query(_) => 1,
            Self::Header(_) => 2,
            Self::Method(_) => 3,
            Self::Path(_) => 4,
        }
    }
}

impl<R: Rule> HostRoutes<R> {
    /// What becomes of a request, with up to `limit` routes that came near: those that match but come
    /// later, then those of which only the query does not match, and so on with headers, method and
    /// path. Looks at every route of the host, one by one.
    pub fn explain<'t, 'r>(&'t self, request: &'r impl Request, limit: usize) -> Explanation<'t, 'r, R> {
        let path = self.normal_path(request);
        let winner = self.search(request, &path);
        let mut passed_over: Vec<(Rank, PassedOver<'_>)> = self.passed_over(request, &path, winner).collect();
        passed_over.sort_by_key(|(rank, passed)| (passed.why.distance(), *rank));
        let others = passed_over.len().saturating_sub(limit);
        passed_over.truncate(limit);
        passed_over.sort_by_key(|(rank, _)| *rank);
        let passed_over = passed_over.into_iter().map(|(_, passed)| passed).collect();
        Explanation { selected: self.selected(winner, path), passed_over, others }
    }

    fn passed_over<'t>(
        &'t self,
        request: &impl Request,
        path: &[u8],
        winner: Option<Rank>,
    ) -> impl Iterator<Item = (Rank, PassedOver<'t>)> {
        let behind = move |rule: &Match| {
            let first = &self.routes()[winner?];
            Some(Why::Behind { winner: first.name(), because: precedence::reason(first.rule(), rule) })
        };
        let others = self.routes().iter().enumerate().filter(move |(rank, _)| Some(*rank) != winner);
        others.filter_map(move |(rank, route)| {
            let why = route.rule().failure(request, path).or_else(|| behind(route.rule()))?;
            Some((rank, PassedOver { name: route.name(), why }))
        })
    }
}
