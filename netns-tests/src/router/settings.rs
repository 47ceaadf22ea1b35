//! The one config file that both boxes share, and the times that follow from it.

use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::lab::switch::{PREFIX, PREFIX_V6};
use crate::lab::{Family, PORT, ROUTERS, SERVERS, VIP, VIPS_V6};

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
    /// More lines for the virtual router.
    pub router_extra: &'static str,
    /// More lines for that of keepalived.
    pub keepalived_extra: &'static str,
}

/// A version of VRRP, with what it decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Adverts every [`ADVERT_INTERVAL`].
    V3,
    /// Adverts every second, the shortest interval there is, with this password.
    V2 {
        /// 1 to 8 characters.
        password: &'static str,
    },
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

    /// The time between two advertisements. In both versions the skew time is a part of it, as
    /// version 2 counts it in seconds.
    #[must_use]
    pub const fn advert_interval(self) -> Duration {
        match self {
            Self::V2 { .. } => Duration::from_secs(1),
            Self::V3 => ADVERT_INTERVAL,
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
            router_extra: "",
            keepalived_extra: "",
        }
    }
}

/// The time between two advertisements in every drill of version 3.
pub const ADVERT_INTERVAL: Duration = Duration::from_millis(100);

/// The VRID of the lab's virtual router.
pub const VRID: u8 = 51;

/// What the client may see beyond the protocol's own times: one spacing of its requests, the
/// guard's or the kernel's reaction, the move of the address, and the wake-ups in between.
pub const MARGIN: Duration = Duration::from_millis(60);

impl Settings {
    /// The text of the file.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        for ((name, address), priority) in ROUTERS.iter().zip(self.priorities) {
            text += &node(name, *address, priority);
        }
        text += &format!("[worker]\ndrain_timeout = \"{}\"\n", self.drain_timeout);
        text += &self.virtual_router();
        let bind = SocketAddr::from((self.family.vip(), PORT));
        text += &format!("[[frontend]]\nname = \"web\"\nbind = [\"{bind}\"]\nbackend = \"web\"\n");
        text += &self.backend();
        text
    }

    fn virtual_router(&self) -> String {
        let addresses = match self.family {
            Family::Ipv4 => format!("\"{VIP}/{PREFIX}\""),
            Family::Ipv6 => VIPS_V6.map(|vip| format!("\"{vip}/{PREFIX_V6}\"")).join(", "),
        };
        let text = format!(
            "[[virtual_router]]\nname = \"web\"\nvrid = {VRID}\ninterface = \"eth0\"\n\
             addresses = [{addresses}]\nadvert_interval = \"{}ms\"\npreempt = \"{}\"\nversion = {}\n",
            self.protocol.advert_interval().as_millis(),
            self.preempt,
            self.protocol.version()
        );
        let password = match self.protocol {
            Protocol::V2 { password } => format!("password = \"{password}\"\n"),
            Protocol::V3 => String::new(),
        };
        text + &password + self.router_extra + "\n"
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
        self.protocol.advert_interval() * (256 - u32::from(self.priorities[router])) / 256
    }

    /// Active_Down_Interval of a box (RFC 9568 §6.1): how long it waits in silence.
    #[must_use]
    pub fn active_down(&self, router: usize) -> Duration {
        self.protocol.advert_interval() * 3 + self.skew(router)
    }
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
        let protocol = Protocol::V2 { password: "secret" };
        let settings = Settings { protocol, ..Settings::default() };
        assert_eq!(settings.active_down(1).as_millis(), 3609);
        assert!(settings.to_toml().contains("version = 2\npassword = \"secret\"\n"));
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
