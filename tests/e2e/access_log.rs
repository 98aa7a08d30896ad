//! What operators see of requests: lines of the access log, counters by service.

use std::{fs, path::Path};

use serde_json::Value;

use crate::harness::{DataPlane, Gateway, Signal, Upstream, client, eventually};

/// The lines of a log, once there are so many.
async fn lines(path: &Path, count: usize) -> Vec<Value> {
    eventually(&format!("{count} lines in {}", path.display()), async || {
        let text = fs::read_to_string(path).ok()?;
        let lines: Vec<_> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        (lines.len() >= count).then_some(lines)
    })
    .await
}

#[tokio::test]
async fn a_request_is_a_line_and_counts_for_its_service() {
    let gateway = Gateway::start().await;
    let upstream = Upstream::start("shop").await;
    gateway.register_unchecked("shop", "shop.test", &[&upstream]).await;
    let (path, old) = (gateway.dir().join("access.log"), gateway.dir().join("access.log.1"));
    let args = ["--access-log", "json", "--access-log-file", path.to_str().unwrap()];
    let data_plane = DataPlane::ready("logged", &gateway.control_plane.url(), &args).await;
    eventually("the data plane serves the shop", async || {
        (data_plane.get("shop.test", "/").await.status == 200).then_some(())
    })
    .await;
    let before = lines(&path, 1).await.len();

    let request = client::request("GET", "shop.test", "/cart?token=SECRET")
        .header("x-request-id", "order-7")
        .header("authorization", "Bearer SECRET");
    client::send(data_plane.proxy, request, "").await;
    let line = lines(&path, before + 1).await.remove(before);
    for (field, value) in [
        ("request_id", "order-7"),
        ("node", "logged"),
        ("method", "GET"),
        ("host", "shop.test"),
        ("path", "/cart"),
        ("service", "shop"),
        ("endpoint", &upstream.address.to_string()),
    ] {
        assert_eq!(line[field], value, "{field} in {line}");
    }
    assert_eq!(line["status"], 200, "{line}");
    assert!(!fs::read_to_string(&path).unwrap().contains("SECRET"));

    let metrics = client::get(data_plane.admin, "admin", "/metrics").await;
    for line in [
        format!("gateway_requests_total{{service=\"shop\",route=\"-\",class=\"2xx\"}} {}", upstream.requests()),
        format!("gateway_request_duration_seconds_count{{service=\"shop\",route=\"-\"}} {}", upstream.requests()),
        "gateway_access_log_dropped_total 0".into(),
    ] {
        assert!(metrics.text().lines().any(|told| told == line), "{line} in {}", metrics.text());
    }

    // As logrotate does it: what comes after the signal is in a file of the old name.
    fs::rename(&path, &old).unwrap();
    data_plane.signal(Signal::HUP);
    eventually("the log is opened anew", async || path.exists().then_some(())).await;
    data_plane.get("shop.test", "/after").await;
    assert_eq!(lines(&path, 1).await[0]["path"], "/after");
    assert_eq!(lines(&old, before + 1).await.len(), before + 1);

    // The last line is there when the process is gone.
    data_plane.get("shop.test", "/last").await;
    let exit = data_plane.into_process().terminate().await;
    assert_eq!(exit.code(), 0, "{}", exit.stderr);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.ends_with('\n') && text.lines().last().unwrap().contains("/last"), "{text}");
}

#[tokio::test]
async fn lines_and_counters_name_the_route() {
    let gateway = Gateway::start().await;
    let upstream = Upstream::start("shop").await;
    gateway.register_unchecked("shop", "shop.test", &[&upstream]).await;
    let create = ["route", "create"];
    let api = ["api", "--host", "shop.test", "--path-prefix", "/api", "--service", "shop"];
    let down = ["down", "--host", "shop.test", "--path", "/down", "--respond", "503"];
    gateway.ctl(&[&create[..], &api].concat()).await.ok();
    gateway.ctl(&[&create[..], &down].concat()).await.ok();
    let path = gateway.dir().join("access.log");
    let args = ["--access-log", "json", "--access-log-file", path.to_str().unwrap()];
    let data_plane = DataPlane::ready("logged", &gateway.control_plane.url(), &args).await;
    for path in ["/api/x", "/x/../api", "/other", "/down"] {
        data_plane.get("shop.test", path).await;
    }
    let told = lines(&path, 4).await;
    let told: Vec<_> = told.iter().map(|line| (line["service"].as_str(), line["route"].as_str())).collect();
    let api = (Some("shop"), Some("api"));
    assert_eq!(told, [api, api, (Some("shop"), None), (None, Some("down"))]);
    let metrics = client::get(data_plane.admin, "admin", "/metrics").await;
    for line in [
        "gateway_requests_total{service=\"shop\",route=\"api\",class=\"2xx\"} 2",
        "gateway_requests_total{service=\"shop\",route=\"-\",class=\"2xx\"} 1",
        "gateway_requests_total{service=\"-\",route=\"down\",class=\"5xx\"} 1",
    ] {
        assert!(metrics.text().lines().any(|told| told == line), "{line} in {}", metrics.text());
    }
}

#[tokio::test]
async fn standard_output_takes_the_log_beside_the_events() {
    let mut gateway = Gateway::builder().data_plane_args(&["--access-log", "common"]).start().await;
    gateway.get("nobody.test", "/x?y").await;
    let exit = gateway.data_planes.remove(0).into_process().terminate().await;
    assert_eq!(exit.code(), 0, "{}", exit.stderr);
    assert!(exit.stdout.starts_with("127.") && exit.stdout.contains("] \"GET /x HTTP/1.1\" 404 "), "{}", exit.stdout);
}

#[tokio::test]
async fn a_log_that_cannot_be_opened_exits_1_and_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("missing").join("access.log");
    let path = path.to_str().unwrap();
    let nowhere = "http://127.0.0.1:9";
    let data_plane = DataPlane::listening("d", nowhere, &["--access-log", "json", "--access-log-file", path]).await;
    let exit = data_plane.into_process().exit().await;
    assert_eq!(exit.code(), 1, "{}", exit.stderr);
    assert!(exit.stderr.contains("--access-log-file") && exit.stderr.contains(path), "{}", exit.stderr);
}
