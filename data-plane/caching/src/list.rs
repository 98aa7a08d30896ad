//! Lists of fields (RFC 9110 section 5.6).

/// The members of a list that has no quoted commas, as lists of names are. Empty members
/// are none.
pub(crate) fn members(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| *byte == b',').map(trim).filter(|member| !member.is_empty())
}

/// Without spaces and tabs at its ends (RFC 9110 section 5.6.3).
pub(crate) fn trim(text: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = text.iter().position(|byte| !is_space(byte)).unwrap_or(text.len());
    let end = text.iter().rposition(|byte| !is_space(byte)).map_or(start, |last| last + 1);
    &text[start..end]
}

/// Whether these bytes are a token (RFC 9110 section 5.6.2), as names of fields are.
pub(crate) fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|byte| is_token_byte(*byte))
}

pub(crate) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Where the quoted string ends that begins here, without its opening quote.
pub(crate) fn closing(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match text.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// The members of a list that may have arguments in quotes (RFC 9110 section 5.6.4), each with a `,` or
/// one of `behind` after it. From a quote on that is not of this form, quotes mean nothing: so none hides
/// members that another reader would find. Takes time that is linear in the length.
pub(crate) fn quoted_members<'a>(line: &'a [u8], behind: &'static [u8]) -> impl Iterator<Item = &'a [u8]> {
    Members { rest: line, quotes: Quotes::Count(behind) }.filter(|member| !member.is_empty())
}

#[derive(Clone, Copy)]
enum Quotes {
    /// Commas between them separate nothing, if one of these bytes is behind the closing one.
    Count(&'static [u8]),
    /// One was not of this form.
    Ignored,
}

struct Members<'a> {
    rest: &'a [u8],
    quotes: Quotes,
}

impl<'a> Iterator for Members<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let end = self.end();
        let member = trim(&self.rest[..end]);
        self.rest = self.rest.get(end + 1..).unwrap_or_default();
        Some(member)
    }
}

impl Members<'_> {
    /// Where the first member ends.
    fn end(&mut self) -> usize {
        let text = self.rest;
        let mut at = 0;
        while let Some(byte) = text.get(at) {
            match (byte, self.quotes) {
                (b',', _) => return at,
                (b'"', Quotes::Count(behind)) => match quoted(text, at, behind) {
                    Some(end) => at = end,
                    None => self.quotes = Quotes::Ignored,
                },
                _ => at += 1,
            }
        }
        text.len()
    }
}

/// Where the argument ends that is in quotes from here on.
fn quoted(text: &[u8], at: usize, behind: &[u8]) -> Option<usize> {
    let end = at + 1 + closing(&text[at + 1..])? + 1;
    let next = text[end..].iter().find(|byte| !matches!(byte, b' ' | b'\t'));
    let is_closed = next.is_none_or(|next| *next == b',' || behind.contains(next));
    (is_closed && text[..at].ends_with(b"=")).then_some(end)
}
