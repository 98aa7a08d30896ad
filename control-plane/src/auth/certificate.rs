//! The name in a client certificate. rustls has checked the certificate; this only looks for its
//! common name, for history.

/// The tags of DER that are met on the way (X.690).
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OID: u8 = 0x06;
const VERSION: u8 = 0xa0;
/// 2.5.4.3, id-at-commonName (RFC 5280 appendix A).
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];

/// The common name of the subject of a certificate; `None` if it has none.
pub(super) fn common_name(der: &[u8]) -> Option<String> {
    let (certificate, _) = value(der, SEQUENCE)?;
    let (body, _) = value(certificate, SEQUENCE)?;
    // RFC 5280 section 4.1: version (optional), serial number, signature, issuer, validity, subject.
    let mut rest = value(body, VERSION).map_or(body, |(_, rest)| rest);
    for _ in ["serial number", "signature", "issuer", "validity"] {
        rest = any(rest)?.2;
    }
    let (mut names, _) = value(rest, SEQUENCE)?;
    while !names.is_empty() {
        let (mut set, others) = value(names, SET)?;
        names = others;
        while !set.is_empty() {
            let (attribute, more) = value(set, SEQUENCE)?;
            set = more;
            let (kind, text) = value(attribute, OID)?;
            if kind == COMMON_NAME {
                return String::from_utf8(any(text)?.1.to_vec()).ok();
            }
        }
    }
    None
}

/// The content of what comes first, which has this tag, and what follows it.
fn value(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = any(der)?;
    (found == tag).then_some((content, rest))
}

/// Tag and content of what comes first, and what follows it.
fn any(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = der.split_first()?;
    let (first, mut rest) = rest.split_first()?;
    let mut length = usize::from(*first);
    if length >= 0x80 {
        let (bytes, after) = rest.split_at_checked(length - 0x80)?;
        if bytes.is_empty() || bytes.len() > 4 {
            return None;
        }
        length = bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        rest = after;
    }
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, DnType, KeyPair};

    use super::common_name;

    fn certificate(names: &[(DnType, &str)]) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["a.test".into()]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        for (kind, name) in names {
            params.distinguished_name.push(kind.clone(), *name);
        }
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn the_common_name_is_found_among_others() {
        let der = certificate(&[(DnType::OrganizationName, "shop"), (DnType::CommonName, "ci ü")]);
        assert_eq!(common_name(&der).as_deref(), Some("ci ü"));
        assert_eq!(common_name(&certificate(&[(DnType::OrganizationName, "shop")])), None);
        assert_eq!(common_name(&certificate(&[(DnType::CommonName, &"x".repeat(300))])), Some("x".repeat(300)));
    }

    proptest! {
        #[test]
        fn whatever_is_cut_or_changed_does_not_panic(at in 0_usize..2000, byte: u8) {
            let der = certificate(&[(DnType::CommonName, "ci")]);
            let at = at % der.len();
            let _ = common_name(&der[..at]);
            let mut changed = der;
            changed[at] = byte;
            let _ = common_name(&changed);
        }
    }
}
