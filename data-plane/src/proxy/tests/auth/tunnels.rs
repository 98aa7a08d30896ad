//! Who has come by an upgrade stays as long as what he came with is good.

use std::time::Duration;

use super::{
    super::{Peer, Upstream, cache::T0},
    *,
};

/// Who has two keys, of which the second is the one that he comes by.
fn anna(name: &str, keys: &[&str], ends: Time) -> Consumer {
    let key = |key: &&str| Key { sha256: digest(&SHA256, key.as_bytes()).as_ref().try_into().unwrap(), ends };
    let keys: Vec<_> = keys.iter().map(key).collect();
    Consumer::new(name, [].into(), &keys, Some(hash_of("secret").into()), [].into())
}

struct Bridge {
    bench: Bench,
    proxy: Proxy,
    upstream: Upstream,
}

impl Bridge {
    async fn start(ends: Time) -> Self {
        let (upstream, bench) = (Upstream::start().await, Bench::new());
        let proxy = bench.start(&Self::site(&upstream, &[anna("anna", &["first", "second"], ends)])).await;
        Self { bench, proxy, upstream }
    }

    fn site(upstream: &Upstream, consumers: &[Consumer]) -> Site {
        let policy = Auth { anonymous: true, ..auth([api_key(), AuthMethod::Basic]) };
        let site = Site::owned_by(protected(&[upstream.address], policy));
        consumers.iter().cloned().fold(site, Site::consumer)
    }

    /// Both ends of a tunnel.
    async fn open(&self, field: &str) -> (Peer, Peer) {
        let mut client = self.proxy.connect().await;
        let head = format!("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: x\r\n{field}\r\n\r\n");
        client.send(head).await;
        let mut server = self.upstream.accept().await;
        server.head().await;
        server.send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n").await;
        assert!(client.head().await.starts_with("HTTP/1.1 101 "));
        (client, server)
    }

    async fn know(&self, consumers: &[Consumer]) {
        self.proxy.swap(Self::site(&self.upstream, consumers).table()).await;
    }
}

async fn passes((client, server): &mut (Peer, Peer)) {
    client.send("ping").await;
    assert_eq!(server.exactly(4).await, b"ping");
}

async fn ends((mut client, mut server): (Peer, Peer)) {
    assert_eq!((client.rest().await, server.rest().await), (String::new(), String::new()));
}

const PASSWORD: &str = "Authorization: Basic YW5uYTpzZWNyZXQ=";

#[tokio::test]
async fn a_tunnel_ends_with_the_key_or_the_password_that_opened_it_and_with_no_other() {
    let bridge = Bridge::start(NEVER).await;
    let (mut first, second) = (bridge.open("X-Api-Key: first").await, bridge.open("X-Api-Key: second").await);
    let (mut password, mut nobody) = (bridge.open(PASSWORD).await, bridge.open("A: b").await);
    // Another key is revoked, and another one is made.
    bridge.know(&[anna("anna", &["first", "third"], NEVER)]).await;
    ends(second).await;
    passes(&mut first).await;
    passes(&mut password).await;
    // The name and the password are another one's now, and the key is nobody's.
    bridge.know(&[anna("bert", &["first"], NEVER)]).await;
    ends(first).await;
    ends(password).await;
    passes(&mut nobody).await;
}

#[tokio::test]
async fn a_tunnel_ends_when_its_key_does() {
    let bridge = Bridge::start(Time::from_seconds(T0 + 60)).await;
    let (mut tunnel, mut password) = (bridge.open("X-Api-Key: first").await, bridge.open(PASSWORD).await);
    bridge.bench.pass(Duration::from_secs(59));
    passes(&mut tunnel).await;
    bridge.bench.pass(Duration::from_secs(2));
    ends(tunnel).await;
    passes(&mut password).await;
}
