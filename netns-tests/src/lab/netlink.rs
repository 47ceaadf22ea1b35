//! Links and addresses of one namespace, by netlink. All use of rtnetlink is in this file.

use std::net::IpAddr;
use std::os::fd::{AsRawFd, BorrowedFd};

use futures_util::{StreamExt, TryStreamExt};
use rtnetlink::packet_core::NetlinkPayload;
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::address::{
    AddressAttribute, AddressFlags, AddressHeaderFlags, AddressMessage, AddressProtocol,
};
use rtnetlink::packet_route::link::{BridgeStpState, InfoData, InfoVeth, LinkMessage};
use rtnetlink::packet_route::neighbour::NeighbourAttribute;
use rtnetlink::{Handle, LinkBridge, LinkBridgePort, LinkUnspec, LinkVeth, MulticastGroup};
use tokio::task::spawn_local;

use super::mac::Mac;
use crate::failure::{Failure, OrFail, Result};

/// A connection to the kernel for one namespace: that of the thread which opened it.
#[derive(Clone, Debug)]
pub struct Netlink(Handle);

/// The kernel's number of an interface within its namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interface(u32);

impl Interface {
    /// The number.
    #[must_use]
    pub const fn index(self) -> u32 {
        self.0
    }
}

/// An address as it stands on an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// The address itself.
    pub address: IpAddr,
    /// The length of its network prefix.
    pub prefix: u8,
    /// Who put it there (IFA_PROTO), if said.
    pub protocol: Option<u8>,
}

/// An address that is there, with what the kernel says of its use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// The address and who put it there.
    pub address: Address,
    /// Its preferred lifetime is over: nothing new is sent from it.
    pub deprecated: bool,
    /// It was used at once, without asking whether somebody has it.
    pub nodad: bool,
}

impl Netlink {
    /// Opens the connection; runs on the current thread's local task set.
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub fn open() -> Result<Self> {
        let (connection, handle, _) =
            rtnetlink::new_connection().or_fail("cannot open a netlink socket")?;
        spawn_local(connection);
        Ok(Self(handle))
    }

    /// Looks an interface up by name.
    ///
    /// # Errors
    /// When there is none.
    pub async fn interface(&self, name: &str) -> Result<Interface> {
        let mut links = self.0.link().get().match_name(name.to_owned()).execute();
        let link = links.try_next().await.or_fail(format!("cannot find link `{name}`"))?;
        let link = link.ok_or_else(|| Failure::new(format!("there is no link `{name}`")))?;
        Ok(Interface(link.header.index))
    }

