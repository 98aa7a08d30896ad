//! Paths by their segments.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use memchr::memchr;

use crate::matcher::{Match, PathKind, Segment};

/// A place in the order of precedence of a host's routes; 0 is the first.
pub(crate) type Rank = usize;

/// The routes of a host by what their paths are matched with. Lists of ranks are in ascending order.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Trie {
    root: Node,
    /// Those that have to be asked about every path.
    everywhere: Vec<Rank>,
}

/// What begins with the same segments.
#[derive(Debug, Clone, Default, PartialEq)]
struct Node {
    /// By the next segment.
    literals: HashMap<Box<[u8]>, Node, RandomState>,
    /// Whatever the next segment is, unless it is empty.
    parameter: Option<Box<Node>>,
    /// Those that end here.
    here: Vec<Rank>,
    /// Those that cover what is below too.
    below: Vec<Rank>,
}

impl Trie {
    /// Of rules in the order of their ranks.
    pub(crate) fn of<'a>(rules: impl Iterator<Item = &'a Match>) -> Self {
        let mut trie = Self::default();
        rules.enumerate().for_each(|(rank, rule)| trie.push(rank, rule));
        trie
    }

    /// Adds the next rank.
    fn push(&mut self, rank: Rank, rule: &Match) {
        let path = rule.path();
        match path.kind() {
            PathKind::Exact | PathKind::Template => {
                path.segments().fold(&mut self.root, Node::child).here.push(rank);
            }
            PathKind::Prefix => path.segments().fold(&mut self.root, Node::child).below.push(rank),
            PathKind::Regex if path.regex_segments().next().is_some() => {
                path.regex_segments().fold(&mut self.root, Node::literal).below.push(rank);
            }
            PathKind::Regex | PathKind::Any => self.everywhere.push(rank),
        }
    }

    /// Offers every list of ranks whose path may match: all that do are among them, and only regular
    /// expressions may turn out not to.
    ///
    /// There are two ways on at each segment, the literal and the parameter. Both are gone, but each
    /// leads to nodes of its own: no node is visited twice, none whose beginning does not match, and
    /// the walk is never deeper than the longest pattern, whatever a client sends.
    pub(crate) fn visit(&self, path: &[u8], mut offer: impl FnMut(&[Rank])) {
        if let Some(rest) = path.strip_prefix(b"/") {
            self.root.visit(Some(rest), &mut offer);
        }
        offer(&self.everywhere);
    }
}

impl Node {
    fn child(&mut self, segment: Segment<'_>) -> &mut Self {
        match segment {
            Segment::Literal(literal) => self.literal(literal.as_bytes()),
            Segment::Parameter => self.parameter.get_or_insert_default(),
        }
    }

    fn literal(&mut self, literal: &[u8]) -> &mut Self {
        self.literals.entry(literal.into()).or_default()
    }

    /// The deepest first: what is found there mostly comes first, and spares the rest.
    fn visit(&self, rest: Option<&[u8]>, offer: &mut impl FnMut(&[Rank])) {
        match rest {
            Some(rest) => self.descend(rest, offer),
            None => offer(&self.here),
        }
        offer(&self.below);
    }

    fn descend(&self, rest: &[u8], offer: &mut impl FnMut(&[Rank])) {
        if self.literals.is_empty() && self.parameter.is_none() {
            return;
        }
        let (segment, rest) = match memchr(b'/', rest) {
            Some(slash) => (&rest[..slash], Some(&rest[slash + 1..])),
            None => (rest, None),
        };
        if let Some(literal) = self.literals.get(segment) {
            literal.visit(rest, offer);
        }
        if let Some(parameter) = self.parameter.as_ref().filter(|_| !segment.is_empty()) {
            parameter.visit(rest, offer);
        }
    }
}
