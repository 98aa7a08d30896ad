//! A limit that holds for the whole cluster: what all data planes together let through, against it.

use std::net::SocketAddr;

use crate::harness::{
    Gateway, Upstream, eventually,
    offer::{Counts, Offer},
};

/// Requests a second that the limit lets through, and at once after a rest.
const LIMIT: f64 = 200.0;
const BURST: f64 = 100.0;
/// How many times as many are sent.
const TIMES: f64 = 2.5;

#[tokio::test]
async fn three_data_planes_keep_one_limit_together() {
    let mut story = Story::start(3, 0.1).await;
    for skew in [None, Some(0.9)] {
        story.load(skew);
        story.settle().await;
        story.measure("nothing", 3.0).await;
    }
    story.end().await;
}

#[tokio::test]
async fn another_data_plane_takes_its_part_of_the_limit_and_gives_it_back() {
    let mut story = Story::start(2, 0.1).await;
    story.load(None);
    story.settle().await;
    story.add().await;
    story.measure("one is added", 3.0).await;
    story.kill_one().await;
    story.measure("one is killed", 3.0).await;
    story.end().await;
}

#[tokio::test]
async fn what_is_counted_and_shared_is_shown() {
    let story = Story::start(2, 0.1).await;
    let (one, two) = (&story.gateway.data_planes[0], &story.gateway.data_planes[1]);
    let mut offer = Offer::default();
    offer.spread("shop.test", &[(one.proxy, 2.0 * LIMIT)]);
    let shown = eventually("the hot data plane has nearly all of the limit", async || {
        let shown = story.gateway.ctl(&["-o", "json", "limit", "show", "everyone"]).await.ok().json();
        let planes = &shown[0]["data_planes"];
        let share = planes[0]["keys"][0]["share"].as_f64().unwrap_or_default();
        (share > 0.9 && planes[0]["refused"].as_u64() > Some(0)).then_some(shown)
    })
    .await;
    let limit = &shown[0];
    assert_eq!((&limit["name"], &limit["service"]), (&"everyone".into(), &"shop".into()), "{shown:#}");
    assert_eq!((&limit["requests"], &limit["scope"]), (&200.into(), &"cluster".into()), "{shown:#}");
    assert_eq!(
        (&limit["data_planes"][0]["id"], &limit["data_planes"][1]["id"]),
        (&(*one.id).into(), &(*two.id).into())
    );
    assert_eq!(limit["data_planes"][1]["admitted"], 0, "{shown:#}");
    let hash = limit["data_planes"][0]["keys"][0]["hash"].as_str().unwrap();
    assert!(hash.len() == 8 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()), "{shown:#}");
    let table = story.gateway.ctl(&["limit", "show"]).await.ok().stdout;
    assert!(table.contains("everyone") && table.contains("200 per 1s") && table.contains(hash), "{table}");
    story.gateway.ctl(&["limit", "show", "nobody"]).await.exits(3);
}

/// Prints a table; each row is a window of ten seconds.
#[tokio::test]
#[ignore = "a long run; see tests/README.md"]
async fn one_five_and_twenty_data_planes_let_the_limit_through() {
    const WINDOW: f64 = 10.0;
    println!("\n| data planes | load | meanwhile | asked | the limit | let through | |");
    println!("| ---: | --- | --- | ---: | ---: | ---: | ---: |");
    for count in [1, 5, 20] {
        let mut story = Story::start(count, 0.05).await;
        for skew in [None, Some(0.9)] {
            if count == 1 && skew.is_some() {
                continue;
            }
            story.load(skew);
            story.settle().await;
            story.measure("nothing", WINDOW).await;
            if count == 1 {
                continue;
            }
            story.add().await;
            story.measure("one is added", WINDOW).await;
            story.kill_one().await;
            story.measure("one is killed", WINDOW).await;
        }
        // In the middle of the window, and back before its end.
        let before = story.offer.counts();
        story.offer.advance(story.requests(WINDOW / 4.0)).await;
        story.gateway.control_plane.kill().await;
        story.offer.advance(story.requests(WINDOW / 4.0)).await;
        story.gateway.control_plane.restart().await;
        story.offer.advance(story.requests(WINDOW / 2.0)).await;
        story.row("the control plane is killed, and restarted", before);
        story.end().await;
    }
    // Of a slow limit, the burst is had once, wherever it is asked for, and whoever rests meanwhile.
    let mut story = Story::limited(5, "requests: 100, per: 10m, burst: 100").await;
    let before = story.offer.counts();
    for at in (0..5).chain(0..5) {
        story.offer.spread("shop.test", &[(story.gateway.data_planes[at].proxy, 50.0)]);
        story.offer.advance(150).await;
    }
    let after = story.offer.counts();
    let allowed = 100.0 + (after.at - before.at).as_secs_f64() / 6.0;
    let (asked, admitted) = (after.asked - before.asked, after.admitted - before.admitted);
    let ratio = admitted as f64 / allowed;
    println!(
        "| 5 | all on one at a time | a slow limit | {asked} | {allowed:.0} | {admitted} | {:.1} % |",
        ratio * 100.0
    );
    // Each data plane lets one through at rest, and the reserve is a part in 64.
    assert!((0.8..=1.1).contains(&ratio), "of a slow limit: {ratio:.3}");
    story.end().await;
}

