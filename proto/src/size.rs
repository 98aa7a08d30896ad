//! Sizes in bytes as people write them, such as `64KiB`, in flags and in the declarative file.

/// The units there are, the largest first; each a whole multiple of every one after it.
const UNITS: [(&str, u64); 5] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// What would be right, at the end of every message.
const REMEDY: &str = "give a whole number and a unit of B, KiB, MiB, GiB or TiB, such as 512B, 64KiB or 10MiB";

/// Reads a number of bytes: a whole number and its unit, such as `512B`, `64KiB` or `10MiB`, with or
/// without spaces between them. The units are powers of 1,024 (IEC 80000-13) and written so: `10MB`,
/// which is 10,000,000 bytes to some and 10,485,760 to others, is refused.
///
/// # Errors
/// What is wrong with it and what would be right, for flags and for files.
pub fn size(text: &str) -> Result<u64, String> {
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let unit = unit.trim_start_matches(' ');
    if digits.is_empty() {
        return Err(format!("it does not begin with a whole number; {REMEDY}"));
    }
    if unit.is_empty() {
        return Err(format!("it has no unit; {REMEDY}"));
    }
    let Some((_, bytes)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err(format!("{unit:?} is not a unit; {REMEDY}"));
    };
    // What has digits alone and is no number is too large for one.
    digits.parse().ok().and_then(|count: u64| count.checked_mul(*bytes)).ok_or_else(|| {
        let most = u64::MAX;
        format!("it is more than {most} bytes; {REMEDY}")
    })
}

/// The shortest text that [`size`] reads back to this very number: in the largest unit of which it
/// is a whole multiple.
#[must_use]
pub fn format_size(bytes: u64) -> String {
    let whole = |unit: &&(&str, u64)| bytes != 0 && bytes.is_multiple_of(unit.1);
    let (name, unit) = UNITS.iter().find(whole).unwrap_or(&("B", 1));
    format!("{}{name}", bytes / unit)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{format_size, size};

    #[test]
    fn sizes_are_a_whole_number_and_a_binary_unit() {
        for (text, bytes) in [
            ("0B", 0),
            ("512B", 512),
            ("64KiB", 65_536),
            ("10 MiB", 10_485_760),
            ("1GiB", 1 << 30),
            ("3TiB", 3 << 40),
            ("007B", 7),
            ("18446744073709551615B", u64::MAX),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn mistakes_name_the_remedy() {
        for (text, words) in [
            ("", "it does not begin with a whole number"),
            ("MiB", "it does not begin with a whole number"),
            ("-1B", "it does not begin with a whole number"),
            ("512", "it has no unit"),
            ("10MB", "\"MB\" is not a unit"),
            ("10mib", "\"mib\" is not a unit"),
            ("1.5GiB", "\".5GiB\" is not a unit"),
            ("1MiB ", "\"MiB \" is not a unit"),
            ("16777216TiB", "it is more than 18446744073709551615 bytes"),
            ("18446744073709551616B", "it is more than 18446744073709551615 bytes"),
        ] {
            let sentence = size(text).unwrap_err();
            assert!(sentence.starts_with(words) && sentence.ends_with("such as 512B, 64KiB or 10MiB"), "{sentence}");
        }
    }

    #[test]
    fn sizes_are_written_in_the_largest_unit_that_is_exact() {
        for (bytes, text) in
            [(0, "0B"), (1023, "1023B"), (1024, "1KiB"), (1536, "1536B"), (10 << 20, "10MiB"), (1 << 50, "1024TiB")]
        {
            assert_eq!(format_size(bytes), text);
        }
    }

    proptest! {
        #[test]
        fn every_size_reads_back(count: u64, shift in 0..64_u32) {
            let bytes = count >> shift << (shift / 2);
            prop_assert_eq!(size(&format_size(bytes)), Ok(bytes));
        }
    }
}
