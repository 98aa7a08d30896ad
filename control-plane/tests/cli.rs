//! The program as whoever starts it sees it.
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use gateway_proto::{
    access::{Bearer, Channel},
    admin::v1::{GetStatusRequest, WaitForRevisionRequest, admin_service_client::AdminServiceClient},
    discovery::v1::{self as discovery, DiscoveryRequest, discovery_service_client::DiscoveryServiceClient},
    registry::v1::{self as pb, registry_service_client::RegistryServiceClient},
    token,
};
use rustix::process::{Pid, Signal, kill_process};
use tonic::{Code, transport::Endpoint};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_control-plane"));
    command.env_clear().args(arguments);
    command
}

fn run(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

/// A control plane on ports of its own.
struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
    grpc: SocketAddr,
    http: SocketAddr,
    data_dir: PathBuf,
}

impl Running {
    fn start(data_dir: &Path) -> Self {
        let mut child = command(&["--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--data-dir"])
            .arg(data_dir)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let listening = event(&mut stdout);
        assert_eq!(listening["event"], "listening");
        let address = |name: &str| listening["listeners"][name].as_str().unwrap().parse().unwrap();
        let (grpc, http) = (address("grpc"), address("http"));
        assert_eq!(event(&mut stdout), serde_json::json!({"event": "ready"}));
        Self { child, stdout, grpc, http, data_dir: data_dir.to_owned() }
    }

    /// A connection with the token of that name in the data directory.
    async fn channel_as(&self, name: &str) -> Channel {
        let channel = Endpoint::from_shared(format!("http://{}", self.grpc)).unwrap().connect().await.unwrap();
        Channel::new(channel, Bearer::new(&token::read(&self.data_dir.join(name)).unwrap()))
    }

    async fn channel(&self) -> Channel {
        self.channel_as("admin.token").await
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.http).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for the end, while this process's own connections go on; returns its status and what
    /// else was printed.
    async fn end(mut self) -> (Option<i32>, String) {
        let end = move || {
            let mut rest = String::new();
            self.stdout.read_to_string(&mut rest).unwrap();
            (self.child.wait().unwrap().code(), rest)
        };
        tokio::task::spawn_blocking(end).await.unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn event(stdout: &mut impl BufRead) -> serde_json::Value {
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap()
}

#[test]
fn help_names_every_flag_with_its_variable_and_default() {
    let output = run(&["--help"]);
    assert!(output.status.success());
    let help = String::from_utf8(output.stdout).unwrap();
    for (flag, variable, default) in [
        ("--listen <IP:PORT>", "GATEWAY_LISTEN", "127.0.0.1:7000"),
        ("--http-listen <IP:PORT>", "GATEWAY_HTTP_LISTEN", "127.0.0.1:7001"),
        ("--data-dir <DIR>", "GATEWAY_DATA_DIR", "./gateway-data"),
        ("--drain-timeout <DURATION>", "GATEWAY_DRAIN_TIMEOUT", "30s"),
        ("--insecure", "GATEWAY_INSECURE", ""),
        ("--allow-plaintext", "GATEWAY_ALLOW_PLAINTEXT", ""),
        ("--data-plane-token-file <FILE>", "GATEWAY_DATA_PLANE_TOKEN_FILE", "data-plane.token in --data-dir"),
        ("--tls-cert <FILE>", "GATEWAY_TLS_CERT", "no TLS"),
        ("--tls-key <FILE>", "GATEWAY_TLS_KEY", ""),
        ("--tls-client-ca <FILE>", "GATEWAY_TLS_CLIENT_CA", ""),
        ("--log-format", "GATEWAY_LOG_FORMAT", "text"),
        ("--log-level", "GATEWAY_LOG_LEVEL", "info"),
    ] {
        let entry = help.split("\n  ").find(|entry| entry.contains(flag)).unwrap_or_else(|| panic!("{flag}: {help}"));
        let from = help.find(entry).unwrap();
        let text: String = help[from..].split_whitespace().take(60).collect::<Vec<_>>().join(" ");
        assert!(text.contains(&format!("[env: {variable}=]")), "{text}");
        assert!(default.is_empty() || text.contains(&format!("[default: {default}]")), "{text}");
    }
}

#[test]
fn version_is_version_and_commit() {
    let output = run(&["--version"]);
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("control-plane {}\n", gateway_proto::BUILD));
}

#[test]
fn a_mistake_is_one_sentence_that_names_the_flag() {
    for arguments in [
        ["--listen", "localhost:7000"],
        ["--http-listen", "7001"],
        ["--drain-timeout", "30"],
        ["--log-format", "xml"],
        ["--log-level", "control_plane=loud"],
        ["--lissten", "127.0.0.1:1"],
    ] {
        let output = run(&arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(arguments[0]) && error.lines().count() == 1, "{error}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn the_environment_is_read_and_its_mistakes_name_the_flag() {
    let output = command(&[]).env("GATEWAY_HTTP_LISTEN", "here").output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(2) && error.contains("--http-listen"), "{error}");
}

#[test]
fn what_is_in_the_way_is_one_sentence_and_status_1() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "not a directory").unwrap();
    let (free, file) = ("127.0.0.1:0", file.to_str().unwrap());
    for (arguments, flag) in [
        (["--listen", &address, "--http-listen", free, "--data-dir", file], "--listen"),
        (["--listen", free, "--http-listen", &address, "--data-dir", file], "--http-listen"),
        (["--listen", free, "--http-listen", free, "--data-dir", file], "--data-dir"),
    ] {
        let output = run(&[&arguments[..], &["--log-level", "off"]].concat());
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.contains(flag) && error.lines().count() == 1, "{error}");
    }
}

