//! Who may connect: counted over all workers, once per connection and never per request.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use foldhash::quality::RandomState;

use super::limits::Limits;

/// Descriptors that are not for clients and their upstreams: listeners, the admin port, files.
const OWN_FILES: usize = 64;

/// The places that are taken.
#[derive(Debug)]
pub(crate) struct Admission {
    max: usize,
    open: AtomicUsize,
    per_client: Option<PerClient>,
}

#[derive(Debug)]
struct PerClient {
    max: u32,
    /// One entry for each client that is connected, so as many as there are connections at most.
    open: Mutex<HashMap<IpAddr, u32, RandomState>>,
}

/// Why a client has to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// There is no place for anybody.
    All,
    /// This client has as many as one may have.
    Client,
}

/// A place; dropped, it is free again.
#[derive(Debug)]
pub(crate) struct Place {
    admission: Arc<Admission>,
    client: IpAddr,
}

impl Admission {
    /// With as many places as `limits` say, or as `open_files` descriptors suffice for: each client
    /// may need a connection to an upstream.
    pub(crate) fn new(limits: &Limits, open_files: u64) -> Self {
        let enough = usize::try_from(open_files).unwrap_or(usize::MAX).saturating_sub(OWN_FILES).div_ceil(2).max(1);
        let max = limits.max_connections.map_or(enough, |max| max.get() as usize);
        let per_client =
            limits.max_connections_per_client.map(|max| PerClient { max: max.get(), open: Mutex::default() });
        Self { max, open: AtomicUsize::new(0), per_client }
    }

    /// A place for `client`. Where all are taken, `make_room` may end connections that are idle: if
    /// it did, theirs are as good as free.
    pub(crate) fn admit(self: &Arc<Self>, client: IpAddr, make_room: impl FnOnce() -> bool) -> Result<Place, Full> {
        let client = prefix(client.to_canonical());
        if !self.per_client.as_ref().is_none_or(|clients| clients.enter(client)) {
            return Err(Full::Client);
        }
        // From here on, leaving without a place gives back what was counted.
        let before = self.open.fetch_add(1, Relaxed);
        let place = Place { admission: Arc::clone(self), client };
        if before >= self.max && !make_room() { Err(Full::All) } else { Ok(place) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.admission.open.fetch_sub(1, Relaxed);
        if let Some(clients) = &self.admission.per_client {
            clients.leave(self.client);
        }
    }
}

impl PerClient {
    fn enter(&self, client: IpAddr) -> bool {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(client).or_default();
        let admitted = *count < self.max;
        *count += u32::from(admitted);
        admitted
    }

    fn leave(&self, client: IpAddr) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(count) = open.get_mut(&client) else { return };
        *count -= 1;
        if *count == 0 {
            open.remove(&client);
        }
    }
}

/// One subscriber of IPv6 has a /64 and any address in it.
fn prefix(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(_) => client,
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use std::{net::IpAddr, sync::Arc};

    use super::{Admission, Full};
    use crate::worker::limits::tests::limits;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn places_are_taken_and_given_back() {
        let admission = Arc::new(Admission::new(&limits(&["--max-connections=2"]), 0));
        let first = admission.admit(ip("192.0.2.1"), || false).unwrap();
        let _second = admission.admit(ip("192.0.2.1"), || false).unwrap();
        assert_eq!(admission.admit(ip("192.0.2.2"), || false).unwrap_err(), Full::All);
        let over = admission.admit(ip("192.0.2.2"), || true).unwrap();
        drop(over);
        drop(first);
        assert!(admission.admit(ip("192.0.2.2"), || false).is_ok());
    }

    #[test]
    fn a_client_has_its_own_limit_and_is_forgotten_when_it_leaves() {
        let admission = Arc::new(Admission::new(&limits(&["--max-connections-per-client=1"]), 1000));
        let none = || -> bool { panic!("there is room") };
        let held = admission.admit(ip("2001:db8::1"), none).unwrap();
        assert_eq!(admission.admit(ip("2001:db8::2"), none).unwrap_err(), Full::Client, "the same /64");
        let other = admission.admit(ip("2001:db8:0:1::1"), none).unwrap();
        let mapped = admission.admit(ip("::ffff:192.0.2.1"), none).unwrap();
        assert_eq!(admission.admit(ip("192.0.2.1"), none).unwrap_err(), Full::Client, "the same address");
        drop((held, other, mapped));
        assert!(admission.per_client.as_ref().unwrap().open.lock().unwrap().is_empty());
        assert_eq!(admission.open.load(std::sync::atomic::Ordering::Relaxed), 0);
    }

    #[test]
    fn without_a_limit_half_of_the_descriptors_are_for_clients() {
        assert_eq!(Admission::new(&limits(&[]), 1064).max, 500);
        assert_eq!(Admission::new(&limits(&[]), 10).max, 1);
    }
}
