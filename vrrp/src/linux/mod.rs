//! A host of virtual routers: raw sockets, netlink and packet sockets of Linux.
//!
//! Owns no decision. [`Host`] is what all virtual routers share, [`Linux`] the platform of one link. Sockets are opened
//! when the interface has a carrier and closed when it loses it, so that an interface may come late, go, or be replaced
//! by another of the same name.

#![expect(clippy::wildcard_enum_match_arm, reason = "netlink's enums are open-ended")]

mod address;
mod ask;
mod bpf;
mod device;
mod evidence;
mod frames;
mod host;
mod interfaces;
mod macvlan;
mod neighbours;
mod netlink;
mod overhear;
mod peers;
mod platform;
mod route;
mod routes;
mod socket;
mod source;
mod tracked;
mod will;

pub use address::{ADDRESS_PROTOCOL, removal_request};
pub use ask::ask;
pub use host::Host;
pub use macvlan::{DEVICE_GROUP, device_name};
pub use netlink::{AddressError, Leftovers, Netlink};
pub use overhear::{Known, Overhearing};
pub use platform::Linux;
pub use route::{ROUTE_PROTOCOL, route_removal_request};
pub use source::SourceRules;
pub use tracked::{LinkWatch, RouteWatch};
pub use will::{Executor, Farewell, RouterId, Seal, Will};

/// Panics unless the laws of what is made of the kernel's messages hold of these octets. For the fuzzer.
#[cfg(fuzzing)]
pub fn check_kernel_messages(octets: &[u8]) {
    interfaces::laws::check(octets);
}