#[test]
fn a_directory_is_used_by_one_process_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(directory.path());
    let path = directory.path().to_str().unwrap();
    let arguments =
        ["--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--log-level", "off", "--data-dir", path];
    let second = run(&arguments);
    let error = String::from_utf8(second.stderr).unwrap();
    assert!(second.status.code() == Some(1) && error.contains("in use") && error.lines().count() == 1, "{error}");
    drop(running);
}

#[tokio::test]
async fn serves_then_drains_at_a_signal_with_streams_open() {
    for signal in [Signal::TERM, Signal::INT] {
        let directory = tempfile::tempdir().unwrap();
        let running = Running::start(directory.path());
        assert!(running.get("/healthz").starts_with("HTTP/1.1 200 "));
        assert!(running.get("/readyz").contains(r#""status": "ready""#));
        assert!(running.get("/no").starts_with("HTTP/1.1 404 "));
        let metrics = running.get("/metrics");
        for line in ["nodes_connected 0", "services 0", "routes 0"] {
            assert!(metrics.contains(&format!("\ngateway_control_plane_{line}\n")), "{line}: {metrics}");
        }
        assert!(metrics.ends_with("# EOF\n"));

        let channel = running.channel().await;
        // Whoever asks how it is needs no token.
        let anonymous = Endpoint::from_shared(format!("http://{}", running.grpc)).unwrap().connect_lazy();
        for service in ["", "gateway.registry.v1.RegistryService", "gateway.auth.v1.AuthService"] {
            let check = HealthCheckRequest { service: service.into() };
            let answer = HealthClient::new(anonymous.clone()).check(check).await.unwrap().into_inner();
            assert_eq!(answer.status().as_str_name(), "SERVING");
        }
        let mut admin = AdminServiceClient::new(channel);
        assert_eq!(admin.get_status(GetStatusRequest {}).await.unwrap().into_inner().build, gateway_proto::BUILD);

        // An open stream of a data plane and a connection that says nothing.
        let (requests, receiver) = tokio::sync::mpsc::channel::<DiscoveryRequest>(1);
        let requests_stream = tokio_stream::wrappers::ReceiverStream::new(receiver);
        let data_plane = running.channel_as("data-plane.token").await;
        let stream = DiscoveryServiceClient::new(data_plane).stream_snapshots(requests_stream).await.unwrap();
        let _mute = TcpStream::connect(running.grpc).unwrap();
        let begun = Instant::now();
        // One that reads certificates anew, of which there are none here.
        running.signal(Signal::HUP);
        running.signal(signal);
        let ended = stream.into_inner().message().await.unwrap_err();
        assert_eq!(ended.code(), Code::Unavailable);
        let (status, rest) = running.end().await;
        assert_eq!((status, rest.as_str()), (Some(0), ""));
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        drop(requests);
    }
}

#[tokio::test]
async fn stock_tools_find_the_services_by_reflection() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(directory.path());
    let list = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut client = ServerReflectionClient::new(running.channel().await);
    let mut answers = client.server_reflection_info(tokio_stream::iter([list])).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response.unwrap();
    let MessageResponse::ListServicesResponse(list) = answer else { panic!("{answer:?}") };
    let names: Vec<_> = list.service.iter().map(|service| service.name.as_str()).collect();
    for service in ["registry.v1.RegistryService", "discovery.v1.DiscoveryService", "admin.v1.AdminService"] {
        assert!(names.contains(&format!("gateway.{service}").as_str()), "{names:?}");
    }
}

#[tokio::test]
async fn a_store_keeps_its_identity() {
    let directory = tempfile::tempdir().unwrap();
    let mut ids = Vec::new();
    for _ in 0..2 {
        let running = Running::start(&directory.path().join("made/if/missing"));
        let mut admin = AdminServiceClient::new(running.channel().await);
        ids.push(admin.get_status(GetStatusRequest {}).await.unwrap().into_inner().cluster_id);
        running.signal(Signal::TERM);
        assert_eq!(running.end().await.0, Some(0));
    }
    assert_eq!(ids[0], ids[1]);
    assert!(!ids[0].is_empty());
}

/// Serves any request with 200 after a while, until it is dropped.
struct Upstream(SocketAddr, Arc<AtomicBool>);

impl Upstream {
    fn start(after: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let ends = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&ends);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                let mut stream = stream.unwrap();
                let _ = stream.read(&mut [0; 4096]);
                std::thread::sleep(after);
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
            }
        });
        Self(address, ends)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.1.store(true, Ordering::SeqCst);
        // The thread looks once more.
        let _ = TcpStream::connect(self.0);
    }
}

