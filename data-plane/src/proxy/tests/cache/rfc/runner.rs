//! Runs a script against a gateway of its own.

use std::{
    fmt::Write,
    pin::pin,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use gateway_caching::policy::{Assumed, Partial, Reloads, SetCookie};
use gateway_routing::route::{Cache, Compression, CompressionAlgorithm, MediaRange, Policy};
use tokio::time::timeout;

use super::{
    super::{Bench, T0, caching, plain},
    script::{self, Check, Got, Line, Message},
};
use crate::proxy::tests::{PATIENCE, Peer, Proxy, Upstream, site::Site};

/// A script as it runs.
struct Run {
    bench: Bench,
    proxy: Proxy,
    origin: Upstream,
    /// How much later it is than at the beginning.
    later: Duration,
    client: Option<Peer>,
    is_head: bool,
    /// The origin's end of a request that it has not answered.
    asked: Option<(Peer, String)>,
    answers: usize,
    stored: u64,
}

/// Runs a script, and says what was not as it says.
pub(super) async fn run(script: &str) -> Result<(), String> {
    let mut lines = script::read(script, start()).peekable();
    let mut cache = plain();
    let mut compression = Policy::Unset;
    while let Some(Line::Policy(words)) = lines.next_if(|line| matches!(line, Line::Policy(_))) {
        match words {
            "compression" => compression = Policy::On(any_compression()),
            _ => set(&mut cache, words),
        }
    }
    let (bench, origin) = (Bench::new(), Upstream::start().await);
    let mut service = caching("a", &[origin.address], cache);
    service.policies.compression = compression;
    let proxy = bench.start(&Site::owned_by(service)).await;
    let later = Duration::ZERO;
    let mut run = Run { bench, proxy, origin, later, client: None, is_head: false, asked: None, answers: 0, stored: 0 };
    for (line, number) in lines.zip(1..) {
        run.step(&line).await.map_err(|why| format!("step {number}, {line:?}: {why}"))?;
    }
    run.ends_quietly().await
}

fn any_compression() -> Compression {
    let any = MediaRange { kind: None, subtype: None };
    Compression { algorithms: [CompressionAlgorithm::Gzip].into(), min_size: 1, content_types: [any].into() }
}

fn start() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(T0.unsigned_abs())
}

/// The words that a policy is said in.
fn set(cache: &mut Cache, words: &str) {
    let seconds = |text: &str| Duration::from_secs(text.parse().expect("seconds"));
    match words.split_once(' ') {
        Some(("default_ttl", ttl)) => cache.rules.assumed = Assumed::Fixed(seconds(ttl)),
        Some(("heuristic_ttl", most)) => cache.rules.assumed = Assumed::Tenth { at_most: seconds(most) },
        Some(("client_no_cache", "ignore")) => cache.rules.reloads = Reloads::Ignore,
        Some(("bypass", cookie)) => cache.bypass.cookies = [cookie.into()].into(),
        None if words == "set_cookie" => cache.rules.set_cookie = SetCookie::Store,
        None if words == "partial" => cache.rules.partial = Partial::Store,
        Some(_) | None => panic!("no words of a policy: {words}"),
    }
}

impl Run {
    /// How many responses have been stored or found valid so far.
    fn stored(&self) -> u64 {
        self.bench.store.stats().stored
    }

    async fn step(&mut self, line: &Line<'_>) -> Result<(), String> {
        match line {
            Line::Policy(_) => Err("stands in front of everything else".into()),
            Line::Ask(request) => self.ask(request).await,
            Line::Seen(checks) => self.see(checks).await,
            Line::Answer(answer) => self.answer(answer).await,
            Line::Got(got) => self.get(got).await,
            Line::Later(time) => {
                self.ends_quietly().await?;
                self.bench.pass(*time);
                self.later += *time;
                Ok(())
            }
            Line::Stored => {
                let is_stored = async {
                    while self.stored() == self.stored {
                        tokio::task::yield_now().await;
                    }
                };
                timeout(PATIENCE, is_stored).await.map_err(|_| "it is never stored".into())
            }
        }
    }

