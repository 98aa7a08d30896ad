//! Names of what is registered. All kinds have one rule.

/// The rule, as a remedy to follow what is wrong.
pub const RULE: &str = "use 1 to 63 of a-z, 0-9 and '-', beginning and ending with a letter or digit";

/// The longest name in characters.
const MAX: usize = 63;

/// Whether a text is 1 to 63 of `a-z`, `0-9` and `-` that begin and end with a letter or digit.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let ends = |c: Option<&u8>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let bytes = text.as_bytes();
    bytes.len() <= MAX
        && ends(bytes.first())
        && ends(bytes.last())
        && bytes.iter().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == b'-')
}
