//! Compressed answers, and answers to pages of other origins, as other people's programs read them.

use tokio::process::Command;

use crate::harness::{Answer, Gateway, Upstream, client, ctl};

/// Far more than one slice or window of any encoder.
fn prose() -> String {
    (0..40_000_u32).map(|at| format!("{} times as good, ", at.wrapping_mul(2_654_435_761) >> 16)).collect()
}

fn answer(body: &str) -> Answer {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nETag: \"a\"\r\nAccess-Control-Allow-Origin: *\r\n";
    Answer::Bytes(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).into())
}

async fn start(body: &str) -> (Gateway, Upstream) {
    let gateway = Gateway::start().await;
    let upstream = Upstream::answering(answer(body)).await;
    let document = format!(
        r#"
services:
  - name: shop
    hosts: [shop.test]
    endpoints: [{{address: "{}"}}]
    health_check: {{disabled: true}}
    compression: {{}}
    cors: {{allow_origins: ["https://app.test"], allow_methods: [PUT], allow_headers: [X-One], max_age: 10m}}
"#,
        upstream.address
    );
    gateway.apply(&document).await.ok();
    gateway.until_status("shop.test", 200).await;
    (gateway, upstream)
}

/// What a program prints; nothing where it is not on this machine.
async fn printed(program: &str, args: &[&str]) -> Option<String> {
    if Command::new(program).arg("--version").output().await.is_err() {
        eprintln!("SKIPPED: {program} is not installed on this machine");
        return None;
    }
    Some(ctl::run(Command::new(program).args(args), "").await.ok().stdout)
}

#[tokio::test]
async fn curl_reads_every_coding() {
    let Some(version) = printed("curl", &["--version"]).await else { return };
    let body = prose();
    let (gateway, _upstream) = start(&body).await;
    let url = format!("http://{}/", gateway.data_planes[0].proxy);
    for (coding, feature) in [("gzip", "libz"), ("br", "brotli"), ("zstd", "zstd")] {
        if !version.contains(feature) {
            eprintln!("SKIPPED: curl is built without {feature} on this machine");
            continue;
        }
        let accepted = format!("Accept-Encoding: {coding}");
        let args = ["-sS", "--fail", "--compressed", "-H", "Host: shop.test", "-H", &accepted, &url];
        let told = ["-w", "\n%header{content-encoding} %header{vary} %header{etag} %{size_download}"];
        let printed = printed("curl", &[&args[..], &told].concat()).await.unwrap();
        let (content, told) = printed.rsplit_once('\n').unwrap();
        assert!(content == body, "{coding}: {} bytes of {}", content.len(), body.len());
        let (head, size) = told.rsplit_once(' ').unwrap();
        assert_eq!(head, format!("{coding} Origin, Accept-Encoding W/\"a\""));
        assert!(size.parse::<usize>().unwrap() < body.len() / 2, "{told}");
    }
}

#[tokio::test]
async fn python_reads_gzip_to_its_last_check() {
    let body = prose();
    let (gateway, _upstream) = start(&body).await;
    let program = "import sys, urllib.request, zlib
fields = {'Host': 'shop.test', 'Accept-Encoding': 'gzip, identity;q=0.5'}
answer = urllib.request.urlopen(urllib.request.Request(sys.argv[1], headers=fields))
assert answer.headers['Content-Encoding'] == 'gzip', answer.headers
state = zlib.decompressobj(wbits=31)
sys.stdout.write(state.decompress(answer.read()).decode())
assert state.eof and not state.unused_data";
    let url = format!("http://{}/", gateway.data_planes[0].proxy);
    let Some(printed) = printed("python3", &["-c", program, &url]).await else { return };
    assert!(printed == body, "{} bytes of {}", printed.len(), body.len());
}

#[tokio::test]
async fn a_page_of_another_origin_may_do_what_the_file_says() {
    let (gateway, upstream) = start("hello").await;
    let proxy = gateway.data_planes[0].proxy;
    let requests = upstream.requests();
    let preflight = client::request("OPTIONS", "shop.test", "/")
        .header("origin", "https://app.test")
        .header("access-control-request-method", "PUT")
        .header("access-control-request-headers", "x-one");
    let response = client::send(proxy, preflight, "").await;
    assert_eq!(response.status, 204);
    assert_eq!(response.field("access-control-allow-origin"), "https://app.test");
    assert_eq!(response.field("access-control-allow-methods"), "PUT");
    assert_eq!(response.field("access-control-allow-headers"), "x-one");
    assert_eq!(response.field("access-control-max-age"), "600");
    assert_eq!(upstream.requests(), requests, "the endpoint hears nothing of it");
    for (origin, allowed) in [("https://app.test", Some("https://app.test")), ("https://evil.test", None)] {
        let asked = client::request("PUT", "shop.test", "/").header("origin", origin);
        let response = client::send(proxy, asked, "").await;
        assert_eq!(response.text(), "hello", "it is for the browser to refuse");
        let said = response.headers.get("access-control-allow-origin");
        assert_eq!(said.map(|origin| origin.to_str().unwrap()), allowed);
        assert!(response.field("vary").contains("Origin"), "{response:?}");
    }
}
