//! What the hosts of a link say of their addresses: ARP (RFC 826) and neighbor discovery (RFC 4861).
//!
//! [`Neighbour::decode`] reads who has an address and who asks for one; [`who_has`] asks. The frames that say what
//! *we* have are [announcements](crate::gratuitous_arp).

mod arp;
mod ndp;

use std::net::IpAddr;

use crate::mac::Mac;

pub use arp::ARP_FRAME_LEN;
pub(crate) use arp::{Arp, Operation};
pub(crate) use ndp::{ALL_NODES, Body, Ndp, OVERRIDE, ROUTER};

/// What one frame told of a host on the link. Nothing of it is proven: anybody can send it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Where the host says it can be reached.
    pub mac: Mac,
    /// The address it says it has.
    pub claims: Option<IpAddr>,
    /// The address it wants to reach, or means to take.
    pub asks: Option<IpAddr>,
}

impl Neighbour {
    /// Reads an Ethernet frame, without its trailer. `None` if it is neither ARP for IPv4 nor a valid neighbor
    /// solicitation or advertisement (RFC 4861 §7.1).
    ///
    /// ```
    /// use vrrp::{ArpForm, Mac, Neighbour, gratuitous_arp};
    ///
    /// let (mac, address) = (Mac([2, 0, 0, 0, 0, 1]), [192, 0, 2, 1].into());
    /// let heard = Neighbour::decode(&gratuitous_arp(mac, address, ArpForm::Reply));
    /// assert_eq!(heard, Some(Neighbour { mac, claims: Some(address.into()), asks: None }));
    /// ```
    #[must_use]
    pub fn decode(frame: &[u8]) -> Option<Self> {
        if let Some(arp) = Arp::decode(frame) {
            return Some(arp.into());
        }
        Ndp::decode(frame).map(Self::from)
    }
}

impl From<Arp> for Neighbour {
    /// RFC 5227 §1.1: a probe has no sender address, and an announcement asks for its own.
    fn from(arp: Arp) -> Self {
        let claims = (!arp.sender.is_unspecified()).then_some(arp.sender);
        let asks = (arp.operation == Operation::Request && arp.target != arp.sender)
            .then_some(arp.target.into());
        Self { mac: arp.sender_mac, claims: claims.map(IpAddr::V4), asks }
    }
}

impl From<Ndp> for Neighbour {
    /// A solicitation without source means to take its target (RFC 4862 §5.4.2); one with source, but without its
    /// link-layer address, says nothing of it.
    fn from(ndp: Ndp) -> Self {
        let mac = ndp.link_layer.unwrap_or(ndp.ethernet_source);
        match ndp.body {
            Body::Advertisement { .. } => Self { mac, claims: Some(ndp.target.into()), asks: None },
            Body::Solicitation => {
                let claims = ndp.link_layer.map(|_| ndp.source.into());
                Self { mac, claims, asks: Some(ndp.target.into()) }
            }
        }
    }
}

/// An Ethernet frame that asks who has `address`: an ARP request or a neighbor solicitation.
///
/// `sender` is an address of ours in the same family, for whoever answers to know and to answer to. Without it the
/// question leaves no trace in anybody's cache, as before an address is taken: an ARP probe (RFC 5227 §2.1.1), or
/// duplicate address detection (RFC 4862 §5.4.2), whose answer goes to all nodes. One of another family counts as none.
#[must_use]
pub fn who_has(mac: Mac, sender: Option<IpAddr>, address: IpAddr) -> Vec<u8> {
    match (address, sender) {
        (IpAddr::V4(address), Some(IpAddr::V4(sender))) => {
            Arp::request(mac, sender, address).encode().to_vec()
        }
        (IpAddr::V4(address), None | Some(IpAddr::V6(_))) => {
            Arp::request(mac, [0; 4].into(), address).encode().to_vec()
        }
        (IpAddr::V6(address), Some(IpAddr::V6(sender))) => {
            Ndp::solicitation(mac, sender, address).encode()
        }
        (IpAddr::V6(address), None | Some(IpAddr::V4(_))) => {
            Ndp::solicitation(mac, [0; 16].into(), address).encode()
        }
    }
}
