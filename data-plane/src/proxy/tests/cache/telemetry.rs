//! What is told of the cache.

use serde_json::Value;

use super::{super::telemetry::Log, *};
use crate::telemetry::access_log::Form;

#[tokio::test]
async fn what_the_cache_did_is_counted_and_logged() {
    let log = Log::start(Form::Json, 1);
    let (bench, origin) = (Bench::new(), Origin::start().await);
    let site = Site::owned_by(caching("a", &[origin.address], plain()));
    let proxy = bench.start_logged(&site, Some(log.log.for_worker())).await;
    let gateway = Gateway { bench, proxy, origin };
    gateway.origin.says("200 OK", &["Cache-Control: max-age=10, stale-while-revalidate=9", "ETag: \"1\""], "hi");
    gateway.get("/x").await;
    gateway.get("/x").await;
    gateway.send("POST", "/y", &["Content-Length: 0"]).await;
    gateway.pass(30);
    gateway.origin.says_once("304 Not Modified", &["ETag: \"1\""], "");
    gateway.get("/x").await;
    gateway.pass(12);
    gateway.get("/x").await;
    let lines: Vec<Value> = log.lines(5).await;
    let told: Vec<_> = lines.iter().map(|line| line["cache"].as_str().unwrap()).collect();
    assert_eq!(told, ["miss", "hit", "bypass", "revalidated", "stale"]);
    let line = |result| format!("gateway_cache_requests_total{{service=\"a\",route=\"-\",result=\"{result}\"}} 1");
    let lines = ["miss", "hit", "bypass", "revalidated", "stale"].map(line);
    gateway.proxy.until_told(&lines.each_ref().map(String::as_str)).await;
}
