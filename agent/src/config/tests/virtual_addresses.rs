//! Rules about the addresses of virtual routers.

use super::{file, router, routers};

#[test]
fn address_in_two_routers() {
    routers(
        r#"
[[virtual_router]]
name = "web"
vrid = 51
interface = "eth0"
addresses = ["192.168.8.1/24"]
[[virtual_router]]
name = "mail"
vrid = 52
interface = "eth0"
addresses = ["192.168.8.1/24"]
"#,
    )
    .is_refused_with(
        r#"
error: virtual address `192.168.8.1` appears twice
  --> haagent.toml:10:14
   |
10 | addresses = ["192.168.8.1/24"]
   |              ^^^^^^^^^^^^^^^^ first at 5:14
"#,
    );
}

#[test]
fn address_twice_in_one_router() {
    router(r#"addresses = ["192.168.8.1/24", "192.168.8.1/24"]"#).is_refused_with(
        r#"
error: virtual address `192.168.8.1` appears twice
 --> haagent.toml:5:32
  |
5 | addresses = ["192.168.8.1/24", "192.168.8.1/24"]
  |                                ^^^^^^^^^^^^^^^^ first at 5:14
"#,
    );
}

#[test]
fn router_without_address() {
    router("addresses = []").is_refused_with(
        r#"
error: `addresses` is empty
 --> haagent.toml:5:13
  |
5 | addresses = []
  |             ^^
"#,
    );
}

#[test]
fn address_without_prefix_length() {
    router(r#"addresses = ["192.168.8.1"]"#).is_refused_with(
        r#"
error: `192.168.8.1` has no prefix length
 --> haagent.toml:5:14
  |
5 | addresses = ["192.168.8.1"]
  |              ^^^^^^^^^^^^^
  |
hint: add that of its network: `192.168.8.1/24`
"#,
    );
}

#[test]
fn prefix_length_beyond_the_address() {
    router(r#"addresses = ["192.168.8.1/33"]"#).is_refused_with(
        r#"
error: `192.168.8.1/33` has a prefix length that is out of range
 --> haagent.toml:5:14
  |
5 | addresses = ["192.168.8.1/33"]
  |              ^^^^^^^^^^^^^^^^
  |
hint: the range is 1 to 32
"#,
    );
}

#[test]
fn address_that_is_none() {
    router(r#"addresses = ["web/24"]"#).is_refused_with(
        r#"
error: `web/24` is no IP address
 --> haagent.toml:5:14
  |
5 | addresses = ["web/24"]
  |              ^^^^^^^^
  |
hint: write it like `192.168.8.1/24`
"#,
    );
}

#[test]
fn address_of_the_network_itself() {
    router(r#"addresses = ["192.168.8.0/24"]"#).is_refused_with(
        r#"
error: `192.168.8.0/24` is the first or last address of its network
 --> haagent.toml:5:14
  |
5 | addresses = ["192.168.8.0/24"]
  |              ^^^^^^^^^^^^^^^^
  |
hint: these stand for the network and for all of its hosts
"#,
    );
}

#[test]
fn addresses_of_two_families() {
    router(r#"addresses = ["192.168.8.1/24", "fe80::1/64"]"#).is_refused_with(
        r#"
error: virtual address `fe80::1` is no IPv4 address as the first
 --> haagent.toml:5:32
  |
5 | addresses = ["192.168.8.1/24", "fe80::1/64"]
  |                                ^^^^^^^^^^^^
  |
hint: put it into another `[[virtual_router]]`, which may have the same VRID
"#,
    );
}

