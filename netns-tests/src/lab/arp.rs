//! Asks a link by ARP who has an address, as a host without an address of its own; and says who has one.

use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::sys::socket::{AddressFamily, LinkAddr, SockaddrLike, SockaddrStorage, bind};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::time::{interval, timeout};

use super::mac::Mac;
use super::nd;
use super::node::Node;
use super::switch::INTERFACE;
use crate::failure::{Failure, OrFail, Result};

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

/// Says on the interface of `node` that it has `address` (RFC 5227 §2.3, RFC 4861 §7.2.6).
///
/// # Errors
/// When the kernel refuses.
pub async fn announce(node: &Node, address: IpAddr) -> Result<()> {
    let mac = mac(node).await?;
    send(node, vec![claim(mac, None, address)]).await
}

/// The frame that says "`address` is at `mac`": to everybody, or to one host alone.
#[must_use]
pub fn claim(mac: Mac, to: Option<Mac>, address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => {
            let mut frame = request(mac, address);
            frame[..6].copy_from_slice(&to.unwrap_or(Mac::BROADCAST).0);
            frame[28..32].copy_from_slice(&address.octets());
            frame
        }
        IpAddr::V6(address) => nd::claim(mac, to, address),
    }
}

/// Sends frames on the interface of `node`, one after the other.
///
/// # Errors
/// When the kernel refuses one.
pub async fn send(node: &Node, frames: Vec<Vec<u8>>) -> Result<()> {
    node.run(move || async move { send_all(&bound()?, &frames) }).await?
}

/// Does so again every millisecond, so many times.
///
/// # Errors
/// When the kernel refuses one.
pub async fn flood(node: &Node, frames: Vec<Vec<u8>>, times: usize) -> Result<()> {
    let work = move || async move {
        let (socket, mut ticks) = (bound()?, interval(Duration::from_millis(1)));
        for _ in 0..times {
            ticks.tick().await;
            send_all(&socket, &frames)?;
        }
        Ok(())
    };
    node.run(work).await?
}

fn send_all(socket: &Socket, frames: &[Vec<u8>]) -> Result<()> {
    let send = |frame: &Vec<u8>| socket.send(frame).or_fail("cannot send a frame").map(|_| ());
    frames.iter().try_for_each(send)
}

/// A socket that sends on the interface.
fn bound() -> Result<Socket> {
    let (link, socket) = (link()?, open()?);
    bind(socket.as_raw_fd(), &link).or_fail("cannot bind a packet socket")?;
    Ok(socket)
}

async fn ask(addresses: &[Ipv4Addr]) -> Result<Vec<(Ipv4Addr, Mac)>> {
    let last = *addresses.last().ok_or_else(|| Failure::new("nothing is asked"))?;
    let (ours, socket) = (mac_of(link()?)?, bound()?);
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
    link.addr().map(Mac).ok_or_else(|| Failure::new("a link has no Ethernet address"))
}

/// A probe (RFC 5227 §2.1.1): nobody remembers who asked.
#[must_use]
pub fn request(ours: Mac, address: Ipv4Addr) -> Vec<u8> {
    let Mac(ours) = ours;
    let mut frame = Mac::BROADCAST.0.to_vec();
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
    let mac = packet[8..].first_chunk().copied().map(Mac)?;
    let address: &[u8; 4] = packet[14..].first_chunk()?;
    (packet[..8] == [0, 1, 8, 0, 6, 4, 0, 2]).then_some(((*address).into(), mac))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_no_answer() {
        let mut frame = request(Mac([2, 0, 0, 0, 0, 1]), Ipv4Addr::new(192, 0, 2, 1));
        assert_eq!(frame.len(), 42);
        assert_eq!(answer(&frame), None);
        frame[21] = 2;
        assert_eq!(answer(&frame), Some((Ipv4Addr::UNSPECIFIED, Mac([2, 0, 0, 0, 0, 1]))));
        assert_eq!(answer(&frame[..41]), None);
    }
}
