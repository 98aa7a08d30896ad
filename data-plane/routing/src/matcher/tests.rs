//! What can be matched by, and what is said of the rest.

use super::{MAX_CONDITIONS, Match, MatchError, Methods, PathMatcher, Pattern, Test};

fn refusal<T: std::fmt::Debug>(result: Result<T, MatchError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn paths_that_could_never_match_are_refused() {
    let normal = |path: &str| MatchError::NotNormal(path.into());
    for (path, error) in [
        ("", MatchError::Empty),
        ("a", MatchError::NoSlash),
        ("/a b", MatchError::Character(' ')),
        ("/café", MatchError::Character('é')),
        ("/a\n", MatchError::Character('\n')),
        ("/a?b", MatchError::BehindPath('?')),
        ("/a#b", MatchError::BehindPath('#')),
        ("/users/{id}", MatchError::Brace),
        ("/api/*", MatchError::Star),
        ("/%61", normal("/a")),
        ("/caf%c3%a9", normal("/caf%C3%A9")),
        ("/a/../b", normal("/b")),
    ] {
        assert_eq!(PathMatcher::exact(path).unwrap_err(), error, "{path}");
        assert_eq!(PathMatcher::prefix(path).unwrap_err(), error, "{path}");
    }
    for path in ["//", "///", "/a//", "//a//"] {
        assert_eq!(PathMatcher::prefix(path).unwrap_err(), MatchError::Slashes, "{path}");
        assert!(PathMatcher::exact(path).is_ok(), "{path}");
    }
    assert_eq!(
        refusal(PathMatcher::exact("/%61")),
        "is not in normal form; write \"/a\", which matches every spelling of it"
    );
}

#[test]
fn parameters_are_whole_segments_with_names_of_their_own() {
    for segment in ["v{n}", "{n}.json", "{}", "{a-b}", "{a", "a}", "{{a}}", "{a}{b}"] {
        let path = format!("/x/{segment}");
        assert_eq!(PathMatcher::template(&path).unwrap_err(), MatchError::Parameter(segment.into()));
    }
    assert_eq!(PathMatcher::template("/{a}/{a}").unwrap_err(), MatchError::Twice("a".into()));
    assert_eq!(PathMatcher::template("/a").unwrap_err(), MatchError::NoParameter);
    assert_eq!(refusal(PathMatcher::template("/{a}/{a}")), "has two parameters {a}; give each a name of its own");
}

#[test]
fn bounds_hold_to_the_byte() {
    let text = |length: usize| format!("/{}", "a".repeat(length - 1));
    assert!(PathMatcher::exact(&text(1024)).is_ok() && Pattern::parse(&text(1024)).is_ok());
    assert_eq!(PathMatcher::exact(&text(1025)).unwrap_err(), MatchError::TooLong);
    assert_eq!(Pattern::parse(&text(1025)).unwrap_err(), MatchError::TooLong);
    assert!(PathMatcher::prefix(&"/a".repeat(64)).is_ok());
    assert_eq!(PathMatcher::prefix(&"/a".repeat(65)).unwrap_err(), MatchError::Segments);
    let exact = |length| Match::default().header("x", Test::Exact(text(length).into()));
    assert!(exact(1024).is_ok());
    assert_eq!(exact(1025).unwrap_err(), MatchError::TooLong);
    let full = (1..MAX_CONDITIONS).fold(Match::default(), |rule, n| rule.query(&n.to_string(), Test::Present).unwrap());
    let full = full.header("x", Test::Present).unwrap();
    assert_eq!(full.clone().header("y", Test::Present).unwrap_err(), MatchError::Conditions);
    assert_eq!(full.query("y", Test::Present).unwrap_err(), MatchError::Conditions);
    assert!(Match::default().priority(-1000).is_ok() && Match::default().priority(1000).is_ok());
    assert_eq!(refusal(Match::default().priority(1001)), "is not from -1000 to 1000");
    assert_eq!(Methods::parse(["A"; 33]).unwrap_err(), MatchError::Methods);
}

#[test]
fn regular_expressions_are_checked_and_kept_small() {
    assert_eq!(refusal(Pattern::parse("(a")), "is no regular expression: unclosed group");
    assert_eq!(refusal(Pattern::parse("(?=a)")).lines().count(), 1);
    assert_eq!(Pattern::parse("(([a-z]{99}){99}){99}").unwrap_err(), MatchError::TooLarge);
    assert_eq!(Pattern::parse("").unwrap_err(), MatchError::Empty);
    assert_eq!(PathMatcher::regex("(").unwrap_err(), Pattern::parse("(").unwrap_err());
}

#[test]
fn names_are_checked() {
    assert_eq!(Match::default().header("a b", Test::Present).unwrap_err(), MatchError::HeaderName);
    assert_eq!(Match::default().query("", Test::Present).unwrap_err(), MatchError::Empty);
    assert_eq!(Match::default().query("q", Test::Prefix("".into())).unwrap_err(), MatchError::Empty);
    assert_eq!(refusal(Methods::parse(["get"])), "holds \"get\", which is no method; write \"GET\", in capitals");
    assert_eq!(Methods::parse(["G T"]).unwrap_err(), MatchError::Method("G T".into()));
    assert_eq!(Methods::parse(["PURGE", "POST", "GET", "POST"]).unwrap().to_string(), "GET, POST, PURGE");
}

#[test]
fn what_matches_the_same_is_equal() {
    let template = |text| PathMatcher::template(text).unwrap();
    assert_eq!(template("/u/{a}/{b}"), template("/u/{x}/{y}"));
    assert_ne!(template("/u/{a}"), template("/{a}/u"));
    assert_eq!(PathMatcher::prefix("/a/").unwrap(), PathMatcher::prefix("/a").unwrap());
    assert_ne!(PathMatcher::exact("/a/").unwrap(), PathMatcher::exact("/a").unwrap());
    assert_ne!(PathMatcher::prefix("/").unwrap(), PathMatcher::default());
    let rule = || Match::default().header("x", Test::Present).unwrap();
    assert_eq!(rule().header("X", Test::Present).unwrap(), rule());
}
