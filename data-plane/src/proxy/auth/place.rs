//! Where credentials are, and how they are taken out of a request.

use gateway_routing::route::{Auth, AuthMethod, CredentialPlace, ForwardAuth};
use http::{HeaderName, header::AUTHORIZATION};

use crate::{
    http1::{
        field::{Name, is_mistaken_for},
        head::Field,
    },
    proxy::{parse::ParsedRequest, query, route::Asked},
};

/// What a request has in a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found<'b> {
    Nothing,
    One(&'b [u8]),
    /// More than one, of which nobody knows which one is meant.
    Several,
}

impl<'b> Found<'b> {
    fn of(mut all: impl Iterator<Item = &'b [u8]>) -> Self {
        match (all.next(), all.next()) {
            (None, _) => Self::Nothing,
            (Some(one), None) => Self::One(one),
            (Some(_), Some(_)) => Self::Several,
        }
    }
}

/// Whether the request has anything in this place.
pub(super) fn is_there(place: Place<'_>, request: &ParsedRequest, head: &[u8]) -> bool {
    find(place, request, head) != Found::Nothing
}

/// What the request has in this place, as it stands.
fn find<'b>(place: Place<'_>, request: &'b ParsedRequest, head: &'b [u8]) -> Found<'b> {
    let fields = &request.head.fields;
    match place {
        Place::Header(name) if *name == AUTHORIZATION => Found::of(fields.values(head, Name::Authorization)),
        Place::Header(name) => {
            let named = fields.iter().filter(|field| field.is_named(head, name.as_str()));
            Found::of(named.map(|field| field.value(head)))
        }
        Place::Query(name) => Found::of(query::values(Asked::new(request, head).into_query(), name)),
        Place::Cookie(name) => {
            let pairs = fields.values(head, Name::Cookie).flat_map(|value| value.split(|byte| *byte == b';'));
            Found::of(pairs.filter_map(|pair| value_of(pair, name)))
        }
    }
}

/// A token in this place. In Authorization it is behind `Bearer ` (RFC 6750 section 2.1), and what is
/// of another scheme is no token.
pub(super) fn find_token<'b>(place: &CredentialPlace, request: &'b ParsedRequest, head: &'b [u8]) -> Found<'b> {
    match find(place.into(), request, head) {
        Found::One(value) if is_authorization(place) => of_scheme(value, "bearer").map_or(Found::Nothing, Found::One),
        found @ (Found::Nothing | Found::One(_) | Found::Several) => found,
    }
}

/// A key in this place: in Authorization, too, it may be behind `Bearer `.
pub(super) fn find_key<'b>(place: &CredentialPlace, request: &'b ParsedRequest, head: &'b [u8]) -> Found<'b> {
    match find(place.into(), request, head) {
        Found::One(value) if is_authorization(place) => Found::One(of_scheme(value, "bearer").unwrap_or(value)),
        found @ (Found::Nothing | Found::One(_) | Found::Several) => found,
    }
}

/// What is behind the scheme (RFC 9110 section 11.4), if it is this one; in lower case.
pub(super) fn of_scheme<'b>(value: &'b [u8], scheme: &str) -> Option<&'b [u8]> {
    let (there, rest) = value.split_at_checked(scheme.len())?;
    (there.eq_ignore_ascii_case(scheme.as_bytes()) && rest.first() == Some(&b' ')).then(|| rest.trim_ascii_start())
}

fn is_authorization(place: &CredentialPlace) -> bool {
    matches!(place, CredentialPlace::Header(name) if *name == AUTHORIZATION)
}

/// The value of a cookie's pair (RFC 6265 section 4.2.1), if it is of this name.
fn value_of<'b>(pair: &'b [u8], name: &str) -> Option<&'b [u8]> {
    let equals = memchr::memchr(b'=', pair)?;
    (pair[..equals].trim_ascii() == name.as_bytes()).then(|| pair[equals + 1..].trim_ascii())
}

/// The places of all that the policy takes for credentials.
pub(super) fn places(policy: &Auth) -> impl Iterator<Item = Place<'_>> + Clone {
    policy.methods.iter().filter_map(|method| match method {
        AuthMethod::ApiKey(place) => Some(place.into()),
        AuthMethod::Basic => Some(Place::Header(&AUTHORIZATION)),
        AuthMethod::Jwt(jwt) => Some((&jwt.place).into()),
        AuthMethod::Introspection(introspection) => Some((&introspection.place).into()),
        // What else the server has been shown, cookies above all, is not for it alone.
        AuthMethod::Forward(forward) => is_shown(forward).then_some(Place::Header(&AUTHORIZATION)),
    })
}

fn is_shown(ForwardAuth { request_headers, .. }: &ForwardAuth) -> bool {
    request_headers.contains(&AUTHORIZATION)
}

/// Where a credential is, lent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place<'a> {
    Header(&'a HeaderName),
    Query(&'a str),
    Cookie(&'a str),
}

impl<'a> Place<'a> {
    /// The header field, if it is one.
    pub(super) const fn header(self) -> Option<&'a HeaderName> {
        match self {
            Self::Header(name) => Some(name),
            Self::Query(_) | Self::Cookie(_) => None,
        }
    }
}

impl<'a> From<&'a CredentialPlace> for Place<'a> {
    fn from(place: &'a CredentialPlace) -> Self {
        match place {
            CredentialPlace::Header(name) => Self::Header(name),
            CredentialPlace::Query(name) => Self::Query(name),
            CredentialPlace::Cookie(name) => Self::Cookie(name),
        }
    }
}

