//! What is on disk as well, after memory has lost it: by a restart, or for want of room.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::Path,
};

use gateway_cache_disk::{Config, MIN_SIZE, OpenError};
use tempfile::TempDir;

use super::{super::eventually, *};

const CLUSTER: &str = "c";
const FRESH: [&str; 2] = ["Cache-Control: max-age=60", "ETag: \"1\""];

/// How a data plane ends.
#[derive(Clone, Copy)]
enum End {
    Closed,
    Killed,
}

/// Opened, and told of nothing. The one before may still be about to end.
async fn open(dir: &Path) -> Disk<Entry> {
    let mut opened = None;
    eventually(async || {
        let config = Config { dir: dir.to_owned(), size: MIN_SIZE, seed: 5, patience: PATIENCE };
        match Disk::open(config).await {
            Ok(disk) => opened = Some(disk),
            Err(OpenError::InUse { .. }) => {}
            Err(other) => panic!("{other}"),
        }
        opened.is_some()
    })
    .await;
    opened.unwrap()
}

/// A gateway with a disk, which no purge was about.
async fn gateway(dir: &TempDir) -> Gateway {
    gateway_with(dir, MEMORY, plain()).await
}

async fn gateway_with(dir: &TempDir, memory: u64, cache: Cache) -> Gateway {
    let disk = open(dir.path()).await;
    disk.begin(CLUSTER, 0).await.unwrap();
    Gateway::start_on(Bench { disk: Some(disk), ..Bench::holding(memory) }, cache).await
}

impl Gateway {
    fn disk(&self) -> &Disk<Entry> {
        self.bench.disk.as_ref().expect("it has one")
    }

    async fn written(&self) {
        eventually(async || self.disk().stats().queued_bytes == 0).await;
    }

    /// The same in another process, which nothing is told to the disk of yet.
    async fn restart(self, dir: &TempDir, end: End) -> Self {
        self.written().await;
        let Self { bench: Bench { store: _, disk, remote, millis }, proxy, origin } = self;
        if let (End::Closed, Some(disk)) = (end, &disk) {
            disk.close().await.unwrap();
        }
        drop((disk, proxy));
        let bench = Bench { store: Store::new(MEMORY, 8), disk: Some(open(dir.path()).await), remote, millis };
        let proxy = bench.start(&Site::owned_by(caching("a", &[origin.address], plain()))).await;
        Self { bench, proxy, origin }
    }

