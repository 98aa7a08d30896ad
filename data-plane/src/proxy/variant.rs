//! What CORS and compression change in the head of a response.

use super::{
    compress::{Treatment, coding},
    cors::{self, Stance},
    edits::FieldEdits,
    headers::write_field,
};
use crate::http1::{
    field::elements,
    head::{Field, Fields},
};

/// Which of its variants a response is; by default, it has but one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Variant<'a> {
    /// What it says to pages of other origins; `None` leaves that to the endpoint.
    pub cors: Option<&'a Stance<'a>>,
    pub treatment: Treatment,
}

impl Default for Variant<'_> {
    fn default() -> Self {
        Self { cors: None, treatment: Treatment::Untouched }
    }
}

impl Variant<'_> {
    /// Whether a field of the endpoint's goes, or is written anew.
    pub(crate) fn replaces(&self, field: &Field, head: &[u8]) -> bool {
        (self.cors.is_some() && cors::is_of_cors(field, head))
            || self.treatment.replaces(field, head)
            || (self.varies_by().next().is_some() && field.is_named(head, "vary"))
    }

    /// Writes what takes the place of the endpoint's fields, but not of those that the operator drops.
    pub(crate) fn write(&self, out: &mut Vec<u8>, fields: &Fields, head: &[u8], edits: FieldEdits<'_>) {
        if let Some(cors) = self.cors {
            cors.write(out);
        }
        if let Treatment::Compressed(algorithm) = self.treatment {
            write_field(out, "Content-Encoding", coding(algorithm).as_bytes());
        }
        if self.treatment.weakens_tags() && !edits.drop(b"etag") {
            fields.others(head, "etag").for_each(|tag| write_weak(out, tag));
        }
        if self.varies_by().next().is_some() {
            let said = fields.others(head, "vary").filter(|value| !value.is_empty() && !edits.drop(b"vary"));
            self.write_vary(out, &said.collect::<Vec<_>>());
        }
    }

    /// Writes what belongs to an answer of the gateway's own.
    pub(crate) fn write_own(&self, out: &mut Vec<u8>) {
        self.write(out, &Fields::default(), b"", FieldEdits::default());
    }

    /// The fields of a request by which it differs, beside what the endpoint says.
    fn varies_by(&self) -> impl Iterator<Item = &'static [u8]> {
        let origin = self.cors.is_some_and(Stance::varies).then_some(&b"Origin"[..]);
        let coding = self.treatment.varies().then_some(&b"Accept-Encoding"[..]);
        origin.into_iter().chain(coding)
    }

    /// Adds to what is said already (RFC 9110 section 12.5.5).
    fn write_vary(&self, out: &mut Vec<u8>, said: &[&[u8]]) {
        let is_said = |name: &[u8]| {
            let mut names = said.iter().flat_map(|value| elements(value));
            names.any(|said| said == b"*" || said.eq_ignore_ascii_case(name))
        };
        let mut names = said.to_vec();
        for name in self.varies_by().filter(|name| !is_said(name)) {
            names.push(name);
        }
        write_field(out, "Vary", &names.join(&b", "[..]));
    }
}

/// Writes an entity tag that does not promise the same bytes any more (RFC 9110 section 8.8.1), where
/// it is one.
fn write_weak(out: &mut Vec<u8>, tag: &[u8]) {
    if tag.starts_with(b"W/\"") {
        write_field(out, "ETag", tag);
    } else if tag.starts_with(b"\"") {
        write_field(out, "ETag", &[b"W/", tag].concat());
    }
}
