//! What is stored on disk outlives its data plane, with what happened while that was away.

use tempfile::TempDir;

use crate::harness::{Answer, ControlPlane, DataPlane, Gateway, Upstream, eventually};

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nCache-Control: max-age=600\r\nETag: \"1\"\r\n\r\nok";

/// A cluster whose one data plane keeps what shop.test answers on disk.
async fn keeping(dir: &TempDir) -> (Gateway, DataPlane, Upstream) {
    let gateway = Gateway::builder().data_planes(0).start().await;
    let upstream = Upstream::answering(Answer::Bytes(HEAD.as_bytes().to_vec())).await;
    let address = upstream.address;
    let document = format!(
        "services:\n  - name: shop\n    hosts: [shop.test]\n    endpoints: [{{address: \"{address}\"}}]\n    \
         health_check: {{disabled: true}}\n    cache: {{enabled: true}}\n"
    );
    gateway.apply(&document).await.ok();
    let data_plane = start(&gateway.control_plane, dir).await;
    (gateway, data_plane, upstream)
}

async fn start(control_plane: &ControlPlane, dir: &TempDir) -> DataPlane {
    let path = dir.path().join("cache");
    let flags = ["--cache-disk-dir", path.to_str().unwrap(), "--cache-disk", "16MiB"];
    DataPlane::ready("dp-disk", &control_plane.url(), &flags).await
}

/// What the cache says of a path.
async fn told(data_plane: &DataPlane, path: &str) -> String {
    let answer = data_plane.get("shop.test", path).await;
    assert_eq!((answer.status, answer.text()), (200, "ok"), "{path}");
    answer.field("cache-status").to_owned()
}

#[tokio::test]
async fn what_is_on_disk_is_served_after_a_restart_but_what_was_purged_meanwhile() {
    let dir = tempfile::tempdir().unwrap();
    let (gateway, mut data_plane, upstream) = keeping(&dir).await;
    for path in ["/kept", "/purged"] {
        assert!(told(&data_plane, path).await.contains("stored"));
    }
    let exit = data_plane.drain().exit().await;
    assert_eq!(exit.code(), 0, "{}", exit.stderr);
    gateway.ctl(&["cache", "purge", "--url", "http://shop.test/purged"]).await.ok();
    data_plane.restart().await;
    data_plane.until_ready().await;
    assert!(told(&data_plane, "/kept").await.contains("hit"));
    assert_eq!(upstream.requests(), 2);
    assert!(told(&data_plane, "/purged").await.contains("fwd=uri-miss"));
    assert_eq!((upstream.requests(), data_plane.metric("cache_disk_hits_total").await), (3, 1));
    gateway.until_connected(1).await;
    let stats = gateway.ctl(&["-o", "json", "cache", "stats"]).await.ok().json();
    assert_eq!(stats[0]["disk"]["hits"], 1, "{stats}");
    assert_eq!(stats[0]["disk"]["size_bytes"], 16 << 20, "{stats}");
}

#[tokio::test]
async fn after_a_kill_the_endpoint_is_asked_about_what_is_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let (_gateway, mut data_plane, upstream) = keeping(&dir).await;
    told(&data_plane, "/a").await;
    eventually("it is written", async || {
        (data_plane.metric("cache_disk_written_total").await == 1
            && data_plane.metric("cache_disk_queued_bytes").await == 0)
            .then_some(())
    })
    .await;
    data_plane.kill().await;
    data_plane.restart().await;
    data_plane.until_ready().await;
    let told = told(&data_plane, "/a").await;
    assert!(told.contains("fwd=stale"), "{told}");
    assert_eq!((upstream.requests(), data_plane.metric("cache_disk_hits_total").await), (2, 1));
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_is_told_in_one_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let (gateway, first, _upstream) = keeping(&dir).await;
    let path = dir.path().join("cache");
    let flags = ["--cache-disk-dir", path.to_str().unwrap()];
    let second = DataPlane::listening("dp-second", &gateway.control_plane.url(), &flags).await;
    let exit = second.into_process().exit().await;
    assert_eq!(exit.code(), 1, "{}", exit.stderr);
    assert!(
        exit.stderr.contains("is in use by another process; give each data plane a folder of its own"),
        "{}",
        exit.stderr
    );
    assert!(told(&first, "/a").await.contains("stored"));
}
