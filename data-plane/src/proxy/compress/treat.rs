//! Which responses are compressed, and how their heads say so.

use gateway_caching::validation::{EntityTag, entity_tags};
use gateway_routing::route::{Compression, CompressionAlgorithm, MediaRange};
use http::StatusCode;

use crate::http1::{
    field::{Name, elements},
    framing,
    head::{Field, Fields, ResponseHead},
};

use super::forbids_transforming;

/// What compression makes of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Treatment {
    /// It passes as it came.
    Untouched,
    /// It passes as it came, but another client would get it compressed (RFC 9110 section 12.5.5).
    Varies,
    /// It says that what the client has is still good, and the client has it compressed.
    Confirms,
    /// It is compressed.
    Compressed(CompressionAlgorithm),
}

impl Treatment {
    /// Whether it depends on Accept-Encoding.
    pub(crate) const fn varies(self) -> bool {
        match self {
            Self::Untouched => false,
            Self::Varies | Self::Confirms | Self::Compressed(_) => true,
        }
    }

    /// Whether entity tags stay good for comparing versions, but not bytes (RFC 9110 section 8.8.1).
    pub(crate) const fn weakens_tags(self) -> bool {
        match self {
            Self::Untouched | Self::Varies => false,
            Self::Confirms | Self::Compressed(_) => true,
        }
    }

    /// Whether a field of the response's head goes, or is written anew.
    pub(crate) fn replaces(self, field: &Field, head: &[u8]) -> bool {
        match self {
            Self::Untouched | Self::Varies => false,
            Self::Confirms | Self::Compressed(_) => {
                field.name == Name::ContentLength
                    || ["content-encoding", "accept-ranges"].iter().any(|name| field.is_named(head, name))
                    || is_false_of_other_content(field, head)
            }
        }
    }
}

/// Whether a field describes content byte by byte, which is wrong of it in another coding: digests
/// (RFC 9530, RFC 3230, RFC 1864), and the strong entity tag (RFC 9110 section 8.8.1).
pub(crate) fn is_false_of_other_content(field: &Field, head: &[u8]) -> bool {
    ["etag", "repr-digest", "content-digest", "digest", "content-md5"].iter().any(|name| field.is_named(head, name))
}

/// What becomes of a response to a client that would have `algorithm`, and that has what these tags are of,
/// the weak ones among them.
pub(super) fn treat(
    policy: &Compression,
    algorithm: Option<CompressionAlgorithm>,
    has: Option<&[u8]>,
    response: &ResponseHead,
    head: &[u8],
) -> Treatment {
    let fields = &response.fields;
    let types: Vec<_> = fields.others(head, "content-type").collect();
    let is_listed = match types.as_slice() {
        // RFC 9110 section 15.4.5: a 304 seldom has a type, and may be about anything.
        [] => response.status == StatusCode::NOT_MODIFIED,
        [value] => is_listed(&policy.content_types, value),
        [_, _, ..] => false,
    };
    if !is_listed || forbids_transforming(fields, head) {
        return Treatment::Untouched;
    }
    // RFC 9110 section 15.3.7: what a 200 would say, a part says too.
    if response.status == StatusCode::PARTIAL_CONTENT && !is_encoded(fields, head) {
        return Treatment::Varies;
    }
    if !is_whole(response, head) {
        return Treatment::Untouched;
    }
    if response.status == StatusCode::NOT_MODIFIED {
        let is_compressed = algorithm.is_some() && has_compressed(has, fields, head);
        return if is_compressed { Treatment::Confirms } else { Treatment::Varies };
    }
    if framing::content_length(fields, head).is_some_and(|length| length < policy.min_size.max(1)) {
        return Treatment::Untouched;
    }
    algorithm.map_or(Treatment::Varies, Treatment::Compressed)
}

/// Whether what a 304 is about may be had compressed by a client with these tags: where it has a tag, the
/// client has got it as a weak one. What came without one, nobody can tell.
fn has_compressed(has: Option<&[u8]>, fields: &Fields, head: &[u8]) -> bool {
    let mut tags = fields.others(head, "etag").peekable();
    let is_had = |tag: &EntityTag<'_>| {
        let mut had = has.into_iter().flat_map(entity_tags);
        had.any(|had| !had.is_strong() && had.matches_weakly(tag))
    };
    tags.peek().is_none() || tags.filter_map(EntityTag::parse).any(|tag| is_had(&tag))
}

