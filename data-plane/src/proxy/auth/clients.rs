//! Places of which each client has so many, so that no one of them keeps out the others.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use gateway_limiting::prefix;
use tokio::sync::{Semaphore, SemaphorePermit};

/// How many places a client has: many may come at once from behind one proxy.
pub(super) const OF_CLIENT: usize = 16;

/// The clients that are there.
#[derive(Debug, Default)]
pub(super) struct Clients(Mutex<HashMap<IpAddr, Client>>);

#[derive(Debug)]
struct Client {
    guests: usize,
    places: Arc<Semaphore>,
}

/// One who is there, on behalf of a client.
#[derive(Debug)]
pub(super) struct Guest {
    clients: Arc<Clients>,
    client: IpAddr,
    places: Arc<Semaphore>,
    /// How many of its client were there before it.
    pub before: usize,
}

impl Clients {
    /// Comes in. An IPv6 client is its network: it has all of the addresses there.
    pub(super) fn enter(self: &Arc<Self>, client: IpAddr) -> Guest {
        let client = prefix(client, 32, 64);
        let mut clients = self.lock();
        let new = || Client { guests: 0, places: Arc::new(Semaphore::new(OF_CLIENT)) };
        let there = clients.entry(client).or_insert_with(new);
        let before = there.guests;
        there.guests += 1;
        Guest { clients: Arc::clone(self), client, places: Arc::clone(&there.places), before }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Client>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guest {
    /// One of the client's places, when it is free.
    pub(super) async fn place(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        self.places.acquire().await.ok()
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut clients = self.clients.lock();
        let Some(there) = clients.get_mut(&self.client) else { return };
        there.guests -= 1;
        if there.guests == 0 {
            clients.remove(&self.client);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{net::IpAddr, sync::Arc};

    use super::{Clients, OF_CLIENT};

    #[tokio::test]
    async fn each_client_has_its_places_and_nothing_is_left_of_those_who_go() {
        let clients = Arc::<Clients>::default();
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let guests: Vec<_> = (0..=OF_CLIENT).map(|_| clients.enter(address("2001:db8::1"))).collect();
        assert_eq!(guests[OF_CLIENT].before, OF_CLIENT);
        let mut places = Vec::new();
        for guest in &guests[..OF_CLIENT] {
            places.push(guest.place().await.unwrap());
        }
        assert!(guests[OF_CLIENT].places.try_acquire().is_err(), "all are taken");
        let (near, far) = (clients.enter(address("2001:db8::2")), clients.enter(address("2001:db8:0:1::1")));
        assert!(near.places.try_acquire().is_err(), "it is the same network");
        assert!(far.place().await.is_some());
        places.pop();
        assert!(near.place().await.is_some());
        drop(places);
        drop((guests, near, far));
        assert!(clients.lock().is_empty());
    }
}
