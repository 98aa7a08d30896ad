//! Which of two routes comes first: a total order, the same whatever order they were made in.

use crate::matcher::{Condition, Match, PRIORITIES, PathKind, PathMatcher, Segment};

/// A number for each criterion, in their order; the first difference decides, the higher one wins.
pub(crate) type Precedence = [u64; CRITERIA.len()];

type Criterion = (fn(&Match) -> u64, &'static str);

/// Each with why it decided, in words about the one that comes first.
const CRITERIA: [Criterion; 12] = [
    (priority, "its priority is higher"),
    (|rule| rule.path.kind() as u64, "exact paths come before templates, prefixes, regexes and every path"),
    (|rule| template(rule, |path| path.segments().filter(is_literal).count() as u64), "its template is more literal"),
    (|rule| template(rule, |path| path.segments().count() as u64), "its template has more segments"),
    (|rule| template(rule, literal_bits), "its template is literal where the other has a parameter"),
    (|rule| of(rule, PathKind::Prefix, |path| path.segments().count() as u64), "its prefix has more segments"),
    (|rule| of(rule, PathKind::Prefix, |path| path.text().len() as u64), "its prefix is longer"),
    (|rule| of(rule, PathKind::Regex, |path| path.text().len() as u64), "its regex is longer"),
    (|rule| u64::from(!rule.methods.is_empty()), "it names methods"),
    (|rule| rule.headers.len() as u64, "it has more header conditions"),
    (|rule| rule.query.len() as u64, "it has more query conditions"),
    (values, "the values of its conditions are longer"),
];

/// Where the route stands; names decide among equals.
pub(crate) fn of_match(rule: &Match) -> Precedence {
    CRITERIA.map(|(number, _)| number(rule))
}

/// Why the first comes before the second, of which neither is refused.
pub(crate) fn reason(first: &Match, second: &Match) -> &'static str {
    let decided = CRITERIA.iter().find(|(number, _)| number(first) != number(second));
    decided.map_or("its name comes first", |(_, words)| words)
}

fn priority(rule: &Match) -> u64 {
    u64::from(rule.priority.abs_diff(*PRIORITIES.start()))
}

fn of(rule: &Match, kind: PathKind, number: fn(&PathMatcher) -> u64) -> u64 {
    if rule.path.kind() == kind { number(&rule.path) } else { 0 }
}

fn template(rule: &Match, number: fn(&PathMatcher) -> u64) -> u64 {
    of(rule, PathKind::Template, number)
}

fn is_literal(segment: &Segment<'_>) -> bool {
    matches!(segment, Segment::Literal(_))
}

/// A bit for each literal segment, the first one's on the left: of two templates of one length, the
/// first difference decides which number is higher.
fn literal_bits(path: &PathMatcher) -> u64 {
    path.segments().fold(0, |bits, segment| bits << 1 | u64::from(is_literal(&segment)))
}

fn values(rule: &Match) -> u64 {
    let length = |condition: &Condition| condition.test().text().len() as u64;
    rule.headers.iter().chain(&rule.query).map(length).sum()
}
