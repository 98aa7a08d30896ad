//! Which coding a client wants (RFC 9110 section 12.5.3).

use gateway_routing::route::CompressionAlgorithm;

use crate::http1::field::elements;

/// The most that a coding can be wanted: q=1, in thousandths.
const MOST: u16 = 1000;

/// The algorithm among `preferred` that the client likes best; between equals, the first one. `None`
/// is for the content as it is, which also gets who says nothing, or likes it better.
///
/// `values` are those of all Accept-Encoding fields. An element that is malformed says nothing.
pub(crate) fn negotiate<'v>(
    values: impl Iterator<Item = &'v [u8]>,
    preferred: &[CompressionAlgorithm],
) -> Option<CompressionAlgorithm> {
    let said = Said::read(values);
    let mut best: Option<(u16, CompressionAlgorithm)> = None;
    for algorithm in preferred {
        let weight = said.weight(*algorithm);
        if weight > best.map_or(0, |(best, _)| best) {
            best = Some((weight, *algorithm));
        }
    }
    let (weight, algorithm) = best?;
    (weight >= said.identity()).then_some(algorithm)
}

/// The name of a coding in fields (RFC 9110 section 8.4.1, RFC 7932, RFC 8878).
pub(crate) const fn coding(algorithm: CompressionAlgorithm) -> &'static str {
    match algorithm {
        CompressionAlgorithm::Gzip => "gzip",
        CompressionAlgorithm::Brotli => "br",
        CompressionAlgorithm::Zstd => "zstd",
    }
}

/// What the client says of the codings that there are here, in thousandths.
#[derive(Debug, Default)]
struct Said {
    gzip: Option<u16>,
    brotli: Option<u16>,
    zstd: Option<u16>,
    identity: Option<u16>,
    /// Whatever it does not name.
    rest: Option<u16>,
}

impl Said {
    fn read<'v>(values: impl Iterator<Item = &'v [u8]>) -> Self {
        let mut said = Self::default();
        for (coding, weight) in values.flat_map(elements).filter_map(element) {
            let Some(slot) = said.slot(coding) else { continue };
            // Named twice: the client is the better served by what both allow.
            *slot = Some(slot.map_or(weight, |other| other.min(weight)));
        }
        said
    }

    fn slot(&mut self, coding: &[u8]) -> Option<&mut Option<u16>> {
        let is = |name: &str| coding.eq_ignore_ascii_case(name.as_bytes());
        // RFC 9110 section 8.4.1.3: the first two are the same.
        if is("gzip") || is("x-gzip") {
            Some(&mut self.gzip)
        } else if is("br") {
            Some(&mut self.brotli)
        } else if is("zstd") {
            Some(&mut self.zstd)
        } else if is("identity") {
            Some(&mut self.identity)
        } else if is("*") {
            Some(&mut self.rest)
        } else {
            None
        }
    }

    fn weight(&self, algorithm: CompressionAlgorithm) -> u16 {
        let named = match algorithm {
            CompressionAlgorithm::Gzip => self.gzip,
            CompressionAlgorithm::Brotli => self.brotli,
            CompressionAlgorithm::Zstd => self.zstd,
        };
        named.or(self.rest).unwrap_or(0)
    }

    /// Content as it is needs no mention to be acceptable, but then everything else is liked better.
    fn identity(&self) -> u16 {
        self.identity.or(self.rest).unwrap_or(0)
    }
}

/// A coding and its weight; `None` if it is malformed.
fn element(element: &[u8]) -> Option<(&[u8], u16)> {
    let mut parts = element.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let coding = parts.next().filter(|coding| !coding.is_empty())?;
    let weight = match parts.next() {
        None => MOST,
        Some(parameter) => match parameter.split_first_chunk() {
            Some((b"q=" | b"Q=", value)) => qvalue(value)?,
            Some(_) | None => return None,
        },
    };
    parts.next().is_none().then_some((coding, weight))
}

