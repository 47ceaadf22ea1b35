//! Whether a gateway answers: on a link of ours by ARP or neighbor discovery, which hosts cannot filter; beyond by an
//! ICMP echo (RFC 792, RFC 4443 §4).

use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use nix::net::if_::if_nametoindex;
use rustix::rand::{GetRandomFlags, getrandom};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use vrrp::track::Outcome;

use super::sample::{failure, success};
use crate::config::{Cidr, Gateway, GatewayMethod};
use crate::host::{HostFacts, read_facts};

/// Asks once, and waits for the answer.
pub(super) async fn ask(gateway: &Gateway) -> Outcome {
    match reach(gateway).await {
        Ok(how) => success(how),
        Err(error) => failure(error.to_string()),
    }
}

async fn reach(gateway: &Gateway) -> io::Result<String> {
    let host = match gateway.method {
        Some(GatewayMethod::Ping) => HostFacts::Unknown,
        Some(GatewayMethod::Arp) | None => read_facts()?,
    };
    match (gateway.method, on_link(gateway, &host)) {
        (None, None) | (Some(GatewayMethod::Ping), _) => {
            ping(gateway).await.map(|()| "echo reply".to_owned())
        }
        (None | Some(GatewayMethod::Arp), Some((interface, own))) => {
            let mac = vrrp::linux::ask(interface, own, gateway.address).await?;
            Ok(format!("at {mac}"))
        }
        (Some(GatewayMethod::Arp), None) => Err(io::Error::other("it is on no link of ours")),
    }
}

/// The interface on whose link it is, and an address of ours there to ask with: over IPv6 the link-local one.
fn on_link<'a>(gateway: &Gateway, host: &'a HostFacts) -> Option<(&'a str, IpAddr)> {
    let near = |own: &&Cidr| !own.is_single() && own.contains(gateway.address);
    let interface = host.interfaces().iter().find(|interface| match &gateway.zone {
        Some(zone) => interface.name == *zone,
        None => interface.addresses.iter().any(|own| near(&own)),
    })?;
    let is_link_local =
        |own: &&Cidr| matches!(own.address, IpAddr::V6(address) if address.is_unicast_link_local());
    let mut addresses = interface.addresses.iter();
    let own = match gateway.address {
        IpAddr::V4(_) => addresses.find(near),
        IpAddr::V6(_) => addresses.find(|own| !own.is_single() && is_link_local(own)),
    };
    Some((&interface.name, own?.address))
}

async fn ping(gateway: &Gateway) -> io::Result<()> {
    let socket = open(gateway)?;
    let mut nonce = [0; NONCE_LEN];
    getrandom(&mut nonce, GetRandomFlags::empty())?;
    let echo = Echo { ipv6: gateway.address.is_ipv6(), nonce };
    socket.send(&echo.request()).await?;
    let mut packet = [0; PACKET_MAX];
    loop {
        let length = socket.recv(&mut packet).await?;
        if echo.is_answered_by(&packet[..length]) {
            return Ok(());
        }
    }
}

/// A raw socket that receives from the gateway only. To the runtime it is a datagram socket like any other.
fn open(gateway: &Gateway) -> io::Result<UdpSocket> {
    let index = match &gateway.zone {
        Some(zone) => if_nametoindex(zone.as_str())?,
        None => 0,
    };
    let (protocol, address) = match gateway.address {
        IpAddr::V4(address) => (Protocol::ICMPV4, SocketAddr::from((address, 0))),
        IpAddr::V6(address) => (Protocol::ICMPV6, SocketAddrV6::new(address, 0, 0, index).into()),
    };
    let kind = Type::RAW.nonblocking().cloexec();
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    socket.connect(&address.into())?;
    UdpSocket::from_std(socket.into())
}

/// A question that only its own answer answers: other pings of this host are answered to the same socket.
struct Echo {
    ipv6: bool,
    /// Identifier, sequence number and data.
    nonce: [u8; NONCE_LEN],
}

impl Echo {
    fn request(&self) -> Vec<u8> {
        let (request, _) = self.types();
        let mut message = vec![request, 0, 0, 0];
        message.extend(self.nonce);
        if !self.ipv6 {
            // Over IPv6 the kernel does it (RFC 3542 §3.1).
            let checksum = checksum(&message).to_be_bytes();
            message[2..4].copy_from_slice(&checksum);
        }
        message
    }

