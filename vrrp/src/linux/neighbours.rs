//! What the hosts of a link say of the addresses that we watch, in either family.

use std::collections::BTreeSet;
use std::future::pending;
use std::io;
use std::net::IpAddr;

use super::frames::{Claim, FrameSocket};
use crate::family::Family;
use crate::mac::Mac;

/// The packet sockets of one interface: one for the family of its virtual router, and one for the other from the time on
/// that an address of it is watched.
#[derive(Debug)]
pub(super) struct Neighbours {
    interface: String,
    family: Family,
    own: FrameSocket,
    other: Option<FrameSocket>,
}

impl Neighbours {
    /// Watches nothing at first.
    pub(super) fn open(interface: &str, family: Family) -> io::Result<Self> {
        let own = FrameSocket::open(interface, family)?;
        Ok(Self { interface: interface.to_owned(), family, own, other: None })
    }

    /// Claims of these addresses are of interest from now on.
    pub(super) fn watch(&mut self, addresses: &BTreeSet<IpAddr>) -> io::Result<()> {
        let other = addresses.iter().map(|address| Family::of(*address));
        if let Some(other) = other.clone().find(|family| *family != self.family)
            && self.other.is_none()
        {
            self.other = Some(FrameSocket::open(&self.interface, other)?);
        }
        let sockets = [Some(&mut self.own), self.other.as_mut()];
        sockets.into_iter().flatten().try_for_each(|socket| socket.watch(addresses))
    }

    /// Sends a frame, whatever is in it.
    pub(super) fn send(&self, frame: &[u8]) -> io::Result<()> {
        self.own.send(frame)
    }

    /// Tells the link that `address` is at `mac`, over IPv6 as a router if the interface forwards.
    pub(super) fn announce(&self, mac: Mac, address: IpAddr, forwards: bool) -> io::Result<()> {
        self.own.announce(mac, address, forwards)
    }

    /// The next claim. Cancel-safe.
    pub(super) async fn claim(&mut self) -> Claim {
        let Self { own, other, .. } = self;
        let other = async {
            match other {
                Some(socket) => socket.claim().await,
                None => pending().await,
            }
        };
        tokio::select! {
            claim = own.claim() => claim,
            claim = other => claim,
        }
    }

    /// A claim that waits already, if there is one.
    pub(super) fn try_claim(&mut self) -> Option<Claim> {
        let claim = self.own.try_claim();
        claim.or_else(|| self.other.as_mut().and_then(FrameSocket::try_claim))
    }
}
