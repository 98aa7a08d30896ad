//! One listening socket per worker on one address: the kernel spreads the clients.

use std::{io, net::SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that may wait to be accepted, per worker; the kernel caps it at net.core.somaxconn.
pub(crate) const BACKLOG: u16 = 4096;

/// Binds `count` sockets to one address; with port 0, all to the same free port.
pub(crate) fn bind(address: SocketAddr, count: usize) -> io::Result<Vec<std::net::TcpListener>> {
    // With SO_REUSEPORT a second data plane would quietly take half of the clients; a socket
    // without it is refused if anybody listens there.
    drop(socket(address, Share::No)?);
    let first = listen(address)?;
    let address = first.local_addr()?;
    let mut listeners = vec![first];
    while listeners.len() < count {
        listeners.push(listen(address)?);
    }
    Ok(listeners)
}

#[derive(Clone, Copy, PartialEq)]
enum Share {
    Yes,
    No,
}

fn listen(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = socket(address, Share::Yes)?;
    socket.listen(BACKLOG.into())?;
    Ok(socket.into())
}

fn socket(address: SocketAddr, share: Share) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if share == Share::Yes {
        socket.set_reuse_port(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::{io::ErrorKind, net::SocketAddr};

    use super::bind;

    #[test]
    fn workers_share_a_port_and_strangers_do_not() {
        let listeners = bind(SocketAddr::from(([127, 0, 0, 1], 0)), 3).unwrap();
        let address = listeners[0].local_addr().unwrap();
        assert!(listeners.iter().all(|listener| listener.local_addr().unwrap() == address));
        assert_eq!(bind(address, 1).unwrap_err().kind(), ErrorKind::AddrInUse);
    }
}
