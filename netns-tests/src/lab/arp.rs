//! Asks a link by ARP who has an address, as a host without an address of its own.

use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::sys::socket::{AddressFamily, LinkAddr, SockaddrLike, SockaddrStorage, bind};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::node::Node;
use super::switch::INTERFACE;
use crate::failure::{Failure, OrFail, Result};

/// An Ethernet address.
pub type Mac = [u8; 6];

/// ARP's Ethernet type.
const ARP: u16 = 0x0806;

/// How long an answer may take.
const DEADLINE: Duration = Duration::from_secs(1);

/// Who answered on the interface of `node` for which of `addresses`, by the time somebody answered for the last of
/// them, which must have a holder.
///
/// # Errors
/// When nobody answers for the last one, or the kernel refuses.
pub async fn holders(node: &Node, addresses: Vec<Ipv4Addr>) -> Result<Vec<(Ipv4Addr, Mac)>> {
    node.run(move || async move { timeout(DEADLINE, ask(&addresses)).await })
        .await?
        .map_err(|_| Failure::new("nobody answers"))?
}

/// The Ethernet address of the interface of `node`.
///
/// # Errors
/// When it has none.
pub async fn mac(node: &Node) -> Result<Mac> {
    node.run(|| async { mac_of(link()?) }).await?
}

/// Says on the interface of `node` that it has `address` (RFC 5227 §2.3).
///
/// # Errors
/// When the kernel refuses.
pub async fn announce(node: &Node, address: Ipv4Addr) -> Result<()> {
    let work = move || async move {
        let (link, socket) = (link()?, open()?);
        bind(socket.as_raw_fd(), &link).or_fail("cannot bind a packet socket")?;
        let mut frame = request(mac_of(link)?, address);
        frame[28..32].copy_from_slice(&address.octets());
        socket.send(&frame).or_fail("cannot announce by ARP").map(|_| ())
    };
    node.run(work).await?
}

async fn ask(addresses: &[Ipv4Addr]) -> Result<Vec<(Ipv4Addr, Mac)>> {
    let last = *addresses.last().ok_or_else(|| Failure::new("nothing is asked"))?;
    let (link, socket) = (link()?, open()?);
    bind(socket.as_raw_fd(), &link).or_fail("cannot bind a packet socket")?;
    let ours = mac_of(link)?;
    for address in addresses {
        socket.send(&request(ours, *address)).or_fail("cannot ask by ARP")?;
    }
    let socket = UdpSocket::from_std(socket.into()).or_fail("cannot watch a packet socket")?;
    let mut holders = Vec::new();
    let mut frame = [0; 1500];
    loop {
        let len = socket.recv(&mut frame).await.or_fail("cannot receive by ARP")?;
        let Some(holder) = answer(&frame[..len]) else { continue };
        holders.push(holder);
        if holder.0 == last {
            return Ok(holders);
        }
    }
}

/// To the runtime it will be a datagram socket like any other.
fn open() -> Result<Socket> {
    let protocol = Protocol::from(i32::from(ARP.to_be()));
    let socket = Socket::new(Domain::PACKET, Type::RAW, Some(protocol))
        .or_fail("cannot open a packet socket")?;
    socket.set_nonblocking(true).or_fail("cannot make a socket non-blocking")?;
    Ok(socket)
}

fn link() -> Result<LinkAddr> {
    nix::ifaddrs::getifaddrs()
        .or_fail("cannot list interfaces")?
        .filter(|entry| entry.interface_name == INTERFACE)
        .filter_map(|entry| entry.address)
        .filter(|address| address.family() == Some(AddressFamily::Packet))
        .find_map(|address: SockaddrStorage| address.as_link_addr().copied())
        .ok_or_else(|| Failure::new(format!("there is no link `{INTERFACE}`")))
}

fn mac_of(link: LinkAddr) -> Result<Mac> {
    link.addr().ok_or_else(|| Failure::new("a link has no Ethernet address"))
}

/// A probe (RFC 5227 §2.1.1): nobody remembers who asked.
fn request(ours: Mac, address: Ipv4Addr) -> Vec<u8> {
    let mut frame = vec![0xff; 6];
    frame.extend(ours);
    frame.extend(ARP.to_be_bytes());
    frame.extend([0, 1, 8, 0, 6, 4, 0, 1]);
    frame.extend(ours);
    frame.extend([0; 10]);
    frame.extend(address.octets());
    frame
}

/// Who says that he has which address.
fn answer(frame: &[u8]) -> Option<(Ipv4Addr, Mac)> {
    let packet: &[u8; 28] = frame.get(14..)?.first_chunk()?;
    let mac = packet[8..].first_chunk()?;
    let address: &[u8; 4] = packet[14..].first_chunk()?;
    (packet[..8] == [0, 1, 8, 0, 6, 4, 0, 2]).then_some(((*address).into(), *mac))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_no_answer() {
        let mut frame = request([2, 0, 0, 0, 0, 1], Ipv4Addr::new(192, 0, 2, 1));
        assert_eq!(frame.len(), 42);
        assert_eq!(answer(&frame), None);
        frame[21] = 2;
        assert_eq!(answer(&frame), Some((Ipv4Addr::UNSPECIFIED, [2, 0, 0, 0, 0, 1])));
        assert_eq!(answer(&frame[..41]), None);
    }
}
