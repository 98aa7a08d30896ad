//! TLS between the three programs, and certificates of clients.

use std::{fs, net::SocketAddr, path::Path};

use tokio::process::Command;

use crate::harness::{
    DataPlane, Process, Signal,
    ctl::{self, GATEWAYCTL, Output},
    eventually, loopback,
    pki::{Authority, Pair},
    planes::{CONTROL_PLANE, listener},
};

/// A control plane behind TLS.
struct Encrypted {
    process: Process,
    grpc: SocketAddr,
    token: String,
}

impl Encrypted {
    async fn start(data_dir: &Path, ip: &str, args: &[&str]) -> Self {
        let mut command = Command::new(CONTROL_PLANE);
        command.args(["--listen", &format!("{ip}:0"), "--http-listen", &format!("{ip}:0")]).args(args);
        command.arg("--data-dir").arg(data_dir);
        let mut process = Process::spawn("the control plane", command);
        let grpc = listener(&process.event("listening").await, "grpc");
        process.event("ready").await;
        let token = data_dir.join("admin.token").to_str().unwrap().to_owned();
        Self { process, grpc, token }
    }

    fn url(&self) -> String {
        format!("https://{}", self.grpc)
    }

    async fn status(&self, args: &[&str]) -> Output {
        let mut command = Command::new(GATEWAYCTL);
        command.args(["--server", &self.url(), "--timeout", "5s", "--token-file", &self.token, "status"]).args(args);
        ctl::run(&mut command, "").await
    }
}

fn tls(pair: &Pair) -> [&str; 4] {
    ["--tls-cert", &pair.cert, "--tls-key", &pair.key]
}

#[tokio::test]
async fn all_three_programs_speak_tls_and_only_with_whom_they_trust() {
    let dir = tempfile::tempdir().unwrap();
    let ip = loopback::fresh().to_string();
    let (authority, stranger) = (Authority::new(dir.path(), "authority"), Authority::new(dir.path(), "stranger"));
    let pair = authority.sign("control-plane", &[&ip]);
    let control_plane = Encrypted::start(&dir.path().join("store"), &ip, &tls(&pair)).await;
    let trust = ["--control-plane-ca", authority.file.as_str()];
    control_plane.status(&trust).await.ok();
    control_plane.status(&["--control-plane-ca", &stranger.file]).await.exits(5).says(&["UnknownIssuer"]);
    control_plane.status(&[]).await.exits(2).says(&["--control-plane-ca"]);
    let plain = format!("http://{}", control_plane.grpc);
    ctl::ctl(&plain, &["--timeout", "5s", "status"]).await.exits(5);
    ctl::ctl(&plain, &[&trust[..], &["status"]].concat()).await.exits(2).says(&["not encrypted"]);

    // A data plane finds its token by the note, behind TLS too.
    let data_plane = DataPlane::ready("encrypted", &control_plane.url(), &trust).await;
    let nodes = control_plane.status(&[&trust[..], &["-o", "json"]].concat()).await.ok().json();
    assert_eq!(nodes["data_planes"]["connected"], 1, "{nodes}");
    drop(data_plane);

    // openssl has the last word on what is spoken.
    let address = control_plane.grpc.to_string();
    let mut openssl = Command::new("openssl");
    let arguments = [
        "s_client",
        "-connect",
        &address,
        "-CAfile",
        &authority.file,
        "-verify_return_error",
        "-verify_ip",
        &ip,
        "-alpn",
        "h2",
    ];
    let Ok(true) = std::process::Command::new("openssl").arg("version").output().map(|output| output.status.success())
    else {
        eprintln!("SKIPPED: openssl is not installed");
        return;
    };
    let said = ctl::run(openssl.args(arguments), "").await.ok().stdout;
    assert!(said.contains("ALPN protocol: h2") && said.contains("Verify return code: 0"), "{said}");
    let mut openssl = Command::new("openssl");
    let old = ["s_client", "-connect", &address, "-CAfile", &authority.file, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"];
    assert_ne!(ctl::run(openssl.args(old), "").await.code, 0, "TLS 1.1 was spoken");
}

#[tokio::test]
async fn a_certificate_of_another_name_or_time_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new(dir.path(), "authority");
    let trust = ["--control-plane-ca", authority.file.as_str()];
    let ip = loopback::fresh().to_string();
    for (pair, says) in [
        (authority.sign("other", &["other.test", "127.0.0.1"]), "NotValidForName"),
        (authority.sign_until("old", &[&ip], 2020), "Expired"),
    ] {
        let control_plane = Encrypted::start(&dir.path().join(says), &ip, &tls(&pair)).await;
        control_plane.status(&trust).await.exits(5);
        let url = control_plane.url();
        let args = [&trust[..], &["--token-file", &control_plane.token]].concat();
        let mut data_plane = DataPlane::listening("careful", &url, &args).await;
        eventually("the data plane says why", async || data_plane.log().contains("certificate").then_some(())).await;
        data_plane.kill().await;
    }
}

