//! What a shared HTTP cache may store, and what it may answer with it: RFC 9111 (caching), RFC 5861
//! (serving stale), RFC 9211 (`Cache-Status`) and RFC 9213 (`CDN-Cache-Control`). There is no I/O and no
//! clock in here: messages are lent ([`Fields`]), and the time is an argument ([`Time`]).
//!
//! # The walk of a request
//! 1. [`reuse::way`]: past the cache, or a look into it, with what the client wants of it.
//! 2. [`key::Rules::primary`] finds what is stored for the URI, and [`key::Rules::variant`], for each
//!    [`vary::Vary`] there, tells whether it is for this request. The latest goes first,
//!    and all that have a `Vary` before those that have none (section 4.1).
//! 3. [`reuse::decide`], from the [`Freshness`] that was worked out when it was stored: serve it, serve it
//!    and validate it in the background, validate it first, or give up. Where nothing matches,
//!    [`reuse::missing`].
//! 4. To serve it: [`validation::is_not_modified`], then [`ranges::select`], and `Age` of
//!    [`Freshness::age`].
//! 5. To ask the origin: the client's request without [`validation::is_replaced`] fields, and with
//!    [`validation::conditions`] if something is stored.
//! 6. Its answer: [`judge`] says whether it is stored, and what of it. A 304 is about the responses that
//!    [`validation::freshened`] names; they are updated ([`validation::update`]) and judged anew
//!    ([`judge_updated`]). An error comes to [`reuse::after_failure`]. What a HEAD tells is
//!    [`validation::freshen_by_head`]'s.
//! 7. [`invalidation::invalidated`] after a method that is not safe, and [`surrogate::tags`] for purges.
//! 8. [`status::CacheStatus`] on what the client gets.
//!
//! # What is strict, and what is left out
//! What is malformed, doubled or contradictory is read as the strictest thing that it can mean (section
//! 4.2.1), and hides nothing beside it. What is optional and not here: responses to POST (section 3 would
//! allow them with explicit freshness and `Content-Location`), 200s that broke off (section 3.3), several
//! ranges in one answer, and the union of the client's entity tags with the stored ones (section 4.3.2): a
//! client's conditions are answered from what the validation comes to. `immutable` (RFC 8246) means nothing
//! to a shared cache.
//!
//! # What it costs
//! A lookup copies the key into a buffer of the caller's and allocates nothing else; what it needs of the
//! stored response's fields is in [`Freshness`]. Everything takes time that is linear in the header, and
//! all that is kept has a bound.
//!
//! # Why not a library
//! http-cache-semantics 3.0 was read and tried, and does not do for a shared cache. It compares the names
//! of directives with regard to case (`No-Store` is stored) and cuts quoted strings at their commas. It
//! knows no `CDN-Cache-Control`, no `stale-while-revalidate` and `stale-if-error`, and no
//! `must-understand`; it takes no account of `Date` or of the response's delay in the age, and
//! `Age: 18446744073709551615` panics. It replaces `Date`, keeps one line of a field that comes in
//! several, and updates by a 304 only the fields that were there before. Each stored response holds copies
//! of both headers, the client's credentials among them, in three hash maps, and each lookup makes another
//! map and clones the whole header: the opposite of small entries and cheap hits.

pub mod control;
pub mod date;
mod fields;
mod freshness;
pub mod invalidation;
pub mod key;
mod list;
pub mod policy;
pub mod ranges;
pub mod reuse;
pub mod status;
mod status_code;
mod storable;
pub mod surrogate;
#[cfg(test)]
mod tests;
mod time;
pub mod validation;
pub mod vary;

pub use fields::Fields;
pub use freshness::{Dated, FRESHNESS_LEN, Freshness, Timing};
pub use policy::Policy;
pub use storable::{Exchange, Storable, Unstorable, judge, judge_updated};
pub use time::{FOREVER, Time};
