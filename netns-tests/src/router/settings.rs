//! The one config file that both boxes share, and the times that follow from it.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use crate::lab::switch::{INTERFACE, PREFIX, PREFIX_V6};
use crate::lab::{
    CLIENT, Family, PORT, ROUTERS, SERVERS, VIP, VIPS_V6, WAN_INTERFACE, WAN_VIP, WAN_VIPS_V6,
};

/// What a drill may want to be different. `Default` is what the bounds are promised for: adverts
/// every 100 ms, priorities 150 and 100, no preemption.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The priorities of `router-a` and `router-b`.
    pub priorities: [u8; 2],
    /// The value of `preempt`.
    pub preempt: &'static str,
    /// How long a planned stop waits for sessions.
    pub drain_timeout: &'static str,
    /// The balancing of the backend.
    pub balance: &'static str,
    /// The family of the virtual address.
    pub family: Family,
    /// The version of VRRP.
    pub protocol: Protocol,
    /// Whether the virtual address has a MAC of its own.
    pub virtual_mac: bool,
    /// More lines for the virtual router.
    pub router_extra: &'static str,
    /// How advertisements get to the other box.
    pub transport: Transport,
    /// The form of our checksums, in version 3 over IPv4.
    pub checksum: Checksum,
    /// The time between two advertisements, in version 3.
    pub interval: Duration,
    /// So many addresses more in the virtual router; with the routers below at most 200.
    pub more_addresses: u8,
    /// The intervals of as many virtual routers more, each with an address of its own.
    pub more_routers: Vec<Duration>,
    /// So many addresses of each family that the first virtual router does not advertise.
    pub excluded: u8,
    /// What the boxes are.
    pub place: Place,
}

/// What the boxes are in their network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Hosts of one link.
    Host,
    /// Gateways: a virtual router for each family on each of two links, which move as one.
    Gateway,
}

/// One virtual router of the file.
#[derive(Clone, Debug)]
pub struct VirtualRouter {
    /// Its name in the file.
    pub name: String,
    /// Its VRID.
    pub vrid: u8,
    /// Where.
    pub interface: &'static str,
    /// The time between two advertisements.
    pub interval: Duration,
    /// Its addresses and the prefix lengths of their networks.
    pub addresses: Vec<(IpAddr, u8)>,
    /// Those that it does not advertise.
    pub excluded: Vec<IpAddr>,
}

/// What the virtual routers of a gateway are called together.
pub const GROUP: &str = "edge";

/// A version of VRRP, with what it decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Adverts as often as the settings say.
    V3,
    /// Adverts every second, the shortest interval there is, with this password.
    V2 {
        /// 1 to 8 characters, if any.
        password: Option<&'static str>,
    },
}

/// How advertisements get to the other box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// To the group of VRRP.
    Multicast,
    /// To the other box alone.
    Unicast,
}

/// A form of the checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// That of the peer.
    Auto,
    /// With a pseudo-header.
    Rfc5798,
}

impl Protocol {
    /// The number of the version.
    #[must_use]
    pub const fn version(self) -> u8 {
        match self {
            Self::V2 { .. } => 2,
            Self::V3 => 3,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            priorities: [150, 100],
            preempt: "never",
            drain_timeout: "500ms",
            balance: "round_robin",
            family: Family::Ipv4,
            protocol: Protocol::V3,
            virtual_mac: false,
            router_extra: "",
            transport: Transport::Multicast,
            checksum: Checksum::Auto,
            interval: ADVERT_INTERVAL,
            more_addresses: 0,
            more_routers: Vec::new(),
            excluded: 0,
            place: Place::Host,
        }
    }
}

/// The time between two advertisements in most drills of version 3.
pub const ADVERT_INTERVAL: Duration = Duration::from_millis(100);

/// The VRID of the lab's virtual router.
pub const VRID: u8 = 51;

/// What the client may see beyond the protocol's own times: one spacing of its requests, the
/// guard's or the kernel's reaction, the move of the address, and the wake-ups in between.
pub const MARGIN: Duration = Duration::from_millis(60);

/// At the latest this long after the lease of an address was renewed last, the kernel takes the address away.
pub const LEASE: Duration = Duration::from_millis(2100);