fn is_encoded(fields: &Fields, head: &[u8]) -> bool {
    let is_encoded = |value| elements(value).any(|coding| !coding.eq_ignore_ascii_case(b"identity"));
    fields.others(head, "content-encoding").any(is_encoded)
}

/// Whether it has a representation, all of it, and as it is.
fn is_whole(response: &ResponseHead, head: &[u8]) -> bool {
    let has_other_content = response.status.is_informational()
        || [
            StatusCode::NO_CONTENT,
            StatusCode::RESET_CONTENT,
            StatusCode::PARTIAL_CONTENT,
            // RFC 3229: the difference to another one.
            StatusCode::IM_USED,
        ]
        .contains(&response.status);
    !has_other_content
        && !is_encoded(&response.fields, head)
        && response.fields.others(head, "content-range").next().is_none()
}

/// Whether a range covers this Content-Type. Streams of events are short pieces that gain little, and
/// that much of what decodes them holds back: `text/event-stream` counts only by its full name.
fn is_listed(ranges: &[MediaRange], value: &[u8]) -> bool {
    let essence = value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let mut parts = essence.splitn(2, |byte| *byte == b'/');
    let (Some(kind), Some(subtype)) = (parts.next(), parts.next()) else { return false };
    let is = |part: &[u8], name: &str| part.eq_ignore_ascii_case(name.as_bytes());
    let is_events = is(kind, "text") && is(subtype, "event-stream");
    ranges.iter().any(|MediaRange { kind: of_kind, subtype: of_subtype }| {
        let covers = |part: &[u8], name: &Option<Box<str>>| name.as_ref().map_or(!is_events, |name| is(part, name));
        covers(kind, of_kind) && covers(subtype, of_subtype)
    })
}

#[cfg(test)]
mod tests {
    use gateway_routing::route::{
        Compression,
        CompressionAlgorithm::{self, Gzip},
        MediaRange,
    };

    use super::{Treatment, treat};
    use crate::http1::head::ResponseHead;

    fn range(kind: Option<&str>, subtype: Option<&str>) -> MediaRange {
        MediaRange { kind: kind.map(Into::into), subtype: subtype.map(Into::into) }
    }

    fn treated(status: &str, fields: &str, algorithm: Option<CompressionAlgorithm>) -> Treatment {
        let types = [range(Some("text"), None), range(Some("application"), Some("json"))];
        treated_with(types.into(), status, fields, algorithm)
    }

    fn treated_with(
        content_types: Box<[MediaRange]>,
        status: &str,
        fields: &str,
        algorithm: Option<CompressionAlgorithm>,
    ) -> Treatment {
        treated_having(None, content_types, status, fields, algorithm)
    }

    fn treated_having(
        has: Option<&str>,
        content_types: Box<[MediaRange]>,
        status: &str,
        fields: &str,
        algorithm: Option<CompressionAlgorithm>,
    ) -> Treatment {
        let policy = Compression { algorithms: [Gzip].into(), min_size: 100, content_types };
        let head = format!("HTTP/1.1 {status} x\r\n{fields}\r\n");
        let mut response = ResponseHead::default();
        response.parse(head.as_bytes(), 20).unwrap();
        treat(&policy, algorithm, has.map(str::as_bytes), &response, head.as_bytes())
    }

    #[test]
    fn what_is_whole_large_and_of_a_listed_type_is_compressed() {
        for fields in [
            "Content-Type: text/html\r\n",
            "content-type: TEXT/Html; charset=\"utf-8\"\r\n",
            "Content-Type: application/json\r\nContent-Length: 100\r\n",
            "Content-Type: text/html ;x\r\nContent-Encoding: identity\r\n",
            "Content-Type: text/html\r\nContent-Encoding:\r\n",
            "Content-Type: text/html\r\nCache-Control: public, max-age=1\r\n",
        ] {
            for status in ["200", "201", "203", "301", "404", "500"] {
                assert_eq!(treated(status, fields, Some(Gzip)), Treatment::Compressed(Gzip), "{status} {fields}");
                assert_eq!(treated(status, fields, None), Treatment::Varies, "{status} {fields}");
            }
        }
    }