    /// Of IPv4, raw sockets give the whole packet.
    fn is_answered_by(&self, packet: &[u8]) -> bool {
        let header_len = match (self.ipv6, packet.first()) {
            (true, _) => 0,
            (false, Some(first @ 0x45..=0x4f)) => usize::from(first & 0x0f) * 4,
            (false, _) => return false,
        };
        let (_, reply) = self.types();
        let message = packet.get(header_len..).unwrap_or_default();
        message.first() == Some(&reply) && message.get(4..) == Some(&self.nonce)
    }

    /// Those of the request and its reply.
    const fn types(&self) -> (u8, u8) {
        if self.ipv6 { (128, 129) } else { (8, 0) }
    }
}

/// RFC 1071.
fn checksum(message: &[u8]) -> u16 {
    let words =
        message.chunks(2).map(|word| u16::from_be_bytes([word[0], *word.get(1).unwrap_or(&0)]));
    let sum = words.map(u32::from).sum::<u32>();
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    u16::try_from(folded).map_or(0, |sum| !sum)
}

const NONCE_LEN: usize = 16;
/// The longest IPv4 header and the echo fit.
const PACKET_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Interface;

    const NONCE: [u8; NONCE_LEN] = [7; NONCE_LEN];

    fn gateway(text: &str) -> Gateway {
        let (address, zone) = text.split_once('%').map_or((text, None), |(a, z)| (a, Some(z)));
        let address = address.parse().expect("an address");
        Gateway { address, zone: zone.map(str::to_owned), method: None }
    }

    #[test]
    fn a_gateway_is_on_the_link_whose_network_it_is_in() {
        let interface = |name: &str, addresses: &[&str]| Interface {
            name: name.to_owned(),
            addresses: addresses.iter().map(|text| text.parse().expect("an address")).collect(),
        };
        let host = HostFacts::Known {
            interfaces: vec![
                // The gateway as a virtual address of ours is no network.
                interface("eth0", &["192.0.2.254/32", "fe80::2/64", "2001:db8::2/64"]),
                interface("eth1", &["10.0.0.2/24", "192.0.2.2/24", "fe80::3/64"]),
            ],
        };
        let cases = [
            ("192.0.2.254", Some(("eth1", "192.0.2.2"))),
            ("10.0.0.1", Some(("eth1", "10.0.0.2"))),
            ("198.51.100.1", None),
            ("2001:db8::1", Some(("eth0", "fe80::2"))),
            ("fe80::1%eth1", Some(("eth1", "fe80::3"))),
            ("fe80::1%eth2", None),
        ];
        for (address, expected) in cases {
            let expected = expected.map(|(name, own)| (name, own.parse().expect("an address")));
            assert_eq!(on_link(&gateway(address), &host), expected, "{address}");
        }
    }

    fn reply(echo: &Echo, nonce: [u8; NONCE_LEN]) -> Vec<u8> {
        let (_, reply) = echo.types();
        [&[reply, 0, 0, 0][..], &nonce].concat()
    }

    #[test]
    fn a_request_has_a_right_checksum() {
        let request = Echo { ipv6: false, nonce: NONCE }.request();
        assert_eq!(request[0], 8);
        assert_eq!(checksum(&request), 0);
    }

    #[test]
    fn only_its_own_reply_answers() {
        let echo = Echo { ipv6: true, nonce: NONCE };
        assert!(echo.is_answered_by(&reply(&echo, NONCE)));
        assert!(!echo.is_answered_by(&echo.request()));
        assert!(!echo.is_answered_by(&reply(&echo, [8; NONCE_LEN])));
        assert!(!echo.is_answered_by(&[]));

        let echo = Echo { ipv6: false, nonce: NONCE };
        let header = [0x45; 20];
        assert!(echo.is_answered_by(&[&header, &*reply(&echo, NONCE)].concat()));
        assert!(!echo.is_answered_by(&reply(&echo, NONCE)), "without header");
        assert!(!echo.is_answered_by(&[0x4f]), "shorter than its header");
    }

    /// Needs CAP_NET_RAW; the drill `track` runs it with a real gateway.
    #[tokio::test]
    async fn this_host_answers_itself() {
        for address in ["127.0.0.1", "::1"] {
            match ping(&gateway(address)).await {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
                Err(error) => panic!("{address}: {error}"),
            }
        }
    }
}