impl Settings {
    /// The text of the file.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        for ((name, address), priority) in ROUTERS.iter().zip(self.priorities) {
            text += &node(name, *address, priority);
        }
        text += &format!("[worker]\ndrain_timeout = \"{}\"\n", self.drain_timeout);
        text.extend(self.virtual_routers().iter().map(|router| self.virtual_router(router)));
        let bind = SocketAddr::from((self.family.vip(), PORT));
        text += &format!("[[frontend]]\nname = \"web\"\nbind = [\"{bind}\"]\nbackend = \"web\"\n");
        text += &self.backend();
        text
    }

    fn virtual_router(&self, router: &VirtualRouter) -> String {
        let VirtualRouter { name, vrid, interface, interval, addresses, excluded } = router;
        let addresses: Vec<_> =
            addresses.iter().map(|(address, prefix)| format!("\"{address}/{prefix}\"")).collect();
        let excluded: Vec<_> = excluded
            .iter()
            .map(|address| format!("\"{address}/{}\"", host_prefix(*address)))
            .collect();
        let mut text = format!(
            "[[virtual_router]]\nname = \"{name}\"\nvrid = {vrid}\ninterface = \"{interface}\"\n\
             addresses = [{}]\nadvert_interval = \"{}ms\"\npreempt = \"{}\"\nversion = {}\n",
            addresses.join(", "),
            interval.as_millis(),
            self.preempt,
            self.protocol.version()
        );
        if !excluded.is_empty() {
            text += &format!("excluded = [{}]\n", excluded.join(", "));
        }
        if self.place == Place::Gateway {
            text += &format!("group = \"{GROUP}\"\n");
        }
        let text = match self.protocol {
            Protocol::V2 { password: Some(password) } => {
                text + &format!("password = \"{password}\"\n")
            }
            Protocol::V3 if self.checksum == Checksum::Rfc5798 => text + "checksum = \"rfc5798\"\n",
            Protocol::V2 { password: None } | Protocol::V3 => text,
        };
        let text = if self.virtual_mac { text + "virtual_mac = true\n" } else { text };
        text + self.router_extra + "\n" + &self.transport()
    }

    fn transport(&self) -> String {
        if self.transport == Transport::Multicast {
            return String::new();
        }
        let [a, b] = [0, 1].map(|number| self.family.router(number));
        format!("transport = \"unicast\"\nsources = {{ router-a = \"{a}\", router-b = \"{b}\" }}\n")
    }

    /// All virtual routers; the first is the one that clients use.
    #[must_use]
    pub fn virtual_routers(&self) -> Vec<VirtualRouter> {
        let own: Vec<_> = match self.family {
            Family::Ipv4 => vec![(VIP.into(), PREFIX)],
            Family::Ipv6 => VIPS_V6.iter().map(|vip| ((*vip).into(), PREFIX_V6)).collect(),
        };
        let more = (0..self.more_addresses).map(|number| (another(number), PREFIX));
        let first = VirtualRouter {
            name: "web".to_owned(),
            vrid: VRID,
            interface: INTERFACE,
            interval: self.advert_interval(),
            addresses: own.into_iter().chain(more).collect(),
            excluded: (1..=self.excluded).flat_map(excluded).collect(),
        };
        let others = self.more_routers.iter().zip(1..).map(|(interval, number)| VirtualRouter {
            name: format!("more-{number}"),
            vrid: VRID + number,
            interval: *interval,
            interface: INTERFACE,
            addresses: vec![(another(self.more_addresses + number), PREFIX)],
            excluded: Vec::new(),
        });
        let sides = if self.place == Place::Gateway { self.sides(&first) } else { Vec::new() };
        let others: Vec<_> = others.chain(sides).collect();
        std::iter::once(first).chain(others).collect()
    }

    /// The virtual routers of a gateway beside the first one.
    fn sides(&self, first: &VirtualRouter) -> Vec<VirtualRouter> {
        let v6 = |vips: [Ipv6Addr; 2]| vips.map(|vip| (vip.into(), PREFIX_V6)).to_vec();
        let side = |name: &str, vrid, interface, addresses| VirtualRouter {
            name: name.to_owned(),
            vrid,
            interface,
            addresses,
            ..first.clone()
        };
        vec![
            side("web-v6", VRID, INTERFACE, v6(VIPS_V6)),
            side("wan", VRID + 1, WAN_INTERFACE, vec![(WAN_VIP.into(), PREFIX)]),
            side("wan-v6", VRID + 1, WAN_INTERFACE, v6(WAN_VIPS_V6)),
        ]
    }

    /// Do the boxes need addresses of IPv6 beside those of their family?
    #[must_use]
    pub fn is_mixed(&self) -> bool {
        self.family == Family::Ipv4 && (self.excluded > 0 || self.place == Place::Gateway)
    }

    /// The time between two advertisements. In both versions the skew time is a part of it, as
    /// version 2 counts it in seconds.
    #[must_use]
    pub const fn advert_interval(&self) -> Duration {
        match self.protocol {
            Protocol::V2 { .. } => Duration::from_secs(1),
            Protocol::V3 => self.interval,
        }
    }

    fn backend(&self) -> String {
        let mut text = format!(
            "[[backend]]\nname = \"web\"\nbalance = \"{}\"\nconnect_timeout = \"200ms\"\n\
             check = {{ type = \"tcp\", interval = \"200ms\", timeout = \"100ms\", rise = 1, fall = 2 }}\n\
             server = [\n",
            self.balance
        );
        for (name, address) in SERVERS {
            writeln!(text, "  {{ name = \"{name}\", address = \"{address}:80\" }},")
                .expect("a string takes any text");
        }
        text + "]\n"
    }

    /// Skew_Time of a box (RFC 9568 §6.1): how long it waits after a release by priority 0.
    #[must_use]
    pub fn skew(&self, router: usize) -> Duration {
        self.advert_interval() * (256 - u32::from(self.priorities[router])) / 256
    }

    /// Active_Down_Interval of a box (RFC 9568 §6.1): how long it waits in silence.
    #[must_use]
    pub fn active_down(&self, router: usize) -> Duration {
        self.advert_interval() * 3 + self.skew(router)
    }
}

