//! Routes and requests by chance, out of so few parts that they meet.

use std::collections::HashSet;

use rand::{Rng, RngExt};

const HOSTS: [&str; 4] = ["a.test", "*.a.test", "b.test", "*.test"];
const METHODS: [&str; 3] = ["GET", "POST", "DELETE"];

fn one<'a>(rng: &mut impl Rng, of: &[&'a str]) -> &'a str {
    of[rng.random_range(0..of.len())]
}

/// So many routes, no two of which are for the same requests.
pub fn routes(rng: &mut impl Rng, count: usize) -> String {
    let mut known = HashSet::new();
    let mut text = String::new();
    while known.len() < count {
        let kind = rng.random_range(0..5);
        let matching = matching(rng, kind);
        let (host, priority) = (one(rng, &HOSTS), rng.random_range(-2..=2_i32).clamp(-1, 1));
        if !known.insert((host, matching.clone(), priority)) {
            continue;
        }
        let number = known.len();
        let action = action(rng, kind);
        let policy = if rng.random_bool(0.2) { ", ambiguous_paths: refuse" } else { "" };
        text += &format!(
            "- {{name: r{number}, hosts: [\"{host}\"], match: {matching}, priority: {priority}, {action}{policy}}}\n"
        );
    }
    text
}

/// `kind` is that of the path: exact, prefix, template, regex, every.
fn matching(rng: &mut impl Rng, kind: u32) -> String {
    let depth = rng.random_range(1..=3);
    let literal = |rng: &mut _| (0..depth).map(|_| format!("/{}", one(rng, &["a", "b"]))).collect::<String>();
    let path = match kind {
        0 => format!("path: {{exact: {}}}, ", literal(rng)),
        1 => format!("path: {{prefix: {}}}, ", literal(rng)),
        2 => {
            let rest = if rng.random_bool(0.5) { literal(rng) } else { String::new() };
            format!("path: {{template: \"/{}/{{x}}{rest}\"}}, ", one(rng, &["a", "b"]))
        }
        3 => format!("path: {{regex: \"{}\"}}, ", one(rng, &["^/a/[ab]$", "b$", "^/b/", "a/b", "^/[^/]+/a"])),
        _ => String::new(),
    };
    let methods = if rng.random_bool(0.3) { format!("methods: [{}], ", one(rng, &METHODS)) } else { String::new() };
    let header = ["exact: \"1\"", "present: true", "prefix: \"2\"", "regex: \"[13]$\""];
    let headers = match rng.random_bool(0.3) {
        true => format!("headers: [{{name: x-h, {}}}], ", one(rng, &header)),
        false => String::new(),
    };
    let query = match rng.random_bool(0.2) {
        true => format!("query: [{{name: q, {}}}], ", one(rng, &header)),
        false => String::new(),
    };
    format!("{{{path}{methods}{headers}{query}}}").replace(", }", "}")
}

fn action(rng: &mut impl Rng, kind: u32) -> String {
    match rng.random_range(0..8) {
        0 => "respond: {status: 204}".into(),
        1 => "redirect: {scheme: https, status: 307}".into(),
        2 => "forward: {services: [{name: empty}]}".into(),
        // Only what begins the path can be replaced, and only what has a name be put elsewhere.
        3 | 4 if kind < 2 => "forward: {services: [{name: other}], rewrite: {prefix: /new}}".into(),
        3 | 4 if kind == 2 => "forward: {services: [{name: owner}], rewrite: {path: \"/new/{x}\"}}".into(),
        5 => "redirect: {host: new.test, strip_query: true}".into(),
        _ => format!("forward: {{services: [{{name: {}}}]}}", one(rng, &["owner", "other"])),
    }
}

/// A request.
#[derive(Debug)]
pub struct Asked {
    pub method: &'static str,
    pub host: &'static str,
    pub target: String,
    pub headers: Vec<(&'static str, &'static str)>,
}

impl Asked {
    /// Its bytes, with a number to know it by.
    pub fn head(&self, number: usize) -> String {
        let Self { method, host, target, headers } = self;
        let fields: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nX-Request-Id: {number}\r\n{fields}\r\n")
    }
}

/// A request to one of the hosts, its path spelled in any way.
pub fn request(rng: &mut impl Rng) -> Asked {
    let segment = |rng: &mut _| {
        one(rng, &["a", "b", "a", "b", "a", "b", "%61", "%62", "c", ".", "..", "%2e", "", "a%2Fb", "x/.."])
    };
    let depth = rng.random_range(1..=4);
    let mut target: String = (0..depth).map(|_| format!("/{}", segment(rng))).collect();
    if rng.random_bool(0.4) {
        target += one(rng, &["?q=1", "?q=2&q=3", "?p=1&q", "?q=%31", "?"]);
    }
    let mut headers = Vec::new();
    if rng.random_bool(0.5) {
        headers.push(("x-h", one(rng, &["1", "2", "3", "21", ""])));
    }
    Asked {
        method: METHODS[rng.random_range(0..METHODS.len())],
        host: ["a.test", "x.a.test", "y.x.a.test", "b.test", "c.test", "c.nowhere"][rng.random_range(0..6)],
        target,
        headers,
    }
}
