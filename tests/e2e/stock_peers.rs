//! The peers that everybody has: curl in front, nginx and Python's http.server behind.

use std::{net::TcpListener, path::Path};

use tokio::process::Command;

use crate::harness::{Answer, Gateway, Process, Upstream, body::Pattern, ctl, loopback};

/// Whether a program is on this machine; its test says so if not.
async fn has(program: &str, flag: &str) -> bool {
    let found = Command::new(program).arg(flag).output().await.is_ok();
    if !found {
        eprintln!("SKIPPED: {program} is not installed on this machine");
    }
    found
}

#[tokio::test]
async fn nginx_serves_behind_the_gateway() {
    if !has("nginx", "-v").await {
        return;
    }
    let gateway = Gateway::start().await;
    let address = free_address();
    let root = gateway.dir().join("nginx");
    std::fs::create_dir(&root).unwrap();
    std::fs::write(root.join("index.html"), "nginx says hello").unwrap();
    std::fs::write(root.join("large.bin"), vec![b'x'; 3 << 20]).unwrap();
    let config = nginx_config(&root, &address);
    std::fs::write(root.join("nginx.conf"), config).unwrap();
    let mut command = Command::new("nginx");
    command.arg("-p").arg(&root).arg("-c").arg(root.join("nginx.conf")).arg("-e").arg("stderr");
    let nginx = Process::spawn("nginx", command);
    let register = ["service", "register", "web", "--host", "web.test", "--endpoint", &address];
    gateway.ctl(&[&register[..], &["--health-interval", "100ms"]].concat()).await.ok();
    gateway.until_status("web.test", 200).await;

    let curl = async |path: &str, args: &[&str]| curl(&gateway, "web.test", path, args).await;
    assert_eq!(curl("/", &[]).await, "nginx says hello");
    let size = ["-o", "/dev/null", "-w", "%{http_code} %{size_download}"];
    assert_eq!(curl("/large.bin", &size).await, "200 3145728");
    assert_eq!(curl("/", &["-r", "0-4", "-w", " %{http_code}"]).await, "nginx 206");
    let head = ["-I", "-o", "/dev/null", "-w", "%{http_code} %header{content-length}"];
    assert_eq!(curl("/", &head).await, "200 16");
    let status = ["-o", "/dev/null", "-w", "%{http_code}"];
    assert_eq!(curl("/moved", &status).await, "302");
    assert_eq!(curl("/who", &[]).await, "web.test 127.0.0.1 http");
    let validator = curl("/", &["-o", "/dev/null", "-w", "%header{etag}"]).await;
    let condition = format!("If-None-Match: {validator}");
    assert_eq!(curl("/", &["-H", &condition, "-w", "%{http_code}"]).await, "304");
    assert_eq!(curl("/", &[&["--data-binary", "some"][..], &status].concat()).await, "405");

    nginx.kill().await;
    gateway.until_status("web.test", 503).await;
}

