//! Ports of our own.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SocketType, bind, getsockname, socket, sockopt};

/// A port of 127.0.0.1 that nobody else gets while this lives, and that can be listened on.
///
/// A socket that is bound and does not listen keeps the kernel from giving the port to anyone who asks
/// for a free one, yet lets everyone who names it listen there, since all set `SO_REUSEADDR`. While
/// nobody listens, connections are refused.
#[derive(Debug)]
pub(crate) struct Port {
    address: SocketAddr,
    reservation: OwnedFd,
}

impl Port {
    pub(crate) fn reserve() -> Self {
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
        sockopt::set_socket_reuseaddr(&socket, true).expect("a TCP socket can share its address");
        bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = getsockname(&socket).expect("a bound socket has an address");
        let address = address.try_into().expect("an address of IPv4");
        Self { address, reservation: socket }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The socket that keeps the port.
    pub(crate) fn into_socket(self) -> (SocketAddr, OwnedFd) {
        (self.address, self.reservation)
    }
}
