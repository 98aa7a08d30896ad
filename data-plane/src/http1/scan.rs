//! Finds the end of a head as it arrives, looking at each byte once however slowly they come.

use memchr::memchr;

use super::head::HeadError;

/// No limit of a head is smaller: no client could say anything.
pub(crate) const MIN_HEAD: usize = 512;

/// How large a head may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HeadLimits {
    /// The first line in bytes.
    pub line: usize,
    /// The whole head in bytes.
    pub head: usize,
    /// The number of fields.
    pub fields: usize,
}

/// The progress of one head. Offsets count from the head's first byte.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// Where to go on looking.
    at: usize,
    /// Where the current line began.
    line: usize,
    /// Whether the first line is complete.
    past_first: bool,
}

impl Scan {
    /// The head's length with the empty line at its end, once that is there. `bytes` begins with
    /// the head and may go on behind it.
    pub(crate) fn find_end(&mut self, bytes: &[u8], limits: &HeadLimits) -> Result<Option<usize>, HeadError> {
        while let Some(found) = memchr(b'\n', &bytes[self.at..]) {
            let end = self.at + found;
            // RFC 9112 section 2.2 lets a recipient take a bare LF for a line's end; one that
            // does and one that does not see two different messages.
            if end == self.line || bytes[end - 1] != b'\r' {
                return Err(HeadError::Malformed("a line does not end with CR LF"));
            }
            if !self.past_first && end - 1 > limits.line {
                return Err(HeadError::LineTooLong);
            }
            let is_empty = end == self.line + 1;
            self.past_first = true;
            self.at = end + 1;
            self.line = self.at;
            if self.at > limits.head {
                return Err(HeadError::TooLarge);
            }
            if is_empty {
                return Ok(Some(self.at));
            }
        }
        self.at = bytes.len();
        if !self.past_first && bytes.len() > limits.line + 1 {
            return Err(HeadError::LineTooLong);
        }
        if bytes.len() >= limits.head {
            return Err(HeadError::TooLarge);
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{HeadLimits, Scan};
    use crate::http1::head::HeadError;

    const LIMITS: HeadLimits = HeadLimits { line: 20, head: 60, fields: 10 };

    fn scan(bytes: &[u8]) -> Result<Option<usize>, HeadError> {
        Scan::default().find_end(bytes, &LIMITS)
    }

    #[test]
    fn the_end_is_the_empty_line() {
        assert_eq!(scan(b"GET / HTTP/1.1\r\n\r\nbody"), Ok(Some(18)));
        assert_eq!(scan(b"GET / HTTP/1.1\r\na: b\r\n\r\n"), Ok(Some(24)));
        assert_eq!(scan(b"GET / HTTP/1.1\r\n\r"), Ok(None));
        assert_eq!(scan(b""), Ok(None));
    }

    #[test]
    fn a_bare_line_feed_is_refused_where_it_stands() {
        for bytes in [&b"\n"[..], b"GET / HTTP/1.1\n", b"GET / HTTP/1.1\r\na: b\n", b"GET / HTTP/1.1\r\n\n"] {
            assert!(matches!(scan(bytes), Err(HeadError::Malformed(_))), "{bytes:?}");
        }
    }

    #[test]
    fn sizes_are_bounded_before_the_end_is_there() {
        assert_eq!(scan(&[b'x'; 22]), Err(HeadError::LineTooLong));
        assert_eq!(scan(b"GET /0123456789 HTTP/1.1\r\n"), Err(HeadError::LineTooLong));
        assert_eq!(scan(&[b"x\r\n".as_slice(), &[b'a'; 57]].concat()), Err(HeadError::TooLarge));
        assert_eq!(scan(&[b"x\r\n".as_slice(), &[b'a'; 56]].concat()), Ok(None));
    }

    proptest! {
        #[test]
        fn pieces_of_any_size_come_to_the_same(
            bytes in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'a')], 0..80),
            cuts in proptest::collection::vec(1_usize..8, 1..80),
        ) {
            let whole = scan(&bytes);
            let mut scan = Scan::default();
            let mut upto = 0;
            let mut outcome = Ok(None);
            for cut in cuts.iter().cycle() {
                upto = (upto + cut).min(bytes.len());
                outcome = scan.find_end(&bytes[..upto], &LIMITS);
                if outcome != Ok(None) || upto == bytes.len() {
                    break;
                }
            }
            match (whole, outcome) {
                // Bytes that are not there yet cannot be too many.
                (Err(_), Err(_)) => {}
                (whole, outcome) => prop_assert_eq!(whole, outcome),
            }
        }
    }
}
