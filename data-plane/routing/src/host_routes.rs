//! What one host pattern has: its routes.

use std::{borrow::Cow, cmp::Reverse, collections::HashMap, fmt, slice, sync::Arc};

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

/// A route, as far as its host has to know it. Names are unique among the routes of a host.
pub trait Rule {
    /// The registry's name.
    fn name(&self) -> &Arc<str>;

    /// Which requests it is for.
    fn rule(&self) -> &Match;
}

impl<R: Rule> Rule for Arc<R> {
    fn name(&self) -> &Arc<str> {
        (**self).name()
    }

    fn rule(&self) -> &Match {
        (**self).rule()
    }
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

/// The routes of a host, compiled. Immutable; a clone shares them. The default has none.
#[derive(Debug, Clone, PartialEq)]
pub struct HostRoutes<R>(Shape<R>);

/// The most hosts have none or one: that is found without a way through memory that belongs to nobody else.
#[derive(Debug, Clone, PartialEq)]
enum Shape<R> {
    None,
    One(R),
    Several(Arc<Several<R>>),
}

#[derive(Debug, PartialEq)]
struct Several<R> {
    /// By rank.
    routes: Box<[R]>,
    /// None where there are but a few.
    trie: Option<Trie>,
    looks_at_paths: bool,
}

impl<R> Default for HostRoutes<R> {
    fn default() -> Self {
        Self(Shape::None)
    }
}

impl<R> HostRoutes<R> {
    /// The routes in order of precedence.
    #[must_use]
    pub fn routes(&self) -> &[R] {
        match &self.0 {
            Shape::None => &[],
            Shape::One(route) => slice::from_ref(route),
            Shape::Several(several) => &several.routes,
        }
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        matches!(self.0, Shape::None)
    }
}

impl<R: Rule> HostRoutes<R> {
    /// Compiles the routes, in whatever order they come.
    ///
    /// # Errors
    /// Every route that conflicts, each with the first that it conflicts with.
    pub fn build(mut routes: Vec<R>) -> Result<Self, Vec<Conflict>> {
        routes.sort_by_cached_key(|route| (Reverse(precedence::of_match(route.rule())), Arc::clone(route.name())));
        let conflicts = conflicts(&routes);
        if !conflicts.is_empty() {
            return Err(conflicts);
        }
        if routes.len() < 2 {
            return Ok(Self(routes.pop().map_or(Shape::None, Shape::One)));
        }
        let trie = (routes.len() > FEW).then(|| Trie::of(routes.iter().map(R::rule)));
        let looks_at_paths = routes.iter().any(looks_at_path);
        Ok(Self(Shape::Several(Several { routes: routes.into(), trie, looks_at_paths }.into())))
    }

    /// The first route in order of precedence that matches.
    ///
    /// Nothing is allocated, but where the path is not in normal form, where a condition wants to see an
    /// encoded query parameter, and where a regular expression meets a thread for the first time.
    #[inline]
    pub fn select<'t, 'r>(&'t self, request: &'r impl Request) -> Option<Selected<'t, 'r, R>> {
        if self.is_empty() {
            return None;
        }
        let path = self.normal_path(request);
        self.selected(self.search(request, &path), path)
    }

    /// The path in normal form, if any route wants to see it.
    pub(crate) fn normal_path<'r>(&self, request: &'r impl Request) -> Cow<'r, [u8]> {
        let looks_at_paths = match &self.0 {
            Shape::None => false,
            Shape::One(route) => looks_at_path(route),
            Shape::Several(several) => several.looks_at_paths,
        };
        if looks_at_paths { normalize(request.path()) } else { Cow::Borrowed(b"") }
    }

    pub(crate) fn search(&self, request: &impl Request, path: &[u8]) -> Option<Rank> {
        let method = bit(request.method());
        let routes = self.routes();
        let Some(trie) = self.trie() else {
            return routes.iter().position(|route| route.rule().meets(request, method, path));
        };
        let mut best = routes.len();
        trie.visit(path, |ranks| {
            let better = ranks.iter().take_while(|rank| **rank < best);
            best = better.copied().find(|rank| routes[*rank].rule().holds(request, method, path)).unwrap_or(best);
        });
        (best < routes.len()).then_some(best)
    }

    fn trie(&self) -> Option<&Trie> {
        match &self.0 {
            Shape::None | Shape::One(_) => None,
            Shape::Several(several) => several.trie.as_ref(),
        }
    }

    pub(crate) fn selected<'r>(&self, rank: Option<Rank>, path: Cow<'r, [u8]>) -> Option<Selected<'_, 'r, R>> {
        rank.map(|rank| Selected { route: &self.routes()[rank], path })
    }
}

fn looks_at_path(route: &impl Rule) -> bool {
    route.rule().path().kind() != PathKind::Any
}

/// Equal matches are not neighbours: those that only weigh the same may stand between them.
#[allow(clippy::mutable_key_type, reason = "what a regex remembers has no part in its hash")]
fn conflicts<R: Rule>(sorted: &[R]) -> Vec<Conflict> {
    let mut owners = HashMap::with_capacity(sorted.len());
    let conflict = |route: &R, first: &Arc<str>| Conflict { first: first.clone(), second: route.name().clone() };
    let mut conflicts = Vec::new();
    for route in sorted {
        if let Some(first) = owners.get(route.rule()) {
            conflicts.push(conflict(route, first));
        } else {
            owners.insert(route.rule(), Arc::clone(route.name()));
        }
    }
    conflicts
}

/// The route that a request takes. `'t` is the table's life, `'r` the request's.
#[derive(Debug)]
pub struct Selected<'t, 'r, R> {
    route: &'t R,
    path: Cow<'r, [u8]>,
}

impl<'t, R: Rule> Selected<'t, '_, R> {
    /// The route.
    #[must_use]
    pub fn route(&self) -> &'t R {
        self.route
    }

    /// The path in normal form, if the route looks at paths.
    #[must_use]
    pub fn path(&self) -> Option<&[u8]> {
        looks_at_path(self.route).then_some(&*self.path)
    }

    /// The segment that a parameter of the route's template stands for, in normal form: what is
    /// percent-encoded there is reserved.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&[u8]> {
        self.route.rule().path().parameter(name, &self.path)
    }
}
