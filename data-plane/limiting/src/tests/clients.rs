//! Who the client is.

use std::net::IpAddr;

use proptest::prelude::*;

use crate::{client_address, prefix};

/// 10.0.0.0/8, 192.0.2.1 and 2001:db8:1::/48.
fn is_trusted(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.octets()[0] == 10 || address.octets() == [192, 0, 2, 1],
        IpAddr::V6(address) => address.segments()[..3] == [0x2001, 0xdb8, 1],
    }
}

fn shown(client: Option<IpAddr>) -> String {
    client.map_or_else(|| "nobody".to_owned(), |client| client.to_string())
}

fn seen(connection: &str, plain: &[&str], forwarded: &[&str]) -> String {
    let (plain, forwarded) =
        (plain.iter().map(|value| value.as_bytes()), forwarded.iter().map(|value| value.as_bytes()));
    shown(client_address(connection.parse().unwrap(), is_trusted, plain, forwarded))
}

#[test]
fn only_trusted_proxies_are_believed() {
    assert_eq!(seen("203.0.113.9", &["198.51.100.1"], &["for=198.51.100.1"]), "203.0.113.9");
    assert_eq!(seen("10.1.1.1", &["198.51.100.1"], &[]), "198.51.100.1");
    assert_eq!(seen("::ffff:10.1.1.1", &["198.51.100.1"], &[]), "198.51.100.1");
    assert_eq!(seen("::ffff:203.0.113.9", &["198.51.100.1"], &[]), "203.0.113.9");
    assert_eq!(seen("10.1.1.1", &[], &[]), "10.1.1.1");
}

#[test]
fn it_is_the_last_one_that_is_no_proxy() {
    for (plain, client) in [
        (&["6.6.6.6, 198.51.100.1, 10.2.2.2,192.0.2.1"][..], "198.51.100.1"),
        (&["6.6.6.6", "198.51.100.1", "10.2.2.2"], "198.51.100.1"),
        (&["10.3.3.3, 10.2.2.2"], "10.3.3.3"),
        (&["2001:db8:2::7, 2001:db8:1::9"], "2001:db8:2::7"),
        (&["::ffff:198.51.100.1"], "198.51.100.1"),
        (&["198.51.100.1:4711"], "198.51.100.1"),
        (&["[2001:db8:2::7]:4711"], "2001:db8:2::7"),
        (&["[2001:db8:2::7]"], "2001:db8:2::7"),
        (&["what is this, 198.51.100.1"], "198.51.100.1"),
    ] {
        assert_eq!(seen("10.1.1.1", plain, &[]), client, "{plain:?}");
    }
}

#[test]
fn what_cannot_be_read_is_nobody() {
    for plain in [
        "",
        "unknown",
        "198.51.100.1, x",
        "198.51.100.1,",
        "198.51.100.1, x, 10.1.1.1",
        "1.2.3.4:123456",
        "[::1",
        "1.2.3",
    ] {
        assert_eq!(seen("10.1.1.1", &[plain], &[]), "nobody", "{plain:?}");
    }
    for forwarded in [
        "for=unknown",
        "for=_hidden",
        "by=198.51.100.1",
        "for=198.51.100.1;for=198.51.100.2",
        "for=\"198.51.100.1",
        "by=\", for=198.51.100.1",
        "for=6.6.6.6;by=\", for=\"[2001:db8:2::7]\"",
        "for=\"198.51.100.1\"x",
        "198.51.100.1",
        "for=2001:db8:2::7x",
        "",
    ] {
        assert_eq!(seen("10.1.1.1", &[], &[forwarded]), "nobody", "{forwarded:?}");
    }
}

#[test]
fn forwarded_says_it_too() {
    for (forwarded, client) in [
        (&["for=198.51.100.1"][..], "198.51.100.1"),
        (&["For=\"198.51.100.1:80\" ; proto=http;by=_x, for=10.2.2.2"], "198.51.100.1"),
        (&["for=\"[2001:db8:2::7]:4711\";host=\"a,b;for=6.6.6.6\""], "2001:db8:2::7"),
        (&["for=\"[2001:db8:2::7]:_port\""], "2001:db8:2::7"),
        (&["for=unknown, for=198.51.100.1;"], "198.51.100.1"),
        (&["for=6.6.6.6", "for=198.51.100.1"], "198.51.100.1"),
    ] {
        assert_eq!(seen("10.1.1.1", &[], forwarded), client, "{forwarded:?}");
    }
    assert_eq!(seen("10.1.1.1", &["198.51.100.1"], &["for=198.51.100.1"]), "198.51.100.1");
    // One of them is what the client has made up.
    assert_eq!(seen("10.1.1.1", &["198.51.100.1"], &["for=6.6.6.6"]), "nobody");
    assert_eq!(seen("10.1.1.1", &["198.51.100.1"], &["nonsense"]), "nobody");
}

#[test]
fn a_prefix_is_what_one_client_has() {
    let prefixed = |address: &str, bits| prefix(address.parse().unwrap(), 24, bits).to_string();
    assert_eq!(prefixed("2001:db8:1:2:3:4:5:6", 64), "2001:db8:1:2::");
    assert_eq!(prefixed("2001:db8:1:2:3:4:5:6", 128), "2001:db8:1:2:3:4:5:6");
    assert_eq!(prefixed("2001:db8:1:2:3:4:5:6", 0), "::");
    assert_eq!(prefixed("::ffff:192.0.2.7", 64), "192.0.2.0");
}

proptest! {
    /// Whatever a client writes in front, it is who it is.
    #[test]
    fn nothing_in_front_matters(made_up in "[ -~]{0,60}", other in "[ -~]{0,60}") {
        let values = [format!("{made_up}, 198.51.100.1"), "10.7.7.7".to_owned()];
        let connection: IpAddr = "10.1.1.1".parse().unwrap();
        let client = client_address(connection, is_trusted, values.iter().map(String::as_bytes), [].into_iter());
        prop_assert_eq!(shown(client), "198.51.100.1");
        // A quote that the client leaves open hides what follows in its line, and then it is nobody.
        let values = [format!("for={other}"), "for=198.51.100.1, for=10.7.7.7".to_owned()];
        let client = client_address(connection, is_trusted, [].into_iter(), values.iter().map(String::as_bytes));
        prop_assert_eq!(shown(client), "198.51.100.1");
        let values = [format!("for={other}, for=198.51.100.1")];
        let client = client_address(connection, is_trusted, [].into_iter(), values.iter().map(String::as_bytes));
        prop_assert!(["198.51.100.1", "nobody"].contains(&shown(client).as_str()), "{}", shown(client));
    }
}
