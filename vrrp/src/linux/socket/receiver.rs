//! Advertisements in.

use std::io::{self, ErrorKind, IoSliceMut};
use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrIn6, SockaddrStorage, recvmsg, setsockopt, sockopt,
};
use socket2::Socket;
use tokio::io::Interest;
use tokio::net::UdpSocket;

use super::arrivals::Arrivals;
use super::{filter, ipv4, ipv6};
use crate::advertisement::DecodeError;
use crate::clock::now;
use crate::envelope::Envelope;
use crate::family::Family;
use crate::types::Vrid;

/// An advertisement with 255 IPv6 addresses and the longest IPv4 header fits.
const PACKET_MAX: usize = 4608;
/// Octets that wait in the socket. [`SURE_TO_FIT`](super::arrivals::SURE_TO_FIT) of the longest packets find room, each
/// with what the kernel keeps beside it.
const BUFFER: usize = 512 * 1024;
/// Room for the control messages that are asked for: the stamp and the hop limit.
const CONTROL_MAX: usize = 128;

/// A socket that gets what is sent to one address on one interface.
#[derive(Debug)]
pub(in crate::linux) struct Receiver {
    /// To the runtime it is a datagram socket like any other.
    socket: UdpSocket,
    /// The destination of every packet over IPv6.
    local: IpAddr,
    arrivals: Arrivals,
    buffer: Vec<u8>,
}

/// A packet as the kernel delivers it.
#[derive(Debug)]
pub(in crate::linux) struct Packet<'a> {
    octets: &'a [u8],
    /// What the kernel told of the header, over IPv6; over IPv4 the packet has it.
    envelope: Option<Envelope>,
    /// How long the kernel had it.
    pub(in crate::linux) waited: Duration,
}

impl Packet<'_> {
    /// Envelope and message.
    pub(in crate::linux) fn open(&self) -> Result<(Envelope, &[u8]), DecodeError> {
        match self.envelope {
            None => Envelope::from_ipv4(self.octets),
            Some(envelope) => Ok((envelope, self.octets)),
        }
    }
}

impl Receiver {
    /// Gets the advertisements of this VRID that are sent to `local`: the group, which it joins on the interface, or an
    /// address of ours.
    pub(in crate::linux) fn open(
        interface: &str,
        index: u32,
        local: IpAddr,
        vrid: Vrid,
    ) -> io::Result<Self> {
        let socket = match local {
            IpAddr::V4(local) => ipv4::receiver(interface, index, local)?,
            IpAddr::V6(local) => ipv6::receiver(interface, index, local)?,
        };
        filter::attach(&socket, Family::of(local), vrid)?;
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
        set_buffer(&socket)?;
        let socket = UdpSocket::from_std(socket.into())?;
        let buffer = vec![0; PACKET_MAX];
        let arrivals = Arrivals::begin(now());
        Ok(Self { socket, local, arrivals, buffer })
    }

    /// The next packet. Cancel-safe.
    pub(in crate::linux) async fn receive(&mut self) -> io::Result<Packet<'_>> {
        let Self { socket, local, arrivals, buffer } = self;
        let read = || Read::from(socket.as_fd(), *local, arrivals, buffer);
        let read = socket.async_io(Interest::READABLE, read).await?;
        Ok(read.packet(buffer))
    }

    /// A packet that waits already, if there is one, even if the runtime does not know of it yet.
    pub(in crate::linux) fn try_receive(&mut self) -> Option<Packet<'_>> {
        let Self { socket, local, arrivals, buffer } = self;
        let read = Read::from(socket.as_fd(), *local, arrivals, buffer).ok()?;
        Some(read.packet(buffer))
    }
}

/// How much of the buffer a packet takes, and what came beside it.
struct Read {
    len: usize,
    envelope: Option<Envelope>,
    waited: Duration,
}

impl Read {
    fn from(
        socket: BorrowedFd<'_>,
        local: IpAddr,
        arrivals: &mut Arrivals,
        buffer: &mut [u8],
    ) -> io::Result<Self> {
        let asked_at = now();
        let mut parts = [IoSliceMut::new(buffer)];
        let mut control = [0; CONTROL_MAX];
        let flags = MsgFlags::empty();
        let received =
            recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut parts, Some(&mut control), flags)
                .map_err(io::Error::from)
                .inspect_err(|error| {
                    if error.kind() == ErrorKind::WouldBlock {
                        arrivals.found_empty(asked_at);
                    }
                })?;
        // Decoding refuses a hop limit of 0, as it does any packet of which it is not known.
        let (mut age, mut ttl) = (None, 0);
        for message in received.cmsgs()? {
            match message {
                ControlMessageOwned::ScmTimestampns(stamp) => age = age_of(stamp.into()),
                ControlMessageOwned::Ipv6HopLimit(limit) => ttl = u8::try_from(limit).unwrap_or(0),
                _ => {}
            }
        }
        let source = received.address.as_ref().and_then(SockaddrStorage::as_sockaddr_in6);
        let envelope = local.is_ipv6().then(|| Envelope {
            source: source.map_or(Ipv6Addr::UNSPECIFIED, SockaddrIn6::ip).into(),
            destination: local,
            ttl,
        });
        let read_at = now();
        let waited = read_at.saturating_duration_since(arrivals.next(age, read_at));
        Ok(Self { len: received.bytes, envelope, waited })
    }

    fn packet(self, buffer: &[u8]) -> Packet<'_> {
        let Self { len, envelope, waited } = self;
        Packet { octets: &buffer[..len], envelope, waited }
    }
}

/// Without privileges the buffer is as large as the host allows.
fn set_buffer(socket: &Socket) -> io::Result<()> {
    setsockopt(socket, sockopt::RcvBufForce, &BUFFER)
        .or_else(|_| setsockopt(socket, sockopt::RcvBuf, &BUFFER))
        .map_err(io::Error::from)
}

/// How long ago this was on the wall clock; zero if it is in the future.
#[expect(clippy::disallowed_methods, reason = "the kernel stamps packets by the wall clock")]
fn age_of(stamp: Duration) -> Option<Duration> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    Some(now.saturating_sub(stamp))
}
