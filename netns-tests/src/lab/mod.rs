//! The lab: a switch, two routers, a client and three servers, each in a network namespace.
//!
//! ```text
//!                          ┌────────── switch ──────────┐
//!      client ─────────────┤                            ├───────────── server-1
//!      192.168.8.100       │                            ├───────────── server-2
//!                          │                            ├───────────── server-3
//!                          └──┬──────────────────────┬──┘             192.168.8.11, .12, .13
//!                         router-a               router-b
//!                        192.168.8.2            192.168.8.3
//!                                  192.168.8.1
//! ```
//!
//! A lab of [`Family::Ipv6`] has addresses of IPv6 too, with the same last number, in fe80::/64 and 2001:db8:8::/64. Where
//! the routers are gateways, a second switch connects them, with the addresses of [`Wan`].
//!
//! Built over netlink, without any foreign program. It knows nothing of `haagent`: the boxes that
//! run on the routers are in [`router`](crate::router).

pub mod arp;
pub mod checksum;
pub mod dissect;
pub mod frames;
pub mod freezer;
pub mod hogs;
pub mod holders;
pub mod mac;
pub mod nd;
pub mod netlink;
pub mod node;
pub mod observer;
pub mod server;
pub mod stalls;
pub mod switch;
pub mod wire;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use crate::clock::Clock;
use crate::failure::Result;
use holders::Holders;
use netlink::Address;
use node::Node;
use observer::Observer;
use server::Server;
use switch::{INTERFACE, Link, PREFIX_V6, Switch};

/// The virtual address that the routers share.
pub const VIP: Ipv4Addr = Ipv4Addr::new(192, 168, 8, 1);

/// The virtual addresses that the routers share over IPv6; clients use the second.
pub const VIPS_V6: [Ipv6Addr; 2] = [link_local(1), global(1)];

/// In which family the routers share an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// [`VIP`].
    Ipv4,
    /// [`VIPS_V6`].
    Ipv6,
}

impl Family {
    /// The virtual address that clients use.
    #[must_use]
    pub const fn vip(self) -> IpAddr {
        match self {
            Self::Ipv4 => IpAddr::V4(VIP),
            Self::Ipv6 => IpAddr::V6(VIPS_V6[1]),
        }
    }

    /// The address that a router's advertisements come from.
    #[must_use]
    pub const fn router(self, number: usize) -> IpAddr {
        let (_, address) = ROUTERS[number];
        match self {
            Self::Ipv4 => IpAddr::V4(address),
            Self::Ipv6 => IpAddr::V6(link_local(address.octets()[3] as u16)),
        }
    }
}

const fn link_local(host: u16) -> Ipv6Addr {
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, host)
}

const fn global(host: u16) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 8, 0, 0, 0, 0, host)
}

/// The routers' names and own addresses.
pub const ROUTERS: [(&str, Ipv4Addr); 2] =
    [("router-a", Ipv4Addr::new(192, 168, 8, 2)), ("router-b", Ipv4Addr::new(192, 168, 8, 3))];

/// The servers' names and addresses.
pub const SERVERS: [(&str, Ipv4Addr); 3] = [
    ("server-1", Ipv4Addr::new(192, 168, 8, 11)),
    ("server-2", Ipv4Addr::new(192, 168, 8, 12)),
    ("server-3", Ipv4Addr::new(192, 168, 8, 13)),
];

/// The client's address.
pub const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 168, 8, 100);

/// Where clients and servers meet.
pub const PORT: u16 = 80;

/// A machine and its cable.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The machine.
    pub node: Arc<Node>,
    /// Its cable to the switch.
    pub link: Link,
}

impl Machine {
    async fn new(switch: &Switch, name: &str, address: Ipv4Addr) -> Result<Self> {
        let node = Arc::new(Node::new(name).await?);
        let link = switch.connect(&node, INTERFACE, address).await?;
        Ok(Self { node, link })
    }

    /// Gives it addresses of IPv6 as well, with this last number.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub async fn enable_ipv6(&self, host: u16) -> Result<()> {
        self.node.enable_ipv6().await?;
        for address in [link_local(host), global(host)] {
            let address = Address { address: address.into(), prefix: PREFIX_V6, protocol: None };
            self.node.netlink().add_address(self.link.interface(), address).await?;
        }
        Ok(())
    }
}

