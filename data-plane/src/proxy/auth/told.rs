//! What endpoints are told of who calls, in fields that clients cannot forge.

use gateway_auth::Json;
use gateway_routing::route::{ClaimHeader, Identity};
use http::{HeaderName, HeaderValue};

use super::caller::Caller;
use crate::{
    http1::{field::is_mistaken_for, head::Field},
    proxy::{edits::FieldEdits, headers::write_field, parse::ParsedRequest},
};

/// Takes the client's own fields of these names out of the request, however they are spelled, and those
/// that servers take for them.
pub(super) fn forget<'a, N>(names: impl Fn() -> N, request: &mut ParsedRequest, head: &[u8])
where
    N: Iterator<Item = &'a HeaderName>,
{
    let claims = |field: &Field, told: &HeaderName| is_mistaken_for(field.name_bytes(head), told.as_str().as_bytes());
    let fields = &mut request.head.fields;
    // Hardly any request has one.
    if names().any(|told| fields.iter().any(|field| claims(field, told))) {
        fields.retain(|field| !names().any(|told| claims(field, told)));
    }
}

/// Writes the fields that another server has for the endpoint; but not what the operator's own rules say
/// otherwise of.
pub(super) fn write_fields(fields: &[(HeaderName, HeaderValue)], edits: FieldEdits<'_>, out: &mut Vec<u8>) {
    for (name, value) in fields.iter().filter(|(name, _)| !edits.drop(name.as_str().as_bytes())) {
        write_field(out, name.as_str(), value.as_bytes());
    }
}

/// Writes the lines that tell who calls; but not what the operator's own rules say otherwise of.
pub(super) fn write(identity: &Identity, caller: &Caller<'_>, edits: FieldEdits<'_>, out: &mut Vec<u8>) {
    let Identity { consumer_header, groups_header, claims } = identity;
    let mut line = |name: &HeaderName, write: &dyn Fn(&mut Vec<u8>)| {
        if !edits.drop(name.as_str().as_bytes()) {
            out.extend_from_slice(name.as_str().as_bytes());
            out.extend_from_slice(b": ");
            write(out);
            out.extend_from_slice(b"\r\n");
        }
    };
    if let (Some(name), Some(consumer)) = (consumer_header, caller.name()) {
        line(name, &|out| write_safe(out, consumer));
    }
    if let (Some(name), groups @ [_, ..]) = (groups_header, caller.groups()) {
        line(name, &|out| write_list(out, groups.iter().map(|group| &**group), write_safe));
    }
    for ClaimHeader { claim, header } in claims {
        if let Some(value) = caller.claim(claim).filter(|value| is_told(value)) {
            line(header, &|out| write_claim(out, value));
        }
    }
}

/// What has no text that everybody would read alike is not told.
fn is_told(claim: &Json) -> bool {
    match claim {
        Json::Text(_) | Json::Number(_) | Json::Bool(_) => true,
        Json::Array(items) => items.iter().all(|item| matches!(item, Json::Text(_) | Json::Number(_) | Json::Bool(_))),
        Json::Null | Json::Object(_) => false,
    }
}

/// The text of a claim: of a list, each item behind the other with commas between. It is the same for the
/// same claim, and different for another.
pub(crate) fn write_claim(out: &mut Vec<u8>, claim: &Json) {
    match claim {
        Json::Text(text) => write_safe(out, text),
        Json::Number(number) => write_safe(out, &number.to_string()),
        Json::Bool(is_so) => out.extend_from_slice(if *is_so { b"true" } else { b"false" }),
        Json::Array(items) => write_list(out, items.iter(), write_claim),
        Json::Object(members) => write_list(out, members.iter(), |out, (name, value)| {
            write_safe(out, name);
            out.push(b'=');
            write_claim(out, value);
        }),
        Json::Null => out.extend_from_slice(b"null"),
    }
}

fn write_list<T>(out: &mut Vec<u8>, items: impl Iterator<Item = T>, write: impl Fn(&mut Vec<u8>, T)) {
    for (at, item) in items.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write(out, item);
    }
}

