//! What a route needs to know of a request.

use http::Method;

/// A request to find a route for. Whoever has the bytes lends them: nothing is copied.
pub trait Request {
    /// The method.
    fn method(&self) -> &Method;

    /// The path as the client sent it, without the query. It begins with `/`, or is `*`
    /// (RFC 9112 section 3.2.4), which only routes of every path and bare regular expressions match.
    fn path(&self) -> &[u8];

    /// The query as the client sent it, without the `?`; empty where there is none.
    fn query(&self) -> &[u8];

    /// The values of the fields of this name, which is in lower case and to be compared without
    /// regard to case; without the white space around them.
    fn headers(&self, name: &str) -> impl Iterator<Item = &[u8]>;

    /// Whether there is a field of this name, which is in lower case.
    fn has_header(&self, name: &str) -> bool {
        self.headers(name).next().is_some()
    }
}
