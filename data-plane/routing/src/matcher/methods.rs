//! Sets of methods.

use std::fmt;

use http::Method;

use super::{MAX_METHODS, MatchError};

/// A set of methods; the empty one, which is the default, stands for all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Methods {
    /// The nine methods that everybody knows, by [`bit`].
    standard: u16,
    /// The others, sorted.
    others: Vec<Method>,
}

const STANDARD: [Method; 9] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::DELETE,
    Method::CONNECT,
    Method::OPTIONS,
    Method::TRACE,
    Method::PATCH,
];

/// A bit for each method of [`STANDARD`]; none for others.
pub(crate) fn bit(method: &Method) -> u16 {
    match *method {
        Method::GET => 1,
        Method::HEAD => 1 << 1,
        Method::POST => 1 << 2,
        Method::PUT => 1 << 3,
        Method::DELETE => 1 << 4,
        Method::CONNECT => 1 << 5,
        Method::OPTIONS => 1 << 6,
        Method::TRACE => 1 << 7,
        Method::PATCH => 1 << 8,
        _ => 0,
    }
}

impl Methods {
    /// Reads names as they are sent; methods differ by case (RFC 9110 section 9.1).
    ///
    /// # Errors
    /// A name is none, or a common one that is not in capitals, or there are more than [`MAX_METHODS`].
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, MatchError> {
        let mut methods = Self::default();
        for (count, name) in names.into_iter().enumerate() {
            if count == MAX_METHODS {
                return Err(MatchError::Methods);
            }
            methods.add(name)?;
        }
        Ok(methods)
    }

    fn add(&mut self, name: &str) -> Result<(), MatchError> {
        let wrong = || MatchError::Method(name.chars().take(32).collect());
        let method = Method::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
        let bit = bit(&method);
        self.standard |= bit;
        if bit != 0 {
            return Ok(());
        }
        if STANDARD.iter().any(|standard| standard.as_str().eq_ignore_ascii_case(name)) {
            return Err(wrong());
        }
        if let Err(at) = self.others.binary_search_by(|other| other.as_str().cmp(name)) {
            self.others.insert(at, method);
        }
        Ok(())
    }

    /// Whether this stands for all methods.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.standard == 0 && self.others.is_empty()
    }

    /// Each of them, in one order; none for all.
    pub fn iter(&self) -> impl Iterator<Item = Method> {
        let standard = STANDARD.into_iter().filter(|method| self.standard & bit(method) != 0);
        standard.chain(self.others.iter().cloned())
    }

    /// Whether a request with this method is meant; `bit` is [`bit`] of it.
    pub(crate) fn contain(&self, method: &Method, bit: u16) -> bool {
        self.standard & bit != 0 || self.is_empty() || (bit == 0 && self.others.contains(method))
    }

    /// Whether a server may take this method for one that is meant: some tell no case apart, and whoever answers GET
    /// answers HEAD, too.
    pub(crate) fn may_contain(&self, method: &Method) -> bool {
        let is_taken_for = |other: &Method| method.as_str().eq_ignore_ascii_case(other.as_str());
        let is_meant = |meant: Method| is_taken_for(&meant) || (meant == Method::GET && is_taken_for(&Method::HEAD));
        self.is_empty() || self.iter().any(is_meant)
    }
}

/// `GET, HEAD`, or nothing for all.
impl fmt::Display for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, method) in self.iter().enumerate() {
            write!(f, "{}{method}", if at == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}
