//! A line and its two forms. Nothing that a client sent can end it or forge another one.

use std::{borrow::Cow, io::Write, net::SocketAddr};

use serde::{Serialize, Serializer};

/// One request, as the log tells it. In JSON, the fields are named as here, and what there is
/// nothing to say of is left out.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Line<'a> {
    /// When the request's head was whole.
    pub time: &'a str,
    pub node: &'a str,
    pub request_id: &'a str,
    /// The client's address.
    pub client: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<&'a str>,
    #[serde(skip_serializing_if = "is_empty", serialize_with = "text")]
    pub host: &'a [u8],
    /// Without query.
    #[serde(skip_serializing_if = "is_empty", serialize_with = "text")]
    pub path: &'a [u8],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<&'static str>,
    /// Missing if the client got no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// From the client, with the head.
    pub bytes_in: u64,
    /// To the client, with the head.
    pub bytes_out: u64,
    /// To the client, without the head.
    #[serde(skip)]
    pub body_out: u64,
    /// From the request's head to the end of the answer.
    pub duration_ms: f64,
    /// From the request's head to the head of the endpoint's answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<&'a str>,
    /// Missing if no route took it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<SocketAddr>,
    /// How many times it was sent, or a connection for it was tried.
    pub attempts: u32,
    /// Whether the last of them was on a pooled connection.
    pub pooled: bool,
    /// Who calls, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consumer: Option<&'a str>,
    /// How that was found out, or why it was not, where a policy says who may call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<&'static str>,
    /// What the cache did, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<&'static str>,
    /// The stable code of a failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'static str>,
    /// The rate limit that refused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limited_by: Option<&'a str>,
    /// The rate limit that would have, were it not in shadow mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shadow_limited_by: Option<&'a str>,
    #[serde(skip_serializing_if = "is_empty", serialize_with = "text")]
    pub user_agent: &'a [u8],
    /// Without query.
    #[serde(skip_serializing_if = "is_empty", serialize_with = "text")]
    pub referer: &'a [u8],
}

fn is_empty(bytes: &&[u8]) -> bool {
    bytes.is_empty()
}

/// Fields may hold bytes that are no UTF-8 (RFC 9110 section 5.5); JSON may not.
fn text<S: Serializer>(bytes: &&[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&String::from_utf8_lossy(bytes))
}

impl Line<'_> {
    /// Appends it as a JSON object.
    pub(super) fn write_json(&self, out: &mut Vec<u8>) {
        // Strings and numbers into memory: this does not fail.
        let _ = serde_json::to_writer(&mut *out, self);
        out.push(b'\n');
    }

    /// Appends it in the common log format, with referer and user agent behind it (the "combined"
    /// form).
    pub(super) fn write_common(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.client.as_bytes());
        out.extend_from_slice(b" - ");
        escape_word(out, self.consumer.unwrap_or("-").as_bytes());
        out.extend_from_slice(b" [");
        out.extend_from_slice(self.time.as_bytes());
        out.extend_from_slice(b"] \"");
        match (self.method, self.protocol) {
            (Some(method), Some(protocol)) => {
                out.extend_from_slice(method.as_bytes());
                out.push(b' ');
                escape(out, self.path);
                out.push(b' ');
                out.extend_from_slice(protocol.as_bytes());
            }
            (None, _) | (_, None) => out.push(b'-'),
        }
        let or_dash = |number: Option<u64>| number.map_or(Cow::Borrowed("-"), |number| number.to_string().into());
        let (status, size) = (self.status.map(u64::from), Some(self.body_out).filter(|size| *size > 0));
        // Writing to memory does not fail.
        let _ = write!(out, "\" {} {} \"", or_dash(status), or_dash(size));
        escape(out, or(self.referer));
        out.extend_from_slice(b"\" \"");
        escape(out, or(self.user_agent));
        out.extend_from_slice(b"\"\n");
    }
}

const fn or(value: &[u8]) -> &[u8] {
    if value.is_empty() { b"-" } else { value }
}

/// The same, with spaces too, for what is not within quotes.
fn escape_word(out: &mut Vec<u8>, bytes: &[u8]) {
    for (at, word) in bytes.split(|byte| *byte == b' ').enumerate() {
        if at > 0 {
            out.extend_from_slice(b"\\x20");
        }
        escape(out, word);
    }
}

/// Whatever is not plain visible text within quotes becomes `\xHH`.
fn escape(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in bytes {
        match byte {
            b'"' | b'\\' | 0..=0x1f | 0x7f..=0xff => {
                let (high, low) = (DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]);
                out.extend_from_slice(&[b'\\', b'x', high, low]);
            }
            _ => out.push(byte),
        }
    }
}
