//! What a client is told of its limits, on answers that it gets and on refusals.

use gateway_limiting::{
    Standing,
    fields::{Advert, Unit, retry_after, write_limits, write_policies},
};
use gateway_routing::route::Quota;

use super::{Held, HeldLimit};
use crate::proxy::headers::write_field;

impl Held<'_> {
    /// Writes `RateLimit-Policy` and `RateLimit`; where the request was refused, `Retry-After` too (RFC
    /// 6585 section 4). Limits in shadow mode are nobody's business.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let in_force = &self.limits[..self.in_force];
        if in_force.is_empty() {
            return;
        }
        let mut adverts: Vec<_> = in_force.iter().map(|held| held.advert(self.now)).collect();
        if self.refused_by.is_some() {
            // `Retry-After` is not to be earlier than a `t` beside it (section 4 of the draft). Nobody has to wait
            // for a limit that has something left, so that it is these that say none.
            for advert in adverts.iter_mut().filter(|advert| advert.standing.remaining > 0) {
                advert.standing.next = None;
            }
        }
        out.extend_from_slice(b"RateLimit-Policy: ");
        write_policies(out, &adverts);
        out.extend_from_slice(b"\r\nRateLimit: ");
        write_limits(out, &adverts);
        out.extend_from_slice(b"\r\n");
        if self.refused_by.is_some() {
            let wait = in_force.iter().map(HeldLimit::wait).max().unwrap_or_default();
            write_field(out, "Retry-After", retry_after(wait).to_string().as_bytes());
        }
    }
}

impl<'t> HeldLimit<'t> {
    fn advert(&self, now: u64) -> Advert<'t> {
        let (quota, unit, window) = match self.limit.quota {
            Quota::Requests { count, per, burst: _ } => (count, Unit::Requests, Some(per)),
            Quota::Bytes { count, per, burst: _ } => (count, Unit::ContentBytes, Some(per)),
            Quota::Concurrent(most) => (u64::from(most), Unit::ConcurrentRequests, None),
        };
        let standing = match (self.limit.quota, &self.permit) {
            (Quota::Concurrent(_), Some(permit)) => Standing { remaining: permit.remaining().into(), next: None },
            // It was refused, by this or by another one.
            (Quota::Concurrent(_), None) => {
                Standing { remaining: self.free.map(u64::from).unwrap_or_default(), next: None }
            }
            (Quota::Requests { .. } | Quota::Bytes { .. }, _) => self.check.standing(now),
        };
        Advert { name: &self.limit.name, quota, unit, window, standing }
    }
}
