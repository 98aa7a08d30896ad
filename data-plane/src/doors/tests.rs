//! Every seed of the corpus has the verdict that its name begins with.

use std::{fs, path::Path};

use proptest::prelude::*;

use super::{Verdict, chunked, compressed, request_head, response_relay, token};

/// Whatever has no verdict in its name was found by a fuzzer on this machine, and is replayed alone.
fn verdict_of(name: &str) -> Option<Verdict> {
    match name.split('-').next()? {
        "passed" => Some(Verdict::Passed),
        "refused" => Some(Verdict::Refused),
        "cut" => Some(Verdict::Cut),
        _ => None,
    }
}

const ALL: [Verdict; 3] = [Verdict::Passed, Verdict::Refused, Verdict::Cut];

fn replay(target: &str, run: fn(&[u8]) -> Verdict, verdicts: &[Verdict]) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut seen = [0; 3];
    for entry in fs::read_dir(&directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let input = fs::read(&path).unwrap();
        let verdict = std::panic::catch_unwind(|| run(&input)).unwrap_or_else(|_| panic!("{name} fails; see above"));
        if let Some(expected) = verdict_of(name) {
            assert_eq!(verdict, expected, "{name}: {}", input.escape_ascii());
            seen[verdict as usize] += 1;
        }
    }
    let is_enough = |verdict: &Verdict| seen[*verdict as usize] > 3;
    assert!(verdicts.iter().all(is_enough), "seeds are missing in {}: {seen:?}", directory.display());
}

#[test]
fn every_request_head_of_the_corpus_is_judged() {
    replay("request_head", request_head, &ALL);
}

#[test]
fn every_chunked_body_of_the_corpus_is_judged() {
    replay("chunked", chunked, &ALL);
}

#[test]
fn every_response_of_the_corpus_is_judged() {
    replay("response_relay", response_relay, &ALL);
}

#[test]
fn every_compressed_body_of_the_corpus_is_judged() {
    replay("compressed", compressed, &[Verdict::Passed, Verdict::Cut]);
}

#[test]
fn every_token_of_the_corpus_is_judged() {
    replay("token", token, &[Verdict::Passed, Verdict::Refused]);
}

/// Content of one kind or another: what cannot be compressed, what nearly vanishes, text.
fn content() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..4000),
        (any::<u8>(), 0..200_000_usize).prop_map(|(byte, count)| vec![byte; count]),
        ("[a-z ]{1,40}", 0..2000_usize).prop_map(|(text, count)| text.repeat(count).into_bytes()),
    ];
    proptest::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn content_comes_out_of_every_encoder_as_it_went_in(
        coding in prop_oneof![Just("gzip"), Just("br"), Just("zstd")],
        version in prop_oneof![Just("1.0"), Just("1.1")],
        framed in prop_oneof![Just("length"), Just("short"), Just("chunked"), Just("close")],
        // The longer the pieces, the fewer turns it takes.
        reads in "[@z]{1,3}[a-z@]{0,5}",
        writes in "[@z]{1,3}[a-z@]{0,5}",
        ending in prop_oneof![Just("close"), Just("reset"), Just("open")],
        content in content(),
    ) {
        let how = format!("{coding} {version} {framed} {reads} {writes} {ending}\n");
        let verdict = compressed(&[how.as_bytes(), &content].concat());
        let is_good = match framed {
            "short" => false,
            "close" => ending == "close",
            "length" if content.is_empty() => ending == "close",
            _ => true,
        };
        prop_assert_eq!(verdict == Verdict::Passed, is_good);
    }
}
