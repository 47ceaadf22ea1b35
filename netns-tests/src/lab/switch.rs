//! The switch of the lab, and the cables plugged into it.

use std::net::{IpAddr, Ipv4Addr};

use super::netlink::{Address, Interface, Netlink};
use super::node::Node;
use crate::failure::Result;

/// The name of every machine's first interface, which most have alone.
pub const INTERFACE: &str = "eth0";

/// The prefix length of the lab's network.
pub const PREFIX: u8 = 24;

/// The prefix length of its networks of IPv6.
pub const PREFIX_V6: u8 = 64;

/// A node with a bridge in it.
#[derive(Debug)]
pub struct Switch {
    node: Node,
    bridge: Interface,
}

impl Switch {
    /// Makes the switch.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub async fn new() -> Result<Self> {
        let node = Node::new("switch").await?;
        let bridge = node.netlink().add_bridge("br0").await?;
        node.netlink().up(bridge).await?;
        Ok(Self { node, bridge })
    }

    /// Gives `node` an interface of this name with `address`, and plugs it into the switch.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub async fn connect(&self, node: &Node, name: &str, address: Ipv4Addr) -> Result<Link> {
        let here = self.node.netlink();
        let port = here.add_veth(&format!("p-{}", node.name()), name, node.namespace()).await?;
        here.plug(port, self.bridge).await?;
        let there = node.netlink();
        let interface = there.interface(name).await?;
        let address = IpAddr::V4(address);
        there.add_address(interface, Address { address, prefix: PREFIX, protocol: None }).await?;
        there.up(interface).await?;
        Ok(Link { switch: here.clone(), bridge: self.bridge, port, interface })
    }
}

/// A cable between a node and the switch.
#[derive(Clone, Debug)]
pub struct Link {
    switch: Netlink,
    bridge: Interface,
    port: Interface,
    interface: Interface,
}

impl Link {
    /// The node's end.
    #[must_use]
    pub const fn interface(&self) -> Interface {
        self.interface
    }

    /// Pulls the plug at the switch: the node loses its carrier.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub async fn cut(&self) -> Result<()> {
        self.switch.down(self.port).await
    }

    /// Plugs the cable in again.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub async fn heal(&self) -> Result<()> {
        self.switch.up(self.port).await
    }

    /// The switch passes nothing from and to this node, which keeps its carrier.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub async fn block(&self) -> Result<()> {
        self.switch.unplug(self.port).await
    }

    /// Ends [`block`](Self::block).
    ///
    /// # Errors
    /// When the kernel refuses.
    pub async fn unblock(&self) -> Result<()> {
        self.switch.plug(self.port, self.bridge).await
    }

    /// The switch sends what is for this MAC to this node, whatever it learns.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub async fn pin(&self, mac: [u8; 6]) -> Result<()> {
        self.switch.pin(self.port, mac).await
    }

    /// The switch passes no advertisement on to this node; what the node sends still passes.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub async fn deafen(&self) -> Result<()> {
        self.switch.flood_multicast(self.port, false).await
    }

    /// Ends [`deafen`](Self::deafen).
    ///
    /// # Errors
    /// When the kernel refuses.
    pub async fn hear_again(&self) -> Result<()> {
        self.switch.flood_multicast(self.port, true).await
    }
}