#[tokio::test]
async fn clients_show_their_certificates_where_they_have_to() {
    let dir = tempfile::tempdir().unwrap();
    let ip = loopback::fresh().to_string();
    let (authority, clients) = (Authority::new(dir.path(), "authority"), Authority::new(dir.path(), "clients"));
    let pair = authority.sign("control-plane", &[&ip]);
    let mutual = [&tls(&pair)[..], &["--tls-client-ca", &clients.file]].concat();
    let control_plane = Encrypted::start(&dir.path().join("store"), &ip, &mutual).await;
    let trust = ["--control-plane-ca", authority.file.as_str()];
    let with = |pair: &Pair| {
        let pair = pair.clone();
        [trust[0].to_owned(), trust[1].to_owned(), "--client-cert".into(), pair.cert, "--client-key".into(), pair.key]
    };
    let (good, wrong, old) =
        (clients.sign("ops", &["ops"]), authority.sign("ops", &["ops"]), clients.sign_until("old", &["old"], 2020));
    let args = with(&good);
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    control_plane.status(&args).await.ok();
    control_plane.status(&trust).await.exits(5);
    for bad in [&wrong, &old] {
        let args = with(bad);
        control_plane.status(&args.iter().map(String::as_str).collect::<Vec<_>>()).await.exits(5);
    }
    DataPlane::ready("mutual", &control_plane.url(), &args).await.kill().await;
    // The certificate is asked for beside the token, not in its place.
    let mut command = Command::new(GATEWAYCTL);
    let token = format!("gwt_{}_{}", "0".repeat(12), "1".repeat(64));
    command.args(["--server", &control_plane.url(), "status"]).args(&args).env("GATEWAY_TOKEN", token);
    ctl::run(&mut command, "").await.exits(1).says(&["needs a valid token"]);
    control_plane.process.terminate().await;

    // Where there are no tokens, it says who somebody was.
    let insecure = [&mutual[..], &["--insecure"]].concat();
    let control_plane = Encrypted::start(&dir.path().join("open"), &ip, &insecure).await;
    let mut command = Command::new(GATEWAYCTL);
    command.args(["--server", &control_plane.url()]).args(&args);
    ctl::run(command.args(["service", "register", "shop", "--host", "shop.test"]), "").await.ok();
    let mut command = Command::new(GATEWAYCTL);
    command.args(["--server", &control_plane.url()]).args(&args);
    let audit = ctl::run(command.args(["-o", "json", "audit"]), "").await.ok().json();
    assert_eq!(audit[0]["by"], "mtls:ops", "{audit}");
}

#[tokio::test]
async fn certificates_are_read_anew_on_sighup() {
    let dir = tempfile::tempdir().unwrap();
    let ip = loopback::fresh().to_string();
    let (first, second) = (Authority::new(dir.path(), "first"), Authority::new(dir.path(), "second"));
    let pair = first.sign("control-plane", &[&ip]);
    let control_plane = Encrypted::start(&dir.path().join("store"), &ip, &tls(&pair)).await;
    control_plane.status(&["--control-plane-ca", &first.file]).await.ok();
    // What is wrong changes nothing.
    let next = second.sign("control-plane", &[&ip]);
    fs::copy(&next.cert, &pair.cert).unwrap();
    control_plane.process.signal(Signal::HUP);
    eventually("the mistake is told", async || control_plane.process.stderr().contains("--tls-key").then_some(()))
        .await;
    control_plane.status(&["--control-plane-ca", &first.file]).await.ok();
    fs::copy(&next.key, &pair.key).unwrap();
    control_plane.process.signal(Signal::HUP);
    eventually("the new certificate is shown", async || {
        (control_plane.status(&["--control-plane-ca", &second.file]).await.code == 0).then_some(())
    })
    .await;
    control_plane.status(&["--control-plane-ca", &first.file]).await.exits(5);
}

#[tokio::test]
async fn mistakes_with_certificates_exit_2_and_name_the_flag() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new(dir.path(), "authority");
    let (one, two) = (authority.sign("one", &["one.test"]), authority.sign("two", &["two.test"]));
    let junk = dir.path().join("junk");
    fs::write(&junk, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    let (junk, gone) = (junk.to_str().unwrap(), dir.path().join("gone"));
    let gone = gone.to_str().unwrap();
    let store = dir.path().join("store");
    let (free, store) = (format!("{}:0", loopback::fresh()), store.to_str().unwrap());
    let base = ["--listen", &free, "--http-listen", &free, "--data-dir", store];
    for (args, says) in [
        (vec!["--tls-cert", &one.cert], "--tls-key"),
        (vec!["--tls-key", &one.key], "--tls-cert"),
        (vec!["--tls-client-ca", &authority.file], "--tls-client-ca"),
        (vec!["--tls-cert", gone, "--tls-key", &one.key], "--tls-cert"),
        (vec!["--tls-cert", &one.key, "--tls-key", &one.key], "--tls-cert"),
        (vec!["--tls-cert", &one.cert, "--tls-key", &one.cert], "--tls-key"),
        (vec!["--tls-cert", &one.cert, "--tls-key", &two.key], "--tls-key"),
        (vec!["--tls-cert", &one.cert, "--tls-key", &one.key, "--tls-client-ca", junk], "--tls-client-ca"),
    ] {
        let mut command = Command::new(CONTROL_PLANE);
        command.args(base).args(&args);
        let exit = Process::spawn("a control plane", command).exit().await;
        assert_eq!(exit.code(), 2, "{args:?}: {}", exit.stderr);
        assert!(exit.stderr.contains(says), "{args:?}: {}", exit.stderr);
        assert_eq!(exit.stdout, "", "{args:?}");
    }
    for (args, says) in [
        (vec!["--control-plane-ca", gone], "--control-plane-ca"),
        (vec!["--control-plane-ca", junk], "--control-plane-ca"),
        (vec!["--control-plane-ca", &authority.file, "--client-cert", &one.cert], "--client-key"),
        (
            vec!["--control-plane-ca", &authority.file, "--client-cert", &one.cert, "--client-key", &two.key],
            "--client-key",
        ),
        (vec![], "--control-plane-ca"),
    ] {
        let mut command = Command::new(GATEWAYCTL);
        command.args(["--server", "https://127.0.0.1:9", "status"]).args(&args);
        ctl::run(&mut command, "").await.exits(2).says(&[says]);
    }
}