/// A cluster with one limit, and what is sent to it.
struct Story {
    gateway: Gateway,
    offer: Offer,
    /// How much of the load goes to the first data plane; evenly to all, if nothing is said.
    skew: Option<f64>,
    /// How far from the limit it may be.
    tolerance: f64,
    _upstream: Upstream,
}

impl Story {
    async fn start(count: usize, tolerance: f64) -> Self {
        let limit = format!("requests: {LIMIT}, per: 1s, burst: {BURST}");
        Self { tolerance, ..Self::limited(count, &limit).await }
    }

    async fn limited(count: usize, limit: &str) -> Self {
        let gateway = Gateway::builder().data_planes(count).start().await;
        let upstream = Upstream::start("served").await;
        gateway.register_unchecked("shop", "shop.test", &[&upstream]).await;
        let document = format!(
            "services:\n  - name: shop\n    hosts: [shop.test]\n    endpoints: [{{address: \"{}\"}}]\n    \
             health_check: {{disabled: true}}\n    rate_limits:\n      \
             - {{name: everyone, {limit}, key: service, scope: cluster}}\n",
            upstream.address
        );
        gateway.apply(&document).await.ok();
        Self { gateway, offer: Offer::default(), skew: None, tolerance: 0.0, _upstream: upstream }
    }

    /// Spreads the load over the data planes that there are.
    fn load(&mut self, skew: Option<f64>) {
        self.skew = skew;
        let planes = &self.gateway.data_planes;
        let others = (planes.len() - 1) as f64;
        let rate = |at: usize| match skew {
            Some(skew) if at == 0 && others > 0.0 => skew,
            Some(skew) if others > 0.0 => (1.0 - skew) / others,
            Some(_) | None => 1.0 / (others + 1.0),
        };
        let rates: Vec<(SocketAddr, f64)> =
            planes.iter().enumerate().map(|(at, plane)| (plane.proxy, TIMES * LIMIT * rate(at))).collect();
        self.offer.spread("shop.test", &rates);
    }

    /// How many requests are sent in this many seconds.
    fn requests(&self, seconds: f64) -> u64 {
        (TIMES * LIMIT * seconds) as u64
    }

    /// Until the burst is used up, and what goes by unused is known.
    async fn settle(&self) {
        self.offer.advance(self.requests(3.0)).await;
    }

    async fn measure(&self, meanwhile: &str, seconds: f64) {
        let before = self.offer.counts();
        self.offer.advance(self.requests(seconds)).await;
        self.row(meanwhile, before);
    }

    /// A row of the table, which has to be near the limit.
    fn row(&self, meanwhile: &str, before: Counts) {
        let after = self.offer.counts();
        let allowed = LIMIT * (after.at - before.at).as_secs_f64();
        let (asked, admitted) = (after.asked - before.asked, after.admitted - before.admitted);
        let ratio = admitted as f64 / allowed;
        let (count, load) = (self.gateway.data_planes.len(), if self.skew.is_some() { "90 % on one" } else { "even" });
        println!("| {count} | {load} | {meanwhile} | {asked} | {allowed:.0} | {admitted} | {:.1} % |", ratio * 100.0);
        self.offer.is_flawless();
        assert!((ratio - 1.0).abs() <= self.tolerance, "{count} data planes, {load}, {meanwhile}: {ratio:.3}");
    }

    async fn add(&mut self) {
        self.gateway.add_data_plane().await;
        self.load(self.skew);
        self.lease_period().await;
    }

    /// SIGKILL for the last; its load goes to the others.
    async fn kill_one(&mut self) {
        let mut last = self.gateway.data_planes.pop().expect("there are some");
        self.offer.avoid(last.proxy);
        last.kill().await;
        self.load(self.skew);
        // Its share is kept for two seconds, for it might have lost its connection only.
        self.offer.advance(self.requests(2.0)).await;
        self.lease_period().await;
    }

    /// One in which a change is told, and one in which it is answered.
    async fn lease_period(&self) {
        self.offer.advance(self.requests(1.0)).await;
    }

    async fn end(mut self) {
        self.offer.is_flawless();
        self.offer.withdraw();
    }
}
