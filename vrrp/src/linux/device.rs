//! The device that holds the addresses of a virtual router with a virtual MAC, on top of its interface.
//!
//! It is made when the interface comes up, and is up exactly while we hold addresses: so a claim takes no longer than
//! without it, and a backup neither sends from the virtual MAC nor gets what is sent to it. Who removes it is not in a
//! hurry: see [`Netlink::remove_devices`].

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::net::IpAddr;

use nix::net::if_::if_nametoindex;
use rtnetlink::packet_route::link::LinkFlags;
use tokio::task::{JoinHandle, spawn_blocking};

use super::interfaces::Watch;
use super::macvlan::furnish;
use super::netlink::{NO_SUCH_DEVICE, Netlink};
use super::socket::AdvertSender;
use crate::event::LinkState;
use crate::family::Family;
use crate::mac::Mac;

/// A macvlan with the MAC of a virtual router.
#[derive(Debug)]
pub(super) struct Device {
    name: String,
    family: Family,
    pub(super) mac: Mac,
    watch: Watch,
    /// Once it is made.
    index: Option<u32>,
    /// While it is up.
    sender: Option<AdvertSender>,
    /// It is being set down.
    closing: Option<JoinHandle<()>>,
}

impl Device {
    pub(super) fn new(name: String, family: Family, mac: Mac, watch: Watch) -> Self {
        Self { name, family, mac, watch, index: None, sender: None, closing: None }
    }

    /// The addresses on it, if they can be reached.
    pub(super) fn addresses(&self) -> BTreeSet<IpAddr> {
        let device = self.watch.interface();
        match device.link {
            LinkState::Up => {
                let foreign = device.foreign.iter().map(|own| own.address);
                device.ours.iter().copied().chain(foreign).collect()
            }
            LinkState::Down => BTreeSet::new(),
        }
    }

    /// Waits for a change of it. Cancel-safe.
    pub(super) async fn changed(&mut self) {
        self.watch.changed().await;
    }

    pub(super) const fn index(&self) -> Option<u32> {
        self.index
    }

    /// What sends from the virtual MAC, while we hold addresses.
    pub(super) const fn sender(&self) -> Option<&AdvertSender> {
        self.sender.as_ref()
    }

    /// The interface below is another one now.
    pub(super) fn forget(&mut self) {
        self.close();
        self.index = None;
    }

    /// Sees to it that the device is there; if it has to be made, it is down.
    pub(super) fn make(&mut self, netlink: &mut Netlink, below: u32) -> io::Result<u32> {
        let present = if_nametoindex(self.name.as_str()).ok();
        if let Some(index) = self.index.filter(|index| Some(*index) == present) {
            return Ok(index);
        }
        self.forget();
        match netlink.add_macvlan(&self.name, below, self.mac) {
            // One that an earlier haagent left, or that was made on another interface.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                netlink.remove_devices_if(|name| name == self.name)?;
                netlink.add_macvlan(&self.name, below, self.mac).map_err(|error| {
                    io::Error::new(error.kind(), format!("`{}`: {error}", self.name))
                })?;
            }
            result => result?,
        }
        furnish(&self.name, self.family)?;
        let index = if_nametoindex(self.name.as_str())?;
        self.index = Some(index);
        Ok(index)
    }

    /// Sets it up, for addresses that follow. Our own advertisements bear `source`, an address of the interface below.
    pub(super) fn open(
        &mut self,
        netlink: &mut Netlink,
        below: u32,
        source: IpAddr,
    ) -> io::Result<u32> {
        if let (Some(index), true) = (self.index, self.is_open()) {
            return Ok(index);
        }
        let index = self.make(netlink, below)?;
        // First: who has a sender sets the device down again, whatever fails.
        self.sender = Some(AdvertSender::open_for(&self.name, index, source)?);
        netlink.set_link(index, LinkFlags::Up)?;
        Ok(index)
    }

    /// Up, as far as we know.
    fn is_open(&self) -> bool {
        self.sender.is_some() && self.watch.interface().link == LinkState::Up
    }

    /// Sets it down, beside the caller, who must not wait for so long.
    pub(super) fn close(&mut self) {
        let (Some(index), Some(_)) = (self.index, self.sender.take()) else { return };
        let name = self.name.clone();
        self.closing = Some(spawn_blocking(move || {
            let closed = Netlink::open().and_then(|mut it| it.set_link(index, LinkFlags::empty()));
            match closed {
                Err(error) if error.raw_os_error() != Some(NO_SUCH_DEVICE) => {
                    tracing::error!(device = name, %error, "cannot set a device down");
                }
                _ => {}
            }
        }));
    }

    /// Returns once nothing sets it down any more.
    pub(super) async fn closed(&mut self) {
        if let Some(closing) = self.closing.take() {
            // What went wrong was said where it happened.
            let _ = closing.await;
        }
    }
}
