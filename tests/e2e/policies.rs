//! Policies of services and of the routes that override them: CORS, compression.

use tokio::process::Command;

use crate::harness::{Answer, Gateway, Upstream, client, ctl};

/// shop.test with a policy, of which a route has its own.
async fn cluster(service: &str, route: &str) -> (Gateway, Upstream) {
    let gateway = Gateway::start().await;
    let shop = Upstream::start("shop").await;
    let document = format!(
        "
services:
- name: shop
  hosts: [shop.test]
  endpoints: [{{address: \"{}\"}}]
  health_check: {{disabled: true}}
  {service}
routes:
- name: own
  hosts: [shop.test]
  match: {{path: {{prefix: /own}}}}
  forward: {{services: [{{name: shop}}]}}
  {route}
",
        shop.address
    );
    gateway.apply(&document).await.ok();
    (gateway, shop)
}

#[tokio::test]
async fn pages_of_allowed_origins_may_read_and_preflights_stay_at_the_gateway() {
    let service = "cors: {allow_origins: [\"https://*.app.test\"], allow_methods: [GET, PUT], \
                   allow_headers: [X-Token], allow_credentials: true, max_age: 10m}";
    let (gateway, shop) = cluster(service, "cors: {allow_origins: [\"*\"]}").await;
    let proxy = gateway.data_planes[0].proxy;
    let preflight = async |path: &str, origin: &str| {
        let request = client::request("OPTIONS", "shop.test", path)
            .header("origin", origin)
            .header("access-control-request-method", "PUT")
            .header("access-control-request-headers", "x-token");
        client::send(proxy, request, "").await
    };
    let allowed = preflight("/", "https://eu.app.test").await;
    assert_eq!(allowed.status, 204);
    for (field, value) in [
        ("access-control-allow-origin", "https://eu.app.test"),
        ("access-control-allow-credentials", "true"),
        ("access-control-max-age", "600"),
    ] {
        assert_eq!(allowed.field(field), value);
    }
    assert!(allowed.field("access-control-allow-methods").contains("PUT"), "{allowed:?}");
    assert!(allowed.field("access-control-allow-headers").eq_ignore_ascii_case("x-token"), "{allowed:?}");
    let foreign = preflight("/", "https://evil.test").await;
    assert_eq!((foreign.status, foreign.headers.get("access-control-allow-origin")), (204, None));
    assert_eq!(shop.requests(), 0, "a preflight came through");

    // What the endpoint says of it is replaced.
    let says = "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: https://evil.test\r\nContent-Length: 2\r\n\r\nok";
    shop.answer(Answer::Bytes(says.into()));
    let get = async |path: &str, origin: &str| {
        client::send(proxy, client::request("GET", "shop.test", path).header("origin", origin), "").await
    };
    let answer = get("/", "https://eu.app.test").await;
    assert_eq!(answer.field("access-control-allow-origin"), "https://eu.app.test");
    assert!(answer.field("vary").eq_ignore_ascii_case("origin"), "{answer:?}");
    assert_eq!(get("/", "https://evil.test").await.headers.get("access-control-allow-origin"), None);
    assert_eq!(get("/own", "https://evil.test").await.field("access-control-allow-origin"), "*");
}

#[tokio::test]
async fn bodies_are_compressed_as_the_client_accepts_it() {
    let (gateway, shop) = cluster("compression: {algorithms: [gzip, br, zstd]}", "compression: {enabled: false}").await;
    let text = "all work and no play makes jack a dull boy\n".repeat(200);
    let answer = |fields: &str| {
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n{fields}Content-Length: {}\r\n\r\n", text.len());
        Answer::Bytes((head + &text).into())
    };
    shop.answer(answer("ETag: \"a\"\r\n"));
    let proxy = gateway.data_planes[0].proxy;
    let get = async |path: &str, accepts: &str| {
        client::send(proxy, client::request("GET", "shop.test", path).header("accept-encoding", accepts), "").await
    };
    for (accepts, encoding) in [("gzip", "gzip"), ("br", "br"), ("zstd", "zstd"), ("br;q=0.5, gzip;q=0.1", "br")] {
        let compressed = get("/", accepts).await;
        assert_eq!((compressed.status, compressed.field("content-encoding")), (200, encoding), "{accepts}");
        assert!(compressed.body.len() < text.len() / 10, "{accepts}: {}", compressed.body.len());
        assert!(compressed.field("vary").eq_ignore_ascii_case("accept-encoding"), "{compressed:?}");
        // Another representation has no strong validator of the first (RFC 9110 section 8.8.3.3).
        assert_ne!(compressed.headers.get("etag").map(|tag| tag.as_bytes()), Some(&b"\"a\""[..]), "{compressed:?}");
    }
    for (path, accepts) in [("/own", "gzip"), ("/", "identity"), ("/", "gzip;q=0, identity")] {
        let plain = get(path, accepts).await;
        assert_eq!((plain.text(), plain.headers.get("content-encoding")), (&*text, None), "{path} {accepts}");
    }
    // Others read it back.
    let url = format!("http://{proxy}/");
    let curl = ["-sS", "--compressed", "-H", "Host: shop.test", &url];
    assert_eq!(ctl::run(Command::new("curl").args(curl), "").await.ok().stdout, text);
    shop.answer(answer("Cache-Control: no-transform\r\n"));
    assert_eq!(get("/", "gzip").await.text(), text);
}
