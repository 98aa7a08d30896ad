//! The examples of the RFCs: those that are good, and those that are no tokens for a gateway.

use super::{Algorithm, Keys, MODULUS, PAYLOAD, POINT, Refused, SECRET, THEN, exact, keys, secret, verify};
use crate::jwt::KeysError;

const P521: &str = r#"{"kty":"EC","crv":"P-521",
    "x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",
    "y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"}"#;

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

/// Of these, the signature is good, but what is signed is no JSON.
fn assert_signed(key: &str, signed: &str, signature: &str) {
    let keys = keys(key);
    let verified = |signed: &str| verify(format!("{signed}.{signature}").as_bytes(), &keys, &exact(), 0);
    assert_eq!(verified(signed), Err(Refused::Json));
    let (header, _) = signed.split_once('.').unwrap();
    assert_eq!(verified(&format!("{header}.UGF5bG9hZB")), Err(Refused::Malformed));
    assert_eq!(verified(&format!("{header}.UGF5bG9hZQ")), Err(Refused::Signature));
}

#[test]
fn es512_of_rfc_7515_appendix_a_4_is_verified() {
    let signature = "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn";
    assert_signed(P521, "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA", signature);
}

#[test]
fn ed25519_of_rfc_8037_appendix_a_4_is_verified() {
    assert_signed(
        r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
    );
}

#[test]
fn what_is_not_signed_is_encrypted_or_is_written_as_json_is_no_token() {
    for (token, refused) in [
        // RFC 7515 appendix A.5, which is RFC 7519 section 6.1, with and without the empty signature.
        (format!("eyJhbGciOiJub25lIn0.{PAYLOAD}."), Refused::Malformed),
        (format!("eyJhbGciOiJub25lIn0.{PAYLOAD}"), Refused::Malformed),
        (format!("eyJhbGciOiJub25lIn0.{PAYLOAD}.AAAA"), Refused::Algorithm),
        // RFC 7515 appendices A.6 and A.7.
        (
            format!(r#"{{"payload":"{PAYLOAD}","signatures":[{{"protected":"eyJhbGciOiJSUzI1NiJ9"}}]}}"#),
            Refused::Malformed,
        ),
        (format!(r#"{{"payload":"{PAYLOAD}","protected":"eyJhbGciOiJFUzI1NiJ9"}}"#), Refused::Malformed),
        // RFC 7519 appendices A.1 and A.2, whose long parts are cut short.
        (
            "eyJhbGciOiJSU0ExXzUiLCJlbmMiOiJBMTI4Q0JDLUhTMjU2In0.QR1Owv2u.AxY8DCtD.MKOle7UQ.fiK51Vwh".into(),
            Refused::Malformed,
        ),
        (
            "eyJhbGciOiJSU0ExXzUiLCJlbmMiOiJBMTI4Q0JDLUhTMjU2IiwiY3R5IjoiSldUIn0.g_hEwksO.UmVkbW9u.VwHERHPv.AVO9iT5A"
                .into(),
            Refused::Malformed,
        ),
        ("eyJhbGciOiJSU0ExXzUiLCJlbmMiOiJBMTI4Q0JDLUhTMjU2In0.QR1Owv2u.AxY8DCtD".into(), Refused::Algorithm),
    ] {
        assert_eq!(verify(token.as_bytes(), &secret(), &exact(), THEN), Err(refused), "{token}");
    }
}

#[test]
fn the_key_sets_of_rfc_7517_appendix_a_are_read_and_only_the_public_one_is_for_everybody() {
    let ec = r#""kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","use":"enc","kid":"1""#;
    let rsa = r#""kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
        "e":"AQAB","alg":"RS256","kid":"2011-04-29""#;
    let set = |members: &str| format!(r#"{{"keys":[{members}]}}"#).into_bytes();
    let public = set(&format!("{{{ec}}},{{{rsa}}}"));
    let read = Keys::parse_public(&public).unwrap();
    assert_eq!((read.len(), read.passed_over()), (1, 1), "what is for encryption verifies nothing");
    assert_eq!(read.candidates(Some("2011-04-29"), Algorithm::Rs256).count(), 1);
    assert_eq!(read.candidates(Some("2011-04-29"), Algorithm::Ps256).count(), 0);

    let d = r#","d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE""#;
    let private = set(&format!("{{{ec}{d}}},{{{rsa}}}"));
    let symmetric = set(&format!(
        r#"{{"kty":"oct","alg":"A128KW","k":"GawgguFyGrWKav7AX4VKUg"}},
           {{"kty":"oct","k":"{SECRET}","kid":"HMAC key used in JWS spec Appendix A.1 example"}}"#
    ));
    for set in [private, symmetric] {
        assert_eq!(Keys::parse_public(&set).err(), Some(KeysError::Secret));
        let kept = Keys::parse(&set).unwrap();
        assert_eq!((kept.len(), kept.passed_over()), (1, 1));
    }
}
