//! A random healthy endpoint, by weight.

use crate::harness::{Gateway, Upstream, client};

#[tokio::test]
async fn endpoints_share_the_requests_by_weight() {
    const REQUESTS: usize = 3_000;
    let gateway = Gateway::start().await;
    let weights = [1, 3, 6];
    let mut upstreams = Vec::new();
    let mut args: Vec<String> = ["service", "register", "shop", "--host", "shop.test"].map(String::from).into();
    for weight in weights {
        let upstream = Upstream::start("shop").await;
        args.extend(["--endpoint".into(), format!("{},weight={weight}", upstream.address)]);
        upstreams.push(upstream);
    }
    args.extend(["--no-health-check", "--wait"].map(String::from));
    gateway.ctl(&args.iter().map(String::as_str).collect::<Vec<_>>()).await.ok();

    let mut connection = client::connect(gateway.data_planes[0].proxy).await.unwrap();
    for _ in 0..REQUESTS {
        let request = client::request("GET", "shop.test", "/");
        assert_eq!(client::exchange(&mut connection, request, "").await.unwrap().status, 200);
    }
    let total: usize = weights.iter().sum();
    for (upstream, weight) in upstreams.iter().zip(weights) {
        let expected = REQUESTS * weight / total;
        // Six standard deviations of the widest of these binomials: sqrt(3000 * 0.4 * 0.6) = 27.
        assert!(upstream.requests().abs_diff(expected) < 6 * 27, "{} instead of {expected}", upstream.requests());
        assert!(upstream.connections() < 10, "connections are not reused: {}", upstream.connections());
    }
}