    async fn ask(&mut self, request: &Message<'_>) -> Result<(), String> {
        self.ends_quietly().await?;
        self.stored = self.stored();
        self.is_head = request.start.starts_with("HEAD ");
        let mut text = format!("{} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n", request.start);
        for (name, value) in &request.fields {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        text.push_str("\r\n");
        text.push_str(request.body.unwrap_or_default());
        let mut client = self.proxy.connect().await;
        client.send(text).await;
        self.client = Some(client);
        Ok(())
    }

    /// The request that has reached the origin.
    async fn reach(&mut self) -> Result<&mut (Peer, String), String> {
        if self.asked.is_none() {
            let accepted = timeout(PATIENCE, self.origin.accept_forever()).await;
            let mut peer = accepted.map_err(|_| "the origin is not asked".to_owned())?;
            let head = peer.head().await;
            self.asked = Some((peer, head));
        }
        self.asked.as_mut().ok_or_else(|| "the origin is not asked".into())
    }

    async fn see(&mut self, checks: &[Check<'_>]) -> Result<(), String> {
        let (_, head) = self.reach().await?;
        checks.iter().try_for_each(|check| check.of(head))
    }

    async fn answer(&mut self, answer: &Message<'_>) -> Result<(), String> {
        self.reach().await?;
        self.answers += 1;
        let (number, now) = (self.answers, start() + self.later);
        let Some((mut peer, head)) = self.asked.take() else { return Ok(()) };
        if let Some(length) = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")) {
            peer.exactly(length.parse().map_err(|_| "a length")?).await;
        }
        if answer.start == "cut" {
            return Ok(());
        }
        let said = |wanted: &str| answer.fields.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted));
        let body = answer.body.map_or_else(|| format!("answer {number}"), str::to_owned);
        let mut text = String::new();
        if let Some(interim) = answer.interim {
            let _ = write!(text, "HTTP/1.1 {interim} First\r\nCache-Control: max-age=60\r\n\r\n");
        }
        let _ = write!(text, "HTTP/1.1 {} Said\r\nConnection: close\r\n", answer.start);
        if !said("Date") && !answer.without.contains(&"Date") {
            let _ = write!(text, "Date: {}\r\n", httpdate::fmt_http_date(now));
        }
        let has_body = !["204", "304"].contains(&answer.start);
        if !answer.trailers.is_empty() {
            text.push_str("Transfer-Encoding: chunked\r\n");
        } else if has_body && !said("Content-Length") {
            let _ = write!(text, "Content-Length: {}\r\n", body.len());
        }
        for (name, value) in &answer.fields {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        text.push_str("\r\n");
        if !answer.trailers.is_empty() {
            let _ = write!(text, "{:x}\r\n{body}\r\n0\r\n", body.len());
            for (name, value) in &answer.trailers {
                let _ = write!(text, "{name}: {value}\r\n");
            }
            text.push_str("\r\n");
        } else if has_body && !head.starts_with("HEAD ") {
            text.push_str(&body);
        }
        peer.send(text).await;
        Ok(())
    }

    async fn get(&mut self, got: &Got<'_>) -> Result<(), String> {
        let mut client = self.client.take().ok_or("nobody has asked")?;
        let mut answered = pin!(client.rest());
        let first = tokio::select! {
            biased;
            answer = &mut answered => Some(answer),
            mut peer = self.origin.accept_forever() => {
                // In the background, perhaps; the script has to know of it in any case.
                let head = peer.head().await;
                self.asked = Some((peer, head));
                None
            }
        };
        let answer = match first {
            Some(answer) => answer,
            None => timeout(PATIENCE / 2, answered)
                .await
                .map_err(|_| format!("the origin is asked: {:?}", self.asked_for()))?,
        };
        let (head, body) = split(&answer)?;
        if !head.starts_with(&format!("HTTP/1.1 {} ", got.status)) {
            return Err(format!("has {head:?} {body:?}"));
        }
        let expected = got.answer.map(|number| format!("answer {number}"));
        let expected = expected.or_else(|| got.body.map(str::to_owned)).filter(|_| !self.is_head);
        if expected.is_some_and(|expected| expected != body) {
            return Err(format!("has the body {body:?} under {head:?}"));
        }
        got.checks.iter().try_for_each(|check| check.of(&head))
    }

    fn asked_for(&self) -> &str {
        self.asked.as_ref().map_or("nothing", |(_, head)| head)
    }

    /// Nobody has asked the origin for what the script does not say.
    async fn ends_quietly(&mut self) -> Result<(), String> {
        if self.asked.is_some() {
            return Err("a request to the origin has no answer".into());
        }
        let one_more = timeout(Duration::ZERO, self.origin.accept_forever());
        match one_more.await {
            Ok(mut peer) => Err(format!("the origin is asked once more: {:?}", peer.head().await)),
            Err(_) => Ok(()),
        }
    }
}

fn split(answer: &str) -> Result<(String, String), String> {
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| format!("no answer: {answer:?}"))?;
    Ok((head.to_owned(), body.to_owned()))
}