/// The further addresses begin here, above those of the machines but for the client's.
const FIRST_MORE: u8 = 20;

/// An address of the lab's network that no machine has by itself.
const fn another(number: u8) -> IpAddr {
    let [a, b, c, client] = CLIENT.octets();
    let host = FIRST_MORE + number;
    IpAddr::V4(Ipv4Addr::new(a, b, c, if host < client { host } else { host + 1 }))
}

/// An address of each family that nobody has.
fn excluded(number: u8) -> [IpAddr; 2] {
    [
        Ipv4Addr::new(198, 51, 100, number).into(),
        Ipv6Addr::new(0x2001, 0xdb8, 0x99, 0, 0, 0, 0, number.into()).into(),
    ]
}

/// The length of a prefix that has room for the address alone.
#[must_use]
pub const fn host_prefix(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn node(name: &str, address: Ipv4Addr, priority: u8) -> String {
    format!("[[node]]\nname = \"{name}\"\naddress = \"{address}\"\npriority = {priority}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weaker_box_waits_longer() {
        let settings = Settings::default();
        assert_eq!(settings.skew(0), Duration::from_micros(41_406) + Duration::from_nanos(250));
        assert_eq!(settings.skew(1), Duration::from_micros(60_937) + Duration::from_nanos(500));
        assert_eq!(settings.active_down(1).as_millis(), 360);
    }

    #[test]
    fn version_2_counts_in_seconds() {
        let protocol = Protocol::V2 { password: Some("secret") };
        let settings = Settings { protocol, ..Settings::default() };
        assert_eq!(settings.active_down(1).as_millis(), 3609);
        assert!(settings.to_toml().contains("version = 2\npassword = \"secret\"\n"));
    }

    #[test]
    fn no_two_addresses_are_the_same() {
        let settings = Settings {
            more_addresses: 199,
            more_routers: vec![ADVERT_INTERVAL],
            ..Settings::default()
        };
        let routers = settings.virtual_routers();
        let held = routers.iter().flat_map(|router| &router.addresses).map(|(address, _)| *address);
        let machines = ROUTERS.iter().chain(&SERVERS).map(|(_, address)| *address);
        let mut all: Vec<_> = held.chain(machines.chain([CLIENT]).map(IpAddr::V4)).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 200 + 1 + 2 + 3 + 1);
    }

    #[test]
    fn both_boxes_and_all_servers_are_in_the_file() {
        let text = Settings::default().to_toml();
        for (name, address) in ROUTERS.iter().chain(&SERVERS) {
            assert!(text.contains(&format!("name = \"{name}\"")), "{name}");
            assert!(text.contains(&address.to_string()), "{address}");
        }
    }
}
