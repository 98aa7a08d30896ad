//! `Cache-Status`, as RFC 9211 has it.

use super::*;
use crate::{
    reuse::{Because, Bypass},
    status::{CacheStatus, Collapsed, Forward, Handled},
};

fn forwarded(
    why: Forward,
    status: Option<u16>,
    stored: Result<(), Option<&'static str>>,
    collapsed: Collapsed,
) -> Handled {
    let status = status.map(|code| StatusCode::from_u16(code).unwrap());
    Handled::Forwarded { why, status, stored, collapsed }
}

#[test]
fn members_are_written_as_the_examples_are() {
    let no = Err(Some(Unstorable::NoStore.name()));
    let cases = [
        ("§2.1: hit", Handled::Hit, None, "gateway; hit"),
        ("§2.4: ttl", Handled::Hit, Some(376), "gateway; hit; ttl=376"),
        ("§2.4: negative if it is stale", Handled::Hit, Some(-412), "gateway; hit; ttl=-412"),
        ("§2.4: an integer of 15 digits", Handled::Hit, Some(i64::MIN), "gateway; hit; ttl=-999999999999999"),
        (
            "§2.2: fwd",
            forwarded(Forward::UriMiss, None, no, Collapsed::No),
            None,
            "gateway; fwd=uri-miss; detail=no-store",
        ),
        (
            "§2.3: fwd-status",
            forwarded(Forward::Stale, Some(304), Ok(()), Collapsed::No),
            Some(60),
            "gateway; fwd=stale; fwd-status=304; stored; ttl=60",
        ),
        ("§2.5: stored", forwarded(Forward::Miss, None, Ok(()), Collapsed::No), None, "gateway; fwd=miss; stored"),
        (
            "§2.6: collapsed",
            forwarded(Forward::UriMiss, None, Ok(()), Collapsed::Served),
            None,
            "gateway; fwd=uri-miss; stored; collapsed",
        ),
        (
            "§2.6: in vain",
            forwarded(Forward::VaryMiss, None, no, Collapsed::InVain),
            None,
            "gateway; fwd=vary-miss; collapsed=?0; detail=no-store",
        ),
        (
            "§2.2: partial",
            forwarded(Forward::Partial, Some(206), Ok(()), Collapsed::No),
            None,
            "gateway; fwd=partial; fwd-status=206; stored",
        ),
    ];
    hold(&cases, |(_, handled, ttl, ought)| {
        (CacheStatus { handled: *handled, ttl: *ttl }.to_string(), (*ought).to_owned())
    });
}

/// Section 2.2: the most specific reason SHOULD be told.
#[test]
fn reasons_are_those_of_the_decisions() {
    assert_eq!(Forward::from(Bypass::Method), Forward::Method);
    assert_eq!(Forward::from(Bypass::Content), Forward::Bypass);
    assert_eq!(Forward::from(Because::Request), Forward::Request);
    assert_eq!(Forward::from(Because::Stale), Forward::Stale);
}

/// Section 2: each member is one of a structured list.
#[test]
fn whatever_is_told_is_a_structured_list() {
    use Unstorable::*;
    let reasons = [
        Method,
        RequestContent,
        RequestNoStore,
        Status,
        NoStore,
        Private,
        Authorization,
        SetCookie,
        VaryAny,
        VaryTooMany,
        Tags,
        NoLifetime,
        Useless,
    ];
    let whys = [
        Forward::Bypass,
        Forward::Method,
        Forward::UriMiss,
        Forward::VaryMiss,
        Forward::Miss,
        Forward::Request,
        Forward::Stale,
        Forward::Partial,
    ];
    for why in whys {
        for reason in reasons {
            let text = CacheStatus {
                handled: forwarded(why, Some(200), Err(Some(reason.name())), Collapsed::InVain),
                ttl: Some(-1),
            }
            .to_string();
            sfv::Parser::new(&text).parse_list_with_visitor(sfv::visitor::Ignored).unwrap();
        }
    }
}
