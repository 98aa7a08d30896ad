//! Servers outside, whose every byte the test decides.

use std::{
    fs,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use gateway_proto::{pem::provider, process::Failure};
use http::{Request, Uri};
use http_body_util::Full;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

use super::{Bounds, Outside, Silence, Trust, shown};

const PATIENCE: Duration = Duration::from_secs(10);

/// Trusts no authority.
pub(crate) fn nobody() -> Trust {
    Trust::of(RootCertStore::empty()).unwrap()
}

/// Looks again and again until it is so, and fails if it never is.
pub(crate) async fn until(mut is_so: impl FnMut() -> bool) {
    let wait = async {
        while !is_so() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, wait).await.expect("it becomes so");
}

/// What a server does about a question.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// Answers with these bytes, and takes the next question.
    Say(String),
    /// Answers with content that never ends.
    Endless,
    /// Begins an answer, and does not end it.
    Halfway,
    /// Does not answer.
    Hang,
    /// Ends the connection.
    Cut,
    /// Answers and ends the connection without a word of that.
    SayAndCut(String),
}

impl Reply {
    /// Of this status line and these fields, each with its line's end.
    pub(crate) fn of(status: &str, fields: &str, content: &str) -> Self {
        Self::Say(format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {}\r\n\r\n{content}", content.len()))
    }

    pub(crate) fn ok(content: &str) -> Self {
        Self::of("200 OK", "Content-Type: application/json\r\n", content)
    }
}

/// A server that keeps all that it is asked.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    reply: Arc<Mutex<Reply>>,
    asked: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
    _task: AbortOnDropHandle<()>,
}

impl Server {
    pub(crate) async fn start(reply: Reply) -> Self {
        Self::start_with(reply, None).await
    }

    async fn start_with(reply: Reply, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (reply, asked, connections) = (Arc::new(Mutex::new(reply)), Arc::<Mutex<_>>::default(), Arc::default());
        let (script, notes, count) = (Arc::clone(&reply), Arc::clone(&asked), Arc::<AtomicUsize>::clone(&connections));
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                count.fetch_add(1, SeqCst);
                let (script, notes, tls) = (Arc::clone(&script), Arc::clone(&notes), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, &script, &notes).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, &script, &notes).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, reply, asked, connections, _task: AbortOnDropHandle::new(task) }
    }

    pub(crate) fn url(&self, path: &str) -> Uri {
        format!("http://{}{path}", self.address).parse().unwrap()
    }

    /// From now on it does this.
    pub(crate) fn now(&self, reply: Reply) {
        *self.reply.lock().unwrap() = reply;
    }

    /// All questions so far, heads with content.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(SeqCst)
    }
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, script: &Mutex<Reply>, notes: &Mutex<Vec<String>>) {
    let mut read = Vec::new();
    while let Some(question) = question(&mut stream, &mut read).await {
        notes.lock().unwrap().push(question);
        let reply = script.lock().unwrap().clone();
        let (said, goes_on) = match &reply {
            Reply::Say(text) => (text.as_str(), true),
            Reply::SayAndCut(text) => (text.as_str(), false),
            Reply::Halfway => ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nx", true),
            Reply::Endless => ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", true),
            Reply::Hang => ("", true),
            Reply::Cut => ("", false),
        };
        if stream.write_all(said.as_bytes()).await.is_err() || !goes_on {
            return;
        }
        if matches!(reply, Reply::Endless) {
            let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
            while stream.write_all(chunk.as_bytes()).await.is_ok() {}
            return;
        }
    }
}

/// The next question; none if the other side has gone.
async fn question(stream: &mut (impl AsyncRead + Unpin), read: &mut Vec<u8>) -> Option<String> {
    loop {
        let text = String::from_utf8_lossy(read).into_owned();
        if let Some((head, content)) = text.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            let length: usize = length.unwrap_or(0);
            if content.len() >= length {
                let end = head.len() + 4 + length;
                read.drain(..end);
                return Some(text[..end].to_owned());
            }
        }
        if stream.read_buf(read).await.ok()? == 0 {
            return None;
        }
    }
}

/// Who vouches for servers.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    pem: String,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let (pem, certificate) = (certificate.pem(), certificate.der().clone());
        Self { issuer: Issuer::new(params, key), certificate, pem }
    }

    fn trust(&self) -> Trust {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        Trust::of(roots).unwrap()
    }

    /// For a server of this name, until the end of such a year.
    fn vouch(&self, name: &str, until: i32) -> TlsAcceptor {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(until, 12, 31);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

fn get(url: Uri) -> Request<Full<Bytes>> {
    Request::get(url).body(Full::default()).unwrap()
}

const BOUNDS: Bounds = Bounds { patience: PATIENCE, content: 1000 };

#[tokio::test]
async fn an_answer_is_what_the_server_says_and_connections_are_kept() {
    let server = Server::start(Reply::of("404 Not Found", "X-A: b\r\n", "gone")).await;
    let outside = Outside::new(&nobody());
    for _ in 0..3 {
        let answer = outside.ask(get(server.url("/a?b")), BOUNDS).await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["x-a"], &**answer.body()),
            (404, &"b".parse().unwrap(), &b"gone"[..])
        );
    }
    let asked = server.asked();
    assert_eq!((asked.len(), server.connections()), (3, 1));
    assert!(
        asked[0].starts_with("GET /a?b HTTP/1.1\r\n") && asked[0].contains(&format!("host: {}\r\n", server.address))
    );
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let other = Server::start(Reply::ok("{}")).await;
    let server = Server::start(Reply::of("302 Found", &format!("Location: {}\r\n", other.url("/")), "")).await;
    let answer = Outside::new(&nobody()).ask(get(server.url("/")), BOUNDS).await.unwrap();
    assert_eq!((answer.status().as_u16(), other.connections()), (302, 0));
}

