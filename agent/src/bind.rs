//! Listening sockets: bound by the supervisor, used by the worker, and kept when a worker dies.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use socket2::{Domain, Socket, Type};

use crate::config::{Bind, Diagnostic};

/// Connections that wait to be accepted, per socket; `net.core.somaxconn` may cap it.
const BACKLOG: i32 = 4096;

/// The sockets of every bind address, one for each thread of the worker.
#[derive(Debug, Default)]
pub(crate) struct Listeners(BTreeMap<SocketAddr, Vec<OwnedFd>>);

impl Listeners {
    /// Opens what is not open yet, or nothing at all: on failure every problem is reported and no socket stays.
    pub(crate) fn open_missing(
        &mut self,
        binds: &[Bind],
        shards: usize,
    ) -> Result<Vec<SocketAddr>, Vec<Diagnostic>> {
        let mut opened = BTreeMap::new();
        let mut problems = Vec::new();
        for bind in binds.iter().filter(|bind| !self.0.contains_key(&bind.address)) {
            match open(bind.address, shards) {
                Ok(sockets) => {
                    opened.insert(bind.address, sockets);
                }
                Err(error) => problems.push(explain(bind, &error)),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let addresses = opened.keys().copied().collect();
        self.0.append(&mut opened);
        Ok(addresses)
    }

    /// Closes the sockets of all other addresses.
    pub(crate) fn retain(&mut self, binds: &[Bind]) {
        self.0.retain(|address, _| binds.iter().any(|bind| bind.address == *address));
    }

    /// Further descriptors of the same sockets, to be passed to a worker.
    pub(crate) fn duplicate(&self, address: SocketAddr) -> io::Result<Vec<OwnedFd>> {
        self.0.get(&address).into_iter().flatten().map(OwnedFd::try_clone).collect()
    }

    /// Every address that is open.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.0.keys().copied().collect()
    }
}

/// Whether somebody else listens on the address. What only privileges forbid is no problem of the config.
pub(crate) fn conflict_of(bind: &Bind) -> Option<Diagnostic> {
    let error = exclusive(bind.address).err()?;
    (error.kind() == io::ErrorKind::AddrInUse).then(|| explain(bind, &error))
}

fn open(address: SocketAddr, shards: usize) -> io::Result<Vec<OwnedFd>> {
    // A group of sockets would silently join another group of the same user, so first see that nobody is there.
    drop(exclusive(address)?);
    (0..shards)
        .map(|_| {
            let socket = socket(address)?;
            socket.set_reuse_port(true)?;
            socket.bind(&address.into())?;
            socket.listen(BACKLOG)?;
            Ok(socket.into())
        })
        .collect()
}

fn exclusive(address: SocketAddr) -> io::Result<Socket> {
    let socket = socket(address)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// A virtual address can be bound while it is on the other box: that is what `IP_FREEBIND` is for.
fn socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    match address {
        SocketAddr::V4(_) => socket.set_freebind_v4(true)?,
        SocketAddr::V6(_) => {
            socket.set_only_v6(true)?;
            socket.set_freebind_v6(true)?;
        }
    }
    Ok(socket)
}

fn explain(bind: &Bind, error: &io::Error) -> Diagnostic {
    let address = bind.address;
    let problem = |text: String| Diagnostic::new(bind.span.clone(), text);
    match error.kind() {
        io::ErrorKind::AddrInUse => problem(format!("address `{address}` is in use"))
            .hint(format!("`ss -tlnp 'sport = {}'` shows by whom", address.port())),
        io::ErrorKind::PermissionDenied => {
            problem(format!("address `{address}` cannot be bound without CAP_NET_BIND_SERVICE"))
                .hint("start haagent as root or by its service, or use a port from 1024 on")
        }
        _ => problem(format!("address `{address}` cannot be bound: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};

    use super::*;

    fn bind(address: SocketAddr) -> Bind {
        Bind { address, span: 0..0 }
    }

    fn free_address() -> SocketAddr {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        taken.local_addr().expect("an address")
    }

    #[test]
    fn clients_wait_while_nobody_accepts() {
        let address = free_address();
        let mut listeners = Listeners::default();
        assert_eq!(listeners.open_missing(&[bind(address)], 2).expect("opened"), [address]);
        TcpStream::connect(address).expect("queued, not refused");
        assert_eq!(listeners.duplicate(address).expect("duplicated").len(), 2);
    }

    #[test]
    fn an_address_in_use_opens_nothing() {
        let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let taken = other.local_addr().expect("an address");
        let free = free_address();
        let mut listeners = Listeners::default();
        let problems = listeners.open_missing(&[bind(free), bind(taken)], 2).expect_err("in use");
        assert_eq!(problems.len(), 1);
        assert!(listeners.addresses().is_empty());
        TcpListener::bind(free).expect("free again");
    }

    #[test]
    fn another_group_on_the_same_address_is_noticed() {
        let address = free_address();
        let mut first = Listeners::default();
        first.open_missing(&[bind(address)], 2).expect("opened");
        Listeners::default().open_missing(&[bind(address)], 2).expect_err("in use");
    }

    #[test]
    fn an_address_that_is_not_here_can_be_bound() {
        // These are on no host (RFC 5737, RFC 3849).
        let absent: [IpAddr; 2] = ["192.0.2.1", "2001:db8::1"].map(|ip| ip.parse().expect("an IP"));
        for ip in absent {
            let address = SocketAddr::from((ip, free_address().port()));
            Listeners::default().open_missing(&[bind(address)], 1).expect("opened");
        }
    }
}
