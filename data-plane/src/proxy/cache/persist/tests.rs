use std::time::{Duration, UNIX_EPOCH};

use gateway_cache_disk::Persist;
use gateway_cache_store::Metadata;
use gateway_caching::{
    FOREVER, Fields, Freshness, Policy, Time, Timing,
    control::RequestControl,
    ranges::ContentRange,
    reuse::{Because, Decision, decide},
    vary::Vary,
};
use http::StatusCode;
use proptest::{
    prelude::{Strategy, any, prop, proptest},
    sample::Index,
};

use super::{Entry, FIXED};
use crate::proxy::cache::entry::Made;

const NAMES: [&str; 4] = ["", "accept", "accept,accept-encoding", "x-a"];
const CONTROL: [&str; 6] = [
    "max-age=0",
    "max-age=60, stale-while-revalidate=30",
    "no-cache",
    "s-maxage=2147483648",
    "max-age=5, must-revalidate, stale-if-error=99999999999",
    "public",
];

fn freshness(control: &str, at: i64) -> Freshness {
    let fields = [("cache-control", control), ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT")];
    let timing = Timing { requested_at: Time::from_millis(at), received_at: Time::from_millis(at.saturating_add(7)) };
    let dated = gateway_caching::Dated::of(&fields[..], timing);
    Freshness::of(&Policy::default(), StatusCode::OK, &fields[..], dated)
}

fn entries() -> impl Strategy<Value = Entry> {
    let lines = prop::collection::vec(("[a-z-]{1,12}", "[ -~]{0,40}"), 0..6);
    let part = prop::option::of((0..1_000_u64, 1..1_000_u64, prop::option::of(0..1_000_u64)));
    let choices = (0..NAMES.len(), 0..CONTROL.len(), 200..600_u16);
    (lines, prop::collection::vec(any::<u8>(), 0..40), part, choices, any::<[i64; 3]>()).prop_map(
        |(lines, variant, part, (names, control, status), [date, asked_at, at])| {
            let part = part.map(|(start, len, rest)| {
                let bytes = start..start + len;
                Box::new(ContentRange { length: rest.map(|rest| bytes.end + rest), bytes })
            });
            // Dates are of the time in which there are clocks.
            let date = Time::from_millis(date.rem_euclid(1 << 42));
            let made = Made {
                freshness: freshness(CONTROL[control], at),
                date,
                asked_at: Time::from_millis(asked_at),
                status: StatusCode::from_u16(status).unwrap(),
                vary: Vary::of(&[("vary", NAMES[names])][..]).unwrap(),
                part,
                variant,
            };
            let lines = lines.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
            Entry::made(b"HTTP/1.1 200 OK", lines, made)
        },
    )
}

fn encoded(entry: &Entry) -> Vec<u8> {
    let mut out = Vec::new();
    entry.encode(&mut out);
    out
}

/// Whatever is asked of an entry.
fn ask_all(entry: &Entry) {
    let _ = (entry.weight(), Persist::variant(entry), entry.tags().count(), entry.lines().count(), entry.length());
    let _ = (entry.validators(), entry.freshness.age(Time::from(UNIX_EPOCH)), entry.freshness.useful_until());
    let _ = (entry.freshness.ttl(Time::from_millis(i64::MAX)), entry.replaces(entry), entry.expired(entry.date));
}

proptest! {
    #[test]
    fn an_entry_comes_back_as_it_was(entry in entries()) {
        let bytes = encoded(&entry);
        let read = Entry::decode(&bytes).expect("it was written");
        ask_all(&read);
        assert_eq!(read, entry);
        assert_eq!(encoded(&read), bytes);
        assert_eq!(Persist::variant(&read), Persist::variant(&entry));
        let end = bytes.len() - read.variant().len();
        assert!((0..end).all(|end| Entry::decode(&bytes[..end]).is_none()), "what is cut short is none");
    }

    #[test]
    fn other_bytes_are_nothing_or_an_entry_that_can_be_used(
        entry in entries(),
        changes in prop::collection::vec((any::<Index>(), any::<u8>()), 1..8),
        noise in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut bytes = encoded(&entry);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        for bytes in [&bytes[..], &noise[..]] {
            if let Some(entry) = Entry::decode(bytes) {
                ask_all(&entry);
            }
        }
    }
}

#[test]
fn what_is_doubtful_stays_so_and_nothing_allows_using_it() {
    let entry = Entry::made(
        b"HTTP/1.1 200 OK",
        std::iter::empty(),
        Made {
            freshness: freshness("max-age=60, stale-while-revalidate=600, stale-if-error=600", 0),
            date: Time::from_millis(0),
            asked_at: Time::from_millis(0),
            status: StatusCode::OK,
            vary: Vary::default(),
            part: None,
            variant: Vec::new(),
        },
    );
    let (soon, late) = (Time::from_seconds(1), Time::from_seconds(70));
    let lenient = RequestControl::read(&[("cache-control", "max-stale, stale-if-error=600")][..]);
    let decide = |entry: &Entry, now| decide(&Policy::default(), &entry.freshness, &lenient, now);
    assert_eq!((decide(&entry, soon), decide(&entry, late)), (Decision::Serve, Decision::ServeAndRevalidate));
    let doubtful = Entry::decode(&encoded(&entry.must_validate())).expect("it was written");
    for now in [soon, late] {
        assert_eq!(decide(&doubtful, now), Decision::Validate(Because::Stale));
        assert!(!doubtful.freshness.is_served_on_error(now, FOREVER));
        assert!(!doubtful.freshness.is_served_while_revalidating(now));
    }
    assert_eq!(doubtful.freshness.age(late), Duration::from_secs(70));
}

#[test]
fn a_version_that_is_not_known_is_nothing() {
    let mut bytes = encoded(&Entry::made(
        b"HTTP/1.0 404 No",
        std::iter::empty(),
        Made {
            freshness: freshness("max-age=1", 0),
            date: Time::from_millis(0),
            asked_at: Time::from_millis(0),
            status: StatusCode::NOT_FOUND,
            vary: Vary::default(),
            part: None,
            variant: Vec::new(),
        },
    ));
    assert!(bytes.len() > FIXED && Entry::decode(&bytes).is_some());
    bytes[0] = 2;
    assert!(Entry::decode(&bytes).is_none());
}
