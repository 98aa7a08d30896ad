//! What one host pattern has: its routes.

use std::{borrow::Cow, cmp::Reverse, collections::HashMap, fmt, sync::Arc};

use crate::{
    matcher::{Match, PathKind, bit},
    path::normalize,
    precedence,
    request::Request,
    trie::{Rank, Trie},
};

/// So many routes are asked one by one, in order of precedence: that touches less memory than the way
/// through a trie, and most hosts have no more.
const FEW: usize = 4;

/// A route, and what it leads to. Names are unique among the routes of a host.
#[derive(Debug, Clone, PartialEq)]
pub struct Route<T> {
    /// The registry's name.
    pub name: Arc<str>,
    /// Which requests it is for; shared among its hosts.
    pub rule: Arc<Match>,
    /// What it leads to.
    pub value: T,
}

/// Two routes of one host that match the same requests at the same priority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The name that comes first, from a to z.
    pub first: Arc<str>,
    /// The other one.
    pub second: Arc<str>,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, second } = self;
        write!(f, "the routes {first:?} and {second:?} match the same requests; ")?;
        f.write_str("change what one of them matches, or its priority")
    }
}

impl std::error::Error for Conflict {}

/// The routes of a host, compiled. Immutable.
#[derive(Debug, Clone, PartialEq)]
pub struct HostRoutes<T> {
    /// By rank.
    routes: Box<[Route<T>]>,
    /// Empty where there are but a few.
    trie: Trie,
    looks_at_paths: bool,
}

impl<T> HostRoutes<T> {
    /// Compiles the routes, in whatever order they come.
    ///
    /// # Errors
    /// Every route that conflicts, each with the first that it conflicts with.
    pub fn build(mut routes: Vec<Route<T>>) -> Result<Self, Vec<Conflict>> {
        routes.sort_by_cached_key(|route| (Reverse(precedence::of_match(&route.rule)), Arc::clone(&route.name)));
        let conflicts = conflicts(&routes);
        if !conflicts.is_empty() {
            return Err(conflicts);
        }
        let mut trie = Trie::default();
        if routes.len() > FEW {
            routes.iter().enumerate().for_each(|(rank, route)| trie.push(rank, &route.rule));
        }
        let looks_at_paths = routes.iter().any(|route| route.rule.path().kind() != PathKind::Any);
        Ok(Self { routes: routes.into(), trie, looks_at_paths })
    }

    /// The routes in order of precedence.
    #[must_use]
    pub fn routes(&self) -> &[Route<T>] {
        &self.routes
    }

    /// The first route in order of precedence that matches.
    ///
    /// Nothing is allocated, but where the path is not in normal form, where a condition wants to see an
    /// encoded query parameter, and where a regular expression meets a thread for the first time.
    #[inline]
    pub fn select<'t, 'r>(&'t self, request: &'r impl Request) -> Option<Selected<'t, 'r, T>> {
        let path = self.normal_path(request);
        self.selected(self.search(request, &path), path)
    }

    /// The path in normal form, if any route wants to see it.
    pub(crate) fn normal_path<'r>(&self, request: &'r impl Request) -> Cow<'r, [u8]> {
        if self.looks_at_paths { normalize(request.path()) } else { Cow::Borrowed(b"") }
    }

    pub(crate) fn search(&self, request: &impl Request, path: &[u8]) -> Option<Rank> {
        let method = bit(request.method());
        if self.routes.len() <= FEW {
            return self.routes.iter().position(|route| route.rule.meets(request, method, path));
        }
        let mut best = self.routes.len();
        self.trie.visit(path, |ranks| {
            let better = ranks.iter().take_while(|rank| **rank < best);
            best = better.copied().find(|rank| self.routes[*rank].rule.holds(request, method, path)).unwrap_or(best);
        });
        (best < self.routes.len()).then_some(best)
    }

    pub(crate) fn selected<'r>(&self, rank: Option<Rank>, path: Cow<'r, [u8]>) -> Option<Selected<'_, 'r, T>> {
        rank.map(|rank| Selected { route: &self.routes[rank], path })
    }
}

/// Equal matches are not neighbours: those that only weigh the same may stand between them.
#[allow(clippy::mutable_key_type, reason = "what a regex remembers has no part in its hash")]
fn conflicts<T>(sorted: &[Route<T>]) -> Vec<Conflict> {
    let mut owners = HashMap::with_capacity(sorted.len());
    let conflict = |route: &Route<T>, first: &Arc<str>| Conflict { first: first.clone(), second: route.name.clone() };
    let mut conflicts = Vec::new();
    for route in sorted {
        if let Some(first) = owners.get(&route.rule) {
            conflicts.push(conflict(route, first));
        } else {
            owners.insert(&route.rule, Arc::clone(&route.name));
        }
    }
    conflicts
}

/// The route that a request takes. `'t` is the table's life, `'r` the request's.
#[derive(Debug)]
pub struct Selected<'t, 'r, T> {
    route: &'t Route<T>,
    path: Cow<'r, [u8]>,
}

impl<'t, T> Selected<'t, '_, T> {
    /// The route.
    #[must_use]
    pub fn route(&self) -> &'t Route<T> {
        self.route
    }

    /// What it leads to.
    #[must_use]
    pub fn value(&self) -> &'t T {
        &self.route.value
    }

    /// The path in normal form, if the route looks at paths.
    #[must_use]
    pub fn path(&self) -> Option<&[u8]> {
        (self.route.rule.path().kind() != PathKind::Any).then_some(&*self.path)
    }

    /// The segment that a parameter of the route's template stands for, in normal form: what is
    /// percent-encoded there is reserved.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&[u8]> {
        self.route.rule.path().parameter(name, &self.path)
    }
}
