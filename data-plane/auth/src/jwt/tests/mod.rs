//! A case for each rule that a token can break.

mod examples;
mod sets;

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use proptest::prelude::{any, prop, proptest};

use super::{Algorithm, Claims, Keys, MAX_TOKEN, Refused, Rules, verify};
use crate::Json;

const SECRET: &str = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
const MODULUS: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
const POINT: &str =
    r#""x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0""#;
const PAYLOAD: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
/// A second before the examples expire.
const THEN: i64 = 1_300_819_379;

fn keys(members: &str) -> Keys {
    Keys::parse(format!(r#"{{"keys":[{members}]}}"#).as_bytes()).unwrap()
}

fn secret() -> Keys {
    keys(&format!(r#"{{"kty":"oct","k":"{SECRET}"}}"#))
}

fn exact() -> Rules {
    Rules { leeway: std::time::Duration::ZERO, ..Rules::default() }
}

/// A token that is signed with the secret of RFC 7515, whatever it says.
fn signed(header: &str, claims: &str) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = signature(hmac::HMAC_SHA256, &URL_SAFE_NO_PAD.decode(SECRET).unwrap(), &signed);
    format!("{signed}.{signature}")
}

fn signature(hash: hmac::Algorithm, secret: &[u8], signed: &str) -> String {
    URL_SAFE_NO_PAD.encode(hmac::sign(&hmac::Key::new(hash, secret), signed.as_bytes()))
}

fn refusal(token: &str, rules: &Rules, now: i64) -> Option<Refused> {
    verify(token.as_bytes(), &secret(), rules, now).err()
}

const HS256: &str = r#"{"alg":"HS256"}"#;

#[test]
fn a_public_key_is_no_secret() {
    // RFC 8725 section 2.1: signed by HMAC with what everybody knows of an RSA key.
    let rsa = keys(&format!(r#"{{"kty":"RSA","n":"{MODULUS}","e":"AQAB","kid":"1"}}"#));
    let body = format!("{}.{PAYLOAD}", URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","kid":"1"}"#));
    for secret in [MODULUS.as_bytes().to_vec(), URL_SAFE_NO_PAD.decode(MODULUS).unwrap()] {
        let token = format!("{body}.{}", signature(hmac::HMAC_SHA256, &secret, &body));
        assert_eq!(verify(token.as_bytes(), &rsa, &exact(), THEN), Err(Refused::Key));
    }
}

#[test]
fn a_header_that_asks_for_something_else_is_refused() {
    for (header, refused) in [
        (r#"{"alg":"none"}"#, Refused::Algorithm),
        (r#"{"alg":"None"}"#, Refused::Algorithm),
        (r#"{"alg":"hs256"}"#, Refused::Algorithm),
        (r#"{"alg":"HS257"}"#, Refused::Algorithm),
        (r#"{"alg":""}"#, Refused::Algorithm),
        (r#"{"typ":"JWT"}"#, Refused::Algorithm),
        (r#"{"alg":1}"#, Refused::Json),
        (r#"{"alg":["HS256"]}"#, Refused::Json),
        (r#"{"alg":"HS256","alg":"HS256"}"#, Refused::Json),
        (r#"{"alg":"HS256","kid":1}"#, Refused::Json),
        (r#"["HS256"]"#, Refused::Json),
        ("HS256", Refused::Json),
        (r#"{"alg":"HS256","crit":["exp"],"exp":1}"#, Refused::Critical),
        (r#"{"alg":"HS256","crit":[]}"#, Refused::Critical),
        (r#"{"alg":"HS256","b64":false}"#, Refused::Critical),
        (r#"{"alg":"HS256","b64":true}"#, Refused::Critical),
        (r#"{"alg":"HS256","typ":"logout+jwt"}"#, Refused::Type),
        (r#"{"alg":"HS256","typ":"JOSE+JSON"}"#, Refused::Type),
        (r#"{"alg":"HS256","kid":"unknown"}"#, Refused::Key),
        (r#"{"alg":"HS512"}"#, Refused::Signature),
    ] {
        assert_eq!(refusal(&signed(header, r#"{"exp":10}"#), &exact(), 0), Some(refused), "{header}");
    }
    for header in [HS256, r#"{"alg":"HS256","typ":"jwt"}"#, r#"{"alg":"HS256","typ":"application/at+JWT","x":{}}"#] {
        assert_eq!(refusal(&signed(header, r#"{"exp":10}"#), &exact(), 0), None, "{header}");
    }
}

#[test]
fn a_header_cannot_bring_its_own_key() {
    let header = format!(r#"{{"alg":"HS256","jwk":{{"kty":"oct","k":"{SECRET}"}},"jku":"https://evil.test/"}}"#);
    let other = URL_SAFE_NO_PAD.encode([7; 32]);
    let keys = keys(&format!(r#"{{"kty":"oct","k":"{other}"}}"#));
    let token = signed(&header, r#"{"exp":10}"#);
    assert_eq!(verify(token.as_bytes(), &keys, &exact(), 0), Err(Refused::Signature));
}

#[test]
fn a_key_is_for_its_own_algorithm() {
    let token = signed(HS256, r#"{"exp":10}"#);
    let of = |algorithm: &str| keys(&format!(r#"{{"kty":"oct","k":"{SECRET}","alg":"{algorithm}"}}"#));
    assert_eq!(verify(token.as_bytes(), &of("HS512"), &exact(), 0), Err(Refused::Key));
    assert!(verify(token.as_bytes(), &of("HS256"), &exact(), 0).is_ok());
    let rules = Rules { algorithms: vec![Algorithm::Rs256, Algorithm::Es256], ..exact() };
    assert_eq!(refusal(&token, &rules, 0), Some(Refused::Algorithm));
}

#[test]
fn a_key_that_is_named_is_the_only_one_that_is_tried() {
    let other = URL_SAFE_NO_PAD.encode([7; 32]);
    let members = format!(r#"{{"kty":"oct","kid":"a","k":"{other}"}},{{"kty":"oct","kid":"b","k":"{SECRET}"}}"#);
    let keys = keys(&members);
    let by = |header: &str| verify(signed(header, r#"{"exp":10}"#).as_bytes(), &keys, &exact(), 0).err();
    assert_eq!(by(r#"{"alg":"HS256","kid":"a"}"#), Some(Refused::Signature));
    assert_eq!(by(r#"{"alg":"HS256","kid":"b"}"#), None);
    assert_eq!(by(HS256), None);
    assert_eq!(by(r#"{"alg":"HS256","kid":"c"}"#), Some(Refused::Key));
}

#[test]
fn claims_are_one_object_whose_members_come_once() {
    for claims in [
        r#"{"exp":10,"exp":10}"#,
        r#"{"exp":10,"sub":"a","su\u0062":"b"}"#,
        r#"[{"exp":10}]"#,
        "10",
        "",
        "{",
        r#"{"exp":10} "#,
    ] {
        let expected = if claims.ends_with(' ') { None } else { Some(Refused::Json) };
        let token = signed(HS256, claims);
        let expected = if claims.is_empty() { Some(Refused::Malformed) } else { expected };
        assert_eq!(refusal(&token, &exact(), 0), expected, "{claims}");
    }
    let deep = format!(r#"{{"exp":10,"a":{}{}}}"#, "[".repeat(20), "]".repeat(20));
    assert_eq!(refusal(&signed(HS256, &deep), &exact(), 0), Some(Refused::Json));
}

#[test]
fn times_hold_to_the_second_at_the_edge_of_the_leeway() {
    let rules = Rules { leeway: std::time::Duration::from_secs(5), ..Rules::default() };
    let at = |claims: &str, now: i64| refusal(&signed(HS256, claims), &rules, now);
    assert_eq!(at(r#"{"exp":100}"#, 104), None);
    assert_eq!(at(r#"{"exp":100}"#, 105), Some(Refused::Expired));
    assert_eq!(at(r#"{"exp":100.9}"#, 105), Some(Refused::Expired));
    assert_eq!(at(r#"{"exp":1000,"nbf":100}"#, 95), None);
    assert_eq!(at(r#"{"exp":1000,"nbf":100}"#, 94), Some(Refused::NotYet));
    assert_eq!(at(r#"{"exp":1000,"iat":100}"#, 94), Some(Refused::NotYet));
    for claims in [r#"{"exp":"100"}"#, r#"{"exp":null}"#, r#"{"exp":[100]}"#, "{}", r#"{"exp":true}"#] {
        assert_eq!(at(claims, 0), Some(Refused::NoExpiry), "{claims}");
    }
    assert_eq!(at(r#"{"exp":1000,"nbf":"0"}"#, 94), Some(Refused::NotYet));
    assert_eq!(at(r#"{"exp":-1e300}"#, 0), Some(Refused::Expired));
    assert_eq!(at(r#"{"exp":1e300}"#, i64::MAX - 10), None);
}

#[test]
fn audiences_may_be_one_or_several() {
    let ours = Rules { audiences: vec!["api".into(), "web".into()], ..exact() };
    let at = |claims: &str, rules: &Rules| refusal(&signed(HS256, claims), rules, 0);
    for claims in [r#"{"exp":1,"aud":"api"}"#, r#"{"exp":1,"aud":["x","web"]}"#] {
        assert_eq!(at(claims, &ours), None, "{claims}");
        // Nobody has said that we are that audience.
        assert_eq!(at(claims, &exact()), Some(Refused::Audience), "{claims}");
    }
    for claims in [
        r#"{"exp":1}"#,
        r#"{"exp":1,"aud":"API"}"#,
        r#"{"exp":1,"aud":[]}"#,
        r#"{"exp":1,"aud":["api",1]}"#,
        r#"{"exp":1,"aud":{"api":true}}"#,
        r#"{"exp":1,"aud":"api web"}"#,
    ] {
        assert_eq!(at(claims, &ours), Some(Refused::Audience), "{claims}");
    }
}

#[test]
fn issuers_and_required_claims_are_exact() {
    let rules = Rules {
        issuer: Some("https://issuer.test".into()),
        required: vec![("scope".into(), Some("read".into())), ("sub".into(), None)],
        ..exact()
    };
    for (claims, refused) in [
        (r#""iss":"https://issuer.test","scope":["write","read"],"sub":"a""#, None),
        (r#""iss":"https://issuer.test","scope":"write read","sub":"a""#, None),
        (r#""iss":"https://issuer.test/","scope":"read","sub":"a""#, Some(Refused::Issuer)),
        (r#""iss":["https://issuer.test"],"scope":"read","sub":"a""#, Some(Refused::Issuer)),
        (r#""scope":"read","sub":"a""#, Some(Refused::Issuer)),
        (r#""iss":"https://issuer.test","scope":"readers write","sub":"a""#, Some(Refused::Claim)),
        (r#""iss":"https://issuer.test","scope":"read","sub":null"#, Some(Refused::Claim)),
    ] {
        assert_eq!(refusal(&signed(HS256, &format!(r#"{{"exp":1,{claims}}}"#)), &rules, 0), refused, "{claims}");
    }
}

#[test]
fn a_token_of_another_issuer_is_so_whatever_it_is_signed_with() {
    let rules = Rules { issuer: Some("https://issuer.test".into()), ..exact() };
    let ours = |iss: &str| signed(r#"{"alg":"HS256","kid":"new"}"#, &format!(r#"{{"exp":1,"iss":"{iss}"}}"#));
    // The key of the one could be in a newer set; of the other, that is none of our business.
    assert_eq!(refusal(&ours("https://issuer.test"), &rules, 0), Some(Refused::Key));
    assert_eq!(refusal(&ours("https://other.test"), &rules, 0), Some(Refused::Issuer));
}

#[test]
fn what_is_claimed_is_a_text_or_in_a_list_and_scopes_have_spaces_between() {
    let json = r#"{"a":"x y","b":["x","y"],"c":null,"d":["x",1],"e":7,"f":true,"scope":"read  admin"}"#;
    let claims = Claims { all: Json::parse(json.as_bytes()).unwrap(), expires: None };
    for (name, value, says) in [
        ("a", Some("x y"), true),
        ("a", Some("x"), false),
        ("b", Some("y"), true),
        ("b", Some("x y"), false),
        ("d", Some("x"), true),
        ("d", Some("1"), true),
        ("e", Some("7"), true),
        ("e", None, true),
        ("f", Some("true"), true),
        ("c", None, false),
        ("c", Some("null"), false),
        ("g", None, false),
        ("scope", Some("admin"), true),
        ("scope", Some("adm"), false),
        ("scope", Some("read  admin"), true),
        ("scope", Some("admin read"), false),
        ("scope", None, true),
    ] {
        assert_eq!(claims.says(name, value), says, "{name} {value:?}");
    }
    let listed = Claims { all: Json::parse(br#"{"scope":["read write","admin",7]}"#).unwrap(), expires: None };
    for (value, says) in [
        ("read", true),
        ("write", true),
        ("admin", true),
        ("7", true),
        ("read write", true),
        ("write admin", false),
        ("rea", false),
    ] {
        assert_eq!(listed.says("scope", Some(value)), says, "{value}");
    }
}

#[test]
fn a_secret_is_as_long_as_its_hash() {
    for (length, known) in [(31, 0), (32, 1), (47, 1), (48, 2), (63, 2), (64, 3), (100, 3)] {
        let secret = vec![7; length];
        let member = format!(r#"{{"kty":"oct","k":"{}"}}"#, URL_SAFE_NO_PAD.encode(&secret));
        let keys = Keys::parse(format!(r#"{{"keys":[{member}]}}"#).as_bytes()).unwrap_or_default();
        let by = |(name, hash)| {
            let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"{name}"}}"#));
            let body = format!("{header}.{}", URL_SAFE_NO_PAD.encode(r#"{"exp":1}"#));
            let token = format!("{body}.{}", signature(hash, &secret, &body));
            verify(token.as_bytes(), &keys, &exact(), 0).err()
        };
        let all = [("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)].map(by);
        let expected = std::array::from_fn(|at| (at >= known).then_some(Refused::Key));
        assert_eq!(all, expected, "{length}");
    }
}

#[test]
fn a_token_has_one_spelling() {
    let token = signed(HS256, r#"{"exp":10}"#);
    assert_eq!(refusal(&token, &exact(), 0), None);
    let (body, signature) = token.rsplit_once('.').unwrap();
    // 32 bytes leave two bits in the last character that have to be zero.
    let last = signature.chars().last().unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let next = alphabet.chars().nth(alphabet.find(last).unwrap() + 1).unwrap();
    let not_canonical = format!("{body}.{}{next}", &signature[..signature.len() - 1]);
    for wrong in [
        not_canonical,
        format!("{token}="),
        format!("{token}\n"),
        format!(" {token}"),
        format!("{token}."),
        format!(".{token}"),
        format!("{body}."),
        body.to_owned(),
        token.replacen('.', "=.", 1),
        token.replacen('.', "..", 1),
        String::new(),
        "..".into(),
        "a.b.c.d.e".into(),
        "x".repeat(MAX_TOKEN + 1),
    ] {
        assert_eq!(refusal(&wrong, &exact(), 0), Some(Refused::Malformed), "{wrong}");
    }
}

proptest! {
    #[test]
    fn no_bytes_panic_and_no_change_passes(at in any::<prop::sample::Index>(), byte in any::<u8>(), junk in prop::collection::vec(any::<u8>(), 0..200)) {
        let token = signed(HS256, r#"{"exp":10}"#).into_bytes();
        let mut changed = token.clone();
        let at = at.index(token.len());
        changed[at] = byte;
        let is_same = changed == token;
        assert_eq!(verify(&changed, &secret(), &exact(), 0).is_ok(), is_same);
        assert!(verify(&junk, &secret(), &exact(), 0).is_err());
        let _ = Keys::parse(&junk);
    }
}
