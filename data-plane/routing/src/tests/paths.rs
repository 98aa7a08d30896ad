//! Spellings of paths.

use std::borrow::Cow;

use proptest::prelude::*;

use crate::{
    Ambiguity::{
        Backslash, DotSegment, DotsWithParameter, EmptySegment, EncodedBackslash, EncodedControl, EncodedDelimiter,
        EncodedPercent, EncodedSlash, InvalidEncoding, NotUtf8, Parameter,
    },
    ambiguity, normalize,
};

fn normal(path: &str) -> String {
    String::from_utf8(normalize(path.as_bytes()).into_owned()).unwrap()
}

/// RFC 3986 section 5.4, each reference behind `/b/c/`, as section 5.2.3 merges them.
#[test]
fn dot_segments_go_as_in_the_rfc() {
    for (reference, target) in [
        ("g", "/b/c/g"),
        ("./g", "/b/c/g"),
        ("g/", "/b/c/g/"),
        (";x", "/b/c/;x"),
        ("g;x", "/b/c/g;x"),
        ("", "/b/c/"),
        (".", "/b/c/"),
        ("./", "/b/c/"),
        ("..", "/b/"),
        ("../", "/b/"),
        ("../g", "/b/g"),
        ("../..", "/"),
        ("../../", "/"),
        ("../../g", "/g"),
        ("../../../g", "/g"),
        ("../../../../g", "/g"),
        ("g.", "/b/c/g."),
        (".g", "/b/c/.g"),
        ("g..", "/b/c/g.."),
        ("..g", "/b/c/..g"),
        ("./../g", "/b/g"),
        ("./g/.", "/b/c/g/"),
        ("g/./h", "/b/c/g/h"),
        ("g/../h", "/b/c/h"),
        ("g;x=1/./y", "/b/c/g;x=1/y"),
        ("g;x=1/../y", "/b/c/y"),
    ] {
        assert_eq!(normal(&format!("/b/c/{reference}")), target, "{reference}");
    }
    assert_eq!([normal("/./g"), normal("/../g"), normal("/.."), normal("/.")], ["/g", "/g", "/", "/"]);
}

/// RFC 3986 section 6.2.2, and what it leaves alone.
#[test]
fn equivalent_spellings_have_one_normal_form() {
    for (path, expected) in [
        ("/a/./b/../b/%63/%7bfoo%7d", "/a/b/c/%7Bfoo%7D"),
        ("/%41%7a%30%2D%2e%5f%7E", "/Az0-._~"),
        ("/%61dmin", "/admin"),
        ("/x/../admin", "/admin"),
        ("/x/%2e%2E/admin", "/admin"),
        ("/x/.%2e/admin", "/admin"),
        ("/caf%c3%a9", "/caf%C3%A9"),
        ("/a%2fb", "/a%2Fb"),
        ("/a//b", "/a//b"),
        ("/a//../b", "/a/b"),
        ("//..", "/"),
        ("/%zz/%4/%", "/%zz/%4/%"),
        ("/%%32e/%a%31/%%%33%32", "/%%32e/%a%31/%%%332"),
        ("/...", "/..."),
        ("/.well-known/x.html", "/.well-known/x.html"),
        ("*", "*"),
        ("", ""),
    ] {
        assert_eq!(normal(path), expected, "{path}");
    }
}

