//! Addresses that belong to one listener alone.

use std::{
    net::{IpAddr, Ipv4Addr},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

/// A loopback address that nothing else in this run uses.
///
/// A program that is killed comes back on its port, and a killed upstream must refuse: neither
/// may find that somebody else took the port meanwhile. On Linux all of 127.0.0.0/8 is loopback,
/// and clients connect from 127.0.0.1, so a listener on an address of its own is safe.
pub fn fresh() -> IpAddr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    if !cfg!(target_os = "linux") {
        return IpAddr::V4(Ipv4Addr::LOCALHOST);
    }
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    // 127.128.0.0 and above: 11 bits of the process's id, 12 bits of the counter.
    let host = (1 << 23) | ((process::id() & 0x7ff) << 12) | ((number + 1) & 0xfff);
    IpAddr::V4(Ipv4Addr::from((127 << 24) | host))
}