#[tokio::test]
async fn an_answer_has_a_bound_and_a_time() {
    let server = Server::start(Reply::ok(&"x".repeat(1001))).await;
    let outside = Outside::new(&nobody());
    let ask = async |patience| outside.ask(get(server.url("/")), Bounds { patience, ..BOUNDS }).await;
    assert!(matches!(ask(PATIENCE).await, Err(Silence::TooLarge)));
    server.now(Reply::Endless);
    assert!(matches!(ask(PATIENCE).await, Err(Silence::TooLarge)));
    server.now(Reply::of("200 OK", &format!("X: {}\r\n", "x".repeat(200_000)), ""));
    assert!(matches!(ask(PATIENCE).await, Err(Silence::Broken(_))));
    for slow in [Reply::Hang, Reply::Halfway] {
        server.now(slow);
        assert!(matches!(ask(Duration::from_millis(50)).await, Err(Silence::Late)));
    }
    server.now(Reply::Say("SSH-2.0\r\n\r\n".into()));
    assert!(matches!(ask(PATIENCE).await, Err(Silence::Broken(_))));
}

#[tokio::test]
async fn a_connection_that_ends_between_questions_costs_nobody_an_answer() {
    let server = Server::start(Reply::SayAndCut("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".into())).await;
    let outside = Outside::new(&nobody());
    for _ in 0..20 {
        assert!(outside.ask(get(server.url("/")), BOUNDS).await.is_ok());
    }
    // One that ends without an answer each time has none.
    server.now(Reply::Cut);
    assert!(matches!(outside.ask(get(server.url("/")), BOUNDS).await, Err(Silence::Broken(_))));
    drop(server);
    let gone = Server::start(Reply::Cut).await.url("/");
    assert!(matches!(outside.ask(get(gone), BOUNDS).await, Err(Silence::Unreachable(_) | Silence::Broken(_))));
}

#[tokio::test]
async fn https_is_spoken_with_whom_an_authority_vouches_for() {
    let authority = Authority::new("ours");
    let ask = async |trust: Trust, tls: TlsAcceptor| {
        let server = Server::start_with(Reply::ok("{}"), Some(tls)).await;
        let url = format!("https://localhost:{}/", server.address.port()).parse().unwrap();
        let answer = Outside::new(&trust).ask(get(url), BOUNDS).await;
        assert_eq!(server.asked().len(), usize::from(answer.is_ok()), "nothing is asked of a stranger");
        answer
    };
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ca.pem");
    fs::write(&file, &authority.pem).unwrap();
    for trust in [authority.trust(), Trust::open(Some(&file)).unwrap()] {
        assert!(ask(trust, authority.vouch("localhost", 2090)).await.is_ok());
    }
    for (trust, tls, why) in [
        (nobody(), authority.vouch("localhost", 2090), "UnknownIssuer"),
        (Authority::new("another").trust(), authority.vouch("localhost", 2090), "UnknownIssuer"),
        (authority.trust(), authority.vouch("other.test", 2090), "not valid for name"),
        (authority.trust(), authority.vouch("localhost", 2021), "expired"),
    ] {
        let Err(silence @ Silence::Unreachable(_)) = ask(trust, tls).await else { panic!("{why}") };
        assert!(silence.to_string().contains(why), "{silence}");
    }
}

#[test]
fn a_file_of_authorities_that_is_none_is_told_by_the_flag() {
    let directory = tempfile::tempdir().unwrap();
    let [good, bad, gone] = ["good", "bad", "gone"].map(|name| directory.path().join(name));
    fs::write(&good, Authority::new("ours").pem).unwrap();
    fs::write(&bad, "-----BEGIN NOTHING-----").unwrap();
    assert!(Trust::open(None).is_ok() && Trust::open(Some(&good)).is_ok());
    for wrong in [bad, gone] {
        let Err(Failure::Usage(told)) = Trust::open(Some(&wrong)) else { panic!() };
        assert!(told.contains("--auth-ca"), "{told}");
    }
}

#[test]
fn urls_are_shown_without_what_may_be_a_secret() {
    let url = "https://user:secret@a.test:8443/path?key=secret".parse().unwrap();
    assert_eq!(shown(&url), "https://a.test:8443/path");
}
