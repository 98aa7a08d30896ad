//! Every seed of the corpus has the verdict that its name begins with.

use std::{fs, path::Path};

use super::{Verdict, chunked, request_head, response_relay};

/// Whatever has no verdict in its name was found by a fuzzer on this machine, and is replayed alone.
fn verdict_of(name: &str) -> Option<Verdict> {
    match name.split('-').next()? {
        "passed" => Some(Verdict::Passed),
        "refused" => Some(Verdict::Refused),
        "cut" => Some(Verdict::Cut),
        _ => None,
    }
}

fn replay(target: &str, run: fn(&[u8]) -> Verdict) {
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
    assert!(seen.iter().all(|seeds| *seeds > 3), "seeds are missing in {}: {seen:?}", directory.display());
}

#[test]
fn every_request_head_of_the_corpus_is_judged() {
    replay("request_head", request_head);
}

#[test]
fn every_chunked_body_of_the_corpus_is_judged() {
    replay("chunked", chunked);
}

#[test]
fn every_response_of_the_corpus_is_judged() {
    replay("response_relay", response_relay);
}
