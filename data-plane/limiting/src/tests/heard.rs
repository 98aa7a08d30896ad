//! What clients are told, as a parser of structured fields reads it.

use std::time::Duration;

use sfv::{BareItem, ListEntry, Parser};

use crate::{
    Standing,
    fields::{Advert, Unit, retry_after, write_limits, write_policies},
};

const PER_CLIENT: Advert<'_> = Advert {
    name: "per-client",
    quota: 100,
    unit: Unit::Requests,
    window: Some(Duration::from_mins(1)),
    standing: Standing { remaining: 7, next: Some(600_000_001) },
};

fn written(write: fn(&mut Vec<u8>, &[Advert<'_>]), adverts: &[Advert<'_>]) -> String {
    let mut out = Vec::new();
    write(&mut out, adverts);
    String::from_utf8(out).unwrap()
}

#[test]
fn they_are_lists_of_the_draft() {
    let uploads = Advert { name: "uploads", quota: 1 << 20, unit: Unit::ContentBytes, ..PER_CLIENT };
    let standing = Standing { remaining: 3, next: None };
    let at_once = Advert { name: "at once", quota: 4, unit: Unit::ConcurrentRequests, window: None, standing };
    let quick = Advert { window: Some(Duration::from_millis(100)), ..PER_CLIENT };
    let all = [PER_CLIENT, uploads, at_once, quick];
    assert_eq!(
        written(write_policies, &all),
        r#""per-client";q=100;w=60, "uploads";q=1048576;qu="content-bytes";w=60, "at once";q=4;qu="concurrent-requests", "per-client";q=100"#
    );
    assert_eq!(
        written(write_limits, &all),
        r#""per-client";r=7;t=1, "uploads";r=7;t=1, "at once";r=3, "per-client";r=7;t=1"#
    );
}

#[test]
fn any_name_and_any_number_can_be_read() {
    let standing = Standing { remaining: u64::MAX, next: Some(u64::MAX) };
    let odd = Advert { name: "a \"b\" \\ \u{e9}\n;q=1", quota: u64::MAX, standing, ..PER_CLIENT };
    for write in [write_policies, write_limits] {
        let text = written(write, &[odd, PER_CLIENT]);
        let list = Parser::new(&text).parse::<sfv::List>().unwrap();
        let names = list.iter().map(|entry| match entry {
            ListEntry::Item(item) => match &item.bare_item {
                BareItem::String(name) => name.as_str().to_owned(),
                _ => panic!("{text}"),
            },
            ListEntry::InnerList(_) => panic!("{text}"),
        });
        assert_eq!(names.collect::<Vec<_>>(), ["a \"b\" \\ ;q=1", "per-client"]);
    }
}

#[test]
fn nobody_is_called_back_too_early() {
    assert_eq!([0, 1, 999_999_999, 1_000_000_000, 1_000_000_001].map(retry_after), [1, 1, 1, 1, 2]);
}
