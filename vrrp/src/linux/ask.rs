//! Asks a link who has an address.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;

use super::frames::{FrameSocket, link_address};
use crate::family::Family;
use crate::mac::Mac;
use crate::neighbour::who_has;

/// Asks once by ARP or neighbor solicitation, and waits for an answer for as long as the caller likes. Cancel-safe.
///
/// `sender` is an address of ours on the link, in the family of `address`, to which the answer goes.
///
/// # Errors
/// When the interface is absent or down, or without CAP_NET_RAW.
pub async fn ask(interface: &str, sender: IpAddr, address: IpAddr) -> io::Result<Mac> {
    let mut socket = FrameSocket::open(interface, Family::of(address))?;
    socket.watch(&BTreeSet::from([address]))?;
    let ours = Mac(link_address(interface)?.addr().unwrap_or_default());
    socket.send(&who_has(ours, Some(sender), address))?;
    loop {
        let claim = socket.claim().await;
        if claim.mac != ours {
            return Ok(claim.mac);
        }
    }
}
