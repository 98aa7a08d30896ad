//! Heads, as the caching rules read them.

use gateway_caching::Fields;

use super::entry::field_lines;
use crate::{
    http1::{
        field::Name,
        head::{self, Field},
    },
    proxy::{
        edits::{FieldEdits, steers},
        headers::Passing,
        parse::ParsedRequest,
    },
};

/// The fields of a head, as they came.
#[derive(Debug, Clone, Copy)]
pub(super) struct AsCame<'b> {
    pub fields: &'b head::Fields,
    pub head: &'b [u8],
}

impl Fields for AsCame<'_> {
    fn lines(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.fields.iter().map(|field| (field.name_bytes(self.head), field.value(self.head)))
    }
}

/// The fields of a request that may have had credentials, which others than Authorization are, too.
#[derive(Debug, Clone, Copy)]
pub(super) struct AsJudged<'b> {
    pub came: AsCame<'b>,
    pub has_credentials: bool,
}

impl Fields for AsJudged<'_> {
    fn lines(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let credentials = self.has_credentials.then_some((&b"Authorization"[..], &b""[..]));
        self.came.lines().chain(credentials)
    }
}

/// The fields of a request, as the endpoint gets them: what it cannot see must not choose a response,
/// or clients could have what was made for one request stored for another.
pub(super) struct AsSent<'r> {
    request: &'r ParsedRequest,
    head: &'r [u8],
    passing: Passing<'r>,
    edits: FieldEdits<'r>,
    /// The lines that tell who calls.
    identity: &'r [u8],
    /// The fields that the gateway makes itself, and that differ between clients.
    own: [(&'static [u8], &'r [u8]); 3],
}

impl<'r> AsSent<'r> {
    pub(super) fn of(
        request: &'r ParsedRequest,
        head: &'r [u8],
        edits: FieldEdits<'r>,
        identity: &'r [u8],
        [address, id]: [&'r [u8]; 2],
    ) -> Self {
        let passing = Passing::of(request, head, edits);
        let own: [(&[u8], _); 3] = [(b"X-Forwarded-For", address), (b"Forwarded", address), (b"X-Request-Id", id)];
        Self { request, head, passing, edits, identity, own }
    }

    fn is_sent(&self, field: &Field) -> bool {
        // Lists that the gateway continues.
        matches!(field.name, Name::XForwardedFor | Name::Via)
            || (self.passing.has(field, self.head) && !steers(field.name_bytes(self.head)))
    }
}

impl Fields for AsSent<'_> {
    fn lines(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let came = self.request.head.fields.iter().filter(|field| self.is_sent(field));
        let came = came.map(|field| (field.name_bytes(self.head), field.value(self.head)));
        let added = self.edits.told().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()));
        let identity = field_lines(self.identity).map(|(_, name, value)| (name, value));
        came.chain(added).chain(identity).chain(self.own)
    }
}
