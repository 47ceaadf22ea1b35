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
//! Built over netlink, without any foreign program. It knows nothing of `haagent`: the boxes that
//! run on the routers are in [`router`](crate::router).

pub mod holders;
pub mod netlink;
pub mod node;
pub mod server;
pub mod switch;
pub mod wire;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use crate::clock::Clock;
use crate::failure::Result;
use holders::Holders;
use node::Node;
use server::Server;
use switch::{Link, Switch};

/// The virtual address that the routers share.
pub const VIP: Ipv4Addr = Ipv4Addr::new(192, 168, 8, 1);

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
        let link = switch.connect(&node, address).await?;
        Ok(Self { node, link })
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
    /// The clock of all observers.
    pub clock: Clock,
    /// Who held the virtual address when; routers are numbered as in [`ROUTERS`].
    pub holders: Holders,
    /// The machines of the routers, as in [`ROUTERS`].
    pub routers: [Machine; 2],
    /// The client's machine.
    pub client: Machine,
    /// The servers, as in [`SERVERS`].
    pub servers: Vec<ServerMachine>,
    _switch: Switch,
}

impl Lab {
    /// Builds the lab; the servers are running.
    ///
    /// # Errors
    /// When the kernel refuses something.
    pub async fn new() -> Result<Self> {
        let clock = Clock::start();
        let switch = Switch::new().await?;
        let holders = Holders::new(clock, VIP);
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
        Ok(Self { clock, holders, routers, client, servers, _switch: switch })
    }

    /// Where clients find the service.
    #[must_use]
    pub fn target(&self) -> SocketAddr {
        SocketAddr::from((VIP, PORT))
    }
}