    /// The same, and there was no purge meanwhile.
    async fn restart_unpurged(self, dir: &TempDir, end: End) -> Self {
        let gateway = self.restart(dir, end).await;
        gateway.disk().begin(CLUSTER, 0).await.unwrap();
        gateway
    }
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[tokio::test]
async fn what_was_stored_is_served_after_a_restart_with_its_age() {
    let dir = folder();
    let gateway = gateway(&dir).await;
    let long: String = (0..300_000).map(|number| char::from(b'a' + (number % 23) as u8)).collect();
    gateway.origin.says("200 Fine", &[FRESH[0], FRESH[1], "X-Own: 1"], &long);
    gateway.get("/x?a=1").await;
    gateway.pass(7);
    let gateway = gateway.restart_unpurged(&dir, End::Closed).await;
    gateway.pass(2);
    let hit = gateway.get("/x?a=1").await;
    assert_eq!((&*hit.cache(), hit.age()), ("hit; ttl=51", Some(9)), "{}", hit.head);
    assert!(hit.body == long && hit.head.starts_with("HTTP/1.1 200 Fine\r\n"), "{}", hit.head);
    assert_eq!(hit.field("X-Own").as_deref(), Some("1"));
    // Now it is in memory.
    let before = gateway.disk().stats();
    assert_eq!((before.hits, before.misses), (1, 0));
    assert!(gateway.get("/x?a=1").await.is_hit());
    let part = gateway.get_with("/x?a=1", &["Range: bytes=1-3"]).await;
    assert_eq!((part.status(), &*part.body), (206, "bcd"));
    assert_eq!(gateway.disk().stats(), before, "a hit in memory has nothing to do with the disk");
    assert_eq!(gateway.origin.count(), 1);
    gateway.pass(60);
    gateway.origin.says("304 Not Modified", &FRESH, "");
    assert_eq!(gateway.get("/x?a=1").await.cache(), "fwd=stale; fwd-status=304; stored; ttl=60");
    gateway.pass(30);
    let gateway = gateway.restart_unpurged(&dir, End::Closed).await;
    let hit = gateway.get("/x?a=1").await;
    assert_eq!((&*hit.cache(), hit.age()), ("hit; ttl=30", Some(30)), "the validated one took its place");
}

#[tokio::test]
async fn what_memory_has_no_room_for_is_served_from_disk() {
    let dir = folder();
    let gateway = gateway_with(&dir, 1024 * 1024, plain()).await;
    let content = "x".repeat(50_000);
    gateway.origin.says("200 OK", &FRESH, &content);
    for number in 0..40 {
        gateway.get(&format!("/{number}")).await;
        gateway.written().await;
    }
    assert!(gateway.bench.store.stats().evicted > 10, "{:?}", gateway.bench.store.stats());
    for number in 0..40 {
        let hit = gateway.get(&format!("/{number}")).await;
        assert!(hit.is_hit() && hit.body == content, "{number}: {}", hit.head);
    }
    assert_eq!(gateway.origin.count(), 40);
    assert!(gateway.disk().stats().hits > 10, "{:?}", gateway.disk().stats());
}

#[tokio::test]
async fn all_who_wait_get_what_one_has_found() {
    let dir = folder();
    let gateway = gateway(&dir).await;
    gateway.origin.says("200 OK", &FRESH, "one");
    gateway.get("/x").await;
    let gateway = gateway.restart_unpurged(&dir, End::Closed).await;
    let mut clients = Vec::new();
    for _ in 0..50 {
        clients.push(gateway.client().await);
    }
    for client in &mut clients {
        client.ask("GET", "/x", &[]).await;
    }
    for client in &mut clients {
        assert_eq!(client.answer("GET").await.body, "one");
    }
    assert_eq!((gateway.origin.count(), gateway.disk().stats().hits), (1, 1));
}

#[tokio::test]
async fn a_purge_that_came_while_it_was_away_takes_effect() {
    let dir = folder();
    let gateway = gateway(&dir).await;
    gateway.origin.says("200 OK", &FRESH, "one");
    for path in ["/gone", "/stale", "/kept"] {
        gateway.get(path).await;
    }
    let gateway = gateway.restart(&dir, End::Closed).await;
    assert_eq!(gateway.get("/kept").await.cache(), "fwd=uri-miss; stored; ttl=60", "purges are not known yet");
    let gateway = gateway.restart(&dir, End::Closed).await;
    gateway.disk().purge(8, Purge::Url(b"http://a.test/gone"), Mode::Hard);
    gateway.disk().purge(9, Purge::Url(b"http://a.test/stale"), Mode::Soft);
    gateway.disk().begin(CLUSTER, 0).await.unwrap();
    assert_eq!(gateway.get("/gone").await.cache(), "fwd=uri-miss; stored; ttl=60");
    gateway.origin.says("304 Not Modified", &FRESH, "");
    assert_eq!(gateway.get("/stale").await.cache(), "fwd=stale; fwd-status=304; stored; ttl=60");
    assert!(gateway.get("/kept").await.is_hit());
}

#[tokio::test]
async fn after_a_kill_everything_is_validated_before_it_is_used() {
    let dir = folder();
    let gateway = gateway(&dir).await;
    let lenient = "Cache-Control: max-age=60, stale-while-revalidate=600, stale-if-error=600";
    gateway.origin.says("200 OK", &[lenient, "ETag: \"1\""], "one");
    for path in ["/a", "/b", "/c"] {
        gateway.get(path).await;
    }
    let gateway = gateway.restart_unpurged(&dir, End::Killed).await;
    let tolerant = ["Cache-Control: max-stale, stale-if-error=600"];
    gateway.origin.says_once("304 Not Modified", &[FRESH[0], "ETag: \"1\""], "");
    let valid = gateway.get_with("/a", &tolerant).await;
    assert_eq!((&*valid.body, &*valid.cache()), ("one", "fwd=stale; fwd-status=304; stored; ttl=60"));
    assert!(gateway.origin.last().contains("If-None-Match: \"1\"\r\n"), "{}", gateway.origin.last());
    assert!(gateway.get("/a").await.is_hit(), "it was validated");
    gateway.origin.says_once("500 Out", &[], "broken");
    assert_eq!(gateway.get_with("/b", &tolerant).await.status(), 500, "nothing allows using it");
    gateway.pass(70);
    gateway.origin.says_once("503 Out", &[], "broken");
    assert_eq!(gateway.get_with("/b", &tolerant).await.status(), 503);
    gateway.origin.says_once("200 OK", &FRESH, "two");
    assert_eq!(gateway.get_with("/c", &tolerant).await.body, "two");
    // What was validated is trusted after the next end, and the rest is still not.
    let gateway = gateway.restart_unpurged(&dir, End::Closed).await;
    assert!(gateway.get("/c").await.is_hit());
    gateway.origin.says_once("304 Not Modified", &[FRESH[0], "ETag: \"1\""], "");
    assert_eq!(gateway.get_with("/b", &tolerant).await.cache(), "fwd=stale; fwd-status=304; stored; ttl=60");
}

#[tokio::test]
async fn what_cannot_be_validated_after_a_kill_is_not_served_without() {
    let dir = folder();
    let gateway = gateway(&dir).await;
    gateway.origin.says("200 OK", &FRESH, "one");
    gateway.get("/x").await;
    let gateway = gateway.restart(&dir, End::Killed).await;
    gateway.disk().begin(CLUSTER, 0).await.unwrap();
    let nobody = free_port().local_addr().unwrap();
    let proxy = gateway.bench.start(&Site::owned_by(caching("a", &[nobody], plain()))).await;
    let gateway = Gateway { proxy, ..gateway };
    let answer = gateway.get_with("/x", &["Cache-Control: max-stale, stale-if-error=600"]).await;
    assert_eq!(answer.status(), 504, "{answer:?}");
}

#[tokio::test]
async fn what_another_cluster_has_stored_is_nothing() {
    let dir = folder();
    let gateway = gateway(&dir).await;
    gateway.origin.says("200 OK", &FRESH, "one");
    gateway.get("/x").await;
    let gateway = gateway.restart(&dir, End::Closed).await;
    gateway.disk().begin("other", 0).await.unwrap();
    assert_eq!(gateway.get("/x").await.cache(), "fwd=uri-miss; stored; ttl=60");
    let gateway = gateway.restart(&dir, End::Closed).await;
    gateway.disk().begin("other", 0).await.unwrap();
    assert!(gateway.get("/x").await.is_hit(), "that is its own");
}

#[tokio::test]
async fn files_that_are_damaged_are_a_miss() {
    let dir = folder();
    let gateway = gateway(&dir).await;
    gateway.origin.says("200 OK", &FRESH, &"one".repeat(3_000));
    gateway.get("/x").await;
    gateway.written().await;
    gateway.disk().close().await.unwrap();
    let needle = b"oneoneone";
    let mut changed = 0;
    for entry in fs::read_dir(dir.path()).unwrap() {
        let path = entry.unwrap().path();
        let mut content = fs::read(&path).unwrap();
        let Some(at) = content.windows(needle.len()).position(|window| window == needle) else { continue };
        content[at] ^= 1;
        OpenOptions::new().write(true).open(&path).unwrap().write_all(&content).unwrap();
        changed += 1;
    }
    assert_eq!(changed, 1);
    let gateway = gateway.restart_unpurged(&dir, End::Closed).await;
    let answer = gateway.get("/x").await;
    assert_eq!((answer.status(), &*answer.cache()), (200, "fwd=uri-miss; stored; ttl=60"));
    assert_eq!(gateway.disk().stats().damaged, 1);
    assert!(gateway.get("/x").await.is_hit());
}

#[tokio::test]
async fn what_was_changed_or_refused_does_not_come_back() {
    let dir = folder();
    let gateway = gateway(&dir).await;
    gateway.origin.says("200 OK", &FRESH, "one");
    for path in ["/posted", "/withdrawn", "/headed", "/kept"] {
        gateway.get(path).await;
    }
    gateway.send("POST", "/posted", &["Content-Length: 0"]).await;
    // Found to be something else, of which nothing may be stored.
    gateway.origin.says_once("200 OK", &["Cache-Control: no-store"], "secret");
    gateway.get_with("/withdrawn", &["Cache-Control: no-cache"]).await;
    gateway.origin.says_once("200 OK", &["Cache-Control: max-age=60", "ETag: \"2\""], "");
    gateway.send("HEAD", "/headed", &["Cache-Control: no-cache"]).await;
    let gateway = gateway.restart_unpurged(&dir, End::Closed).await;
    let before = gateway.origin.count();
    gateway.origin.says("200 OK", &["Cache-Control: max-age=60", "ETag: \"2\""], "two");
    for path in ["/posted", "/withdrawn", "/headed"] {
        let answer = gateway.get(path).await;
        assert_eq!((&*answer.body, answer.is_hit()), ("two", false), "{path}: {answer:?}");
    }
    assert!(gateway.get("/kept").await.is_hit());
    assert_eq!(gateway.origin.count(), before + 3);
}

#[tokio::test]
async fn who_gets_what_is_the_same_from_disk() {
    let dir = folder();
    let gateway = gateway(&dir).await;
    let vary = ["Cache-Control: max-age=60", "Vary: Accept-Language"];
    for (language, body) in [("en", "hello"), ("de", "hallo"), ("fr", "salut")] {
        gateway.origin.says("200 OK", &vary, body);
        gateway.get_with("/vary", &[&format!("Accept-Language: {language}")]).await;
    }
    gateway.origin.says("200 OK", &["Cache-Control: max-age=60", "Set-Cookie: user=1"], "cookie");
    gateway.get("/cookie").await;
    gateway.origin.says("200 OK", &["Cache-Control: max-age=60"], "private");
    gateway.get_with("/user", &["Authorization: Basic dXNlcjpwdw=="]).await;
    gateway.origin.says("200 OK", &["Cache-Control: max-age=60, public"], "public");
    gateway.get_with("/public", &["Authorization: Basic dXNlcjpwdw=="]).await;
    gateway.origin.says("200 OK", &["Cache-Control: max-age=60, private=\"X-User\"", "X-User: 7"], "named");
    gateway.get("/named").await;

    let gateway = gateway.restart_unpurged(&dir, End::Closed).await;
    gateway.origin.says("200 OK", &["Cache-Control: no-store"], "anew");
    for (language, body) in [("de", "hallo"), ("en", "hello"), ("fr", "salut"), ("it", "anew")] {
        let answer = gateway.get_with("/vary", &[&format!("Accept-Language: {language}")]).await;
        assert_eq!((&*answer.body, answer.is_hit()), (body, body != "anew"), "{language}: {answer:?}");
    }
    assert_eq!(gateway.get("/vary").await.cache(), "fwd=vary-miss", "one that has not said what it wants is another");
    for path in ["/cookie", "/user"] {
        assert_eq!(gateway.get(path).await.body, "anew", "{path} was for one client");
    }
    assert!(gateway.get("/public").await.is_hit());
    let named = gateway.get("/named").await;
    assert!(named.is_hit() && named.field("X-User").is_none(), "{named:?}");
}

#[tokio::test]
async fn what_is_stale_on_disk_is_served_while_it_is_validated() {
    let dir = folder();
    let gateway = gateway(&dir).await;
    gateway.origin.says("200 OK", &["Cache-Control: max-age=10, stale-while-revalidate=60", "ETag: \"1\""], "one");
    gateway.get("/x").await;
    let gateway = gateway.restart_unpurged(&dir, End::Closed).await;
    gateway.pass(20);
    gateway.origin.says("200 OK", &FRESH, "two");
    let stale = gateway.get("/x").await;
    assert_eq!((&*stale.body, &*stale.cache(), stale.age()), ("one", "hit; ttl=-10", Some(20)));
    eventually(async || gateway.get("/x").await.body == "two").await;
    let gateway = gateway.restart_unpurged(&dir, End::Closed).await;
    assert_eq!(gateway.get("/x").await.body, "two");
    assert_eq!(gateway.origin.count(), 2);
}
