//! A key set from where it is.

use std::time::Duration;

use bytes::Bytes;
use gateway_auth::jwt::{KeysError, MAX_JWKS};
use gateway_caching::control::ResponseControl;
use http::{HeaderMap, Request, StatusCode, Uri, header};
use http_body_util::Full;

use crate::{
    outside::{Bounds, Outside, Silence},
    secrets::SecretError,
};

/// Why there is no key set.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    /// Its server does not answer as it should.
    #[error(transparent)]
    Silent(#[from] Silence),
    /// Its server says that there is none, or that it is somewhere else.
    #[error("it answers with {0}, and nothing but 200 is followed")]
    Status(StatusCode),
    /// The file cannot be had.
    #[error(transparent)]
    File(#[from] SecretError),
    /// What is there is none.
    #[error("what is there {0}")]
    Keys(#[from] KeysError),
    /// The request for it cannot be made.
    #[error("it cannot be asked for: {0}")]
    Request(#[from] http::Error),
}

/// A set as it came.
#[derive(Debug)]
pub(super) struct Fetched {
    pub content: Bytes,
    /// How long it is good for, as its server says.
    pub lifetime: Option<Duration>,
}

/// Asks for it.
pub(super) async fn fetch(outside: &Outside, url: &Uri, patience: Duration) -> Result<Fetched, FetchError> {
    let request = Request::get(url.clone())
        .header(header::ACCEPT, "application/jwk-set+json, application/json")
        .body(Full::default())?;
    let answer = outside.ask(request, Bounds { patience, content: MAX_JWKS }).await?;
    if answer.status() != StatusCode::OK {
        return Err(FetchError::Status(answer.status()));
    }
    let lifetime = lifetime(answer.headers());
    Ok(Fetched { content: answer.into_body(), lifetime })
}

/// RFC 9111 section 4.2.1, less the time in caches on the way (section 5.1).
fn lifetime(fields: &HeaderMap) -> Option<Duration> {
    let lines: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    let control = ResponseControl::read(&*lines);
    let age = fields.get(header::AGE).and_then(|age| age.to_str().ok()?.parse().ok()).map(Duration::from_secs);
    let lifetime = control.s_maxage.or(control.max_age)?;
    Some(lifetime.saturating_sub(age.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::lifetime;

    #[test]
    fn a_lifetime_is_that_of_shared_caches_less_the_age() {
        for (fields, expected) in [
            (&[][..], None),
            (&[("cache-control", "public")], None),
            (&[("cache-control", "public, max-age=600")], Some(600)),
            (&[("cache-control", "max-age=600"), ("age", "100")], Some(500)),
            (&[("cache-control", "max-age=600"), ("age", "700")], Some(0)),
            (&[("cache-control", "max-age=600"), ("cache-control", "s-maxage=60")], Some(60)),
            (&[("cache-control", "max-age=soon")], Some(0)),
            (&[("cache-control", "max-age=99999999999999999999")], Some(1 << 31)),
        ] {
            let field = |(name, value): &(&'static str, &'static str)| {
                (HeaderName::from_static(name), HeaderValue::from_static(value))
            };
            let fields: HeaderMap = fields.iter().map(field).collect();
            assert_eq!(lifetime(&fields), expected.map(Duration::from_secs), "{fields:?}");
        }
    }
}
