//! The examples of the RFCs, and a case for each rule that a token can break.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{EncodingKey, crypto};
use proptest::prelude::{any, prop, proptest};

use super::{Algorithm, Keys, KeysError, MAX_JWKS, MAX_KEYS, MAX_TOKEN, Refused, Rules, verify};

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
    let key = EncodingKey::from_secret(&URL_SAFE_NO_PAD.decode(SECRET).unwrap());
    let signature = crypto::sign(signed.as_bytes(), &key, jsonwebtoken::Algorithm::HS256).unwrap();
    format!("{signed}.{signature}")
}

fn refusal(token: &str, rules: &Rules, now: i64) -> Option<Refused> {
    verify(token.as_bytes(), &secret(), rules, now).err()
}

const HS256: &str = r#"{"alg":"HS256"}"#;

#[test]
fn the_examples_of_the_rfcs_are_good_and_nothing_else_is() {
    let examples = [
        // RFC 7515 appendix A.1, A.2 and A.3.
        (
            format!(r#"{{"kty":"oct","k":"{SECRET}"}}"#),
            "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9",
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        ),
        (
            format!(r#"{{"kty":"RSA","n":"{MODULUS}","e":"AQAB"}}"#),
            "eyJhbGciOiJSUzI1NiJ9",
            "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
        ),
        (
            format!(r#"{{"kty":"EC","crv":"P-256",{POINT}}}"#),
            "eyJhbGciOiJFUzI1NiJ9",
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        ),
    ];
    for (key, header, signature) in &examples {
        let keys = keys(key);
        let token = format!("{header}.{PAYLOAD}.{signature}");
        let claims = verify(token.as_bytes(), &keys, &exact(), THEN).unwrap();
        assert_eq!(claims.expires, Some(THEN + 1));
        assert_eq!(claims.all.get("iss").unwrap().as_text(), Some("joe"));
        for (_, other_header, other_signature) in examples.iter().filter(|(other, ..)| other != key) {
            let mixed = format!("{header}.{PAYLOAD}.{other_signature}");
            assert_eq!(verify(mixed.as_bytes(), &keys, &exact(), THEN), Err(Refused::Signature));
            let of_another = format!("{other_header}.{PAYLOAD}.{other_signature}");
            assert_eq!(verify(of_another.as_bytes(), &keys, &exact(), THEN), Err(Refused::Key));
        }
    }
}

#[test]
fn ed25519_of_rfc_8037_appendix_a_4_is_verified() {
    let keys = keys(r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#);
    let (signed, signature) = (
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
    );
    // The signature is good; what is signed is no JSON.
    let token = format!("{signed}.{signature}");
    assert_eq!(verify(token.as_bytes(), &keys, &exact(), 0), Err(Refused::Json));
    let token = format!("{}.{signature}", signed.replace("RXhh", "RXhi"));
    assert_eq!(verify(token.as_bytes(), &keys, &exact(), 0), Err(Refused::Signature));
}

#[test]
fn a_public_key_is_no_secret() {
    // RFC 8725 section 2.1: signed by HMAC with what everybody knows of an RSA key.
    let rsa = keys(&format!(r#"{{"kty":"RSA","n":"{MODULUS}","e":"AQAB","kid":"1"}}"#));
    let body = format!("{}.{PAYLOAD}", URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","kid":"1"}"#));
    for secret in [MODULUS.as_bytes().to_vec(), URL_SAFE_NO_PAD.decode(MODULUS).unwrap()] {
        let key = EncodingKey::from_secret(&secret);
        let signature = crypto::sign(body.as_bytes(), &key, jsonwebtoken::Algorithm::HS256).unwrap();
        let token = format!("{body}.{signature}");
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
    assert!(keys.knows("a") && !keys.knows("c"));
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
    let lenient = Rules { may_never_expire: true, ..exact() };
    assert_eq!(refusal(&signed(HS256, "{}"), &lenient, i64::MAX), None);
    assert_eq!(refusal(&signed(HS256, r#"{"exp":"never"}"#), &lenient, 0), Some(Refused::NoExpiry));
}

#[test]
fn audiences_may_be_one_or_several() {
    let ours = Rules { audiences: vec!["api".into(), "web".into()], ..exact() };
    let at = |claims: &str, rules: &Rules| refusal(&signed(HS256, claims), rules, 0);
    for claims in [r#"{"exp":1,"aud":"api"}"#, r#"{"exp":1,"aud":["x","web"]}"#] {
        assert_eq!(at(claims, &ours), None, "{claims}");
        // Nobody has said that we are that audience.
        assert_eq!(at(claims, &exact()), Some(Refused::Audience), "{claims}");
        assert_eq!(at(claims, &Rules { any_audience: true, ..exact() }), None, "{claims}");
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
    let at = |claims: &str| refusal(&signed(HS256, claims), &rules, 0);
    assert_eq!(at(r#"{"exp":1,"iss":"https://issuer.test","scope":["write","read"],"sub":"a"}"#), None);
    assert_eq!(at(r#"{"exp":1,"iss":"https://issuer.test/","scope":"read","sub":"a"}"#), Some(Refused::Issuer));
    assert_eq!(at(r#"{"exp":1,"iss":["https://issuer.test"],"scope":"read","sub":"a"}"#), Some(Refused::Issuer));
    assert_eq!(at(r#"{"exp":1,"iss":"https://issuer.test","scope":"read write","sub":"a"}"#), Some(Refused::Claim));
    assert_eq!(at(r#"{"exp":1,"iss":"https://issuer.test","scope":"read","sub":null}"#), Some(Refused::Claim));
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

#[test]
fn weak_and_foreign_keys_are_passed_over() {
    let short = URL_SAFE_NO_PAD.encode([7; 31]);
    let small = URL_SAFE_NO_PAD.encode([0xff; 128]);
    let padded = URL_SAFE_NO_PAD.encode([[0; 255].as_slice(), &[0xff; 128]].concat());
    for member in [
        format!(r#"{{"kty":"oct","k":"{short}"}}"#),
        format!(r#"{{"kty":"RSA","n":"{small}","e":"AQAB"}}"#),
        format!(r#"{{"kty":"RSA","n":"{padded}","e":"AQAB"}}"#),
        format!(r#"{{"kty":"oct","k":"{SECRET}","use":"enc"}}"#),
        format!(r#"{{"kty":"oct","k":"{SECRET}","key_ops":["sign"]}}"#),
        format!(r#"{{"kty":"oct","k":"{SECRET}","alg":"RS256"}}"#),
        format!(r#"{{"kty":"oct","k":"{SECRET}","alg":"dir"}}"#),
        format!(r#"{{"kty":"EC","crv":"secp256k1",{POINT}}}"#),
        format!(r#"{{"kty":"EC","crv":"P-384",{POINT}}}"#),
        r#"{"kty":"OKP","crv":"X25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#.to_owned(),
        r#"{"kty":"XYZ"}"#.to_owned(),
        "1".to_owned(),
    ] {
        let alone = format!(r#"{{"keys":[{member}]}}"#);
        assert_eq!(Keys::parse(alone.as_bytes()).err(), Some(KeysError::NoneUsable), "{member}");
        let beside = keys(&format!(r#"{member},{{"kty":"oct","k":"{SECRET}"}}"#));
        assert_eq!((beside.len(), beside.passed_over()), (1, 1), "{member}");
    }
    for (text, error) in [
        ("", KeysError::Malformed),
        ("{}", KeysError::Malformed),
        (r#"{"keys":{}}"#, KeysError::Malformed),
        (r#"{"keys":[]}"#, KeysError::NoneUsable),
        (r#"{"keys":[],"keys":[]}"#, KeysError::Malformed),
    ] {
        assert_eq!(Keys::parse(text.as_bytes()).err(), Some(error), "{text}");
    }
    let many = format!(r#"{{"keys":[1{}]}}"#, ",1".repeat(MAX_KEYS));
    assert_eq!(Keys::parse(many.as_bytes()).err(), Some(KeysError::TooMany));
    assert!(!format!("{:?}", secret()).contains("AyM1"));
}

#[test]
fn what_others_publish_holds_public_keys_alone_and_each_once() {
    let public = |members: &str| Keys::parse_public(format!(r#"{{"keys":[{members}]}}"#).as_bytes()).map(|_| ());
    let rsa = |more: &str| format!(r#"{{"kty":"RSA","n":"{MODULUS}","e":"AQAB"{more}}}"#);
    let ec = |more: &str| format!(r#"{{"kty":"EC","crv":"P-256",{POINT}{more}}}"#);
    for good in [
        rsa(""),
        format!("{},{}", rsa(r#","kid":"a""#), rsa(r#","kid":"b""#)),
        format!("{},{}", rsa(r#","kid":"a""#), ec(r#","kid":"a""#)),
        format!("{},{}", rsa(r#","kid":"a","alg":"RS256""#), rsa(r#","kid":"a","alg":"PS256""#)),
        format!("{},{}", rsa(r#","kid":"a","use":"enc""#), rsa(r#","kid":"a","use":"sig""#)),
        format!("{},{}", rsa(""), rsa("")),
    ] {
        assert_eq!(public(&good), Ok(()), "{good}");
    }
    for (bad, error) in [
        (format!(r#"{},{{"kty":"oct","k":"{SECRET}"}}"#, rsa("")), KeysError::Secret),
        (format!("{},{}", ec(""), ec(r#","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI""#)), KeysError::Secret),
        (rsa(r#","use":"enc","dq":"""#), KeysError::Secret),
        (format!("{},{}", rsa(r#","kid":"a""#), rsa(r#","kid":"a""#)), KeysError::Ambiguous),
        (format!("{},{}", rsa(r#","kid":"a""#), rsa(r#","kid":"a","alg":"RS256""#)), KeysError::Ambiguous),
        (String::new(), KeysError::NoneUsable),
    ] {
        assert_eq!(public(&bad), Err(error), "{bad}");
    }
    assert_eq!(Keys::parse_public(&vec![b' '; MAX_JWKS + 1]).err(), Some(KeysError::TooLong));
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