#[test]
fn ipv6_without_a_link_local_address() {
    router(r#"addresses = ["2001:db8::1/64"]"#)
        .with_address("eth0", "2001:db8::2/64")
        .is_refused_with(
            r#"
error: first address `2001:db8::1` is not link-local
 --> haagent.toml:5:14
  |
5 | addresses = ["2001:db8::1/64"]
  |              ^^^^^^^^^^^^^^^^
  |
hint: an IPv6 virtual router has a link-local address too: put one such as `fe80::1/64` first
"#,
        );
}

#[test]
fn ipv6_with_its_link_local_address_in_another_place() {
    router(r#"addresses = ["2001:db8::1/64", "fe80::1/64"]"#)
        .with_address("eth0", "2001:db8::2/64")
        .is_refused_with(
            r#"
error: first address `2001:db8::1` is not link-local
 --> haagent.toml:5:14
  |
5 | addresses = ["2001:db8::1/64", "fe80::1/64"]
  |              ^^^^^^^^^^^^^^^^
  |
hint: put `fe80::1/64` first
"#,
        );
}

#[test]
fn ipv6_outside_every_network_of_the_interface() {
    router(r#"addresses = ["fe80::1/64", "2001:db8::1/64"]"#).is_refused_with(
        r#"
error: virtual address `2001:db8::1` is in no network of `eth0`
 --> haagent.toml:5:28
  |
5 | addresses = ["fe80::1/64", "2001:db8::1/64"]
  |                            ^^^^^^^^^^^^^^^^
  |
hint: `eth0` is in `fe80::/64`
"#,
    );
}

#[test]
fn ipv6_prefix_length_that_is_not_the_network_s() {
    router(r#"addresses = ["fe80::1/10"]"#).is_refused_with(
        r#"
error: virtual address `fe80::1` is in a /64 network
 --> haagent.toml:5:14
  |
5 | addresses = ["fe80::1/10"]
  |              ^^^^^^^^^^^^
  |
hint: `eth0` is in `fe80::/64`: write `fe80::1/64`
"#,
    );
}

#[test]
fn address_outside_every_network_of_the_interface() {
    router(r#"addresses = ["10.0.0.1/24"]"#).is_refused_with(
        r#"
error: virtual address `10.0.0.1` is in no network of `eth0`
 --> haagent.toml:5:14
  |
5 | addresses = ["10.0.0.1/24"]
  |              ^^^^^^^^^^^^^
  |
hint: `eth0` is in `192.168.8.0/24`
"#,
    );
}

#[test]
fn prefix_length_that_is_not_the_network_s() {
    router(r#"addresses = ["192.168.8.1/32"]"#).is_refused_with(
        r#"
error: virtual address `192.168.8.1` is in a /24 network
 --> haagent.toml:5:14
  |
5 | addresses = ["192.168.8.1/32"]
  |              ^^^^^^^^^^^^^^^^
  |
hint: `eth0` is in `192.168.8.0/24`: write `192.168.8.1/24`
"#,
    );
}

#[test]
fn address_of_this_node() {
    router(r#"addresses = ["192.168.8.2/24"]"#).is_refused_with(
        r#"
error: virtual address `192.168.8.2` is the address of node `router-a`
 --> haagent.toml:5:14
  |
5 | addresses = ["192.168.8.2/24"]
  |              ^^^^^^^^^^^^^^^^
  |
hint: choose an address that no box has; its owner would need priority 255
"#,
    );
}

#[test]
fn address_of_the_other_node() {
    router(r#"addresses = ["192.168.8.3/24"]"#).is_refused_with(
        r#"
error: virtual address `192.168.8.3` is the address of node `router-b`
 --> haagent.toml:5:14
  |
5 | addresses = ["192.168.8.3/24"]
  |              ^^^^^^^^^^^^^^^^
  |
hint: choose an address that no box has; its owner would need priority 255
"#,
    );
}

#[test]
fn own_address_of_another_interface_network() {
    routers(
        r#"
[[virtual_router]]
name = "web"
vrid = 51
interface = "eth1"
addresses = ["203.0.113.2/28"]
"#,
    )
    .is_refused_with(
        r#"
error: virtual address `203.0.113.2` is this host's own on `eth1`
 --> haagent.toml:5:14
  |
5 | addresses = ["203.0.113.2/28"]
  |              ^^^^^^^^^^^^^^^^
  |
hint: choose an address that no box has; its owner would need priority 255
"#,
    );
}

#[test]
fn owner_whose_address_is_not_here() {
    file(
        r#"
[[node]]
name = "router-a"
address = "192.168.8.2"
priority = 255
[[virtual_router]]
name = "web"
vrid = 51
interface = "eth0"
addresses = ["192.168.8.1/24"]
"#,
    )
    .is_refused_with(
        r#"
error: virtual address `192.168.8.1` is not this host's own on `eth0`
 --> haagent.toml:9:14
  |
9 | addresses = ["192.168.8.1/24"]
  |              ^^^^^^^^^^^^^^^^
  |
hint: priority 255 is for the owner of the addresses: give this node 1 to 254
"#,
    );
}
