//! Asks a link who has an address.

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::sys::socket::bind;
use socket2::{Domain, Protocol, SockFilter, Socket, Type};
use tokio::net::UdpSocket;

use super::frames::link_address;
use crate::mac::Mac;
use crate::neighbour::{Neighbour, who_has};

/// Asks once by ARP or neighbor solicitation, and waits for an answer for as long as the caller likes. Cancel-safe.
///
/// `sender` is an address of ours on the link, in the family of `address`, to which the answer goes.
///
/// # Errors
/// When the interface is absent or down, or without CAP_NET_RAW.
pub async fn ask(interface: &str, sender: IpAddr, address: IpAddr) -> io::Result<Mac> {
    let link = link_address(interface)?;
    let listener = listen(address)?;
    // With protocol 0 it keeps the one it was opened with.
    bind(listener.as_raw_fd(), &link)?;
    // To the runtime it is a datagram socket like any other.
    let listener = UdpSocket::from_std(OwnedFd::from(listener).into())?;
    let mac = Mac(link.addr().unwrap_or_default());
    listener.send(&who_has(mac, Some(sender), address)).await?;
    let mut frame = [0; FRAME_MAX];
    loop {
        let length = listener.recv(&mut frame).await?;
        match Neighbour::decode(&frame[..length]) {
            Some(heard) if heard.claims == Some(address) && heard.mac != mac => {
                return Ok(heard.mac);
            }
            Some(_) | None => {}
        }
    }
}

/// Hears what can be an answer, and little else: the kernel filters.
fn listen(address: IpAddr) -> io::Result<Socket> {
    let ethertype = if address.is_ipv4() { ETHERTYPE_ARP } else { ETHERTYPE_IPV6 };
    let kind = Type::RAW.nonblocking().cloexec();
    let protocol = Protocol::from(i32::from(ethertype.to_be()));
    let socket = Socket::new(Domain::PACKET, kind, Some(protocol))?;
    if address.is_ipv6() {
        socket.attach_filter(&ADVERTISEMENTS)?;
    }
    Ok(socket)
}

/// Neighbor advertisements: ICMPv6 after the IPv6 header, of type 136.
const ADVERTISEMENTS: [SockFilter; 6] = [
    SockFilter::new(LOAD_BYTE, 0, 0, NEXT_HEADER_AT),
    SockFilter::new(JUMP_IF_EQUAL, 0, 3, 58),
    SockFilter::new(LOAD_BYTE, 0, 0, ICMP_TYPE_AT),
    SockFilter::new(JUMP_IF_EQUAL, 0, 1, 136),
    SockFilter::new(RETURN, 0, 0, u32::MAX),
    SockFilter::new(RETURN, 0, 0, 0),
];

/// Classic BPF: `ldb [k]`, `jeq #k, jt, jf` and `ret #k`.
const LOAD_BYTE: u16 = 0x30;
const JUMP_IF_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;

const NEXT_HEADER_AT: u32 = 14 + 6;
const ICMP_TYPE_AT: u32 = 14 + 40;

const ETHERTYPE_ARP: u16 = 0x0806;
const ETHERTYPE_IPV6: u16 = 0x86dd;

/// Ethernet without jumbo frames: no answer is longer.
const FRAME_MAX: usize = 1514;
