//! The fields of a message as it crosses the gateway: what belongs to one hop goes, and what an
//! intermediary owes is added (RFC 9110 section 7.6).

use std::net::{IpAddr, SocketAddr};

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Version,
    header::{self, Entry},
    request, response,
};
use rand::{Rng, RngExt};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");

/// The field that names a request.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Fields that always belong to one hop. `TE` is one too, and is handled apart.
const HOP_BY_HOP: [HeaderName; 9] = [
    header::CONNECTION,
    KEEP_ALIVE,
    PROXY_CONNECTION,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    HTTP2_SETTINGS,
];

/// Fields that a `Connection` field cannot take away: who nominates them means to hide from the
/// upstream where a request comes from, whom it is for or who sends it.
const NOT_NOMINATED: [HeaderName; 11] = [
    header::HOST,
    header::AUTHORIZATION,
    header::COOKIE,
    header::CONTENT_LENGTH,
    header::FORWARDED,
    header::VIA,
    header::CACHE_CONTROL,
    X_FORWARDED_FOR,
    X_FORWARDED_HOST,
    X_FORWARDED_PROTO,
    X_REQUEST_ID,
];

/// Makes a client's request fit for the upstream.
pub(crate) fn rewrite_request(head: &mut request::Parts, client: SocketAddr, request_id: &HeaderValue) {
    let headers = &mut head.headers;
    let trailers = accepts_trailers(headers);
    remove_hop_by_hop(headers);
    if trailers {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    let client = client.ip().to_canonical();
    let host = headers.get(header::HOST).cloned();
    append(headers, X_FORWARDED_FOR, &client.to_string());
    append(headers, header::FORWARDED, &forwarded(client, host.as_ref()));
    headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static("http"));
    if let Some(host) = host {
        headers.insert(X_FORWARDED_HOST, host);
    }
    headers.insert(X_REQUEST_ID, request_id.clone());
    append(headers, header::VIA, via(head.version));
    head.version = Version::HTTP_11;
}

/// Makes an upstream's response fit for the client.
pub(crate) fn rewrite_response(head: &mut response::Parts, request_id: &HeaderValue) {
    let headers = &mut head.headers;
    remove_hop_by_hop(headers);
    append(headers, header::VIA, via(head.version));
    headers.insert(X_REQUEST_ID, request_id.clone());
    head.version = Version::HTTP_11;
}

/// The client's own name for its request where it is short and harmless, otherwise a new one.
pub(crate) fn request_id(headers: &HeaderMap, rng: &mut impl Rng) -> HeaderValue {
    let mut given = headers.get_all(X_REQUEST_ID).iter();
    if let (Some(id), None) = (given.next(), given.next())
        && is_request_id(id)
    {
        return id.clone();
    }
    let mut text = [0_u8; 32];
    let mut random = rng.random::<u128>();
    for byte in &mut text {
        *byte = b"0123456789abcdef"[(random & 15) as usize];
        random >>= 4;
    }
    // Hexadecimal digits are always a valid value.
    HeaderValue::from_bytes(&text).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
}

/// What may be copied into logs and JSON without escaping.
fn is_request_id(id: &HeaderValue) -> bool {
    let id = id.as_bytes();
    (1..=128).contains(&id.len()) && id.iter().all(|c| c.is_ascii_alphanumeric() || b"-_.:/+=@".contains(c))
}

/// RFC 9110 section 7.6.1: what `Connection` names belongs to this hop too.
fn remove_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(header::CONNECTION) {
        let nominated: Vec<HeaderName> = headers
            .get_all(header::CONNECTION)
            .iter()
            .flat_map(|field| field.as_bytes().split(|byte| *byte == b','))
            .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
            .filter(|name| !NOT_NOMINATED.contains(name))
            .collect();
        for name in nominated {
            headers.remove(name);
        }
    }
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
}

/// RFC 9110 section 10.1.4: `TE: trailers` says that the sender will pass trailers on, which the
/// gateway does; every other coding would be for this hop.
fn accepts_trailers(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::TE)
        .iter()
        .flat_map(|field| field.as_bytes().split(|byte| *byte == b','))
        .any(|coding| coding.trim_ascii().eq_ignore_ascii_case(b"trailers"))
}

/// Adds an element to a list field, in one line with those that are there.
fn append(headers: &mut HeaderMap, name: HeaderName, element: &str) {
    let Ok(value) = HeaderValue::try_from(element) else { return };
    match headers.entry(name) {
        Entry::Vacant(entry) => {
            entry.insert(value);
        }
        Entry::Occupied(mut entry) => {
            let mut list = Vec::with_capacity(64);
            for line in entry.iter().filter(|line| !line.as_bytes().trim_ascii().is_empty()) {
                list.extend_from_slice(line.as_bytes());
                list.extend_from_slice(b", ");
            }
            list.extend_from_slice(element.as_bytes());
            if let Ok(list) = HeaderValue::from_maybe_shared(bytes::Bytes::from(list)) {
                entry.insert(list);
            }
        }
    }
}

/// RFC 9110 section 7.6.3: the version in which the message came, and who received it.
const fn via(received: Version) -> &'static str {
    match received {
        Version::HTTP_10 => "1.0 gateway",
        _ => "1.1 gateway",
    }
}

