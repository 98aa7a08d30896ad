//! One request to the origin for all who wait, and what becomes of them when it fails.

use tokio::task::JoinSet;

use super::*;

const HEAD: &str = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 10\r\n\r\n";

/// For one client, on a connection that ends.
const OWN: &str = "HTTP/1.1 200 OK\r\nCache-Control: private\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";

impl Client {
    /// Reads the head of an answer, and the beginning of its body.
    async fn begin(&mut self, body: &[u8]) -> String {
        let head = self.0.head().await;
        assert_eq!(self.0.exactly(body.len()).await, body);
        head
    }
}

/// A gateway whose origin the test plays by hand.
struct ByHand {
    gateway: Gateway,
    upstream: Upstream,
}

impl ByHand {
    async fn start() -> Self {
        Self::start_with(plain()).await
    }

    async fn start_with(cache: Cache) -> Self {
        let (bench, upstream) = (Bench::new(), Upstream::start().await);
        let proxy = bench.start(&Site::owned_by(caching("a", &[upstream.address], cache))).await;
        let origin = Origin { address: upstream.address, script: Arc::default() };
        Self { gateway: Gateway { bench, proxy, origin }, upstream }
    }

    async fn waits(&self, count: u64) {
        super::super::eventually(async || self.gateway.bench.store.stats().coalesced >= count).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_simultaneous_misses_make_one_fetch() {
    let upstream = Upstream::start().await;
    let bench = Bench::new();
    // Two workers, as they share a store.
    let site = Site::owned_by(caching("a", &[upstream.address], plain()));
    let proxies = [bench.start(&site).await, bench.start(&site).await];
    let mut clients = Vec::new();
    for number in 0..1000 {
        clients.push(Client(proxies[number % 2].connect().await));
    }
    for client in &mut clients {
        client.ask("GET", "/x", &[]).await;
    }
    let mut server = upstream.accept().await;
    server.head().await;
    super::super::eventually(async || bench.store.stats().coalesced == 999).await;
    server.send(format!("{HEAD}01234")).await;
    server.send("56789").await;
    let mut answers = JoinSet::new();
    for mut client in clients {
        answers.spawn(async move { client.answer("GET").await });
    }
    let mut served = [0, 0];
    while let Some(answer) = answers.join_next().await {
        let answer = answer.unwrap();
        assert_eq!((answer.status(), &*answer.body), (200, "0123456789"));
        served[usize::from(answer.cache().contains("collapsed"))] += 1;
    }
    assert_eq!(served, [1, 999]);
    assert_eq!(bench.store.stats().fills, 1);
}

#[tokio::test]
async fn who_comes_later_reads_along_from_the_first_byte() {
    let ByHand { gateway, upstream } = ByHand::start().await;
    let mut first = gateway.client().await;
    first.ask("GET", "/x", &[]).await;
    let mut server = upstream.accept().await;
    server.head().await;
    server.send(format!("{HEAD}01234")).await;
    assert!(first.begin(b"01234").await.starts_with("HTTP/1.1 200 OK\r\n"));
    let mut second = gateway.client().await;
    second.ask("GET", "/x", &["Range: bytes=3-6"]).await;
    let head = second.begin(b"34").await;
    assert!(head.starts_with("HTTP/1.1 206 ") && head.contains("collapsed"), "{head}");
    server.send("56789").await;
    assert_eq!(second.0.exactly(2).await, b"56");
    assert_eq!(first.0.exactly(5).await, b"56789");
}

#[tokio::test]
async fn an_answer_for_one_alone_releases_the_others_at_once() {
    let test = ByHand::start().await;
    let mut clients = [test.gateway.client().await, test.gateway.client().await, test.gateway.client().await];
    for client in &mut clients {
        client.ask("GET", "/x", &[]).await;
    }
    let mut leader = test.upstream.accept().await;
    leader.head().await;
    test.waits(2).await;
    leader.send(OWN).await;
    // Each asks for itself, and none waits for another.
    let mut servers = vec![leader];
    for _ in 0..2 {
        let mut server = test.upstream.accept().await;
        server.head().await;
        servers.push(server);
    }
    for server in &mut servers[1..] {
        server.send(OWN).await;
    }
    for client in &mut clients {
        assert_eq!(client.answer("GET").await.body, "ok");
    }
}

#[tokio::test]
async fn a_leader_that_leaves_before_the_head_hands_over() {
    let test = ByHand::start().await;
    let mut first = test.gateway.client().await;
    first.ask("GET", "/x", &[]).await;
    let mut lost = test.upstream.accept().await;
    lost.head().await;
    let mut second = test.gateway.client().await;
    second.ask("GET", "/x", &[]).await;
    test.waits(1).await;
    drop(first);
    let mut server = test.upstream.accept().await;
    server.head().await;
    server.send(format!("{HEAD}0123456789")).await;
    assert_eq!(second.answer("GET").await.body, "0123456789");
    assert!(test.gateway.get("/x").await.is_hit());
}

#[tokio::test]
async fn a_client_that_leaves_lets_the_rest_be_stored() {
    let test = ByHand::start().await;
    let mut client = test.gateway.client().await;
    client.ask("GET", "/x", &[]).await;
    let mut server = test.upstream.accept().await;
    server.head().await;
    server.send(format!("{HEAD}01234")).await;
    client.begin(b"01234").await;
    drop(client);
    server.send("56789").await;
    super::super::eventually(async || test.gateway.bench.store.stats().stored == 1).await;
    assert_eq!(test.gateway.get("/x").await.body, "0123456789");
}

#[tokio::test]
async fn a_fill_that_breaks_off_is_seen_by_all_and_never_served() {
    let test = ByHand::start().await;
    let mut clients = [test.gateway.client().await, test.gateway.client().await];
    for client in &mut clients {
        client.ask("GET", "/x", &[]).await;
    }
    let mut server = test.upstream.accept().await;
    server.head().await;
    test.waits(1).await;
    server.send(format!("{HEAD}01234")).await;
    for client in &mut clients {
        client.begin(b"01234").await;
    }
    drop(server);
    for client in &mut clients {
        assert_eq!(client.0.rest().await, "");
    }
    let mut next = test.gateway.client().await;
    next.ask("GET", "/x", &[]).await;
    let mut server = test.upstream.accept().await;
    server.head().await;
    server.send(format!("{HEAD}abcdefghij")).await;
    assert_eq!(next.answer("GET").await.body, "abcdefghij");
}

#[tokio::test]
async fn a_slow_reader_holds_nobody_up() {
    let test = ByHand::start().await;
    let body = "x".repeat(6 * 1024 * 1024);
    let mut slow = test.gateway.client().await;
    slow.ask("GET", "/x", &[]).await;
    let mut server = test.upstream.accept().await;
    server.head().await;
    let mut fast = test.gateway.client().await;
    fast.ask("GET", "/x", &[]).await;
    test.waits(1).await;
    let head = format!("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: {}\r\n\r\n", body.len());
    let sending = tokio::spawn(async move {
        server.send(head).await;
        server.send("x".repeat(6 * 1024 * 1024)).await;
    });
    assert_eq!(fast.answer("GET").await.body.len(), body.len());
    sending.await.unwrap();
    super::super::eventually(async || test.gateway.bench.store.stats().stored == 1).await;
    assert_eq!(slow.answer("GET").await.body.len(), body.len(), "it was all there for the slow one, too");
}

#[tokio::test]
async fn what_was_purged_while_it_came_is_not_stored() {
    let test = ByHand::start().await;
    let mut client = test.gateway.client().await;
    client.ask("GET", "/x", &[]).await;
    let mut server = test.upstream.accept().await;
    server.head().await;
    server.send(format!("{HEAD}01234")).await;
    client.begin(b"01234").await;
    test.gateway.bench.purge("http://a.test/x", Mode::Hard);
    server.send("56789").await;
    assert_eq!(client.0.exactly(5).await, b"56789", "who has begun to read gets it all");
    super::super::eventually(async || test.gateway.bench.store.stats().overtaken == 1).await;
    assert_eq!(test.gateway.bench.store.stats().stored, 0);
}

/// Whoever wants the origin asked is content with an answer that was asked for after it came.
#[tokio::test]
async fn reloads_do_not_wait_one_after_the_other() {
    let test = ByHand::start().await;
    let reload = ["Cache-Control: no-cache"];
    let mut first = test.gateway.client().await;
    first.ask("GET", "/x", &reload).await;
    let mut server = test.upstream.accept().await;
    server.head().await;
    test.gateway.pass(1);
    let mut others = Vec::new();
    for _ in 0..10 {
        let mut client = test.gateway.client().await;
        client.ask("GET", "/x", &reload).await;
        others.push(client);
    }
    test.waits(10).await;
    test.gateway.pass(1);
    server.send(format!("{HEAD}0123456789")).await;
    assert_eq!(first.answer("GET").await.body, "0123456789");
    // It was asked for before they came: one of them asks again, for all.
    server.head().await;
    test.waits(19).await;
    server.send(format!("{HEAD}abcdefghij")).await;
    for client in &mut others {
        assert_eq!(client.answer("GET").await.body, "abcdefghij");
    }
}

/// The worker that receives a body drains; a client of another one still reads it.
#[tokio::test]
async fn a_drain_ends_what_clients_of_other_workers_read() {
    let (bench, upstream) = (Bench::new(), Upstream::start().await);
    let site = Site::owned_by(caching("a", &[upstream.address], plain()));
    let (leading, following) = (bench.start(&site).await, bench.start(&site).await);
    let (mut first, mut second) = (Client(leading.connect().await), Client(following.connect().await));
    first.ask("GET", "/x", &[]).await;
    let mut server = upstream.accept().await;
    server.head().await;
    server.send(format!("{HEAD}01234")).await;
    first.begin(b"01234").await;
    second.ask("GET", "/x", &[]).await;
    second.begin(b"01234").await;
    drop(first);
    leading.shutdown.cancel();
    super::super::eventually(async || tokio::net::TcpStream::connect(leading.address).await.is_err()).await;
    server.send("56789").await;
    assert_eq!(second.0.exactly(5).await, b"56789");
    super::super::eventually(async || bench.store.stats().stored == 1).await;
}
