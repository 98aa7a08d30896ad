//! Records as they are on disk: a header that tells damage and age, and a payload.
//!
//! A record is, in little-endian: length of the payload (u32), format (u16), CRC-32 (u32) over the
//! key, the format and the payload, and the payload, which is one of `stored`'s forms.
//!
//! A record has the earliest format by which it is understood, so that a store in which there is
//! nothing new is open to earlier programs too, and others refuse it instead of losing what they do
//! not know:
//!
//! | format | what it brought |
//! | --- | --- |
//! | 1 | services, health, the store's own record |
//! | 2 | routes, and policies of services; the store's own record has it where there are routes |
//! | 3 | purges, and the policies `cache`, `rate_limits` and `auth`; the store's own record has it where there are purges |
//! | 4 | tokens; the store's own record has it where there are any |
//! | 5 | consumers; the store's own record has it where there are any |

use gateway_routing::route::{Policies, Policy};
use prost::Message;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::{
    auth::token::Tokens,
    registry::model::{Desired, Record},
};

/// The format that the first program wrote.
pub(super) const FIRST: u16 = 1;
/// The format that brought routes and policies.
const ROUTES: u16 = 2;
/// The format that brought purges, and policies of caching, of limits and of who may call.
const CACHE: u16 = 3;
/// The format that brought tokens.
pub(super) const TOKENS: u16 = 4;
/// The format that brought consumers.
const CONSUMERS: u16 = 5;
/// The latest format that this program writes and reads.
pub(super) const LATEST: u16 = CONSUMERS;
/// Length, format and CRC.
const HEADER: usize = 10;

/// Why a record cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RecordError {
    /// It is not what was written.
    Damaged(&'static str),
    /// A later version of this program wrote it.
    Future(u16),
}

/// What a store knows of itself.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Meta {
    #[prost(string, tag = "1")]
    pub(super) cluster_id: String,
    #[prost(uint64, tag = "2")]
    pub(super) revision: u64,
    /// What `digest` makes of all records, so that a lost or outdated one is noticed.
    #[prost(fixed64, tag = "3")]
    pub(super) digest: u64,
}

/// The share of a record in the digest of a store, which is the wrapping sum of them all.
pub(super) fn digest(record: &Record) -> u64 {
    match record {
        Record::Service(service) => xxh3_64_with_seed(service.name.as_str().as_bytes(), service.revision.0),
        // No service has such a name.
        Record::Consumer(consumer) => {
            xxh3_64_with_seed(format!("consumer/{}", consumer.name).as_bytes(), consumer.revision.0)
        }
        Record::Purge(purge) => xxh3_64_with_seed(b"purge/", purge.revision.0),
        Record::Route(route) => xxh3_64_with_seed(format!("route/{}", route.name()).as_bytes(), route.revision.0),
    }
}

/// The earliest format by which a record is understood.
pub(super) fn format_of(record: &Record) -> u16 {
    match record {
        Record::Service(service) if service.policies == Policies::default() => FIRST,
        Record::Service(service) => format_of_policies(&service.policies),
        Record::Route(route) => format_of_policies(&route.route.policies),
        Record::Purge(_) => CACHE,
        Record::Consumer(_) => CONSUMERS,
    }
}

/// The earliest format that has every policy that is there.
fn format_of_policies(policies: &Policies) -> u16 {
    let Policies {
        cors: _,
        compression: _,
        request_headers: _,
        response_headers: _,
        ambiguous_paths: _,
        cache,
        rate_limits,
        auth,
    } = policies;
    match (cache, rate_limits, auth) {
        (Policy::Unset, Policy::Unset, Policy::Unset) => ROUTES,
        (_, _, _) => CACHE,
    }
}

/// The earliest format by which there is nothing strange in a store.
pub(super) fn format_of_store(desired: &Desired, tokens: &Tokens) -> u16 {
    match (desired.purges.is_empty(), desired.routes.is_empty()) {
        _ if !desired.consumers.is_empty() => CONSUMERS,
        _ if !tokens.is_empty() => TOKENS,
        (false, _) => CACHE,
        (true, false) => ROUTES,
        (true, true) => FIRST,
    }
}

/// Wraps a payload that will be stored under `key`.
pub(super) fn seal(key: &[u8], format: u16, payload: &impl Message) -> Vec<u8> {
    let payload = payload.encode_to_vec();
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let mut record = Vec::with_capacity(HEADER + payload.len());
    record.extend_from_slice(&length.to_le_bytes());
    record.extend_from_slice(&format.to_le_bytes());
    record.extend_from_slice(&checksum(key, format, &payload).to_le_bytes());
    record.extend_from_slice(&payload);
    record
}

/// Checks a record that was stored under `key` and reads its payload.
pub(super) fn open<M: Message + Default>(key: &[u8], record: &[u8]) -> Result<M, RecordError> {
    let (length, rest) = record.split_first_chunk().ok_or(RecordError::Damaged("a record is cut short"))?;
    let (format, rest) = rest.split_first_chunk().ok_or(RecordError::Damaged("a record is cut short"))?;
    let (crc, payload) = rest.split_first_chunk().ok_or(RecordError::Damaged("a record is cut short"))?;
    let format = u16::from_le_bytes(*format);
    if u32::try_from(payload.len()) != Ok(u32::from_le_bytes(*length)) {
        return Err(RecordError::Damaged("a record has the wrong length"));
    }
    if checksum(key, format, payload) != u32::from_le_bytes(*crc) {
        return Err(RecordError::Damaged("a record has the wrong checksum"));
    }
    match format {
        FIRST..=LATEST => M::decode(payload).map_err(|_| RecordError::Damaged("a record cannot be decoded")),
        0 => Err(RecordError::Damaged("a record has no format")),
        later => Err(RecordError::Future(later)),
    }
}

