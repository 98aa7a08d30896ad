//! A slow router that is obviously right: routes and requests as people write them, which of them meet,
//! and which comes first.

use std::{
    cmp::{Ordering, Reverse},
    sync::LazyLock,
};

use super::{Asked, Named};
use crate::{Match, Methods, PathMatcher, Pattern, Test};

pub(super) type Regex = (&'static str, fn(&str) -> bool);

/// What each means, written down once more.
pub(super) const REGEXES: [Regex; 6] = [
    ("^/a/[0-9]+$", |path| {
        path.strip_prefix("/a/").is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
    }),
    ("^/(a|ab)/", |path| path.starts_with("/a/") || path.starts_with("/ab/")),
    ("b$", |path| path.ends_with('b')),
    ("//", |path| path.contains("//")),
    ("^/a/b/", |path| path.starts_with("/a/b/")),
    ("^/a/b|%2F", |path| path.starts_with("/a/b") || path.contains("%2F")),
];
pub(super) const VALUES: [Regex; 2] = [("^1", |value| value.starts_with('1')), ("2", |value| value.contains('2'))];

static COMPILED: LazyLock<Vec<PathMatcher>> =
    LazyLock::new(|| REGEXES.iter().map(|(text, _)| PathMatcher::regex(text).unwrap()).collect());
static PATTERNS: LazyLock<Vec<Pattern>> =
    LazyLock::new(|| VALUES.iter().map(|(text, _)| Pattern::parse(text).unwrap()).collect());

/// What an operator would write for a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Path {
    Exact(Vec<&'static str>),
    /// The segments, of which `{}` is a parameter.
    Template(Vec<&'static str>),
    Prefix(Vec<&'static str>),
    Regex(usize),
    Any,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wanted {
    Exact(&'static str),
    Present,
    Prefix(&'static str),
    Regex(usize),
}

/// A route, as an operator would write it.
#[derive(Debug, Clone)]
pub(super) struct Spec {
    pub(super) name: String,
    pub(super) path: Path,
    /// Sorted.
    pub(super) methods: Vec<&'static str>,
    /// Sorted, each once, as is the query.
    pub(super) headers: Vec<(&'static str, Wanted)>,
    pub(super) query: Vec<(&'static str, Wanted)>,
    pub(super) priority: i16,
}

/// A request whose path is in normal form, with how else it is spelt.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) method: &'static str,
    pub(super) path: Vec<&'static str>,
    pub(super) headers: Vec<(&'static str, &'static str)>,
    pub(super) query: Vec<(&'static str, &'static str)>,
    pub(super) spelling: [u8; 8],
}

fn joined(segments: &[&str]) -> String {
    segments.iter().map(|segment| format!("/{segment}")).collect()
}

impl Wanted {
    fn passes(&self, value: &str) -> bool {
        match self {
            Self::Exact(text) => value == *text,
            Self::Present => true,
            Self::Prefix(text) => value.starts_with(text),
            Self::Regex(at) => VALUES[*at].1(value),
        }
    }

    fn length(&self) -> usize {
        match self {
            Self::Exact(text) | Self::Prefix(text) => text.len(),
            Self::Present => 0,
            Self::Regex(at) => VALUES[*at].0.len(),
        }
    }

    fn test(&self) -> Test {
        match self {
            Self::Exact(text) => Test::Exact((*text).into()),
            Self::Present => Test::Present,
            Self::Prefix(text) => Test::Prefix((*text).into()),
            Self::Regex(at) => Test::Regex(PATTERNS[*at].clone()),
        }
    }
}

impl Path {
    fn matches(&self, path: &[&str]) -> bool {
        match self {
            Self::Exact(segments) => segments == path,
            Self::Template(segments) => {
                let fits = |(want, there): (&&str, &&str)| want == there || (*want == "{}" && !there.is_empty());
                segments.len() == path.len() && segments.iter().zip(path).all(fits)
            }
            Self::Prefix(segments) => path.starts_with(segments),
            Self::Regex(at) => REGEXES[*at].1(&joined(path)),
            Self::Any => true,
        }
    }

    fn matcher(&self) -> PathMatcher {
        match self {
            Self::Exact(segments) => PathMatcher::exact(&joined(segments)).unwrap(),
            Self::Template(segments) => {
                let name = |(at, segment): (usize, &&str)| segment.replace("{}", &format!("{{p{at}}}"));
                let names: Vec<_> = segments.iter().enumerate().map(name).collect();
                PathMatcher::template(&format!("/{}", names.join("/"))).unwrap()
            }
            Self::Prefix(segments) => PathMatcher::prefix(&format!("{}/", joined(segments))).unwrap(),
            Self::Regex(at) => COMPILED[*at].clone(),
            Self::Any => PathMatcher::default(),
        }
    }
}

/// The rules of the crate's documentation, from 2 to 5.
fn compare_paths(a: &Path, b: &Path) -> Ordering {
    match (a, b) {
        (Path::Template(a), Path::Template(b)) => {
            let literals = |path: &[&str]| path.iter().filter(|segment| **segment != "{}").count();
            let is_parameter = |path: &[&str]| path.iter().map(|segment| *segment == "{}").collect::<Vec<_>>();
            (literals(b).cmp(&literals(a)))
                .then(b.len().cmp(&a.len()))
                .then_with(|| is_parameter(a).cmp(&is_parameter(b)))
        }
        (Path::Prefix(a), Path::Prefix(b)) => b.len().cmp(&a.len()).then(joined(b).len().cmp(&joined(a).len())),
        (Path::Regex(a), Path::Regex(b)) => REGEXES[*b].0.len().cmp(&REGEXES[*a].0.len()),
        (Path::Exact(_), Path::Exact(_)) => Ordering::Equal,
        (a, b) => kind(a).cmp(&kind(b)),
    }
}

fn kind(path: &Path) -> u8 {
    match path {
        Path::Exact(_) => 2,
        Path::Template(_) => 3,
        Path::Prefix(_) => 4,
        Path::Regex(_) => 5,
        Path::Any => 6,
    }
}

impl Spec {
    pub(super) fn matches(&self, call: &Call) -> bool {
        let one_of = |there: &[(&str, &str)], (name, wanted): &(&str, Wanted)| {
            there.iter().any(|(given, value)| given == name && wanted.passes(value))
        };
        self.path.matches(&call.path)
            && (self.methods.is_empty() || self.methods.contains(&call.method))
            && self.headers.iter().all(|condition| one_of(&call.headers, condition))
            && self.query.iter().all(|condition| one_of(&call.query, condition))
    }

    fn values(&self) -> usize {
        self.headers.iter().chain(&self.query).map(|(_, wanted)| wanted.length()).sum()
    }

    /// The list of the crate's documentation.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        let rest = |spec: &Self| {
            let (headers, query) = (spec.headers.len(), spec.query.len());
            (spec.methods.is_empty(), Reverse(headers), Reverse(query), Reverse(spec.values()), spec.name.clone())
        };
        (other.priority.cmp(&self.priority))
            .then_with(|| compare_paths(&self.path, &other.path))
            .then_with(|| rest(self).cmp(&rest(other)))
    }

    pub(super) fn same_requests(&self, other: &Self) -> bool {
        let Self { name: _, path, methods, headers, query, priority } = self;
        (path, methods, headers, query, priority)
            == (&other.path, &other.methods, &other.headers, &other.query, &other.priority)
    }

    pub(super) fn route(&self) -> Named {
        let rule = Match::new(self.path.matcher()).methods(Methods::parse(self.methods.iter().copied()).unwrap());
        let rule = rule.priority(self.priority).unwrap();
        let header = |rule: Match, (name, wanted): &(&str, Wanted)| rule.header(name, wanted.test()).unwrap();
        let query = |rule: Match, (name, wanted): &(&str, Wanted)| rule.query(name, wanted.test()).unwrap();
        let rule = self.headers.iter().rev().fold(rule, header);
        super::route(&self.name, self.query.iter().rev().fold(rule, query))
    }
}

impl Call {
    /// The request, with detours and needless escapes.
    pub(super) fn asked(&self) -> Asked {
        let respelt = |(at, segment): (usize, &&str)| match (self.spelling[at % 8] % 8, segment.chars().next()) {
            (0, _) => format!("/.{}", joined(&[segment])),
            (1, _) => format!("/a/%2E.{}", joined(&[segment])),
            (2 | 3, Some(c)) if c != '%' => format!("/%{:02x}{}", c as u32, &segment[1..]),
            (4, _) => joined(&[&segment.to_lowercase()]),
            _ => joined(&[segment]),
        };
        let path: String = self.path.iter().enumerate().map(respelt).collect();
        let pair = |(name, value): &(&str, &str)| match self.spelling[0] % 2 {
            0 => format!("{name}={value}"),
            _ => format!("%{:02X}={}", name.as_bytes()[0], value.replace('2', "%32")),
        };
        let query: Vec<_> = self.query.iter().map(pair).collect();
        let asked = Asked::get(&format!("{path}?{}", query.join("&"))).method(self.method);
        self.headers.iter().fold(asked, |asked, (name, value)| asked.header(&name.to_uppercase(), value))
    }
}
