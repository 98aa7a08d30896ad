//! A server of key sets that is down, slow, too large, rotated and poisoned; files that come, change and go.

use std::{fs, sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use gateway_auth::jwt::{Keys, MAX_JWKS, Refused, Rules, verify};
use gateway_routing::route::{
    Auth, AuthMethod, CredentialPlace, Identity, IdentityClaims, Jwks, Jwt, JwtAlgorithm, Policies, Policy,
};
use http::header::AUTHORIZATION;
use tokio::{sync::watch, time::Instant};
use tokio_util::task::AbortOnDropHandle;

use super::{Means, Sources, keep, pace::Patience};
use crate::{
    discovery::Status,
    doors::tokens::Signer,
    outside::{
        Outside,
        tests::{Reply, Server, nobody, until},
    },
    secrets::Secrets,
    table::{Changes, Entry, RoutingTable, tests},
};

/// A policy for tokens by the keys of this place.
pub(crate) fn jwt(jwks: Jwks) -> Jwt {
    Jwt {
        issuer: "https://issuer.test".into(),
        audience: ["api".into()].into(),
        jwks,
        algorithms: [].into(),
        leeway: Duration::from_secs(60),
        required_claims: [].into(),
        claims: IdentityClaims { consumer: "sub".into(), groups: "groups".into() },
        place: CredentialPlace::Header(AUTHORIZATION),
    }
}

fn policies(places: &[Jwks]) -> Policies {
    let auth = Auth {
        methods: places.iter().map(|place| AuthMethod::Jwt(Arc::new(jwt(place.clone())))).collect(),
        anonymous: false,
        allow: [].into(),
        deny: [].into(),
        keep_credentials: false,
        shadow: false,
        identity: Identity { consumer_header: None, groups_header: None, claims: [].into() },
        realm: "gateway".into(),
    };
    Policies { auth: Policy::On(auth.into()), ..Policies::default() }
}

/// Tables of which each service takes keys from such places.
struct Tables {
    table: RoutingTable,
    status: watch::Sender<Status>,
    sources: Arc<Sources>,
    _keeper: AbortOnDropHandle<()>,
}

impl Tables {
    fn start(patience: Patience, secrets: Secrets) -> Self {
        let (status, discovered) = watch::channel(Status::default());
        let sources = Arc::<Sources>::default();
        let means = Means { outside: Outside::new(&nobody()), secrets, patience };
        let keeper = AbortOnDropHandle::new(tokio::spawn(keep(discovered, Arc::clone(&sources), means)));
        Self { table: RoutingTable::default(), status, sources, _keeper: keeper }
    }

    /// The service has this policy from now on; none goes.
    fn put(&mut self, service: &str, places: Option<&[Jwks]>) {
        let entry = places.map(|places| {
            let service = crate::table::Service { policies: policies(places), ..tests::service(service) };
            Arc::new(Entry { service: Arc::new(service), hosts: [].into(), endpoints: [].into() })
        });
        let changes = Changes { services: [(service.into(), entry)].into(), ..Changes::default() };
        self.table = self.table.amend(tests::stamp(1), &changes).unwrap();
        self.status.send_modify(|status| status.table = Arc::new(self.table.clone()));
    }

    fn names(&self) -> Vec<String> {
        self.sources.totals(gateway_caching::Time::from_millis(0)).into_keys().collect()
    }

    fn failed(&self, name: &str) -> u64 {
        self.sources.totals(gateway_caching::Time::from_millis(0)).get(name).map_or(0, |total| total.failed)
    }

    /// Whether the place's newest set has a key of this id.
    fn knows(&self, place: &Jwks, id: &str) -> bool {
        let Some(view) = self.sources.view(place) else { return false };
        let set = view.current();
        set.as_ref().is_some_and(|set| knows(&set.keys, id))
    }
}

/// Whether there is a key of this id: if so, it is tried.
fn knows(keys: &Keys, id: &str) -> bool {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let tried = |algorithm: &&str| {
        let header = format!(r#"{{"alg":"{algorithm}","kid":"{id}"}}"#);
        let token = format!("{}.{}.{}", part(&header), part("{}"), part("no signature"));
        verify(token.as_bytes(), keys, &Rules::default(), 0) == Err(Refused::Signature)
    };
    ["ES256", "HS256"].iter().any(tried)
}

/// One that lets a test be short.
fn quick() -> Patience {
    let (short, long) = (Duration::from_millis(20), Duration::from_secs(3600));
    Patience {
        lifetime: long..=long,
        default_lifetime: long,
        retry: short..=short,
        wanted: short,
        file: short,
        answer: Duration::from_millis(200),
    }
}

/// That also looks for a newer set all the time.
fn restless() -> Patience {
    let short = Duration::from_millis(20);
    Patience { lifetime: short..=short, default_lifetime: short, ..quick() }
}

fn set(members: &[String]) -> String {
    format!(r#"{{"keys":[{}]}}"#, members.join(","))
}

fn es256(id: &str) -> String {
    Signer::new(JwtAlgorithm::Es256).jwk(id)
}

#[tokio::test]
async fn a_set_is_asked_for_as_json_and_once_whoever_goes_by_it() {
    let server = Server::start(Reply::ok(&set(&[es256("a")]))).await;
    let place = Jwks::Url(server.url("/jwks?tenant=secret"));
    let mut tables = Tables::start(quick(), Secrets::default());
    tables.put("one", Some(std::slice::from_ref(&place)));
    tables.put("two", Some(&[place.clone(), place.clone()]));
    until(|| tables.knows(&place, "a")).await;
    tables.put("one", None);
    tables.put("one", Some(std::slice::from_ref(&place)));
    tables.put("two", None);
    assert_eq!(tables.names(), [format!("http://{}/jwks", server.address)]);
    tables.put("one", None);
    until(|| tables.names().is_empty()).await;
    let asked = server.asked();
    assert_eq!(asked.len(), 1);
    assert!(
        asked[0].starts_with("GET /jwks?tenant=secret HTTP/1.1\r\n")
            && asked[0].contains("accept: application/jwk-set+json")
    );
    assert!(!tables.knows(&place, "a"));
}

#[tokio::test]
async fn whatever_comes_that_is_no_set_the_last_good_one_stays() {
    let server = Server::start(Reply::Hang).await;
    let place = Jwks::Url(server.url("/"));
    let name = super::name_of(&place);
    let mut tables = Tables::start(restless(), Secrets::default());
    tables.put("one", Some(std::slice::from_ref(&place)));
    until(|| tables.failed(&name) > 0).await;
    assert!(tables.sources.view(&place).is_some_and(|view| view.current().is_none()), "there is none before the first");
    server.now(Reply::ok(&set(&[es256("good")])));
    until(|| tables.knows(&place, "good")).await;
    let (good, secret) = (es256("poison"), Signer::new(JwtAlgorithm::Hs256).jwk("poison"));
    let private = good.replacen('{', r#"{"d":"AQAB","#, 1);
    let huge = format!("{}{}", " ".repeat(MAX_JWKS), set(std::slice::from_ref(&good)));
    let elsewhere = format!("Location: {}\r\n", server.url("/other"));
    for (why, reply) in [
        ("down", Reply::Cut),
        ("slow", Reply::Hang),
        ("slower", Reply::Halfway),
        ("endless", Reply::Endless),
        ("huge", Reply::ok(&huge)),
        ("redirecting", Reply::of("302 Found", &elsewhere, &set(std::slice::from_ref(&good)))),
        ("failing", Reply::of("500 Internal Server Error", "", &set(std::slice::from_ref(&good)))),
        ("no JSON", Reply::ok("<html>")),
        ("no set", Reply::ok(&good)),
        ("a member twice", Reply::ok(&format!(r#"{{"keys":[],"keys":[{good}]}}"#))),
        ("no keys", Reply::ok(&set(&[]))),
        ("a secret", Reply::ok(&set(&[good.clone(), secret]))),
        ("a private key", Reply::ok(&set(&[private]))),
        ("one key, twice", Reply::ok(&set(&[good.clone(), es256("poison")]))),
    ] {
        server.now(reply);
        // One may have been under way; the second one is certain to be of this kind.
        let failed = tables.failed(&name);
        until(|| tables.failed(&name) >= failed + 2).await;
        assert!(tables.knows(&place, "good") && !tables.knows(&place, "poison"), "{why}");
    }
    server.now(Reply::ok(&set(&[es256("new")])));
    until(|| tables.knows(&place, "new")).await;
    assert!(!tables.knows(&place, "good"));
}

#[tokio::test]
async fn a_token_of_a_key_that_is_not_there_has_the_set_fetched_but_not_too_often() {
    let server = Server::start(Reply::ok(&set(&[es256("old")]))).await;
    let place = Jwks::Url(server.url("/"));
    let wanted = Duration::from_millis(150);
    let mut tables = Tables::start(Patience { wanted, ..quick() }, Secrets::default());
    tables.put("one", Some(std::slice::from_ref(&place)));
    until(|| tables.knows(&place, "old")).await;
    let view = tables.sources.view(&place).unwrap();
    let generation = view.current().as_ref().unwrap().generation;
    server.now(Reply::ok(&set(&[es256("new")])));
    let began = Instant::now();
    view.want_newer();
    until(|| tables.knows(&place, "new")).await;
    assert!(view.current().as_ref().is_some_and(|set| set.generation != generation && knows(&set.keys, "new")));
    // However many of these come, two fetches are so far apart.
    until(|| {
        view.want_newer();
        server.asked().len() >= 5
    })
    .await;
    assert!(began.elapsed() >= 3 * wanted);
    let generation = view.current().as_ref().unwrap().generation;
    until(|| tables.sources.totals(gateway_caching::Time::from_millis(0)).values().all(|total| total.succeeded >= 5))
        .await;
    assert_eq!(view.current().as_ref().unwrap().generation, generation, "what is the same stays the same");
}

#[tokio::test]
async fn a_file_is_taken_up_as_it_changes_and_stays_in_force_when_it_goes() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("keys.json");
    let place = Jwks::File("keys.json".into());
    let secrets = Secrets::open(Some(directory.path().to_owned())).unwrap();
    let mut tables = Tables::start(quick(), secrets);
    tables.put("one", Some(&[place.clone(), Jwks::File("other.json".into())]));
    until(|| tables.failed("file:keys.json") > 0).await;
    fs::write(&file, set(&[es256("a")])).unwrap();
    until(|| tables.knows(&place, "a")).await;
    // Of the same length, and perhaps within a tick of the file's times.
    fs::write(&file, set(&[es256("b")])).unwrap();
    until(|| tables.knows(&place, "b")).await;
    for trouble in [Some(String::new()), Some("{".to_owned()), None] {
        match trouble {
            Some(content) => fs::write(&file, content).unwrap(),
            None => fs::remove_file(&file).unwrap(),
        }
        let failed = tables.failed("file:keys.json");
        until(|| tables.failed("file:keys.json") >= failed + 2).await;
        assert!(tables.knows(&place, "b"));
    }
    // A secret may be in a file, where it is nobody else's.
    fs::write(&file, set(&[Signer::new(JwtAlgorithm::Hs256).jwk("c")])).unwrap();
    until(|| tables.knows(&place, "c")).await;
    assert_eq!(tables.names(), ["file:keys.json", "file:other.json"]);
}

#[tokio::test]
async fn a_set_of_the_policy_itself_is_there_at_once() {
    let place = Jwks::Inline(set(&[es256("a")]).into());
    let mut tables = Tables::start(quick(), Secrets::default());
    tables.put("one", Some(&[place.clone(), Jwks::Inline("{}".into())]));
    until(|| tables.knows(&place, "a")).await;
    // Of those with one name, the worse is told.
    until(|| tables.failed("inline") == 1).await;
    let totals = tables.sources.totals(gateway_caching::Time::from_millis(0));
    assert_eq!((totals["inline"].keys, totals["inline"].age, totals["inline"].succeeded), (0, None, 1));
}
