//! Signed tokens, by the rules of a policy.

use std::{sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use gateway_auth::jwt::Keys;
use gateway_caching::Time;
use gateway_routing::route::{AuthClaim, AuthMethod, IdentityClaims, Jwks, Jwt, JwtAlgorithm};

use super::{NOW, subject, who};
use crate::{
    doors::tokens::Signer,
    jwks::tests::jwt,
    outside::tests::nobody,
    proxy::auth::{
        jwt::check,
        remote::{Event, Remote, WorkerRemote},
        subject::Shown,
    },
    secrets::Secrets,
};

/// A worker that knows the keys of a place.
struct Gate {
    all: Arc<Remote>,
    worker: WorkerRemote,
    place: Jwks,
}

impl Gate {
    fn of(members: &[String]) -> Self {
        Self::remembering(members, 1 << 22)
    }

    fn remembering(members: &[String], memory: u64) -> Self {
        let all = Arc::new(Remote::new(nobody(), Secrets::default(), memory));
        let gate = Self { worker: all.for_worker(), all, place: Jwks::File("keys.json".into()) };
        gate.put(members);
        gate
    }

    fn put(&self, members: &[String]) {
        let keys = Keys::parse(format!(r#"{{"keys":[{}]}}"#, members.join(",")).as_bytes()).unwrap();
        self.all.sources().put(&self.place, keys, NOW);
    }

    fn policy(&self) -> Jwt {
        jwt(self.place.clone())
    }

    fn check(&self, policy: &Arc<Jwt>, token: &str, now: i64) -> Shown {
        check(&self.worker, policy, &[], token.as_bytes(), Time::from_seconds(now))
    }

    fn known(&self) -> u64 {
        self.all.totals(NOW).verdicts
    }
}

const AT: i64 = NOW.seconds();

fn claims(more: &str) -> String {
    format!(r#"{{"iss":"https://issuer.test","aud":"api","exp":{},"sub":"alice"{more}}}"#, AT + 100)
}

#[test]
fn tokens_of_every_algorithm_are_accepted_and_each_key_is_for_its_own() {
    let signers = JwtAlgorithm::ALL.map(|algorithm| (algorithm, Signer::new(algorithm)));
    let members: Vec<_> = signers.iter().map(|(algorithm, signer)| signer.jwk(algorithm.name())).collect();
    let gate = Gate::of(&members);
    let policy = Arc::new(gate.policy());
    for (algorithm, signer) in &signers {
        let token = signer.token(algorithm.name(), &claims(""));
        assert_eq!(who(&gate.check(&policy, &token, AT)), Some((Some("alice"), vec![])), "{algorithm:?}");
        let only = Arc::new(Jwt { algorithms: [*algorithm].into(), ..gate.policy() });
        for (other, signer) in &signers {
            let shown = gate.check(&only, &signer.token(other.name(), &claims("")), AT);
            assert_eq!(subject(&shown).is_some(), algorithm == other, "{other:?} where there is only {algorithm:?}");
            // A header that names another algorithm than its signature's, by the key of either.
            if algorithm != other {
                for id in [algorithm, other].map(|id| id.name()) {
                    let header = format!(r#"{{"alg":"{}","kid":"{id}"}}"#, algorithm.name());
                    let confused = signer.sign(&header, &claims(""));
                    assert!(subject(&gate.check(&policy, &confused, AT)).is_none(), "{header} by {other:?}");
                }
            }
        }
    }
}

#[test]
fn what_everybody_can_make_is_refused() {
    let es256 = Signer::new(JwtAlgorithm::Es256);
    let gate = Gate::of(&[es256.jwk("1")]);
    let policy = Arc::new(gate.policy());
    let good = es256.token("1", &claims(""));
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    // RFC 8725 section 2.1: no signature, and one by what is public of the key.
    for wrong in [
        format!("{}.{}.", part(r#"{"alg":"none"}"#), part(&claims(""))),
        format!("{}.{}.{signature}", part(r#"{"alg":"none","kid":"1"}"#), part(&claims(""))),
        format!("{}.{}.{signature}", part(r#"{"alg":"ES256","kid":"1"}"#), part(&claims(r#","admin":true"#))),
        format!("{signed}.{}", "A".repeat(86)),
        Signer::new(JwtAlgorithm::Hs256).token("1", &claims("")),
        Signer::new(JwtAlgorithm::Es256).token("1", &claims("")),
        es256.token("2", &claims("")),
        es256.sign(r#"{"alg":"ES256","kid":"1","crit":["b64"],"b64":true}"#, &claims("")),
        es256.sign(r#"{"alg":"ES256","kid":"1","typ":"logout+jwt"}"#, &claims("")),
        format!("{good}."),
        format!("{good}="),
        good.to_uppercase(),
        String::new(),
        "x".repeat(100_000),
    ] {
        assert!(matches!(gate.check(&policy, &wrong, AT), Shown::Refused), "{wrong}");
    }
    assert_eq!(gate.known(), 0, "who cannot sign takes up nothing");
    assert!(subject(&gate.check(&policy, &good, AT)).is_some());
    assert_eq!(gate.known(), 1);
}

#[test]
fn claims_are_held_against_the_policy() {
    let signer = Signer::new(JwtAlgorithm::EdDsa);
    let gate = Gate::of(&[signer.jwk("1")]);
    let required = [AuthClaim { name: "scope".into(), value: Some("read".into()) }];
    let strict = Arc::new(Jwt {
        audience: ["api".into(), "web".into()].into(),
        required_claims: required.into(),
        ..gate.policy()
    });
    let anybody = Arc::new(Jwt { audience: [].into(), ..gate.policy() });
    let of = |audience: &str, more: &str| {
        let exp = AT + 100;
        signer.token("1", &format!(r#"{{"iss":"https://issuer.test",{audience}"exp":{exp},"sub":"alice"{more}}}"#))
    };
    for (audience, more, by_strict, by_anybody) in [
        (r#""aud":"web","#, r#","scope":"read""#, true, false),
        (r#""aud":["x","api"],"#, r#","scope":["write","read"]"#, true, false),
        (r#""aud":["x"],"#, r#","scope":"read""#, false, false),
        (r#""aud":[],"#, r#","scope":"read""#, false, false),
        (r#""aud":["api",1],"#, r#","scope":"read""#, false, false),
        (r#""aud":"api","#, "", false, false),
        (r#""aud":"api","#, r#","scope":"readers""#, false, false),
        ("", r#","scope":"read""#, false, true),
    ] {
        let token = of(audience, more);
        for (policy, expected) in [(&strict, by_strict), (&anybody, by_anybody), (&strict, by_strict)] {
            assert_eq!(subject(&gate.check(policy, &token, AT)).is_some(), expected, "{audience} {more}");
        }
    }
    let another = Arc::new(Jwt { issuer: "https://another.test".into(), ..gate.policy() });
    let token = of(r#""aud":"api","#, "");
    assert!(subject(&gate.check(&Arc::new(gate.policy()), &token, AT)).is_some());
    assert!(matches!(gate.check(&another, &token, AT), Shown::Refused), "what one policy accepts is no other's");
}

#[test]
fn a_token_is_good_to_the_second_whether_it_is_known_or_not() {
    let signer = Signer::new(JwtAlgorithm::EdDsa);
    let policy = |gate: &Gate| Arc::new(Jwt { leeway: Duration::from_secs(5), ..gate.policy() });
    let text = format!(
        r#"{{"iss":"https://issuer.test","aud":"api","exp":{},"nbf":{},"iat":{}}}"#,
        AT + 100,
        AT - 100,
        AT - 50
    );
    let token = signer.token("1", &text);
    // The first one remembers everything, the second nothing.
    for memory in [1 << 22, 0] {
        let gate = Gate::remembering(&[signer.jwk("1")], memory);
        let policy = policy(&gate);
        for (at, good) in
            [(AT, true), (AT + 104, true), (AT + 105, false), (AT - 55, true), (AT - 56, false), (AT, true)]
        {
            assert_eq!(subject(&gate.check(&policy, &token, at)).is_some(), good, "{memory} {}", at - AT);
        }
        assert_eq!(gate.known(), u64::from(memory > 0));
    }
}

#[test]
fn keys_that_go_take_their_tokens_along() {
    let (old, new) = (Signer::new(JwtAlgorithm::EdDsa), Signer::new(JwtAlgorithm::EdDsa));
    let gate = Gate::of(&[old.jwk("old")]);
    let policy = Arc::new(gate.policy());
    let tokens = [old.token("old", &claims("")), new.token("new", &claims(""))];
    let good = || tokens.each_ref().map(|token| subject(&gate.check(&policy, token, AT)).is_some());
    assert_eq!(good(), [true, false]);
    gate.put(&[old.jwk("old"), new.jwk("new")]);
    assert_eq!(good(), [true, true]);
    gate.put(&[new.jwk("new")]);
    assert_eq!(good(), [false, true]);
}

#[test]
fn before_there_is_a_set_nothing_is_known_but_what_no_key_is_needed_for() {
    let all = Arc::new(Remote::new(nobody(), Secrets::default(), 1 << 20));
    let worker = all.for_worker();
    let policy = Arc::new(jwt(Jwks::File("keys.json".into())));
    let signer = Signer::new(JwtAlgorithm::EdDsa);
    let token = signer.token("1", &claims(""));
    let shown = |token: &str| check(&worker, &policy, &[], token.as_bytes(), NOW);
    // Nobody keeps them yet.
    assert!(matches!(shown(&token), Shown::Unknown));
    all.sources().name(&policy.jwks);
    assert!(matches!(shown("a.b.c"), Shown::Refused));
    assert!(matches!(shown(&signer.token("1", r#"{"iss":"https://other.test"}"#)), Shown::Refused));
    assert!(!all.sources().is_newer_wanted(&policy.jwks));
    assert!(matches!(shown(&token), Shown::Unknown));
    assert!(all.sources().is_newer_wanted(&policy.jwks), "it is looked for at once");
    let keys = Keys::parse(format!(r#"{{"keys":[{}]}}"#, signer.jwk("1")).as_bytes()).unwrap();
    all.sources().put(&policy.jwks, keys, NOW);
    assert!(matches!(shown(&token), Shown::Accepted(_)));
}

#[test]
fn a_key_may_be_another_one_under_its_old_id() {
    let (old, new) = (Signer::new(JwtAlgorithm::EdDsa), Signer::new(JwtAlgorithm::EdDsa));
    let gate = Gate::of(&[old.jwk("1")]);
    let policy = Arc::new(gate.policy());
    let wants = |token: &str| {
        assert!(matches!(gate.check(&policy, token, AT), Shown::Refused), "{token}");
        gate.all.sources().is_newer_wanted(&gate.place)
    };
    assert!(wants(&new.token("1", &claims(""))) && wants(&new.token("2", &claims(""))));
    let unnamed = new.sign(r#"{"alg":"EdDSA"}"#, &claims(""));
    assert!(wants(&unnamed));
    // What no key would make good.
    assert!(!wants("a.b.c") && !wants(&old.token("1", "{}")));
}

#[test]
fn of_several_issuers_each_is_asked_about_its_own_tokens() {
    let signers = [Signer::new(JwtAlgorithm::EdDsa), Signer::new(JwtAlgorithm::EdDsa)];
    let gate = Gate::of(&[signers[0].jwk("1")]);
    let other = Jwks::File("other.json".into());
    let keys = Keys::parse(format!(r#"{{"keys":[{}]}}"#, signers[1].jwk("1")).as_bytes()).unwrap();
    gate.all.sources().put(&other, keys, NOW);
    let ours = Arc::new(gate.policy());
    let theirs = Arc::new(Jwt { issuer: "https://other.test".into(), ..jwt(other.clone()) });
    let all = [&ours, &theirs].map(|policy| AuthMethod::Jwt(Arc::clone(policy)));
    let shown = |policy, token: &str| check(&gate.worker, policy, &all, token.as_bytes(), NOW);
    let tokens = [&signers[0], &signers[1]].map(|signer| signer.token("1", &claims("")));
    let theirs_too = signers[1].token("1", &claims("").replace("issuer.test", "other.test"));
    for _ in 0..2 {
        assert!(matches!(shown(&ours, &tokens[0]), Shown::Accepted(_)));
        assert!(matches!(shown(&theirs, &tokens[0]), Shown::Refused));
        assert!(matches!(shown(&ours, &theirs_too), Shown::Refused), "alone, it would have to say so, too");
        assert!(matches!(shown(&theirs, &theirs_too), Shown::Accepted(_)));
    }
    let is_wanted = || [&gate.place, &other].map(|place| gate.all.sources().is_newer_wanted(place));
    let refused = || gate.all.totals(NOW).events[Event::JwtRefused as usize];
    assert_eq!((is_wanted(), refused()), ([false, false], 0), "neither looks for what is the other's");
    assert!(matches!(shown(&ours, &tokens[1]), Shown::Refused));
    assert_eq!((is_wanted(), refused()), ([true, false], 1));
}

#[test]
fn whose_a_token_is_and_in_which_groups_its_claims_say() {
    let signer = Signer::new(JwtAlgorithm::EdDsa);
    let gate = Gate::of(&[signer.jwk("1")]);
    let identity = IdentityClaims { consumer: "client_id".into(), groups: "roles".into() };
    let policies = [Arc::new(gate.policy()), Arc::new(Jwt { claims: identity, ..gate.policy() })];
    let long = "x".repeat(257);
    for (more, by_default, by_other) in [
        (
            r#","groups":["b","a","b"],"client_id":"web""#.to_owned(),
            Some((Some("alice"), vec!["a", "b"])),
            Some((Some("web"), vec![])),
        ),
        (
            r#","groups":"b  a","roles":["x y"]"#.into(),
            Some((Some("alice"), vec!["a", "b"])),
            Some((None, vec!["x y"])),
        ),
        // Numbers and truth values have one text each.
        (
            r#","groups":["a",1],"roles":true,"client_id":7"#.into(),
            Some((Some("alice"), vec!["1", "a"])),
            Some((Some("7"), vec!["true"])),
        ),
        (r#","groups":null,"roles":"","client_id":null"#.into(), Some((Some("alice"), vec![])), Some((None, vec![]))),
        (r#","roles":["y"],"client_id":"""#.into(), Some((Some("alice"), vec![])), Some((None, vec!["y"]))),
        // What is there and cannot be read is not nobody.
        (r#","client_id":7.5"#.into(), Some((Some("alice"), vec![])), None),
        (r#","client_id":["web"]"#.into(), Some((Some("alice"), vec![])), None),
        (r#","client_id":{"id":"web"}"#.into(), Some((Some("alice"), vec![])), None),
        (r#","groups":{"a":1},"roles":["a",[]]"#.into(), None, None),
        (r#","groups":["a",null],"roles":["",3]"#.into(), None, None),
        (r#","client_id":"a\nb","groups":"a\nb""#.into(), None, None),
        (r#","roles":["a\r\nb","c"]"#.into(), Some((Some("alice"), vec![])), None),
        (format!(r#","client_id":"{long}""#), Some((Some("alice"), vec![])), None),
        (format!(r#","groups":["{long}"]"#), None, Some((None, vec![]))),
    ] {
        let token = signer.token("1", &claims(&more));
        let shown = policies.each_ref().map(|policy| gate.check(policy, &token, AT));
        assert_eq!((who(&shown[0]), who(&shown[1])), (by_default, by_other), "{more}");
        assert!(shown.iter().all(|shown| matches!(shown, Shown::Accepted(_) | Shown::Refused)), "{more}");
    }
    // The same one each time, on whichever worker.
    let token = signer.token("1", &claims(""));
    let first = gate.check(&policies[0], &token, AT);
    let again = check(&gate.all.for_worker(), &Arc::new(gate.policy()), &[], token.as_bytes(), NOW);
    assert!(matches!((first, again), (Shown::Accepted(one), Shown::Accepted(other)) if Arc::ptr_eq(&one, &other)));
}

#[test]
fn what_is_known_has_a_bound_however_many_tokens_there_are() {
    let signer = Signer::new(JwtAlgorithm::Hs256);
    let memory = 1 << 20;
    let gate = Gate::remembering(&[signer.jwk("1")], memory);
    let policy = Arc::new(gate.policy());
    for number in 0..3000 {
        let token = signer.token("1", &claims(&format!(r#","jti":"{number}","pad":"{}""#, "x".repeat(number % 2000))));
        assert!(subject(&gate.check(&policy, &token, AT)).is_some());
    }
    let totals = gate.all.totals(NOW);
    assert!(totals.verdict_bytes <= memory && totals.verdicts > 50, "{totals:?}");
}

#[test]
fn policies_that_no_table_has_are_forgotten_by_workers() {
    let signer = Signer::new(JwtAlgorithm::Hs256);
    let gate = Gate::of(&[signer.jwk("1")]);
    let token = signer.token("1", &claims(""));
    let policy = Arc::new(gate.policy());
    // Several workers meet it: none of them keeps it for the others' sake.
    let workers = [gate.all.for_worker(), gate.all.for_worker()];
    let prepared = || {
        workers.iter().for_each(WorkerRemote::tidy);
        workers.each_ref().map(WorkerRemote::prepared)
    };
    for worker in &workers {
        assert!(subject(&check(worker, &policy, &[], token.as_bytes(), NOW)).is_some());
    }
    assert_eq!(prepared(), [1, 1], "it is in a table");
    drop(policy);
    assert_eq!(prepared(), [0, 0]);
}
