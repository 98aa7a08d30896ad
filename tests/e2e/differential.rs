//! Whatever the gateway forwards, readers that share no code with it read the same way.
//!
//! hyper's server stands behind the gateway, and every byte that comes to it is kept. In the end
//! the same bytes go to Python's `http.server`. If the two see different requests, or another
//! number than clients have answers, then a request was smuggled.

use std::fs;

use crate::harness::{Gateway, client::Wire};

mod cases;
mod hyper;
mod python;

/// Ends a connection in any state: the first request that is read asks for it, and whatever is
/// taken for a part of something else leaves the rest malformed.
const LAST: &str = "GET /last HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n";
/// What hyper's recorder answers with, and the gateway never does itself.
const ANSWER: &str = "HTTP/1.1 202 ";

#[tokio::test]
async fn two_servers_read_the_same_requests() {
    let Some(python) = python::Recorder::start().await else { return };
    let recorder = hyper::Recorder::start().await;
    let mut gateway = Gateway::start().await;
    let endpoint = recorder.address.to_string();
    let register =
        ["service", "register", "a", "--host", "a.test", "--no-health-check", "--wait", "--endpoint", &endpoint];
    gateway.ctl(&register).await.ok();

    let (mut forwarded, mut refused) = (0, 0);
    for (name, bytes) in corpus().into_iter().chain(cases::generated()).chain(cases::long()) {
        let begun = recorder.begun();
        let mut wire = Wire::open(gateway.data_planes[0].proxy, "").await;
        wire.write_what_is_taken([&bytes, LAST.repeat(20).as_bytes()].concat()).await;
        let answers = wire.read_to_end().await;
        let count = answers.matches(ANSWER).count();
        // The next client gets the same connection to the upstream, and nothing is left on it.
        let next = gateway.get("a.test", "/next").await;
        forwarded += count + 1;
        refused += usize::from(answers.contains("\"bad_request\""));
        let told = format!("{name}: {}\n{answers}", bytes.escape_ascii());
        assert_eq!(recorder.requests(), forwarded, "there are more requests than answers, or fewer, since {told}");
        let last = recorder.last();
        assert!(next.status == 202 && last["method"] == "GET" && last["target"] == "/next", "{last} behind {told}");
        assert!(!name.starts_with("refused") || recorder.begun() == begun + 1, "a part of it went on: {told}");
    }
    // Far more than those in between, or the rest shows nothing.
    assert!(forwarded > 1_200 && refused > 200, "{forwarded} forwarded, {refused} refused");

    gateway.data_planes[0].kill().await;
    for seen in recorder.connections().await {
        let records = python.read(&seen.bytes).await;
        assert_eq!(seen.records, records, "hyper, then Python, of {}", seen.bytes.escape_ascii());
    }
}

/// The seeds of the fuzz target for request heads.
fn corpus() -> Vec<(String, Vec<u8>)> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../data-plane/fuzz/corpus/request_head");
    let mut seeds: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect();
    seeds.sort();
    seeds
}
