//! Who may call, through all three programs: keys, passwords and tokens at every data plane.

use std::{fs, process::Command};

use tempfile::TempDir;

use crate::harness::{Gateway, Upstream, client, ctl, eventually};

const PASSWORD: &str = "correct horse battery";
/// Signs with HS256 and the secret that the key set has.
const SIGN: &str = r#"
import base64, hashlib, hmac, json, sys, time
part = lambda data: base64.urlsafe_b64encode(data).rstrip(b"=")
claims = {"iss": "https://issuer.test", "aud": "api", "sub": "bert", "groups": ["staff"], "exp": int(time.time()) + int(sys.argv[1])}
text = part(b'{"alg":"HS256","kid":"k"}') + b"." + part(json.dumps(claims).encode())
print((text + b"." + part(hmac.new(b"0123456789abcdef0123456789abcdef", text, hashlib.sha256).digest())).decode())
"#;

fn token(seconds: &str) -> String {
    let signed = Command::new("python3").args(["-c", SIGN, seconds]).output().unwrap();
    assert!(signed.status.success(), "{}", String::from_utf8_lossy(&signed.stderr));
    String::from_utf8(signed.stdout).unwrap().trim().to_owned()
}

struct Story {
    gateway: Gateway,
    /// Of key sets.
    _secrets: TempDir,
    _upstream: Upstream,
}

impl Story {
    /// Two data planes, and a service that only staff may call.
    async fn start() -> Self {
        let secrets = tempfile::tempdir().unwrap();
        let secret = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY";
        let keys = format!(r#"{{"keys":[{{"kty":"oct","kid":"k","alg":"HS256","k":"{secret}"}}]}}"#);
        fs::write(secrets.path().join("keys.json"), keys).unwrap();
        let dir: &'static str = secrets.path().to_str().unwrap().to_owned().leak();
        let gateway = Gateway::builder().data_planes(2).data_plane_args(&["--secrets-dir", dir]).start().await;
        let upstream = Upstream::start("served").await;
        gateway.register_unchecked("shop", "shop.test", &[&upstream]).await;
        let document = format!(
            "services:\n  - name: shop\n    hosts: [shop.test]\n    endpoints: [{{address: \"{}\"}}]\n    \
             health_check: {{disabled: true}}\n    auth:\n      methods: [{{api_key: {{header: X-Api-Key}}}}, \
             {{jwt: {{issuer: https://issuer.test, audience: [api], jwks_file: keys.json}}}}, {{basic: {{}}}}]\n      \
             allow: [{{group: staff}}]\n      deny: [{{consumer: mallory}}]\n",
            upstream.address
        );
        gateway.apply(&document).await.ok();
        Self { gateway, _secrets: secrets, _upstream: upstream }
    }

    /// What each data plane answers to a request with this field.
    async fn statuses(&self, name: &str, value: &str) -> Vec<u16> {
        let mut statuses = Vec::new();
        for plane in &self.gateway.data_planes {
            let request = client::request("GET", "shop.test", "/").header(name, value);
            statuses.push(client::send(plane.proxy, request, "").await.status);
        }
        statuses
    }
}

#[tokio::test]
async fn whoever_has_a_key_a_password_or_a_token_is_let_in_until_it_ends() {
    let story = Story::start().await;
    let run = async |args: &[&str]| story.gateway.ctl(args).await;
    let key = async |consumer: &str| run(&["-o", "json", "key", "create", consumer, "--wait"]).await.ok().json();
    for (name, group) in [("anna", "staff"), ("carl", "guests"), ("mallory", "staff")] {
        run(&["consumer", "create", name, "--group", group]).await.ok();
    }
    let [anna, carl, mallory] = [key("anna").await, key("carl").await, key("mallory").await];
    let secret = |key: &serde_json::Value| key["key"].as_str().unwrap().to_owned();

    let nobody = client::get(story.gateway.data_planes[0].proxy, "shop.test", "/").await;
    nobody.is_error(401, "unauthenticated");
    assert_eq!(story.statuses("X-Api-Key", &secret(&anna)).await, [200, 200]);
    assert_eq!(story.statuses("X-Api-Key", &secret(&carl)).await, [403, 403]);
    assert_eq!(story.statuses("X-Api-Key", &secret(&mallory)).await, [403, 403]);
    assert_eq!(story.statuses("X-Api-Key", &secret(&anna).to_uppercase()).await, [401, 401]);

    // Rotation: both are good, until the old one is revoked.
    let new = key("anna").await;
    assert_eq!(story.statuses("X-Api-Key", &secret(&anna)).await, [200, 200]);
    run(&["key", "revoke", anna["id"].as_str().unwrap(), "--wait"]).await.ok();
    assert_eq!(story.statuses("X-Api-Key", &secret(&anna)).await, [401, 401]);
    assert_eq!(story.statuses("X-Api-Key", &secret(&new)).await, [200, 200]);

    let url = story.gateway.control_plane.url();
    ctl::ctl_with_input(&url, &["consumer", "password", "anna", "--wait"], PASSWORD).await.ok();
    // anna:correct horse battery, and anna:wrong
    assert_eq!(story.statuses("Authorization", "Basic YW5uYTpjb3JyZWN0IGhvcnNlIGJhdHRlcnk=").await, [200, 200]);
    assert_eq!(story.statuses("Authorization", "Basic YW5uYTp3cm9uZw==").await, [401, 401]);

    let good = format!("Bearer {}", token("600"));
    eventually("the key set is read", async || {
        (story.statuses("Authorization", &good).await == [200, 200]).then_some(())
    })
    .await;
    assert_eq!(story.statuses("Authorization", &format!("Bearer {}", token("-600"))).await, [401, 401]);
    let (front, signature) = good.rsplit_once('.').unwrap();
    let forged: String = signature.chars().rev().collect();
    assert_eq!(story.statuses("Authorization", &format!("{front}.{forged}")).await, [401, 401]);

    run(&["consumer", "delete", "anna", "--wait"]).await.ok();
    assert_eq!(story.statuses("X-Api-Key", &secret(&new)).await, [401, 401]);
}
