//! How a fuzz target's input says in which pieces it comes.

/// The lengths of pieces as letters, used again and again: `a` is one byte, `z` is 26, and `@`, or
/// no letter at all, is everything that is there.
#[derive(Debug)]
pub(super) struct Cuts<'b> {
    letters: &'b [u8],
    at: usize,
}

impl<'b> Cuts<'b> {
    pub(super) const fn new(letters: &'b [u8]) -> Self {
        Self { letters, at: 0 }
    }

    /// The length of the next piece of what has `left` bytes.
    pub(super) fn next(&mut self, left: usize) -> usize {
        if self.letters.is_empty() {
            return left;
        }
        let letter = self.letters[self.at % self.letters.len()];
        self.at += 1;
        match usize::from(letter & 31) {
            0 => left,
            length => length.min(left),
        }
    }
}

/// The input's first line, which says how, and what follows it.
pub(super) fn split(input: &[u8]) -> (&[u8], &[u8]) {
    match input.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&input[..at], &input[at + 1..]),
        None => (b"", input),
    }
}