    #[test]
    fn the_rest_is_left_as_it_is() {
        for (status, fields) in [
            ("200", ""),
            ("200", "Content-Type:\r\n"),
            ("200", "Content-Type: text\r\n"),
            ("200", "Content-Type: image/png\r\n"),
            ("200", "Content-Type: application/jsonp\r\n"),
            ("200", "Content-Type: text/html\r\nContent-Type: text/html\r\n"),
            ("200", "Content-Type: text/html\r\nContent-Length: 99\r\n"),
            ("200", "Content-Type: text/html\r\nContent-Length: 0\r\n"),
            ("200", "Content-Type: text/html\r\nContent-Encoding: gzip\r\n"),
            ("200", "Content-Type: text/html\r\nContent-Encoding: identity, br\r\n"),
            ("200", "Content-Type: text/html\r\nContent-Encoding: something\r\n"),
            ("200", "Content-Type: text/html\r\nContent-Range: bytes 0-999/2000\r\n"),
            ("200", "Content-Type: text/html\r\nCache-Control: max-age=1, No-Transform\r\n"),
            ("200", "Content-Type: text/html\r\nCache-Control: public\r\nCache-Control: no-transform\r\n"),
            ("204", "Content-Type: text/html\r\n"),
            ("205", "Content-Type: text/html\r\n"),
            ("206", "Content-Type: image/png\r\nContent-Range: bytes 0-999/2000\r\n"),
            ("206", "Content-Type: text/html\r\nContent-Encoding: br\r\nContent-Range: bytes 0-999/2000\r\n"),
            ("206", "Content-Type: text/html\r\nCache-Control: no-transform\r\n"),
            ("226", "Content-Type: text/html\r\n"),
            ("304", "Content-Type: image/png\r\n"),
            ("304", "Cache-Control: no-transform\r\n"),
            ("304", "Content-Encoding: br\r\nETag: \"a-br\"\r\n"),
            ("416", "Content-Type: text/html\r\nContent-Range: bytes */2000\r\n"),
        ] {
            assert_eq!(treated(status, fields, Some(Gzip)), Treatment::Untouched, "{status} {fields}");
            assert_eq!(treated(status, fields, None), Treatment::Untouched, "{status} {fields}");
        }
    }

    #[test]
    fn a_304_speaks_of_what_its_client_has() {
        let of = |has: &str, fields: &str, algorithm| {
            treated_having(Some(has), [range(None, None)].into(), "304", fields, algorithm)
        };
        for (has, tag, expected) in [
            ("W/\"a\"", "\"a\"", Treatment::Confirms),
            ("\"b\", W/\"a,W/\", W/\"a\"", "\"a\"", Treatment::Confirms),
            ("W/\"a\"", "W/\"a\"", Treatment::Confirms),
            // It was never compressed.
            ("\"a\"", "\"a\"", Treatment::Varies),
            ("W/\"b\", \"a\"", "\"a\"", Treatment::Varies),
            ("*", "\"a\"", Treatment::Varies),
            ("W/\"a\"", "a", Treatment::Varies),
        ] {
            let fields = format!("ETag: {tag}\r\n");
            assert_eq!(of(has, &fields, Some(Gzip)), expected, "{has} {tag}");
            assert_eq!(of(has, &fields, None), Treatment::Varies, "{has} {tag}");
        }
        assert_eq!(treated("304", "ETag: \"a\"\r\n", Some(Gzip)), Treatment::Varies);
        assert_eq!(treated("304", "Content-Type: text/css\r\n", Some(Gzip)), Treatment::Confirms);
    }

    #[test]
    fn a_part_varies_as_the_whole_does() {
        for fields in ["Content-Type: text/html\r\n", "Content-Type: text/css\r\nContent-Range: bytes 0-9/2000\r\n"] {
            assert_eq!(treated("206", fields, Some(Gzip)), Treatment::Varies);
            assert_eq!(treated("206", fields, None), Treatment::Varies);
        }
    }

    #[test]
    fn event_streams_are_compressed_only_if_they_are_meant() {
        let events = "Content-Type: text/event-stream\r\n";
        for ranges in [vec![range(Some("text"), None)], vec![range(None, None)]] {
            assert_eq!(treated_with(ranges.into(), "200", events, Some(Gzip)), Treatment::Untouched);
        }
        let meant = [range(Some("text"), Some("event-stream"))];
        assert_eq!(treated_with(meant.into(), "200", events, Some(Gzip)), Treatment::Compressed(Gzip));
        let all = [range(None, None)];
        let image = "Content-Type: image/png\r\n";
        assert_eq!(treated_with(all.into(), "200", image, Some(Gzip)), Treatment::Compressed(Gzip));
    }
}
