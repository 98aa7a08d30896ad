//! What an operator changes in heads: the target and the Host of requests, fields both ways.

use gateway_caching::validation::{Conditions, is_replaced};
use gateway_routing::{
    PathMatcher,
    route::{HeaderField, HeaderRules, PathRewrite},
};
use http::{HeaderName, HeaderValue};

use super::{
    cors::{Stance, is_name_of_cors},
    headers::write_field,
    parse::{ParsedRequest, Target},
};
use crate::http1::{field::is_mistaken_for, head::Field};

/// Changes to a request's head; none by default.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RequestEdits<'t> {
    /// What takes the place of the path, and what the path was matched by.
    pub path: Option<(&'t PathRewrite, &'t PathMatcher)>,
    /// What the endpoint gets as Host.
    pub host: Option<&'t str>,
    pub fields: FieldEdits<'t>,
    /// What a cache asks, in place of what the client does.
    pub asking: Option<Asking<'t>>,
}

/// What a cache asks of an endpoint.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asking<'t> {
    /// In place of the client's conditions.
    pub conditions: &'t Conditions<'t>,
    pub extent: Extent,
}

/// How much a cache asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    Whole,
    /// The part that the client wants.
    AsWanted,
}

impl RequestEdits<'_> {
    /// Whether this field does not go on where the answer may be stored: a condition of the client's that the
    /// cache's stand for, or one that steers.
    pub(crate) fn replace(&self, field: &Field, head: &[u8]) -> bool {
        let Some(Asking { conditions: _, extent }) = self.asking else { return false };
        let name = field.name_bytes(head);
        let stays = extent == Extent::AsWanted && field.is_named(head, "range");
        (!stays && is_replaced(name)) || steers(name)
    }

    /// Writes what the cache asks.
    pub(crate) fn write_conditions(&self, out: &mut Vec<u8>) {
        let Some(Asking { conditions, .. }) = self.asking else { return };
        let Conditions { if_none_match, if_modified_since } = conditions;
        if let Some(tags) = if_none_match {
            write_field(out, "If-None-Match", tags);
        }
        if let Some(date) = if_modified_since {
            write_field(out, "If-Modified-Since", date);
        }
    }

    /// Writes the target as the endpoint gets it: the client's bytes, but for a path that is rewritten.
    pub(crate) fn write_target(&self, out: &mut Vec<u8>, request: &ParsedRequest, head: &[u8]) {
        match (&request.target, self.path) {
            (Target::Asterisk, _) => out.push(b'*'),
            (Target::Origin(at), None) => out.extend_from_slice(&head[at.clone()]),
            (Target::Root(query), None) => {
                out.push(b'/');
                out.extend_from_slice(&head[query.clone()]);
            }
            (Target::Origin(at), Some((rewrite, matched))) => {
                let target = &head[at.clone()];
                let (path, query) = target.split_at(memchr::memchr(b'?', target).unwrap_or(target.len()));
                rewrite.write(matched, path, out);
                out.extend_from_slice(query);
            }
            (Target::Root(query), Some((rewrite, matched))) => {
                rewrite.write(matched, b"/", out);
                out.extend_from_slice(&head[query.clone()]);
            }
        }
    }
}

/// Whether servers take a field of this name for what the request is about, in place of its target and Host. It is
/// in no key: what it makes of an answer would be served to others (RFC 9111 section 7.1).
pub(crate) fn steers(name: &[u8]) -> bool {
    const STEERING: [&[u8]; 7] = [
        b"forwarded",
        b"x-forwarded-port",
        b"x-forwarded-prefix",
        b"x-forwarded-server",
        b"x-forwarded-ssl",
        b"x-original-url",
        b"x-rewrite-url",
    ];
    // Most names begin with another letter.
    name.first().is_some_and(|first| matches!(first, b'f' | b'F' | b'x' | b'X'))
        && STEERING.iter().any(|steering| is_mistaken_for(name, steering))
}

/// Changes to the fields of one direction; none by default. They concern the header section of a
/// request and of the answer to it, and what goes there goes from the trailers too: some servers put
/// the two together (CVE-2013-5704). Interim responses are not touched.
///
/// What framing, routing and identity rest on is not among them: such rules were refused when they
/// were read.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct FieldEdits<'t>(pub(crate) Option<&'t HeaderRules>);

impl<'t> FieldEdits<'t> {
    /// Whether a field of this name goes: it is removed, or others take its place.
    pub(crate) fn drop(self, name: &[u8]) -> bool {
        self.0.is_some_and(|rules| are_meant(dropped(rules), name))
    }

    /// The same of this very field, at no cost where there are no rules.
    pub(crate) fn drop_field(self, field: &Field, head: &[u8]) -> bool {
        self.0.is_some_and(|rules| are_meant(dropped(rules), field.name_bytes(head)))
    }