fn checksum(key: &[u8], format: u16, payload: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(key);
    crc.update(&format.to_le_bytes());
    crc.update(payload);
    crc.finalize()
}

#[cfg(test)]
mod tests {
    use gateway_routing::route::{Policies, Policy};
    use proptest::prelude::*;

    use super::{
        CACHE, CONSUMERS, FIRST, LATEST, Meta, ROUTES, RecordError, TOKENS, checksum, digest, format_of,
        format_of_store, open, seal,
    };
    use crate::{
        auth::{sample::kept, token::Tokens},
        registry::{
            model::{Desired, Key, Record, Revision, Service},
            purge::Target,
            sample,
        },
    };

    fn meta() -> Meta {
        Meta { cluster_id: "0123456789abcdef".into(), revision: 7, digest: 3 }
    }

    #[test]
    fn a_record_is_read_back_under_its_own_key_only() {
        let record = seal(b"m", FIRST, &meta());
        assert_eq!(open::<Meta>(b"m", &record), Ok(meta()));
        assert!(matches!(open::<Meta>(b"x", &record), Err(RecordError::Damaged(_))));
    }

    #[test]
    fn a_record_of_a_later_format_is_told_from_damage() {
        let payload = b"whatever comes";
        let mut record = Vec::from(u32::try_from(payload.len()).unwrap().to_le_bytes());
        record.extend((LATEST + 1).to_le_bytes());
        record.extend(checksum(b"m", LATEST + 1, payload).to_le_bytes());
        record.extend(payload);
        assert_eq!(open::<Meta>(b"m", &record), Err(RecordError::Future(LATEST + 1)));
    }

    #[test]
    fn a_record_has_the_earliest_format_that_understands_it() {
        let plain = sample::service("a", &["a.test"]);
        let with_policies = Service { policies: sample::policies(), ..plain.clone() };
        let earlier =
            Policies { cache: Policy::Unset, rate_limits: Policy::Unset, auth: Policy::Unset, ..sample::policies() };
        let limits = Policies { rate_limits: Policy::Off, ..Policies::default() };
        let with_limits = Service { policies: limits, ..plain.clone() };
        let with_earlier = Service { policies: earlier, ..plain.clone() };
        let route = sample::route("r", &["a.test"], "/", "a");
        let full_route = sample::full_route("r", ["a", "b"], "c");
        let purge = sample::purge(9, Target::Host("a.test".into()));
        let mut desired = Desired::default();
        for (record, format, of_store) in [
            (Record::from(plain), FIRST, FIRST),
            (Record::from(with_earlier), ROUTES, FIRST),
            (Record::from(with_policies), CACHE, FIRST),
            (Record::from(with_limits), CACHE, FIRST),
            (Record::from(route), ROUTES, ROUTES),
            (Record::from(full_route), CACHE, ROUTES),
            (Record::from(purge), CACHE, CACHE),
        ] {
            assert_eq!(format_of(&record), format, "{record:?}");
            let key = record.key();
            desired.put(record);
            assert_eq!(format_of_store(&desired, &Tokens::new()), of_store, "{key}");
        }
        desired.remove(&Key::Purge(Revision(9)));
        assert_eq!(format_of_store(&desired, &Tokens::new()), ROUTES);
        desired.remove(&Key::Route(sample::route_name("r")));
        assert_eq!(format_of_store(&desired, &Tokens::new()), FIRST);
        let kept = kept(1);
        let tokens = Tokens::unit(kept.id.clone(), kept);
        assert_eq!(format_of_store(&desired, &tokens), TOKENS);
        let consumer = Record::from(sample::consumer("anna", &[]));
        assert_eq!(format_of(&consumer), CONSUMERS);
        desired.put(consumer);
        assert_eq!([format_of_store(&desired, &tokens), format_of_store(&desired, &Tokens::new())], [CONSUMERS; 2]);
        assert_eq!(open::<Meta>(b"m", &seal(b"m", LATEST, &meta())), Ok(meta()));
    }

    #[test]
    fn a_service_a_route_and_a_consumer_of_one_name_have_different_digests() {
        let service = Record::from(sample::service("a", &[]));
        let route = Record::from(sample::route("a", &[], "/", "a"));
        assert_ne!(digest(&service), digest(&route));
        let consumer = digest(&Record::from(sample::consumer("a", &[])));
        assert!(![digest(&service), digest(&route)].contains(&consumer));
        let mut later = route.clone();
        later.set_revision(Revision(1));
        assert_ne!(digest(&route), digest(&later));
        // What stores have in their records from before there were routes.
        assert_eq!(digest(&service), 0xe6c6_32b6_1e96_4e1f);
    }

    proptest! {
        #[test]
        fn every_cut_and_every_flipped_bit_is_noticed(at in 0_usize..1000, bit in 0_u8..8) {
            let record = seal(b"m", FIRST, &meta());
            let at = at % record.len();
            prop_assert!(matches!(open::<Meta>(b"m", &record[..at]), Err(RecordError::Damaged(_))));
            let mut flipped = record.clone();
            flipped[at] ^= 1 << bit;
            prop_assert!(matches!(open::<Meta>(b"m", &flipped), Err(RecordError::Damaged(_))));
        }
    }
}