    /// Adds a bridge that forwards at once: no spanning tree, and no snooping, because there is no
    /// multicast querier in the lab and adverts must reach every port.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub async fn add_bridge(&self, name: &str) -> Result<Interface> {
        let bridge = LinkBridge::new(name)
            .stp_state(BridgeStpState::Disabled)
            .forward_delay(0)
            .mcast_snooping(false);
        self.add_link(bridge.build(), name).await
    }

    /// Adds a pair of connected links: `name` here, `peer` in `namespace`.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub async fn add_veth(
        &self,
        name: &str,
        peer: &str,
        namespace: BorrowedFd<'_>,
    ) -> Result<Interface> {
        let there = LinkUnspec::new_with_name(peer).setns_by_fd(namespace.as_raw_fd());
        let here =
            LinkVeth::new(name, peer).set_info_data(InfoData::Veth(InfoVeth::Peer(there.build())));
        self.add_link(here.build(), name).await
    }

    async fn add_link(&self, message: LinkMessage, name: &str) -> Result<Interface> {
        self.0.link().add(message).execute().await.or_fail(format!("cannot add link `{name}`"))?;
        self.interface(name).await
    }

    /// Plugs a link into a bridge.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub async fn plug(&self, link: Interface, bridge: Interface) -> Result<()> {
        let message = LinkUnspec::new_with_index(link.0).controller(bridge.0).up().build();
        self.0.link().change(message).execute().await.or_fail("cannot plug a link into a bridge")
    }

    /// Switches a link on.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub async fn up(&self, link: Interface) -> Result<()> {
        let message = LinkUnspec::new_with_index(link.0).up().build();
        self.0.link().change(message).execute().await.or_fail("cannot switch a link on")
    }

    /// Switches a link off; the other end of its pair loses its carrier.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub async fn down(&self, link: Interface) -> Result<()> {
        let message = LinkUnspec::new_with_index(link.0).down().build();
        self.0.link().change(message).execute().await.or_fail("cannot switch a link off")
    }

    /// Deletes a link.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub async fn delete(&self, link: Interface) -> Result<()> {
        self.0.link().del(link.0).execute().await.or_fail("cannot delete a link")
    }

    /// The MAC at which the kernel has a neighbour, if it has one.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub async fn neighbour(&self, link: Interface, address: IpAddr) -> Result<Option<[u8; 6]>> {
        let mut known = self.0.neighbours().get().execute();
        while let Some(neighbour) = known.try_next().await.or_fail("cannot list neighbours")? {
            let has = |wanted: &NeighbourAttribute| neighbour.attributes.contains(wanted);
            let wanted = NeighbourAttribute::Destination(address.into());
            if neighbour.header.ifindex == link.0 && has(&wanted) {
                return Ok(neighbour.attributes.iter().find_map(|attribute| match attribute {
                    NeighbourAttribute::LinkLayerAddress(mac) => mac.as_slice().try_into().ok(),
                    _ => None,
                }));
            }
        }
        Ok(None)
    }

    /// Gives a link, which is down, another name.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub async fn rename(&self, link: Interface, name: &str) -> Result<()> {
        let message = LinkUnspec::new_with_index(link.0).name(name.to_owned()).build();
        self.0.link().change(message).execute().await.or_fail("cannot rename a link")
    }

    /// Gives a link another MAC.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub async fn set_mac(&self, link: Interface, mac: Mac) -> Result<()> {
        let message = LinkUnspec::new_with_index(link.0).address(mac.0.to_vec()).build();
        self.0.link().change(message).execute().await.or_fail("cannot change a MAC")
    }

    /// Takes a link out of its bridge; it stays up.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub async fn unplug(&self, link: Interface) -> Result<()> {
        let message = LinkUnspec::new_with_index(link.0).nocontroller().build();
        self.0.link().change(message).execute().await.or_fail("cannot take a link out of a bridge")
    }

    /// Whether a port of a bridge passes multicast on to whoever is behind it. What those send
    /// passes in any case.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub async fn flood_multicast(&self, port: Interface, flood: bool) -> Result<()> {
        let message = LinkBridgePort::new(port.0).mcast_flood(flood).build();
        self.0.link().set_port(message).execute().await.or_fail("cannot set up a port of a bridge")
    }

    /// A bridge sends what is for this MAC to this port of it, for ever.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub async fn pin(&self, port: Interface, mac: [u8; 6]) -> Result<()> {
        self.0.neighbours().add_bridge(port.0, &mac).execute().await.or_fail("cannot pin a MAC")
    }

    /// Adds an address for ever.
    ///
    /// # Errors
    /// When the kernel refuses, for instance because it is there.
    pub async fn add_address(&self, link: Interface, address: Address) -> Result<()> {
        let mut request = self.0.address().add(link.0, address.address, address.prefix);
        if address.address.is_ipv6() {
            // Usable at once: nobody else in the lab has it.
            let message = request.message_mut();
            message.header.flags |= AddressHeaderFlags::Nodad;
            message.attributes.push(AddressAttribute::Flags(AddressFlags::Nodad));
        }
        if let Some(protocol) = address.protocol {
            let tag = AddressAttribute::Protocol(AddressProtocol::from(protocol));
            request.message_mut().attributes.push(tag);
        }
        request.execute().await.or_fail(format!("cannot add address `{}`", address.address))
    }

    /// Removes an address, as another program might.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn remove_address(&self, link: Interface, address: IpAddr) -> Result<()> {
        let held = self.0.address().get().set_link_index_filter(link.0);
        let mut held = held.set_address_filter(address).execute();
        let message = held.try_next().await.or_fail("cannot list addresses")?;
        let message =
            message.ok_or_else(|| Failure::new(format!("address `{address}` is not here")))?;
        self.0.address().del(message).execute().await.or_fail(format!("cannot remove `{address}`"))
    }

    /// The addresses of an interface.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub async fn addresses(&self, link: Interface) -> Result<Vec<Held>> {
        let held = self.0.address().get().set_link_index_filter(link.0).execute();
        let held: Vec<_> = held.try_collect().await.or_fail("cannot list addresses")?;
        Ok(held.iter().filter_map(read_address).collect())
    }
}

/// An address appeared on an interface (or its lease was renewed), or vanished from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressEvent {
    /// The address is on the interface.
    Present(Interface),
    /// The address is no longer on the interface.
    Gone(Interface),
}

/// Calls `on_event` for every event about `address` in the current thread's namespace, from a task
/// of the thread's local task set that ends with it.
///
/// # Errors
/// When the socket cannot be made.
pub fn watch_address(
    address: IpAddr,
    mut on_event: impl FnMut(AddressEvent) + 'static,
) -> Result<()> {
    let groups = [MulticastGroup::Ipv4Ifaddr, MulticastGroup::Ipv6Ifaddr];
    let (connection, handle, mut messages) =
        rtnetlink::new_multicast_connection(&groups).or_fail("cannot watch addresses")?;
    spawn_local(connection);
    spawn_local(async move {
        // The connection ends with its last handle.
        let _handle = handle;
        while let Some((message, _)) = messages.next().await {
            if let NetlinkPayload::InnerMessage(message) = message.payload
                && let Some(event) = read_event(&message, address)
            {
                on_event(event);
            }
        }
    });
    Ok(())
}

/// The event in a message, if it is about `address`.
fn read_event(message: &RouteNetlinkMessage, address: IpAddr) -> Option<AddressEvent> {
    let (message, event): (_, fn(Interface) -> AddressEvent) = match message {
        RouteNetlinkMessage::NewAddress(message) => (message, AddressEvent::Present),
        RouteNetlinkMessage::DelAddress(message) => (message, AddressEvent::Gone),
        _ => return None,
    };
    let concerned = read_address(message).is_some_and(|held| held.address.address == address);
    concerned.then(|| event(Interface(message.header.index)))
}

/// The address in a message. Over IPv6 it stands where IPv4 has the network's.
fn read_address(message: &AddressMessage) -> Option<Held> {
    let address = message.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Local(address) => Some(*address),
        AddressAttribute::Address(address) if address.is_ipv6() => Some(*address),
        _ => None,
    })?;
    let deprecated = message.attributes.iter().any(|attribute| match attribute {
        AddressAttribute::CacheInfo(lifetime) => lifetime.ifa_preferred == 0,
        _ => false,
    });
    let nodad = message.header.flags.contains(AddressHeaderFlags::Nodad);
    let protocol = message.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Protocol(protocol) => Some(u8::from(*protocol)),
        _ => None,
    });
    Some(Held {
        address: Address { address, prefix: message.header.prefix_len, protocol },
        deprecated,
        nodad,
    })
}
