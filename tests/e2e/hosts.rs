//! Which service answers for a Host.

use crate::harness::{Gateway, Upstream, client};

#[tokio::test]
async fn an_exact_host_goes_before_the_longest_wildcard() {
    let gateway = Gateway::start().await;
    let mut upstreams = Vec::new();
    for (name, host) in [
        ("exact", "www.shop.test"),
        ("short", "*.test"),
        ("long", "*.shop.test"),
        ("longer", "*.eu.shop.test"),
        ("address", "192.0.2.7"),
        ("v6", "[2001:db8::1]"),
    ] {
        let upstream = Upstream::start(name).await;
        gateway.register_unchecked(name, host, &[&upstream]).await;
        upstreams.push(upstream);
    }
    for (host, service) in [
        ("www.shop.test", "exact"),
        ("WWW.Shop.TEST", "exact"),
        ("www.shop.test:8080", "exact"),
        ("www.shop.test:", "exact"),
        ("www.shop.test.", "exact"),
        ("www.shop.test.:443", "exact"),
        ("api.shop.test", "long"),
        ("a.b.shop.test", "long"),
        ("a.eu.shop.test", "longer"),
        ("eu.shop.test", "long"),
        ("shop.test", "short"),
        ("a.www.shop.test", "long"),
        ("192.0.2.7:80", "address"),
        ("[2001:DB8:0::1]:80", "v6"),
    ] {
        let response = gateway.get(host, "/").await;
        assert_eq!((response.status, response.text()), (200, service), "{host}");
    }
    for host in ["test", "example.com", "shop.test.evil", "192.0.2.8", "[2001:db8::2]", "wwwshop.tes"] {
        gateway.get(host, "/").await.is_error(404, "no_route");
    }
}

#[tokio::test]
async fn a_target_in_absolute_form_names_the_host() {
    let gateway = Gateway::start().await;
    let upstream = Upstream::start("shop").await;
    gateway.register_unchecked("shop", "shop.test", &[&upstream]).await;
    // RFC 9112 section 3.2.2: the target's authority goes before the Host field.
    let request = "GET http://shop.test/path?q=1 HTTP/1.1\r\nHost: other.test\r\n\r\n";
    let response = client::raw(gateway.data_planes[0].proxy, request).await;
    assert_eq!(response.text(), "shop");
    let head = upstream.last_head();
    assert_eq!((head.target(), head.field("host")), ("/path?q=1", "shop.test"));
}

#[tokio::test]
async fn the_target_reaches_the_upstream_as_it_was_sent() {
    let gateway = Gateway::start().await;
    let upstream = Upstream::start("shop").await;
    gateway.register_unchecked("shop", "shop.test", &[&upstream]).await;
    for target in ["/", "/?", "/a%2Fb/../c//d?x=%20&y=a/b?c", "/%7Euser/;p=1", "/search?q=h%C3%A4t", "*"] {
        let method = if target == "*" { "OPTIONS" } else { "GET" };
        let request = format!("{method} {target} HTTP/1.1\r\nHost: shop.test\r\n\r\n");
        assert_eq!(client::raw(gateway.data_planes[0].proxy, request).await.status, 200, "{target}");
        assert_eq!(upstream.last_head().target(), target);
        assert_eq!(upstream.last_head().method(), method);
    }
}