fn nginx_config(root: &Path, address: &str) -> String {
    let root = root.display();
    format!(
        "daemon off; master_process off; pid {root}/nginx.pid;
         events {{}}
         http {{
           access_log off;
           client_body_temp_path {root}/body; proxy_temp_path {root}/proxy; fastcgi_temp_path {root}/fastcgi;
           uwsgi_temp_path {root}/uwsgi; scgi_temp_path {root}/scgi;
           server {{
             listen {address};
             root {root};
             location = /healthcheck {{ return 200 ok; }}
             location = /moved {{ return 302 http://elsewhere.test/; }}
             location = /who {{ return 200 \"$http_host $http_x_forwarded_for $http_x_forwarded_proto\"; }}
           }}
         }}"
    )
}

#[tokio::test]
async fn pythons_server_serves_behind_the_gateway() {
    if !has("python3", "--version").await {
        return;
    }
    let gateway = Gateway::start().await;
    let root = gateway.dir().join("python");
    std::fs::create_dir(&root).unwrap();
    std::fs::write(root.join("healthcheck"), "ok").unwrap();
    std::fs::write(root.join("hello.txt"), "python says hello").unwrap();
    let ip = loopback::fresh().to_string();
    let mut command = Command::new("python3");
    command.args(["-u", "-m", "http.server", "0", "--bind", &ip]).current_dir(&root);
    let mut python = Process::spawn("python", command);
    // "Serving HTTP on 127.128.0.1 port 40001 (http://127.128.0.1:40001/) ..."
    let line = python.line().await.expect("python says where it listens");
    let port = line.split("port ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a port");
    let address = format!("{ip}:{port}");
    gateway.ctl(&["service", "register", "py", "--host", "py.test", "--endpoint", &address, "--wait"]).await.ok();
    // An HTTP/1.0 server: every connection ends with its response.
    for _ in 0..5 {
        assert_eq!(curl(&gateway, "py.test", "/hello.txt", &[]).await, "python says hello");
    }
    assert_eq!(curl(&gateway, "py.test", "/none.txt", &["-o", "/dev/null", "-w", "%{http_code}"]).await, "404");
}

#[tokio::test]
async fn curl_uploads_downloads_and_reuses_its_connection() {
    if !has("curl", "--version").await {
        return;
    }
    let gateway = Gateway::start().await;
    let upstream = Upstream::answering(Answer::Checksum).await;
    gateway.register_unchecked("shop", "shop.test", &[&upstream]).await;
    let body = Pattern::new(5 << 20);
    let file = gateway.dir().join("upload");
    std::fs::write(&file, body.clone().flatten().collect::<Vec<_>>()).unwrap();
    let data = format!("@{}", file.display());
    let expected = body.checksum();
    // Of known length (with "Expect: 100-continue", as curl does for large bodies), and chunked.
    let curl = async |args: &[&str]| curl(&gateway, "shop.test", "/", args).await;
    assert_eq!(curl(&["--data-binary", &data]).await, expected);
    assert_eq!(curl(&["-H", "Transfer-Encoding: chunked", "--data-binary", &data]).await, expected);
    let url = format!("http://{}/again", gateway.data_planes[0].proxy);
    let twice = curl(&["-o", "/dev/null", "-o", "/dev/null", "-w", "%{num_connects} ", &url]).await;
    assert_eq!(twice, "1 0 ");
    // A client that speaks HTTP/1.0.
    let old = curl(&["--http1.0", "-w", " %{http_code}"]).await;
    assert_eq!(old, format!("{} 200", Pattern::new(0).checksum()));
}

#[tokio::test]
async fn curl_gets_each_event_before_the_next_is_sent() {
    if !has("curl", "--version").await {
        return;
    }
    let (gateway, mut upstream) = Gateway::with_shop(Answer::ByHand).await;
    let mut command = Command::new("curl");
    command.args(["-sSN", "-H", "Host: shop.test"]).arg(format!("http://{}/events", gateway.data_planes[0].proxy));
    let mut curl = Process::spawn("curl", command);
    let mut exchange = upstream.exchange().await;
    exchange.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n").await.unwrap();
    for number in 0..10 {
        let event = format!("data: {number}");
        exchange.write(format!("{event}\n\n")).await.unwrap();
        assert_eq!(curl.line().await.as_deref(), Some(&*event));
        assert_eq!(curl.line().await.as_deref(), Some(""));
    }
    drop(exchange);
    assert_eq!(curl.exit().await.code(), 0);
}

#[tokio::test]
async fn curl_notices_an_answer_that_breaks_off() {
    /// Exit codes of curl: a part of the file was transferred; a failure in receiving.
    const PARTIAL: i32 = 18;
    const RECEIVING: i32 = 56;
    if !has("curl", "--version").await {
        return;
    }
    let (gateway, upstream) = Gateway::with_shop(Answer::ByHand).await;
    let url = format!("http://{}/", gateway.data_planes[0].proxy);
    let length = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this";
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nonly this\r\n";
    // HTTP/1.0 has no chunks: where an answer may end with its connection, only a reset says that it broke off.
    for (answer, version, code) in [
        (length, "--http1.1", PARTIAL),
        (chunked, "--http1.1", PARTIAL),
        (length, "--http1.0", RECEIVING),
        (chunked, "--http1.0", RECEIVING),
    ] {
        upstream.answer(Answer::BytesAndClose(answer.into()));
        let mut command = Command::new("curl");
        command.args(["-sS", "--max-time", "20", "-H", "Host: shop.test", version, &url]);
        ctl::run(&mut command, "").await.exits(code);
    }
}

/// What curl prints.
async fn curl(gateway: &Gateway, host: &str, path: &str, args: &[&str]) -> String {
    let url = format!("http://{}{path}", gateway.data_planes[0].proxy);
    let field = format!("Host: {host}");
    let mut command = Command::new("curl");
    command.args(["-sS", "--max-time", "20", "-H", &field]).args(args).arg(&url);
    ctl::run(&mut command, "").await.ok().stdout
}

/// An address for a program that cannot say which port it took; nobody else listens on its IP.
fn free_address() -> String {
    let listener = TcpListener::bind((loopback::fresh(), 0)).unwrap();
    listener.local_addr().unwrap().to_string()
}
