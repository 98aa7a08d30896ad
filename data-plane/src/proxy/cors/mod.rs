//! Cross-origin resource sharing (Fetch Standard, section 3.2): which pages of other origins may read
//! what the gateway answers. Nothing is refused for it: browsers do that.
//!
//! Preflights are answered here. What an endpoint says of it is removed, and what header rules say of it is
//! not written, as two policies for one response are none.

mod origin;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use gateway_routing::route::{Allowed, Cors};
use http::{HeaderName, Method};

use super::{
    headers::write_field,
    parse::{ParsedRequest, Target},
    route::Asked,
};
use crate::http1::{
    field::elements,
    head::{Field, Fields},
};

/// Whether a response's field is one of those that CORS consists of.
pub(crate) fn is_of_cors(field: &Field, head: &[u8]) -> bool {
    is_name_of_cors(field.name_bytes(head))
}

/// Whether such a field has this name.
pub(crate) fn is_name_of_cors(name: &[u8]) -> bool {
    const PREFIX: &[u8] = b"access-control-";
    name.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
}

/// What answers to one client say.
#[derive(Debug)]
pub(crate) struct Stance<'p> {
    policy: &'p Cors,
    grant: Grant<'p>,
}

/// Who may read.
#[derive(Debug, PartialEq, Eq)]
enum Grant<'p> {
    /// Everyone, whoever asks.
    All,
    /// The origin that asks.
    Origin(Cow<'p, str>),
    /// Not who asks.
    Nobody,
}

impl<'p> Stance<'p> {
    /// To the request with these fields.
    pub(crate) fn of(policy: &'p Cors, fields: &Fields, head: &[u8]) -> Self {
        Self { policy, grant: origin::grant(&policy.allow_origins, sole(fields, head, "origin")) }
    }

    /// Whether another origin could get another answer. `*` goes to everyone, also who does not ask, so
    /// that a cache may give one response to all, as the standard advises.
    pub(crate) fn varies(&self) -> bool {
        match self.grant {
            Grant::All => false,
            Grant::Origin(_) | Grant::Nobody => true,
        }
    }

    /// Writes what any response but that to a preflight says, without Vary.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        if self.write_origin(out) {
            write_list(out, "Access-Control-Expose-Headers", &self.policy.expose_headers, HeaderName::as_str, "*");
        }
    }

    /// Writes what the answer to a preflight says. If any part of what it asks for is not allowed, that
    /// is nothing.
    pub(crate) fn write_preflight(&self, preflight: &Preflight, out: &mut Vec<u8>) {
        let Cors { allow_methods, allow_headers, max_age, .. } = self.policy;
        if self.grants(preflight) && self.write_origin(out) {
            write_list(out, "Access-Control-Allow-Methods", allow_methods, Method::as_str, "*");
            // The star covers every name but this one.
            let any = "*, authorization";
            write_list(out, "Access-Control-Allow-Headers", allow_headers, HeaderName::as_str, any);
            if let Some(age) = max_age {
                write_field(out, "Access-Control-Max-Age", age.as_secs().to_string().as_bytes());
            }
        }
        write_field(out, "Vary", b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers");
    }

    /// Whether the page that asks may send what it asks for.
    pub(crate) fn grants(&self, preflight: &Preflight) -> bool {
        self.grant != Grant::Nobody && self.allows(preflight)
    }

    fn allows(&self, Preflight { method, headers }: &Preflight) -> bool {
        let Cors { allow_methods, allow_headers, .. } = self.policy;
        let has_headers = || headers.as_ref().is_some_and(|names| names.iter().all(|name| has(allow_headers, name)));
        has(allow_methods, method) && has_headers()
    }

    /// Writes who may read, and with what; false if that is nobody.
    fn write_origin(&self, out: &mut Vec<u8>) -> bool {
        let origin = match &self.grant {
            Grant::All => "*",
            Grant::Origin(origin) => origin,
            Grant::Nobody => return false,
        };
        write_field(out, "Access-Control-Allow-Origin", origin.as_bytes());
        if self.policy.allow_credentials {
            write_field(out, "Access-Control-Allow-Credentials", b"true");
        }
        true
    }
}

/// A browser's question whether a page may send a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Preflight {
    /// The method of that request.
    pub method: Method,
    /// Its fields that are not safe; `None` if that is no list of names.
    headers: Option<Vec<HeaderName>>,
}

impl Preflight {
    /// What the request asks, where it is such a question. One that is malformed is a request as any
    /// other: no browser sent it.
    pub(crate) fn of(request: &ParsedRequest, head: &[u8]) -> Option<Self> {
        if request.head.method != Method::OPTIONS || request.target == Target::Asterisk {
            return None;
        }
        let fields = &request.head.fields;
        sole(fields, head, "origin")?;
        let method = Method::from_bytes(sole(fields, head, "access-control-request-method")?).ok()?;
        let names = fields.others(head, "access-control-request-headers").flat_map(elements);
        let headers = names.map(|name| HeaderName::from_bytes(name).ok()).collect();
        Some(Self { method, headers })
    }

    /// What decides about the request that it asks for. Of its fields, names are known and no values.
    pub(crate) fn asked<'r>(&'r self, request: &'r ParsedRequest, head: &'r [u8]) -> Asked<'r> {
        let mut asked = Asked::new(request, head);
        asked.method = &self.method;
        asked.announced = self.headers.as_deref().unwrap_or_default();
        asked
    }
}

/// The value of the one field of this name.
fn sole<'b>(fields: &Fields, head: &'b [u8], name: &str) -> Option<&'b [u8]> {
    let mut values = fields.others(head, name);
    values.next().filter(|_| values.next().is_none())
}

fn has<T: PartialEq>(allowed: &Allowed<T>, item: &T) -> bool {
    match allowed {
        Allowed::Any => true,
        Allowed::Only(items) => items.contains(item),
    }
}

/// Writes nothing if nothing is allowed.
fn write_list<T>(out: &mut Vec<u8>, name: &str, allowed: &Allowed<T>, text: impl Fn(&T) -> &str, any: &str) {
    match allowed {
        Allowed::Any => write_field(out, name, any.as_bytes()),
        Allowed::Only(items) => {
            let mut before: &[&[u8]] = &[name.as_bytes(), b": "];
            for item in items {
                before.iter().for_each(|bytes| out.extend_from_slice(bytes));
                out.extend_from_slice(text(item).as_bytes());
                before = &[b", "];
            }
            if !items.is_empty() {
                out.extend_from_slice(b"\r\n");
            }
        }
    }
}
