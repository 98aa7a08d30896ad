//! Field names and lists.

/// A field name that the gateway has something to do with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name {
    Authorization,
    CacheControl,
    Connection,
    ContentLength,
    Cookie,
    Date,
    Expect,
    Forwarded,
    Host,
    Http2Settings,
    KeepAlive,
    MaxForwards,
    ProxyAuthenticate,
    ProxyAuthorization,
    ProxyConnection,
    SetCookie,
    Te,
    Trailer,
    TransferEncoding,
    Upgrade,
    Via,
    XForwardedFor,
    XForwardedHost,
    XForwardedProto,
    XRequestId,
    /// One of these with `_` in place of `-`, which many servers cannot tell from it: CGI's
    /// variables (RFC 3875 section 4.1.18) know no difference.
    Lookalike,
    /// Any other.
    Other,
}

impl Name {
    /// The name, in whatever case it is written.
    pub(crate) fn of(text: &[u8]) -> Self {
        let candidates: &[(&[u8], Self)] = match text.len() {
            2 => &[(b"te", Self::Te)],
            3 => &[(b"via", Self::Via)],
            4 => &[(b"host", Self::Host), (b"date", Self::Date)],
            6 => &[(b"cookie", Self::Cookie), (b"expect", Self::Expect)],
            7 => &[(b"upgrade", Self::Upgrade), (b"trailer", Self::Trailer)],
            9 => &[(b"forwarded", Self::Forwarded)],
            10 => {
                &[(b"connection", Self::Connection), (b"keep-alive", Self::KeepAlive), (b"set-cookie", Self::SetCookie)]
            }
            12 => &[(b"x-request-id", Self::XRequestId), (b"max-forwards", Self::MaxForwards)],
            13 => &[(b"authorization", Self::Authorization), (b"cache-control", Self::CacheControl)],
            14 => &[(b"content-length", Self::ContentLength), (b"http2-settings", Self::Http2Settings)],
            15 => &[(b"x-forwarded-for", Self::XForwardedFor)],
            16 => &[(b"proxy-connection", Self::ProxyConnection), (b"x-forwarded-host", Self::XForwardedHost)],
            17 => &[(b"transfer-encoding", Self::TransferEncoding), (b"x-forwarded-proto", Self::XForwardedProto)],
            18 => &[(b"proxy-authenticate", Self::ProxyAuthenticate)],
            19 => &[(b"proxy-authorization", Self::ProxyAuthorization)],
            _ => &[],
        };
        match candidates.iter().find(|(name, _)| text.eq_ignore_ascii_case(name)) {
            Some((_, name)) => *name,
            None if candidates.iter().any(|(name, _)| is_mistaken_for(text, name)) => Self::Lookalike,
            None => Self::Other,
        }
    }

    /// Whether the field belongs to one hop, whatever `Connection` says (RFC 9110 section 7.6.1).
    pub(crate) const fn is_hop_by_hop(self) -> bool {
        matches!(
            self,
            Self::Connection
                | Self::Http2Settings
                | Self::KeepAlive
                | Self::ProxyAuthenticate
                | Self::ProxyAuthorization
                | Self::ProxyConnection
                | Self::Te
                | Self::TransferEncoding
                | Self::Upgrade
        )
    }

    /// Whether `Connection` may take the field away. Who nominates one of the others means to hide
    /// from the upstream where a request comes from, whom it is for, who sends it, or where it
    /// ends.
    pub(crate) const fn may_be_nominated(self) -> bool {
        !matches!(
            self,
            Self::Authorization
                | Self::CacheControl
                | Self::ContentLength
                | Self::Cookie
                | Self::Date
                | Self::Expect
                | Self::Forwarded
                | Self::Host
                | Self::MaxForwards
                | Self::SetCookie
                | Self::Trailer
                | Self::Via
                | Self::XForwardedFor
                | Self::XForwardedHost
                | Self::XForwardedProto
                | Self::XRequestId
        )
    }

    /// Whether a trailer section may not hold the field (RFC 9110 section 6.5.1): it frames,
    /// routes, or says who sends.
    pub(crate) const fn is_forbidden_in_trailers(self) -> bool {
        self.is_hop_by_hop()
            || matches!(self, Self::Lookalike)
            || (!self.may_be_nominated() && !matches!(self, Self::Date))
    }
}

/// Whether they are the same but for case, and for `_` and `-`.
pub(crate) fn is_mistaken_for(text: &[u8], name: &[u8]) -> bool {
    let is_like = |(byte, of_name): (&u8, &u8)| {
        byte.eq_ignore_ascii_case(of_name) || matches!((byte, of_name), (b'_', b'-') | (b'-', b'_'))
    };
    text.len() == name.len() && text.iter().zip(name).all(is_like)
}

/// The elements of a list (RFC 9110 section 5.6.1), empty ones passed over.
pub(crate) fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}

#[cfg(test)]
mod tests {
    use super::{Name, elements};

    #[test]
    fn names_are_known_in_any_case() {
        assert_eq!(Name::of(b"Host"), Name::Host);
        assert_eq!(Name::of(b"tRANSFER-eNCODING"), Name::TransferEncoding);
        assert_eq!(Name::of(b"Transfer_Encoding"), Name::Lookalike);
        assert_eq!(Name::of(b"x_forwarded-FOR"), Name::Lookalike);
        assert_eq!(Name::of(b"x-underscored-n"), Name::Other);
        assert_eq!(Name::of(b"hosts"), Name::Other);
        assert_eq!(Name::of(b""), Name::Other);
    }

    #[test]
    fn lists_skip_what_is_empty() {
        assert_eq!(elements(b" close , ,x\t,").collect::<Vec<_>>(), [b"close".as_slice(), b"x"]);
        assert_eq!(elements(b"").count(), 0);
    }
}