/// Registers an upstream as a service's only endpoint, and waits for its verdict.
async fn register(running: &Running, upstream: &Upstream) -> WaitForRevisionRequest {
    let service = pb::Service {
        name: "shop".into(),
        hosts: vec!["shop.test".into()],
        endpoints: vec![pb::Endpoint { address: upstream.0.to_string(), weight: 1 }],
        health_check: Some(pb::HealthCheck { fall: 10, ..pb::HealthCheck::default() }),
        ..pb::Service::default()
    };
    let mut registry = RegistryServiceClient::new(running.channel().await);
    let created = registry.create_service(pb::CreateServiceRequest { service: Some(service) }).await.unwrap();
    let revision = created.into_inner().service.unwrap().revision;
    let mut admin = AdminServiceClient::new(running.channel().await);
    let wait = WaitForRevisionRequest { revision, services: vec!["shop".into()], timeout: None };
    let waited = admin.wait_for_revision(wait.clone()).await.unwrap().into_inner();
    assert!(waited.done && waited.endpoints[0].health() == pb::Health::Healthy, "{waited:?}");
    wait
}

#[tokio::test]
async fn a_kill_right_after_a_verdict_takes_the_endpoint_from_no_data_plane() {
    let directory = tempfile::tempdir().unwrap();
    // Slower than a data plane subscribes.
    let upstream = Upstream::start(Duration::from_millis(300));
    let running = Running::start(directory.path());
    register(&running, &upstream).await;
    running.signal(Signal::KILL);
    running.end().await;

    let running = Running::start(directory.path());
    let node = Some(discovery::Node { id: "edge".into(), ..discovery::Node::default() });
    let subscribe = discovery::Subscribe { node, ..discovery::Subscribe::default() };
    let request = DiscoveryRequest { request: Some(discovery::discovery_request::Request::Subscribe(subscribe)) };
    // The requests stay open until the response is there.
    let requests = tokio_stream::StreamExt::chain(tokio_stream::iter([request]), tokio_stream::pending());
    let data_plane = running.channel_as("data-plane.token").await;
    let stream = DiscoveryServiceClient::new(data_plane).stream_snapshots(requests).await.unwrap();
    let first = stream.into_inner().message().await.unwrap().unwrap();
    let Some(discovery::resource::Body::Service(shop)) = &first.upserts[0].body else { panic!("{first:?}") };
    assert!(shop.endpoints[0].healthy, "{first:?}");
}

#[tokio::test]
async fn a_restart_forgets_no_service_and_takes_out_no_healthy_endpoint() {
    let directory = tempfile::tempdir().unwrap();
    let upstream = Upstream::start(Duration::ZERO);
    let running = Running::start(directory.path());
    let address = upstream.0.to_string();
    let wait = register(&running, &upstream).await;
    let revision = wait.revision;
    running.signal(Signal::TERM);
    assert_eq!(running.end().await.0, Some(0));

    drop(upstream);
    let running = Running::start(directory.path());
    let mut admin = AdminServiceClient::new(running.channel().await);
    let waited = admin.wait_for_revision(wait).await.unwrap().into_inner();
    assert!(waited.done, "what was healthy needs no new verdict");
    let [shop] = &waited.endpoints[..] else { panic!("{waited:?}") };
    assert_eq!((shop.address.as_str(), shop.health()), (address.as_str(), pb::Health::Healthy));
    assert_eq!(admin.get_status(GetStatusRequest {}).await.unwrap().into_inner().revision, revision);
}
