//! Stored fields, updated by those of a newer response (RFC 9111 section 3.2).

use crate::{
    control::ResponseControl,
    fields::{Fields, is_one_of},
    policy::{Policy, SetCookie},
    storable::Kept,
};

/// The field lines of a stored response after a 304, the answer to a HEAD, or a part of the same content:
/// each field of the answer in place of the stored ones of its name, and the rest as it was.
///
/// - Fields that are not stored are not updated either (section 3.1), nor are `Content-Length` and
///   `Content-Range`, which are about the message.
/// - `Content-Encoding` and `Content-Type` are updated: the content is stored as it came, so that nothing
///   that is stored depends on them.
/// - `Set-Cookie` is taken only by a policy that stores it.
/// - An old `Date` goes in any case: an answer without one is dated by when it came ([`crate::Dated::date`]).
///
/// What comes of it has to be judged anew ([`crate::judge_updated`]): the answer may have made it private,
/// or for other requests than before.
#[must_use]
pub fn update<'a, S, A>(policy: &Policy, stored: &'a S, answer: &'a A) -> Vec<(&'a [u8], &'a [u8])>
where
    S: Fields + ?Sized,
    A: Fields + ?Sized,
{
    let sent = Kept::of(answer, ResponseControl::default());
    let is_taken = |name: &[u8]| !is_left_alone(policy, name) && sent.keeps(name);
    let is_replaced = |name: &[u8]| {
        let is_sent = || answer.lines().any(|(there, _)| there.eq_ignore_ascii_case(name));
        name.eq_ignore_ascii_case(b"date") || (is_taken(name) && is_sent())
    };
    let old = stored.lines().filter(|(name, _)| !is_replaced(name));
    let mut lines: Vec<_> = old.chain(answer.lines().filter(|(name, _)| is_taken(name))).collect();
    let control_lines = lines.clone();
    let kept = Kept::of(&control_lines[..], ResponseControl::read(&control_lines[..]));
    lines.retain(|(name, _)| kept.keeps(name));
    lines
}

fn is_left_alone(policy: &Policy, name: &[u8]) -> bool {
    let is_about_message = is_one_of(name, &["content-length", "content-range"]);
    let is_cookie = policy.set_cookie == SetCookie::Refuse && name.eq_ignore_ascii_case(b"set-cookie");
    is_about_message || is_cookie
}