/// RFC 9110 section 12.4.2: 0 to 1, with up to three decimals.
fn qvalue(value: &[u8]) -> Option<u16> {
    let (whole, decimals) = match value {
        [whole] => (whole, &[][..]),
        [whole, b'.', decimals @ ..] if decimals.len() <= 3 => (whole, decimals),
        _ => return None,
    };
    let mut sum = 0;
    for place in 0..3 {
        let digit = decimals.get(place).unwrap_or(&b'0');
        if !digit.is_ascii_digit() {
            return None;
        }
        sum = sum * 10 + u16::from(digit - b'0');
    }
    match whole {
        b'0' => Some(sum),
        b'1' if sum == 0 => Some(MOST),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use gateway_routing::route::CompressionAlgorithm::{self, Brotli, Gzip, Zstd};
    use proptest::prelude::*;

    use super::{coding, negotiate};

    const ALL: [CompressionAlgorithm; 3] = [Zstd, Brotli, Gzip];

    fn chosen(lines: &[&str], preferred: &[CompressionAlgorithm]) -> Option<CompressionAlgorithm> {
        negotiate(lines.iter().map(|line| line.as_bytes()), preferred)
    }

    #[test]
    fn the_client_chooses_and_the_service_between_equals() {
        for (accepted, expected) in [
            ("gzip, deflate, br, zstd", Some(Zstd)),
            ("gzip, br", Some(Brotli)),
            ("gzip;q=1.0, br;q=0.9, zstd;q=0.899", Some(Gzip)),
            ("br;q=0.5, gzip;q=0.5", Some(Brotli)),
            ("GZIP", Some(Gzip)),
            ("x-gzip", Some(Gzip)),
            ("gzip;q=0.001", Some(Gzip)),
            ("gzip ; q=0.5\t,\tbr;Q=0.7", Some(Brotli)),
            (",, gzip ,", Some(Gzip)),
            ("*", Some(Zstd)),
            ("*;q=0.1, zstd;q=0", Some(Brotli)),
            ("gzip, *;q=0", Some(Gzip)),
            ("gzip, identity", Some(Gzip)),
            ("identity;q=0, *", Some(Zstd)),
        ] {
            assert_eq!(chosen(&[accepted], &ALL), expected, "{accepted}");
        }
        assert_eq!(chosen(&["gzip;q=0.5", "br"], &ALL), Some(Brotli), "lines are one list");
        assert_eq!(chosen(&["gzip, br, zstd"], &[Gzip, Zstd]), Some(Gzip), "the service's order");
    }

    #[test]
    fn content_stays_as_it_is_where_the_client_does_not_say_otherwise() {
        for accepted in [
            "",
            "identity",
            "deflate, compress",
            "gzip;q=0",
            "gzip;q=0.000",
            "*;q=0",
            "identity;q=0",
            "identity;q=0, deflate",
            "gzip;q=0.5, identity",
            "gzip;q=0.5, identity;q=0.6",
            "gzip;q=0.5, br;q=0, zstd;q=0, *",
            "gzip, gzip;q=0",
        ] {
            assert_eq!(chosen(&[accepted], &ALL), None, "{accepted}");
        }
        assert_eq!(chosen(&[], &ALL), None);
        assert_eq!(chosen(&["gzip;q=0.3, *;q=0.5"], &[Gzip]), None, "the star covers identity, too");
    }

    #[test]
    fn an_element_that_is_malformed_says_nothing() {
        for malformed in [
            "gzip;q=1.1",
            "gzip;q=1.001",
            "gzip;q=2",
            "gzip;q=-1",
            "gzip;q=.5",
            "gzip;q=0.1234",
            "gzip;q=0.0a",
            "gzip;q=",
            "gzip;q",
            "gzip;",
            "gzip;x=1",
            "gzip;q=1;q=1",
            "gzip;q =1",
            "gzip;q=\"1\"",
            "gzip q=1",
            ";q=1",
            "gz ip",
            "\u{ff}",
        ] {
            assert_eq!(chosen(&[malformed], &ALL), None, "{malformed}");
            assert_eq!(chosen(&[&format!("{malformed}, br")], &ALL), Some(Brotli), "the others count: {malformed}");
        }
        assert_eq!(chosen(&["gzip;q=1.", "gzip;q=0."], &ALL), None, "no decimals behind the point are allowed");
        assert_eq!(chosen(&["gzip;q=1."], &ALL), Some(Gzip));
    }

    fn weight() -> impl Strategy<Value = Option<u16>> {
        prop_oneof![Just(None), (0_u16..=1000).prop_map(Some)]
    }

    proptest! {
        /// RFC 9110 section 12.5.3, read the other way round: nothing better was to be had.
        #[test]
        fn nothing_that_the_client_likes_better_was_passed_over(
            weights in [weight(), weight(), weight(), weight(), weight()],
        ) {
            let names = ["gzip", "br", "zstd", "identity", "*"];
            let said: Vec<_> = names.iter().zip(weights).filter_map(|(name, weight)| {
                weight.map(|weight| format!("{name};q={}.{:03}", weight / 1000, weight % 1000))
            }).collect();
            let [.., identity, rest] = weights;
            let of = |algorithm| {
                let named = names.iter().position(|name| *name == coding(algorithm)).and_then(|at| weights[at]);
                named.or(rest).unwrap_or(0)
            };
            let plain = identity.or(rest).unwrap_or(0);
            let best = ALL.into_iter().map(of).max().unwrap();
            match chosen(&[&said.join(", ")], &ALL) {
                Some(algorithm) => prop_assert!(of(algorithm) == best && best > 0 && best >= plain),
                None => prop_assert!(best == 0 || plain > best),
            }
        }

        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            negotiate([bytes.as_slice()].into_iter(), &ALL);
        }
    }
}
