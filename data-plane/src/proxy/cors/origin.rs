//! Which origins may read.

use std::borrow::Cow;

use gateway_routing::route::AllowOrigin;

use super::Grant;

/// Who may read, where `asking` is the value of a request's one Origin field. Origins are compared as
/// bytes, as browsers do with the answer.
pub(super) fn grant<'p>(allowed: &'p [AllowOrigin], asking: Option<&[u8]>) -> Grant<'p> {
    if allowed.contains(&AllowOrigin::Any) {
        return Grant::All;
    }
    let Some(asking) = asking.and_then(|origin| std::str::from_utf8(origin).ok()) else { return Grant::Nobody };
    let matching = allowed.iter().find_map(|allowed| match allowed {
        AllowOrigin::Any => None,
        AllowOrigin::Exact(origin) => (**origin == *asking).then_some(Cow::Borrowed(&**origin)),
        AllowOrigin::Below { scheme, suffix } => {
            let below = asking.strip_prefix(&**scheme)?.strip_suffix(&**suffix)?;
            is_labels(below).then(|| Cow::Owned(asking.to_owned()))
        }
    });
    matching.map_or(Grant::Nobody, Grant::Origin)
}

/// Whether this can stand in front of a host's suffix: a port, a path or a user name must not hide in
/// it.
fn is_labels(text: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
    };
    text.split('.').all(is_label)
}