/// RFC 7239: values that are not tokens are quoted.
fn forwarded(client: IpAddr, host: Option<&HeaderValue>) -> String {
    let client = match client {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("\"[{v6}]\""),
    };
    match host.and_then(|host| host.to_str().ok()) {
        Some(host) => format!("for={client};host=\"{host}\";proto=http"),
        None => format!("for={client};proto=http"),
    }
}

/// Whether a request with this method may be sent again if the first may have been processed
/// (RFC 9110 section 9.2.2).
pub(crate) fn is_idempotent(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE, Method::PUT, Method::DELETE].contains(method)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, Request, Response, Version};
    use rand::{SeedableRng, rngs::SmallRng};

    use super::{request_id, rewrite_request, rewrite_response};

    fn rewritten(fields: &[(&'static str, &'static str)], client: &str) -> HeaderMap {
        let mut request = Request::builder().uri("/").header("host", "mail.test:80");
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let (mut head, ()) = request.body(()).unwrap().into_parts();
        rewrite_request(&mut head, client.parse().unwrap(), &HeaderValue::from_static("id-1"));
        head.headers
    }

    #[test]
    fn hop_by_hop_fields_go_and_end_to_end_fields_stay() {
        let headers = rewritten(
            &[
                ("connection", "close, X-Private"),
                ("connection", "keep-alive"),
                ("x-private", "1"),
                ("keep-alive", "timeout=5"),
                ("proxy-connection", "keep-alive"),
                ("te", "gzip, Trailers"),
                ("upgrade", "websocket"),
                ("proxy-authorization", "Basic x"),
                ("trailer", "x-sum"),
                ("x-public", "2"),
            ],
            "192.0.2.7:9",
        );
        for gone in ["connection", "x-private", "keep-alive", "proxy-connection", "upgrade", "proxy-authorization"] {
            assert!(!headers.contains_key(gone), "{gone}");
        }
        assert_eq!(headers["te"], "trailers");
        assert_eq!(headers["trailer"], "x-sum");
        assert_eq!(headers["x-public"], "2");
        assert_eq!(headers["host"], "mail.test:80");
    }

    #[test]
    fn a_client_cannot_nominate_identity_away() {
        let headers = rewritten(
            &[
                ("connection", "authorization, cookie, host, x-forwarded-for, via"),
                ("authorization", "Bearer x"),
                ("cookie", "a=b"),
            ],
            "192.0.2.7:9",
        );
        assert_eq!(headers["authorization"], "Bearer x");
        assert_eq!(headers["cookie"], "a=b");
        assert_eq!(headers["x-forwarded-for"], "192.0.2.7");
    }

    #[test]
    fn the_gateway_says_whom_it_speaks_for() {
        let headers = rewritten(
            &[
                ("x-forwarded-for", "198.51.100.1"),
                ("x-forwarded-for", "198.51.100.2"),
                ("x-forwarded-proto", "https"),
                ("via", "1.0 a"),
            ],
            "[::ffff:192.0.2.7]:9",
        );
        assert_eq!(headers["x-forwarded-for"], "198.51.100.1, 198.51.100.2, 192.0.2.7");
        assert_eq!(headers.get_all("x-forwarded-for").iter().count(), 1);
        assert_eq!(headers["forwarded"], "for=192.0.2.7;host=\"mail.test:80\";proto=http");
        assert_eq!(headers["x-forwarded-proto"], "http");
        assert_eq!(headers["x-forwarded-host"], "mail.test:80");
        assert_eq!(headers["via"], "1.0 a, 1.1 gateway");
        assert_eq!(headers["x-request-id"], "id-1");
        let v6 = rewritten(&[], "[2001:db8::1]:9");
        assert_eq!(v6["forwarded"], "for=\"[2001:db8::1]\";host=\"mail.test:80\";proto=http");
        assert_eq!(v6["x-forwarded-for"], "2001:db8::1");
    }

    #[test]
    fn every_set_cookie_of_a_response_survives() {
        let response = Response::builder()
            .version(Version::HTTP_10)
            .header("set-cookie", "a=1")
            .header("set-cookie", "b=2")
            .header("connection", "x-hop")
            .header("x-hop", "1");
        let (mut head, ()) = response.body(()).unwrap().into_parts();
        rewrite_response(&mut head, &HeaderValue::from_static("id-1"));
        assert_eq!(head.headers.get_all("set-cookie").iter().collect::<Vec<_>>(), ["a=1", "b=2"]);
        assert!(!head.headers.contains_key("x-hop"));
        assert_eq!(head.headers["via"], "1.0 gateway");
        assert_eq!(head.headers["x-request-id"], "id-1");
    }

    #[test]
    fn a_request_id_is_kept_if_it_is_harmless() {
        let mut rng = SmallRng::seed_from_u64(1);
        let mut id = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append("x-request-id", HeaderValue::from_static(value));
            }
            request_id(&headers, &mut rng)
        };
        assert_eq!(id(&["abc-1"]), "abc-1");
        for bad in [&[][..], &[""], &["a b"], &["\"x\""], &["a", "b"]] {
            let made = id(bad);
            assert_eq!(made.len(), 32, "{bad:?}");
            assert!(made.as_bytes().iter().all(u8::is_ascii_hexdigit));
        }
        assert_ne!(id(&[]), id(&[]));
    }
}
