//! Reading how bodies are compressed.

use gateway_proto::{
    registry::v1 as pb,
    size::format_size,
    violation::{Path, Shown, Violations, distinct},
};

use super::{policy::switched, token::is_token};
use crate::route::{Compression, CompressionAlgorithm, MediaRange, Policy};

const ALGORITHMS: [CompressionAlgorithm; 3] =
    [CompressionAlgorithm::Zstd, CompressionAlgorithm::Brotli, CompressionAlgorithm::Gzip];
const DEFAULT_MIN_SIZE: u64 = 1024;
const MAX_MIN_SIZE: u64 = 1024 * 1024;
const MAX_CONTENT_TYPES: usize = 64;
/// The longest media type in bytes (RFC 6838 section 4.2).
const MAX_MEDIA_TYPE: usize = 255;

/// What is compressed where nothing is said: text and what is written like it, programs, and fonts and
/// pictures that are not compressed already.
pub(in crate::route) const DEFAULT_CONTENT_TYPES: [&str; 30] = [
    "text/*",
    "application/atom+xml",
    "application/geo+json",
    "application/graphql-response+json",
    "application/hal+json",
    "application/javascript",
    "application/json",
    "application/json-patch+json",
    "application/ld+json",
    "application/manifest+json",
    "application/merge-patch+json",
    "application/problem+json",
    "application/problem+xml",
    "application/rss+xml",
    "application/schema+json",
    "application/soap+xml",
    "application/vnd.api+json",
    "application/vnd.ms-fontobject",
    "application/wasm",
    "application/x-javascript",
    "application/x-ndjson",
    "application/xhtml+xml",
    "application/xml",
    "application/xml-dtd",
    "application/yaml",
    "font/collection",
    "font/otf",
    "font/sfnt",
    "font/ttf",
    "image/svg+xml",
];

pub(super) fn compression(wire: &pb::Compression, path: &Path<'_>, violations: &mut Violations) -> Policy<Compression> {
    let pb::Compression { enabled, algorithms: names, min_size: smallest, content_types: ranges } = wire;
    let says_more = !names.is_empty() || smallest.is_some() || !ranges.is_empty();
    switched(*enabled, says_more, path, violations, |violations| {
        let algorithms = algorithms(names, &path.field("algorithms"), violations);
        let min_size = min_size(*smallest, &path.field("min_size"), violations);
        let content_types = content_types(ranges, &path.field("content_types"), violations);
        Some(Compression { algorithms, min_size, content_types })
    })
}

fn algorithms(wire: &[i32], path: &Path<'_>, violations: &mut Violations) -> Box<[CompressionAlgorithm]> {
    if wire.is_empty() {
        return ALGORITHMS.into();
    }
    let read = distinct(wire.iter(), ALGORITHMS.len(), path, violations, |number, path, violations| {
        match pb::CompressionAlgorithm::try_from(*number) {
            Ok(pb::CompressionAlgorithm::Gzip) => Some(CompressionAlgorithm::Gzip),
            Ok(pb::CompressionAlgorithm::Brotli) => Some(CompressionAlgorithm::Brotli),
            Ok(pb::CompressionAlgorithm::Zstd) => Some(CompressionAlgorithm::Zstd),
            Ok(pb::CompressionAlgorithm::Unspecified) | Err(_) => {
                let message = "is no algorithm; use COMPRESSION_ALGORITHM_GZIP, _BROTLI or _ZSTD";
                violations.add(path, format_args!("{number} {message}"));
                None
            }
        }
    });
    read.into()
}

fn min_size(wire: Option<u64>, path: &Path<'_>, violations: &mut Violations) -> u64 {
    let size = wire.unwrap_or(DEFAULT_MIN_SIZE);
    if size > MAX_MIN_SIZE {
        let (given, most) = (format_size(size), format_size(MAX_MIN_SIZE));
        violations.add(path, format_args!("{given} is too large; use 0B to {most}"));
    }
    size
}

fn content_types(wire: &[String], path: &Path<'_>, violations: &mut Violations) -> Box<[MediaRange]> {
    if wire.is_empty() {
        return DEFAULT_CONTENT_TYPES.iter().filter_map(|text| media_range(text)).collect();
    }
    let ranges = distinct(wire.iter(), MAX_CONTENT_TYPES, path, violations, |text, path, violations| {
        let range = media_range(text);
        if range.is_none() {
            let message = "is no media type; use such as \"text/html\" or \"text/*\", without parameters";
            violations.add(path, format_args!("{} {message}", Shown(text)));
        }
        range
    });
    ranges.into()
}

/// RFC 9110 section 12.5.1, without parameters.
fn media_range(text: &str) -> Option<MediaRange> {
    let text = text.to_ascii_lowercase();
    let (kind, subtype) = text.split_once('/').filter(|_| text.len() <= MAX_MEDIA_TYPE)?;
    let is_name = |name: &str| is_token(name) && !name.contains('*');
    match (kind, subtype) {
        ("*", "*") => Some(MediaRange { kind: None, subtype: None }),
        (kind, "*") if is_name(kind) => Some(MediaRange { kind: Some(kind.into()), subtype: None }),
        (kind, subtype) if is_name(kind) && is_name(subtype) => {
            Some(MediaRange { kind: Some(kind.into()), subtype: Some(subtype.into()) })
        }
        (_, _) => None,
    }
}
