//! Tokens (RFC 9110 section 5.6.2).

/// Whether a text is one or more of the characters that names are made of.
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