/// Takes what is in these places out of the request, whatever it is worth.
pub(super) fn forget<'a>(
    places: impl Iterator<Item = Place<'a>> + Clone,
    request: &mut ParsedRequest,
    head: &mut [u8],
) {
    for place in places.clone() {
        match place {
            Place::Header(_) => {}
            Place::Query(name) => request.forget_parameter(head, name),
            Place::Cookie(name) => request.head.fields.shorten(head, Name::Cookie, |value| without(value, name)),
        }
    }
    let mut headers = places.filter_map(Place::header);
    if let Some(first) = headers.next() {
        let is_meant =
            |field: &Field, name: &HeaderName| is_mistaken_for(field.name_bytes(head), name.as_str().as_bytes());
        let is_credential = |field: &Field| is_meant(field, first) || headers.clone().any(|name| is_meant(field, name));
        request.head.fields.retain(|field| !is_credential(field));
    }
}

/// Takes the pairs of this name out of a Cookie field's value, in its place; tells how much stays.
fn without(value: &mut [u8], name: &str) -> usize {
    if !value.split(|byte| *byte == b';').any(|pair| value_of(pair, name).is_some()) {
        return value.len();
    }
    let (mut at, mut end) = (0, 0);
    while at <= value.len() {
        let length = memchr::memchr(b';', &value[at..]).unwrap_or(value.len() - at);
        if value_of(&value[at..at + length], name).is_none() {
            if end > 0 {
                value[end] = b';';
                end += 1;
            }
            value.copy_within(at..at + length, end);
            end += length;
        }
        at += length + 1;
    }
    let first = value[..end].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    value.copy_within(first..end, 0);
    end - first
}

#[cfg(test)]
mod tests {
    use gateway_routing::route::CredentialPlace;

    use super::{Found, Place, find, find_key, find_token, forget, of_scheme};
    use crate::proxy::parse::ParsedRequest;

    fn parsed(head: &str) -> ParsedRequest {
        let mut request = ParsedRequest::default();
        request.parse(head.as_bytes(), 20).unwrap();
        request
    }

    fn header(name: &'static str) -> CredentialPlace {
        CredentialPlace::Header(name.parse().unwrap())
    }

    fn found<'b>(place: &CredentialPlace, head: &'b str, request: &'b ParsedRequest) -> Found<'b> {
        find(place.into(), request, head.as_bytes())
    }

    #[test]
    fn what_is_there_twice_is_nothing_certain() {
        let head = "GET /?k=1&b=2&%6b=3&one=4 HTTP/1.1\r\nHost: a\r\nx-KEY: 5\r\nX-Two: 6\r\nX-Two: 6\r\n\
                    Cookie: a=7; b=8\r\nCookie: b=9;a2=10\r\nX-Empty:\r\n\r\n";
        let request = parsed(head);
        for (place, expected) in [
            (header("x-key"), Found::One(b"5")),
            (header("x-two"), Found::Several),
            (header("x-none"), Found::Nothing),
            (header("x-empty"), Found::One(b"")),
            (CredentialPlace::Query("k".into()), Found::Several),
            (CredentialPlace::Query("one".into()), Found::One(b"4")),
            (CredentialPlace::Query("On".into()), Found::Nothing),
            (CredentialPlace::Cookie("a".into()), Found::One(b"7")),
            (CredentialPlace::Cookie("b".into()), Found::Several),
            (CredentialPlace::Cookie("c".into()), Found::Nothing),
        ] {
            assert_eq!(found(&place, head, &request), expected, "{place:?}");
        }
    }

    #[test]
    fn schemes_are_told_apart_in_any_case() {
        assert_eq!(of_scheme(b"bEARER  x y", "bearer"), Some(&b"x y"[..]));
        for other in [&b"Bearer"[..], b"Bearerx", b"Bearer\tx", b"Basic x", b""] {
            assert_eq!(of_scheme(other, "bearer"), None, "{other:?}");
        }
        let head = "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic eA==\r\n\r\n";
        let (request, place) = (parsed(head), header("authorization"));
        assert_eq!(find_token(&place, &request, head.as_bytes()), Found::Nothing);
        assert_eq!(find_key(&place, &request, head.as_bytes()), Found::One(b"Basic eA=="));
        let head = "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: bearer abc\r\n\r\n";
        let request = parsed(head);
        assert_eq!(find_token(&place, &request, head.as_bytes()), Found::One(b"abc"));
        assert_eq!(find_key(&place, &request, head.as_bytes()), Found::One(b"abc"));
    }

    #[test]
    fn credentials_go_and_the_rest_stays_byte_for_byte() {
        let head = "GET /a?x=1&key=secret&y HTTP/1.1\r\nHost: a\r\nX-Key: secret\r\nX_KEY: secret\r\nA: 1\r\n\
                    Cookie:  sid=secret; theme=dark;sid=secret; z=\"1\"\r\nB: 2\r\nCookie: sid=secret\r\nC: 3\r\n\r\n";
        let mut request = parsed(head);
        let mut bytes = head.as_bytes().to_vec();
        let name = "x-key".parse().unwrap();
        let places = [Place::Header(&name), Place::Query("key"), Place::Cookie("sid")];
        forget(places.into_iter(), &mut request, &mut bytes);
        let left = String::from_utf8(request.write(&bytes)).unwrap();
        let expected = "GET http://a/a?x=1&y HTTP/1.1\r\nHost: a\r\nA: 1\r\nCookie:  theme=dark; z=\"1\"\r\nB: 2\r\n\
                        C: 3\r\n\r\n";
        assert_eq!(left, expected);
        // What is left of it is a request as any other.
        assert!(ParsedRequest::default().parse(left.as_bytes(), 20).is_ok());
        let mut again = parsed(&left);
        forget(places.into_iter(), &mut again, &mut left.clone().into_bytes());
        assert_eq!(again.write(left.as_bytes()), left.as_bytes());
    }
}