    /// The names of all that goes, for trailers, which outlive the rules.
    pub(crate) fn dropped(self) -> Box<[HeaderName]> {
        self.0.into_iter().flat_map(dropped).cloned().collect()
    }

    /// What a message says that it did not say before.
    pub(crate) fn told(self) -> impl Iterator<Item = (&'t HeaderName, &'t HeaderValue)> {
        let fields = self.0.into_iter().flat_map(|HeaderRules { remove: _, set, add }| set.iter().chain(add));
        fields.map(|HeaderField { name, value }| (name, value))
    }

    /// Whether a message says something that it did not say before.
    pub(crate) fn tell(self) -> bool {
        self.0.is_some_and(|HeaderRules { remove: _, set, add }| !set.is_empty() || !add.is_empty())
    }

    /// Writes the fields that are set and added.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        self.told().for_each(|(name, value)| write_field(out, name.as_str(), value.as_bytes()));
    }

    /// The same for an answer; where a policy says who may read it, rules do not.
    pub(crate) fn write_beside(self, cors: Option<&Stance<'_>>, out: &mut Vec<u8>) {
        let is_left = |name: &HeaderName| cors.is_none() || !is_name_of_cors(name.as_str().as_bytes());
        let fields = self.told().filter(|(name, _)| is_left(name));
        fields.for_each(|(name, value)| write_field(out, name.as_str(), value.as_bytes()));
    }

    /// Writes a field of the gateway's own that an operator may change.
    pub(crate) fn write_own(self, out: &mut Vec<u8>, name: &str, value: &[u8]) {
        if !self.drop(name.as_bytes()) {
            write_field(out, name, value);
        }
    }
}

/// What is removed, or others take the place of.
fn dropped(rules: &HeaderRules) -> impl Iterator<Item = &HeaderName> {
    rules.remove.iter().chain(rules.set.iter().map(|field| &field.name))
}

/// Whether one of the names is meant by this one. That is so of one, too, that servers take for it:
/// nobody sets by `_` what is set here by `-`, nor the other way round.
pub(crate) fn are_meant<'r>(mut names: impl Iterator<Item = &'r HeaderName>, name: &[u8]) -> bool {
    names.any(|of_rule| is_mistaken_for(name, of_rule.as_str().as_bytes()))
}

#[cfg(test)]
mod tests {
    use gateway_routing::{
        PathMatcher,
        route::{HeaderField, HeaderRules, PathRewrite},
    };

    use super::{FieldEdits, RequestEdits, are_meant, dropped};
    use crate::proxy::parse::ParsedRequest;

    fn target(line: &str, matched: &PathMatcher) -> String {
        let head = format!("{line}\r\nHost: a.test\r\n\r\n");
        let mut request = ParsedRequest::default();
        request.parse(head.as_bytes(), 10).unwrap();
        let rewrite = PathRewrite::Prefix("/v2".into());
        let mut out = Vec::new();
        let edits = RequestEdits { path: Some((&rewrite, matched)), ..RequestEdits::default() };
        edits.write_target(&mut out, &request, head.as_bytes());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_rewritten_path_keeps_its_query_byte_for_byte() {
        let api = PathMatcher::prefix("/api").unwrap();
        for (line, expected) in [
            ("GET /api/x?a=%61&/../ HTTP/1.1", "/v2/x?a=%61&/../"),
            ("GET /api?? HTTP/1.1", "/v2??"),
            ("GET http://a.test/%61pi/./x? HTTP/1.1", "/v2/x?"),
            ("OPTIONS * HTTP/1.1", "*"),
        ] {
            assert_eq!(target(line, &api), expected, "{line}");
        }
        assert_eq!(target("GET http://a.test?q HTTP/1.1", &PathMatcher::prefix("/").unwrap()), "/v2/?q");
    }

    fn fields(pairs: &[(&str, &str)]) -> Box<[HeaderField]> {
        let field =
            |(name, value): &(&str, &str)| HeaderField { name: name.parse().unwrap(), value: value.parse().unwrap() };
        pairs.iter().map(field).collect()
    }

    #[test]
    fn what_is_removed_or_set_goes_in_any_spelling() {
        let rules = HeaderRules {
            remove: ["x-gone".parse().unwrap(), "x_low".parse().unwrap()].into(),
            set: fields(&[("x-set", "1"), ("x-set-b", "")]),
            add: fields(&[("x-added", "a"), ("x-added", "b"), ("x-gone", "again")]),
        };
        let goes = |name: &&str| are_meant(dropped(&rules), name.as_bytes());
        assert!(["x-gone", "X-GONE", "X_Gone", "x-Set", "x_set-B", "X_Low", "X-Low"].iter().all(goes));
        assert!(!["x-added", "x-gon", "xx-gone", ""].iter().any(goes));
        let mut out = Vec::new();
        FieldEdits(Some(&rules)).write(&mut out);
        let expected = "x-set: 1\r\nx-set-b: \r\nx-added: a\r\nx-added: b\r\nx-gone: again\r\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