/// The encodings of OWASP's "Path Traversal" and of its testing guide, and what else gets around.
#[test]
fn tricks_are_seen_through_or_called_ambiguous() {
    for (path, expected, reason) in [
        ("/a/../b", "/b", DotSegment),
        ("/a/%2e%2e%2fb", "/a/..%2Fb", EncodedSlash),
        ("/a/%2e%2e/b", "/b", DotSegment),
        ("/a/..%2fb", "/a/..%2Fb", EncodedSlash),
        ("/a/%2e%2e%5cb", "/a/..%5Cb", EncodedBackslash),
        ("/a/%2e%2e\\b", "/a/..\\b", Backslash),
        ("/a/..\\b", "/a/..\\b", Backslash),
        ("/a/..%5cb", "/a/..%5Cb", EncodedBackslash),
        ("/a/%252e%252e%255cb", "/a/%252e%252e%255cb", EncodedPercent),
        ("/a/%252e%252e%252fb", "/a/%252e%252e%252fb", EncodedPercent),
        ("/a/..%255cb", "/a/..%255cb", EncodedPercent),
        ("/a/..%c0%afb", "/a/..%C0%AFb", NotUtf8),
        ("/a/..%c1%9cb", "/a/..%C1%9Cb", NotUtf8),
        ("/a/..%c1%1cb", "/a/..%C1%1Cb", EncodedControl),
        ("/a/..%c1%afb", "/a/..%C1%AFb", NotUtf8),
        ("/a/..%c0%2fb", "/a/..%C0%2Fb", EncodedSlash),
        ("/a/..%c0%5cb", "/a/..%C0%5Cb", EncodedBackslash),
        ("/a/..%c0%80%5cb", "/a/..%C0%80%5Cb", EncodedBackslash),
        ("/a/%c0%2e%c0%ae/b", "/a/%C0.%C0%AE/b", NotUtf8),
        ("/a/%e0%40%ae/b", "/a/%E0%40%AE/b", NotUtf8),
        ("/a/..%e0%80%afb", "/a/..%E0%80%AFb", NotUtf8),
        ("/a/..%f0%80%80%afb", "/a/..%F0%80%80%AFb", NotUtf8),
        ("/a/..%f8%80%80%80%afb", "/a/..%F8%80%80%80%AFb", NotUtf8),
        ("/a/..%fc%80%80%80%80%afb", "/a/..%FC%80%80%80%80%AFb", NotUtf8),
        ("/a/%c0ae/b", "/a/%C0ae/b", NotUtf8),
        ("/a/%ff/b", "/a/%FF/b", NotUtf8),
        ("/a/%u002e%u002e/b", "/a/%u002e%u002e/b", InvalidEncoding),
        ("/a/..%u2215b", "/a/..%u2215b", InvalidEncoding),
        ("/a/..%u2216b", "/a/..%u2216b", InvalidEncoding),
        ("/a/..%c1%8sb", "/a/..%C1%8sb", InvalidEncoding),
        ("/a/..%bg%qfb", "/a/..%bg%qfb", InvalidEncoding),
        ("/a/..%%35%63b", "/a/..%%35cb", InvalidEncoding),
        ("/a/..%25%35%63b", "/a/..%255cb", EncodedPercent),
        ("/a/..%25%32%66b", "/a/..%252fb", EncodedPercent),
        ("/a/%%32%65%%32%65/b", "/a/%%32e%%32e/b", InvalidEncoding),
        ("/a/..%", "/a/..%", InvalidEncoding),
        ("/a.php%00.jpg", "/a.php%00.jpg", EncodedControl),
        ("/a%0d%0ab", "/a%0D%0Ab", EncodedControl),
        ("/a%7f", "/a%7F", EncodedControl),
        ("/a/..;/b", "/a/..;/b", DotsWithParameter),
        ("/a/%2e.;x=1/b", "/a/..;x=1/b", DotsWithParameter),
        ("/a/.%3b/b", "/a/.%3B/b", DotsWithParameter),
        ("/a;/../b", "/b", Parameter),
        ("/;/a", "/;/a", Parameter),
        ("/a..;/b", "/a..;/b", Parameter),
        ("/admin;x", "/admin;x", Parameter),
        ("/admin%3bx", "/admin%3Bx", Parameter),
        ("/%3B/admin", "/%3B/admin", Parameter),
        ("/admin%3f/x", "/admin%3F/x", EncodedDelimiter),
        ("/admin%23/x", "/admin%23/x", EncodedDelimiter),
        ("/a;v=1/b", "/a;v=1/b", Parameter),
        ("/a/....//b", "/a/....//b", EmptySegment),
        ("/a/.../...//b", "/a/.../...//b", EmptySegment),
        ("/a//../b", "/a/b", EmptySegment),
        ("//a", "//a", EmptySegment),
        ("/./a", "/a", DotSegment),
        ("/a/.", "/a/", DotSegment),
        ("/a/%2E", "/a/", DotSegment),
    ] {
        assert_eq!((normal(path), ambiguity(path.as_bytes())), (expected.into(), Some(reason)), "{path}");
        assert!(reason.to_string().starts_with("the path "), "{reason:?}");
    }
}

#[test]
fn honest_paths_are_not_ambiguous() {
    for path in ["/", "/a/", "/.well-known/..x/x..y/...", "/caf%C3%A9", "/%61%20b+c", "/@%40:", "*", ""] {
        assert_eq!(ambiguity(path.as_bytes()), None, "{path}");
    }
}