/// A server and the machine it runs on.
#[derive(Debug)]
pub struct ServerMachine {
    /// The machine.
    pub machine: Machine,
    /// The server.
    pub server: Server,
}

/// Everything that is there before a router is started.
#[derive(Debug)]
pub struct Lab {
    /// The clock of all that observe something.
    pub clock: Clock,
    /// Who watches the machines.
    pub observer: Observer,
    /// That of the virtual address.
    pub family: Family,
    /// Who held the virtual address when; routers are numbered as in [`ROUTERS`].
    pub holders: Holders,
    /// The machines of the routers, as in [`ROUTERS`].
    pub routers: [Machine; 2],
    /// The client's machine.
    pub client: Machine,
    /// The servers, as in [`SERVERS`].
    pub servers: Vec<ServerMachine>,
    /// The other side of the routers, if they have one.
    pub wan: Option<Wan>,
    _switch: Switch,
}

/// The other side of routers that are gateways: the last number of an address is the same there.
#[derive(Debug)]
pub struct Wan {
    /// The cables of the routers, as in [`ROUTERS`].
    pub links: [Link; 2],
    _switch: Switch,
}

/// The interface of a router on the other side.
pub const WAN_INTERFACE: &str = "eth1";

/// The virtual address on the other side.
pub const WAN_VIP: Ipv4Addr = Ipv4Addr::new(10, 8, 0, 1);

/// Those over IPv6. The link-local one is another than on the first side, so that nobody takes one for the other.
pub const WAN_VIPS_V6: [Ipv6Addr; 2] = [link_local(0x51), wan_global(1)];

const fn wan_global(host: u16) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 9, 0, 0, 0, 0, host)
}

impl Wan {
    async fn new(routers: &[Machine; 2]) -> Result<Self> {
        let switch = Switch::new().await?;
        let mut links = Vec::new();
        for ((machine, (_, own)), host) in routers.iter().zip(ROUTERS).zip(2..) {
            let [.., last] = own.octets();
            let address = Ipv4Addr::new(10, 8, 0, last);
            let link = switch.connect(&machine.node, WAN_INTERFACE, address).await?;
            for own in [link_local(host), wan_global(host)] {
                let own = Address { address: own.into(), prefix: PREFIX_V6, protocol: None };
                machine.node.netlink().add_address(link.interface(), own).await?;
            }
            links.push(link);
        }
        let links = links.try_into().expect("there are two routers");
        Ok(Self { links, _switch: switch })
    }
}

impl Lab {
    /// Builds the lab; the servers are running.
    ///
    /// # Errors
    /// When the kernel refuses something.
    pub async fn new(family: Family) -> Result<Self> {
        let clock = Clock::start();
        let switch = Switch::new().await?;
        let observer = Observer::new(clock).await?;
        let holders = Holders::new(&observer, family.vip());
        let [a, b] = ROUTERS;
        let routers =
            [Machine::new(&switch, a.0, a.1).await?, Machine::new(&switch, b.0, b.1).await?];
        for (number, router) in routers.iter().enumerate() {
            holders.watch(number, &router.node).await?;
        }
        let client = Machine::new(&switch, "client", CLIENT).await?;
        let mut servers = Vec::with_capacity(SERVERS.len());
        for (name, address) in SERVERS {
            let machine = Machine::new(&switch, name, address).await?;
            let address = SocketAddr::from((address, PORT));
            let server = Server::start(name, machine.node.clone(), address).await?;
            servers.push(ServerMachine { machine, server });
        }
        let wan = None;
        let lab = Self {
            clock,
            observer,
            family,
            holders,
            routers,
            client,
            servers,
            wan,
            _switch: switch,
        };
        if family == Family::Ipv6 {
            lab.enable_ipv6().await?;
        }
        Ok(lab)
    }

    /// Gives the routers and the client addresses of IPv6 as well.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub async fn enable_ipv6(&self) -> Result<()> {
        for (machine, host) in self.routers.iter().chain([&self.client]).zip([2, 3, 100]) {
            machine.enable_ipv6(host).await?;
        }
        Ok(())
    }

    /// Gives the routers, which have addresses of IPv6, their other side.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub async fn add_wan(&mut self) -> Result<()> {
        self.wan = Some(Wan::new(&self.routers).await?);
        Ok(())
    }

    /// Where clients find the service.
    #[must_use]
    pub fn target(&self) -> SocketAddr {
        SocketAddr::from((self.family.vip(), PORT))
    }
}
