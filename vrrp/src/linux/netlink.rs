//! Adds, renews and removes virtual addresses and routes over netlink.
//!
//! The kernel carries a request out while it is being sent, so nothing here waits: the answers are there when `send`
//! returns. Many addresses go into one message.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, connect, recv, send,
    socket,
};
use rtnetlink::packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkMessage,
    NetlinkPayload,
};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::address::AddressMessage;
use rtnetlink::packet_route::route::RouteMessage;
use rtnetlink::sys;

use super::address::{inspect, leased, message};
use super::route;
use crate::route::Route;

/// Requests in one message. Their answers find room in the socket, and its buffer takes the message.
const BATCH_MAX: usize = 64;
/// The longest datagram of the kernel (since Linux 4.9).
const REPLY_MAX: usize = 32 * 1024;

const NO_SUCH_ROUTE: i32 = 3;
pub(super) const NO_SUCH_DEVICE: i32 = 19;
const NO_SUCH_ADDRESS: i32 = 99;

/// What an earlier haagent left, and was removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// How many routes.
    pub routes: usize,
    /// The addresses.
    pub addresses: Vec<IpAddr>,
    /// The names of devices with a virtual MAC.
    pub devices: Vec<String>,
}

/// A netlink socket for requests.
#[derive(Debug)]
pub struct Netlink {
    socket: OwnedFd,
    /// The number of the last request.
    sequence: u32,
    buffer: Vec<u8>,
}

/// What is to become of an address.
#[derive(Clone, Copy, Debug)]
enum Change {
    Lease(Duration),
    Remove,
}

impl Change {
    fn request(self, index: u32, address: IpAddr) -> RouteNetlinkMessage {
        match self {
            Self::Lease(lease) => RouteNetlinkMessage::NewAddress(leased(index, address, lease)),
            Self::Remove => RouteNetlinkMessage::DelAddress(message(index, address)),
        }
    }

    const fn flags(self) -> u16 {
        match self {
            Self::Lease(_) => NLM_F_CREATE | NLM_F_REPLACE,
            Self::Remove => 0,
        }
    }

    /// Whether this error of the kernel says that nothing is left to do.
    const fn is_done_by(self, code: i32) -> bool {
        match self {
            Self::Lease(_) => false,
            Self::Remove => matches!(code, NO_SUCH_ADDRESS | NO_SUCH_DEVICE),
        }
    }
}

/// What the kernel answered about one address.
#[derive(Debug, thiserror::Error)]
#[error("`{address}`: {error}")]
pub struct AddressError {
    /// The first address that the kernel refused.
    pub address: IpAddr,
    /// For example `Operation not permitted`.
    #[source]
    pub error: io::Error,
}

impl Netlink {
    /// Opens a socket.
    ///
    /// # Errors
    /// When the kernel refuses it.
    pub fn open() -> io::Result<Self> {
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let route = SockProtocol::NetlinkRoute;
        let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, route)?;
        connect(socket.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
        Ok(Self { socket, sequence: 0, buffer: vec![0; REPLY_MAX] })
    }

    /// Adds the addresses to the interface with this index, or renews their leases.
    ///
    /// # Errors
    /// The first address that the kernel refused; the others are there.
    pub fn lease(
        &mut self,
        index: u32,
        addresses: &[IpAddr],
        lease: Duration,
    ) -> Result<(), AddressError> {
        self.change(Change::Lease(lease), index, addresses)
    }

    /// Removes the addresses; one that is gone already, or with its interface, is no error.
    ///
    /// # Errors
    /// The first address that the kernel refused to remove; the others are gone.
    pub fn remove(&mut self, index: u32, addresses: &[IpAddr]) -> Result<(), AddressError> {
        self.change(Change::Remove, index, addresses)
    }

    /// Adds a route through the interface with this index, if there is none in its place.
    ///
    /// # Errors
    /// What the kernel answered: [`ErrorKind::AlreadyExists`] if there is one, whosever it is.
    pub(super) fn add_route(
        &mut self,
        index: u32,
        route: &Route,
        lease: Duration,
    ) -> io::Result<()> {
        let request = RouteNetlinkMessage::NewRoute(route::leased(index, route, lease));
        self.request(request, NLM_F_CREATE | NLM_F_EXCL)
    }