/// The tricks of the same lists that play on file systems and on looks: to URLs these are other paths.
#[test]
fn what_is_another_path_to_urls_stays_one() {
    for path in [
        "/ADMIN",
        "/admin.",
        "/admin...",
        "/admin%20",
        "/admin::$DATA",
        "/admin%3C%3E",
        "/admin%22%22",
        "/..%EF%BC%8Fadmin",
        "/%EF%BC%8E%EF%BC%8E/admin",
        "/..%E2%88%95admin",
        "/..0x2fadmin",
        "/~admin",
    ] {
        assert_eq!((normal(path), ambiguity(path.as_bytes())), (path.into(), None));
    }
}

/// Section 5.2.4 to the letter, once the escapes are done.
fn slow(path: &str) -> String {
    let mut input = String::new();
    let mut rest = path;
    while let Some(c) = rest.chars().next() {
        let escape = rest.get(1..3).filter(|_| c == '%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match escape.map(char::from) {
            Some(c) if c.is_ascii_alphanumeric() || "-._~".contains(c) => input.push(c),
            Some(_) => input.push_str(&rest[..3].to_uppercase()),
            None => input.push(c),
        }
        rest = &rest[if escape.is_some() { 3 } else { 1 }..];
    }
    let (mut input, mut output) = (input.as_str(), String::new());
    while !input.is_empty() {
        if input.starts_with("/./") {
            input = &input[2..];
        } else if input == "/." {
            input = "/";
        } else if input.starts_with("/../") || input == "/.." {
            input = if input == "/.." { "/" } else { &input[3..] };
            output.truncate(output.rfind('/').unwrap_or(0));
        } else {
            let end = input[1..].find('/').map_or(input.len(), |end| end + 1);
            output.push_str(&input[..end]);
            input = &input[end..];
        }
    }
    output
}

/// Full of dots, slashes and escapes.
fn proper() -> impl Strategy<Value = String> {
    let piece =
        prop::sample::select(vec!["/", "/", ".", "%2e", "%2E", "a", "%61", "%2f", "%5C", "%25", "2e", "%c3", ";"]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| format!("/{}", pieces.concat()))
}

/// Any path that can come, most of them broken.
fn broken() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec!["/", ".", "%", "%2", "%32", "%65", "%2e", "e", "2", "%zz", "%25", "g"]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| format!("/{}", pieces.concat()))
}

proptest! {
    #[test]
    fn the_normal_form_is_the_one_of_the_rfc(path in proper()) {
        prop_assert_eq!(normal(&path), slow(&path));
    }

    #[test]
    fn normalising_twice_changes_nothing_and_never_makes_longer(path in prop_oneof![proper(), broken()]) {
        let once = normal(&path);
        prop_assert!(once.len() <= path.len());
        prop_assert!(!once.split('/').any(|segment| matches!(segment, "." | "..")));
        prop_assert_eq!(normal(&once), once);
    }

    #[test]
    fn what_is_normal_is_not_copied(path in proper()) {
        let is_copied = |path: &str| matches!(normalize(path.as_bytes()), Cow::Owned(_));
        prop_assert_eq!(is_copied(&path), normal(&path) != path);
        prop_assert!(!is_copied(&normal(&path)));
    }

    #[test]
    fn encoding_what_need_not_be_changes_nothing(path in "(/[a-zA-Z0-9._~;=%!-]{0,5}){1,5}", each in any::<[u8; 32]>()) {
        let path = path.replace('%', "%3A");
        let spelt: String = path.chars().enumerate().map(|(at, c)| match each[at % each.len()] % 3 {
            // Not within an escape, and nothing that is reserved.
            _ if path[..at].ends_with('%') || path[..at].ends_with("%3") || "/;=%!".contains(c) => c.into(),
            0 => format!("%{:02x}", c as u32),
            1 => format!("%{:02X}", c as u32),
            _ => c.into(),
        }).collect();
        prop_assert_eq!(normal(&spelt), normal(&path));
    }

    #[test]
    fn what_the_normal_form_removes_is_ambiguous(path in proper()) {
        let has_dots = path.replace("%2e", ".").replace("%2E", ".").split('/').any(|segment| matches!(segment, "." | ".."));
        prop_assert!(!has_dots || ambiguity(path.as_bytes()).is_some());
        prop_assert_ne!(ambiguity(normal(&path).as_bytes()), Some(DotSegment));
    }
}
