//! Where the addresses live: on the interface, or on a device of their own with the virtual MAC.

use std::io;

use super::Linux;
use crate::linux::device::Device;
use crate::linux::interfaces::Interface;
use crate::linux::macvlan::device_name;
use crate::linux::socket::AdvertSender;
use crate::linux::will::Executor;
use crate::mac::Mac;

impl<E: Executor> Linux<E> {
    /// The same, but the addresses live on a device of their own with the MAC of the virtual router (RFC 9568 §7.3),
    /// which is made when the link comes up. The transport is multicast.
    ///
    /// The device stays when this is dropped: [`Netlink::remove_devices`](crate::linux::Netlink::remove_devices).
    ///
    /// # Errors
    /// When nobody follows the interfaces any more.
    pub async fn with_virtual_mac(mut self) -> io::Result<Self> {
        let family = self.family();
        let name = device_name(&self.interface, family, self.vrid);
        let watch = self.host.interfaces.follow(&name).await?;
        let mac = Mac::of_virtual_router(family, self.vrid);
        self.device = Some(Device::new(name, family, mac, watch));
        Ok(self)
    }

    /// The interface, with what is on the device if that has our addresses.
    pub(super) fn interface(&self) -> Interface {
        let interface = self.watch.interface().clone();
        match &self.device {
            Some(device) => Interface { ours: device.addresses(), ..interface },
            None => interface,
        }
    }

    /// Where our addresses can be reached.
    pub(super) fn mac(&self) -> Mac {
        self.device.as_ref().map_or_else(|| self.watch.interface().mac, |device| device.mac)
    }

    /// The number of what has our addresses, ready to take them.
    pub(super) async fn open_device(&mut self) -> Result<u32, String> {
        let below = self.index()?;
        let (Some(device), Some(source)) = (&mut self.device, self.source) else {
            return Ok(below);
        };
        device.closed().await;
        let opened = device.open(&mut self.host.netlink.borrow_mut(), below, source);
        let index = opened.map_err(|error| refused(&self.interface, &error))?;
        // The guard removes the addresses where they are now.
        if self.armed.is_some_and(|router| router.index != index) {
            self.rearm();
        }
        Ok(index)
    }

    /// What advertisements leave by: from the virtual MAC while we hold the addresses, for from them switches learn where
    /// it is (RFC 9568 §7.2). Otherwise from that of the interface, so that no switch sends us what we do not take.
    pub(super) fn sender(&mut self) -> Result<&AdvertSender, String> {
        self.sockets()?;
        let own = &self.sockets.as_ref().expect("opened above").adverts.sender;
        Ok(self.device.as_ref().and_then(Device::sender).unwrap_or(own))
    }
}

/// Waits for a change of the device, if there is one. Cancel-safe.
pub(super) async fn changed(device: &mut Option<Device>) {
    match device {
        Some(device) => device.changed().await,
        None => std::future::pending().await,
    }
}

/// Why the addresses cannot have a MAC of their own.
pub(super) fn refused(interface: &str, error: &io::Error) -> String {
    format!("`{interface}` takes no virtual MAC: {error}")
}