/// What is no visible ASCII is percent-encoded, as bytes of UTF-8; so are `%`, so that it can be undone, and
/// the commas that are not between things. Nothing that a token says ends a line.
fn write_safe(out: &mut Vec<u8>, text: &str) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        match byte {
            b'%' | b',' | 0..=b' ' | 0x7f.. => {
                out.extend_from_slice(&[b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
            }
            _ => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use gateway_auth::{Json, jwt::Claims};
    use gateway_routing::route::{ClaimHeader, HeaderRules, Identity};

    use super::{forget, write};
    use crate::proxy::{
        auth::{caller::Caller, subject::Subject},
        edits::FieldEdits,
        parse::ParsedRequest,
    };

    fn identity() -> Identity {
        let claim =
            |claim: &str, header: &'static str| ClaimHeader { claim: claim.into(), header: header.parse().unwrap() };
        Identity {
            consumer_header: Some("x-consumer".parse().unwrap()),
            groups_header: Some("x-consumer-groups".parse().unwrap()),
            claims: [claim("mail", "x-mail"), claim("ids", "x-ids"), claim("deep", "x-deep"), claim("gone", "x-gone")]
                .into(),
        }
    }

    fn told(name: &str, groups: &[&str], claims: &str, edits: FieldEdits<'_>) -> String {
        let claims = Claims { all: Json::parse(claims.as_bytes()).unwrap(), expires: None };
        let groups = groups.iter().map(|group| Arc::from(*group)).collect();
        let subject = Subject { consumer: Some(name.into()), groups, claims: Some(claims.into()) };
        let mut out = Vec::new();
        write(&identity(), &Caller::Told(subject.into(), None), edits, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_consumer_is_told_with_groups_and_claims() {
        let claims = r#"{"mail": "a@b.test", "ids": [1, "x,y", true], "deep": {"a": 1}, "other": 1}"#;
        let expected =
            "x-consumer: anna\r\nx-consumer-groups: ops,staff\r\nx-mail: a@b.test\r\nx-ids: 1,x%2Cy,true\r\n";
        assert_eq!(told("anna", &["ops", "staff"], claims, FieldEdits::default()), expected);
        assert_eq!(told("anna", &[], "{}", FieldEdits::default()), "x-consumer: anna\r\n");
    }

    #[test]
    fn nothing_that_a_token_says_ends_a_line() {
        let claims = r#"{"mail": "a\r\nX-Admin: 1\u0000", "ids": ["\u00e4 %"]}"#;
        let expected = "x-consumer: a%0D%0Ab%C3%A4\r\nx-consumer-groups: c%2Cd,e%20%7F\r\n\
                        x-mail: a%0D%0AX-Admin:%201%00\r\nx-ids: %C3%A4%20%25\r\n";
        assert_eq!(told("a\r\nb\u{e4}", &["c,d", "e \u{7f}"], claims, FieldEdits::default()), expected);
    }

    #[test]
    fn the_operators_own_rules_go_before() {
        let remove = ["x-consumer-groups", "x_mail"].map(|name| name.parse().unwrap()).into();
        let rules = HeaderRules { remove, ..HeaderRules::default() };
        let edits = FieldEdits(Some(&rules));
        assert_eq!(told("anna", &["ops"], r#"{"mail": "x"}"#, edits), "x-consumer: anna\r\n");
    }

    #[test]
    fn forged_fields_go_however_they_are_spelled() {
        let head = "GET / HTTP/1.1\r\nHost: a\r\nX-CONSUMER: root\r\nx_consumer: root\r\nX-Consumer_Groups: root\r\n\
                    X-Consumer: root\r\nX-Consumers: kept\r\nX_Mail: root\r\n\r\n";
        let mut request = ParsedRequest::default();
        request.parse(head.as_bytes(), 20).unwrap();
        let identity = identity();
        forget(|| identity.fields(), &mut request, head.as_bytes());
        let left = String::from_utf8(request.write(head.as_bytes())).unwrap();
        assert_eq!(left, "GET http://a/ HTTP/1.1\r\nHost: a\r\nX-Consumers: kept\r\n\r\n");
    }
}