    /// Renews the lease of a route that is ours. Only routes of IPv6 have one.
    ///
    /// # Errors
    /// What the kernel answered.
    pub(super) fn renew_route(
        &mut self,
        index: u32,
        route: &Route,
        lease: Duration,
    ) -> io::Result<()> {
        if route.destination.is_ipv4() {
            return Ok(());
        }
        let request = RouteNetlinkMessage::NewRoute(route::leased(index, route, lease));
        // Without NLM_F_EXCL the kernel gives the route that is there its new lifetime, and then says that it is there.
        match self.request(request, NLM_F_CREATE) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            result => result,
        }
    }

    /// Removes a route if it is ours; a route or interface that is gone already is no error.
    ///
    /// # Errors
    /// What the kernel answered.
    pub(super) fn remove_route(&mut self, index: u32, route: &Route) -> io::Result<()> {
        self.remove_route_by(route::message(index, route))
    }

    fn remove_route_by(&mut self, message: RouteMessage) -> io::Result<()> {
        match self.request(RouteNetlinkMessage::DelRoute(message), 0) {
            Err(error) if matches!(error.raw_os_error(), Some(NO_SUCH_ROUTE | NO_SUCH_DEVICE)) => {
                Ok(())
            }
            result => result,
        }
    }

    /// Removes every route, every address and every device of this host that carries our tag.
    ///
    /// # Errors
    /// What the kernel answered; addresses and devices are tried even if the routes are refused.
    pub fn remove_tagged(&mut self) -> io::Result<Leftovers> {
        let routes = self.remove_tagged_routes();
        let mut addresses = Vec::new();
        for message in self.addresses()? {
            if let Some((address, true)) = inspect(&message) {
                self.remove(message.header.index, &[address]).map_err(|error| error.error)?;
                addresses.push(address);
            }
        }
        let devices = self.remove_devices(&BTreeSet::new());
        Ok(Leftovers { routes: routes?, addresses, devices: devices? })
    }

    fn remove_tagged_routes(&mut self) -> io::Result<usize> {
        let mut strict = Self::strict()?;
        let mut removed = 0;
        for family in [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)] {
            for answer in strict.dump(RouteNetlinkMessage::GetRoute(route::all_tagged(family)))? {
                if let RouteNetlinkMessage::NewRoute(message) = answer
                    && route::is_tagged(&message)
                {
                    self.remove_route_by(message)?;
                    removed += 1;
                }
            }
        }
        Ok(removed)
    }

    /// A socket that has the kernel check requests strictly: only so does it choose routes by their tag, and not tell
    /// all that there are, which may be a million.
    fn strict() -> io::Result<Self> {
        let socket = sys::Socket::new(sys::protocols::NETLINK_ROUTE)?;
        socket.set_non_blocking(true)?;
        socket.set_netlink_get_strict_chk(true)?;
        let socket = socket.as_fd().try_clone_to_owned()?;
        connect(socket.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
        Ok(Self { socket, sequence: 0, buffer: vec![0; REPLY_MAX] })
    }

    /// Makes one request, and waits for its answer.
    pub(super) fn request(&mut self, request: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
        let mut bytes = Vec::new();
        self.put(&mut bytes, request, flags | NLM_F_ACK);
        self.send(&bytes)?;
        loop {
            for (sequence, payload) in self.receive()? {
                if let NetlinkPayload::Error(answer) = payload
                    && sequence == self.sequence
                {
                    return match answer.code {
                        Some(_) => Err(answer.to_io()),
                        None => Ok(()),
                    };
                }
            }
        }
    }

    /// Makes the same change to each address.
    fn change(
        &mut self,
        change: Change,
        index: u32,
        addresses: &[IpAddr],
    ) -> Result<(), AddressError> {
        let mut first = Ok(());
        for batch in addresses.chunks(BATCH_MAX) {
            let mut requests = Vec::new();
            let before = self.sequence;
            for (number, &address) in (1..).zip(batch) {
                // Errors are always told; that all is done is told at the end.
                let ack = if number == batch.len() { NLM_F_ACK } else { 0 };
                self.put(&mut requests, change.request(index, address), change.flags() | ack);
            }
            let outcome = self.send(&requests).and_then(|()| self.first_error(change, before));
            let failed = outcome.unwrap_or_else(|error| Some((0, error)));
            if let Some((number, error)) = failed {
                let address = batch.get(number).copied().unwrap_or(batch[0]);
                first = first.and(Err(AddressError { address, error }));
            }
        }
        first
    }

    fn put(&mut self, requests: &mut Vec<u8>, request: RouteNetlinkMessage, flags: u16) {
        self.sequence = self.sequence.wrapping_add(1);
        let mut request = NetlinkMessage::from(request);
        request.header.flags = NLM_F_REQUEST | flags;
        request.header.sequence_number = self.sequence;
        request.finalize();
        let begin = requests.len().next_multiple_of(ALIGNMENT);
        requests.resize(begin + request.buffer_len(), 0);
        request.serialize(&mut requests[begin..]);
    }

    fn send(&self, requests: &[u8]) -> io::Result<()> {
        send(self.socket.as_raw_fd(), requests, MsgFlags::empty())?;
        Ok(())
    }

    /// Reads the answers to all requests after this one: which of them was the first to fail, counted from 0, and why.
    fn first_error(
        &mut self,
        change: Change,
        before: u32,
    ) -> io::Result<Option<(usize, io::Error)>> {
        let count = self.sequence.wrapping_sub(before);
        let mut first = None;
        loop {
            for (sequence, payload) in self.receive()? {
                let number = sequence.wrapping_sub(before.wrapping_add(1));
                // The answer to an earlier request, which nobody read.
                if number >= count {
                    continue;
                }
                if let NetlinkPayload::Error(answer) = payload
                    && let Some(code) = answer.code
                    && !change.is_done_by(code.get().saturating_abs())
                {
                    first.get_or_insert_with(|| (number as usize, answer.to_io()));
                }
                if number + 1 == count {
                    return Ok(first);
                }
            }
        }
    }

    /// Every address of this host.
    fn addresses(&mut self) -> io::Result<Vec<AddressMessage>> {
        let everything = RouteNetlinkMessage::GetAddress(AddressMessage::default());
        let answers = self.dump(everything)?.into_iter();
        let addresses = answers.filter_map(|answer| match answer {
            RouteNetlinkMessage::NewAddress(address) => Some(address),
            _ => None,
        });
        Ok(addresses.collect())
    }

    /// Everything that the kernel answers to a request for a list.
    pub(super) fn dump(
        &mut self,
        request: RouteNetlinkMessage,
    ) -> io::Result<Vec<RouteNetlinkMessage>> {
        let mut bytes = Vec::new();
        self.put(&mut bytes, request, NLM_F_DUMP);
        self.send(&bytes)?;
        let mut answers = Vec::new();
        loop {
            for (sequence, payload) in self.receive()? {
                match payload {
                    _ if sequence != self.sequence => {}
                    NetlinkPayload::InnerMessage(answer) => answers.push(answer),
                    NetlinkPayload::Done(_) => return Ok(answers),
                    NetlinkPayload::Error(error) => return Err(error.to_io()),
                    _ => {}
                }
            }
        }
    }

    /// The messages of one datagram, by the numbers of their requests. The kernel has answered already.
    fn receive(&mut self) -> io::Result<Vec<Numbered>> {
        let length = recv(self.socket.as_raw_fd(), &mut self.buffer, MsgFlags::empty())
            .map_err(io::Error::from)
            .map_err(|error| match error.kind() {
                ErrorKind::WouldBlock => {
                    io::Error::new(ErrorKind::TimedOut, "the kernel did not answer")
                }
                _ => error,
            })?;
        messages(&self.buffer[..length])
    }
}

/// What a datagram of the kernel says, by the numbers of the requests that it answers.
pub(super) fn messages(datagram: &[u8]) -> io::Result<Vec<Numbered>> {
    let mut rest = datagram;
    let mut messages = Vec::new();
    while !rest.is_empty() {
        let message = NetlinkMessage::deserialize(rest).map_err(io::Error::other)?;
        let length = (message.header.length as usize).next_multiple_of(ALIGNMENT);
        rest = rest.get(length..).unwrap_or_default();
        messages.push((message.header.sequence_number, message.payload));
    }
    Ok(messages)
}

/// A message with its number.
type Numbered = (u32, NetlinkPayload<RouteNetlinkMessage>);

/// Messages in a datagram begin at multiples of it.
const ALIGNMENT: usize = 4;
