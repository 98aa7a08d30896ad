//! Key sets: what is read of one, and what it may not hold.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{Keys, MODULUS, POINT, SECRET, keys, secret};
use crate::jwt::{KeysError, MAX_JWKS, MAX_KEYS};

#[test]
fn weak_and_foreign_keys_are_passed_over() {
    let short = URL_SAFE_NO_PAD.encode([7; 31]);
    let small = URL_SAFE_NO_PAD.encode([0xff; 128]);
    let padded = URL_SAFE_NO_PAD.encode([[0; 255].as_slice(), &[0xff; 128]].concat());
    let rsa = |n: &[u8], e: &[u8]| {
        let (n, e) = (URL_SAFE_NO_PAD.encode(n), URL_SAFE_NO_PAD.encode(e));
        format!(r#"{{"kty":"RSA","n":"{n}","e":"{e}"}}"#)
    };
    let ed25519 = |x: &[u8]| format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{}"}}"#, URL_SAFE_NO_PAD.encode(x));
    let point = URL_SAFE_NO_PAD.decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();
    for (n, e) in [(256, [0, 0, 0, 0, 3]), (1024, [1, 0xff, 0xff, 0xff, 0xff])] {
        assert_eq!(keys(&rsa(&vec![0xff; n], &e)).len(), 1, "{n} {e:?}");
    }
    assert_eq!(keys(&ed25519(&point)).len(), 1);
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
        // One that is on no curve.
        format!(r#"{{"kty":"EC","crv":"P-256",{}}}"#, POINT.replace("f83O", "f83P")),
        format!(r#"{{"kty":"oct","k":"{}","alg":"HS512"}}"#, URL_SAFE_NO_PAD.encode([7; 63])),
        format!(r#"{{"kty":"RSA","n":"{MODULUS}","e":"AA"}}"#),
        rsa(&[&[0x7f], [0xff; 255].as_slice()].concat(), &[1, 0, 1]),
        rsa(&[[0xff; 255].as_slice(), &[0xfe]].concat(), &[1, 0, 1]),
        rsa(&[0xff; 1025], &[1, 0, 1]),
        rsa(&[0xff; 256], &[1]),
        rsa(&[0xff; 256], &[2]),
        rsa(&[0xff; 256], &[1, 0, 0]),
        rsa(&[0xff; 256], &[2, 0, 0, 0, 1]),
        rsa(&[0xff; 256], &[1, 0, 0, 0, 0, 1]),
        ed25519(&[0; 31]),
        // What is wrapped as X.509 has it (RFC 8410 section 4).
        ed25519(&[b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\0".as_slice(), &point].concat()),
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
fn what_others_publish_holds_public_keys_alone_and_each_counts_once() {
    let public = |members: &str| {
        let read = Keys::parse_public(format!(r#"{{"keys":[{members}]}}"#).as_bytes());
        read.map(|keys| (keys.len(), keys.passed_over()))
    };
    let rsa = |more: &str| format!(r#"{{"kty":"RSA","n":"{MODULUS}","e":"AQAB"{more}}}"#);
    let ec = |more: &str| format!(r#"{{"kty":"EC","crv":"P-256",{POINT}{more}}}"#);
    let twice = format!("{},{}", rsa(r#","kid":"a""#), rsa(r#","kid":"a""#));
    for (good, read) in [
        (rsa(""), (1, 0)),
        (format!("{},{}", rsa(r#","kid":"a""#), rsa(r#","kid":"b""#)), (2, 0)),
        (format!("{},{}", rsa(r#","kid":"a""#), ec(r#","kid":"a""#)), (2, 0)),
        (format!("{},{}", rsa(r#","kid":"a","alg":"RS256""#), rsa(r#","kid":"a","alg":"PS256""#)), (2, 0)),
        (format!("{},{}", rsa(r#","kid":"a","use":"enc""#), rsa(r#","kid":"a","use":"sig""#)), (1, 1)),
        (format!("{},{}", rsa(""), rsa("")), (2, 0)),
        // Nobody knows which one is meant, which is nothing to the others.
        (format!("{twice},{}", ec(r#","kid":"a""#)), (1, 2)),
        (format!("{},{twice},{}", rsa(r#","kid":"b""#), ec("")), (2, 2)),
        (format!("{},{},{}", rsa(r#","kid":"a""#), rsa(r#","kid":"a","alg":"RS256""#), ec("")), (1, 2)),
    ] {
        assert_eq!(public(&good), Ok(read), "{good}");
        let own = keys(&good);
        assert_eq!((own.len(), own.passed_over()), read, "{good}");
    }
    for (bad, error) in [
        (format!(r#"{},{{"kty":"oct","k":"{SECRET}"}}"#, rsa("")), KeysError::Secret),
        (format!("{},{}", ec(""), ec(r#","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI""#)), KeysError::Secret),
        (rsa(r#","use":"enc","dq":"""#), KeysError::Secret),
        (twice, KeysError::NoneUsable),
        (String::new(), KeysError::NoneUsable),
    ] {
        assert_eq!(public(&bad), Err(error), "{bad}");
    }
    // A secret of one's own is replaced under another id, too, or both have none.
    let (id, none) =
        (format!(r#"{{"kty":"oct","k":"{SECRET}","kid":"a"}}"#), format!(r#"{{"kty":"oct","k":"{SECRET}"}}"#));
    let read = keys(&format!("{id},{id},{none},{none}"));
    assert_eq!((read.len(), read.passed_over()), (2, 2));
    assert_eq!(Keys::parse_public(&vec![b' '; MAX_JWKS + 1]).err(), Some(KeysError::TooLong));
}
