//! The fields of a message, lent by whoever has its bytes.

/// The header fields of a request or a response, in order. Nothing is copied.
pub trait Fields {
    /// Each field line: the name as it was sent, and the value without the white space around it.
    fn lines(&self) -> impl Iterator<Item = (&[u8], &[u8])>;

    /// The values of the fields of this name, which is in lower case and to be compared without regard
    /// to case.
    fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.lines().filter_map(move |(there, value)| there.eq_ignore_ascii_case(name.as_bytes()).then_some(value))
    }
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> Fields for [(N, V)] {
    fn lines(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.iter().map(|(name, value)| (name.as_ref(), value.as_ref()))
    }
}

/// Whether there is a field of this name.
pub(crate) fn has(fields: &(impl Fields + ?Sized), name: &str) -> bool {
    fields.values(name).next().is_some()
}

/// The value of a field that a message has once. If there are several, they have to be the same:
/// otherwise nobody knows which one the next reader takes.
pub(crate) fn single<'f>(fields: &'f (impl Fields + ?Sized), name: &str) -> Option<&'f [u8]> {
    let mut values = fields.values(name);
    let first = values.next()?;
    values.all(|value| value == first).then_some(first)
}

/// Whether a name is one of these, which are in lower case.
pub(crate) fn is_one_of(name: &[u8], names: &[&str]) -> bool {
    names.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
}
