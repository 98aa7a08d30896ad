//! What a line needs of a request's head, which is gone when the line is written.

use crate::proxy::parse::{ParsedRequest, Target};

/// The longest piece that is kept; what is longer is cut.
const MAX_PIECE: usize = 2048;

/// Copied only of requests that are logged; used again for the next one.
#[derive(Debug, Default)]
pub(crate) struct LoggedHead {
    /// Without the query, in which secrets may be. Empty if the head could not be read.
    pub path: Vec<u8>,
    pub host: Vec<u8>,
    pub user_agent: Vec<u8>,
    /// Without query, too.
    pub referer: Vec<u8>,
}

impl LoggedHead {
    pub(crate) fn keep(&mut self, request: &ParsedRequest, head: &[u8]) {
        let field = |name: &[u8]| {
            let mut fields = request.head.fields.iter();
            let found = fields.find(|field| field.name_bytes(head).eq_ignore_ascii_case(name));
            found.map_or(&b""[..], |field| field.value(head))
        };
        let path = match &request.target {
            Target::Origin(at) => &head[at.clone()],
            Target::Root(_) => b"/",
            Target::Asterisk => b"*",
        };
        put(&mut self.path, before_query(path));
        put(&mut self.host, request.host(head).as_bytes());
        put(&mut self.user_agent, field(b"user-agent"));
        put(&mut self.referer, without_secrets(field(b"referer")));
    }

    pub(crate) fn clear(&mut self) {
        let Self { path, host, user_agent, referer } = self;
        [path, host, user_agent, referer].into_iter().for_each(Vec::clear);
    }
}

fn put(kept: &mut Vec<u8>, piece: &[u8]) {
    kept.clear();
    kept.extend_from_slice(&piece[..piece.len().min(MAX_PIECE)]);
}

fn before_query(url: &[u8]) -> &[u8] {
    let end = url.iter().position(|byte| matches!(byte, b'?' | b'#'));
    &url[..end.unwrap_or(url.len())]
}

/// RFC 9110 section 10.1.3 forbids user names and passwords in it; who sends them all the same is
/// not quoted.
fn without_secrets(referer: &[u8]) -> &[u8] {
    if referer.contains(&b'@') { b"" } else { before_query(referer) }
}
