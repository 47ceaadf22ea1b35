//! Virtual routers with a MAC of their own.

use super::{ROUTER, router, routers, set};

#[test]
fn a_virtual_mac_is_asked_for() {
    assert_eq!(router("virtual_mac = false").loads().routers[0].device(), None);
    let config = router("virtual_mac = true").loads();
    assert_eq!(config.routers[0].device().as_deref(), Some("v4-51-eth0"));
    assert!(config.routers[0].link().expect("valid").virtual_mac().is_some());
}

#[test]
fn both_families_may_have_the_same_vrid() {
    let ipv4 = set(ROUTER, "virtual_mac = true");
    let ipv6 = ipv4.replace("web", "web-v6").replace("192.168.8.1/24", "fe80::51/64");
    let config = routers(&(ipv4 + &ipv6)).loads();
    let devices: Vec<_> = config.devices().into_iter().collect();
    assert_eq!(devices, ["v4-51-eth0", "v6-51-eth0"]);
}

#[test]
fn a_virtual_mac_with_unicast() {
    let unicast = set(ROUTER, "transport = \"unicast\"");
    routers(&set(&unicast, "virtual_mac = true")).is_refused_with(
        r#"
error: a virtual MAC needs multicast
 --> haagent.toml:7:15
  |
7 | virtual_mac = true
  |               ^^^^
  |
hint: networks without it seldom let a foreign MAC through: remove `virtual_mac`
"#,
    );
}

#[test]
fn a_virtual_mac_of_an_owner() {
    let text = set(ROUTER, "virtual_mac = true").replace("192.168.8.1/24", "192.168.8.2/24");
    let priority = "priority = { router-a = 255, router-b = 100 }";
    routers(&set(&text, priority)).is_refused_with(
        r#"
error: a virtual router with an owner has no virtual MAC
 --> haagent.toml:6:15
  |
6 | virtual_mac = true
  |               ^^^^
  |
hint: the owner, with priority 255, has the addresses at its own MAC
"#,
    );
}

#[test]
fn two_devices_of_one_name() {
    let long = |name: &str, interface: &str, host: u8| {
        ROUTER
            .replace("web", name)
            .replace("eth0", interface)
            .replace("192.168.8.1/24", &format!("192.0.2.{host}/24"))
            + "virtual_mac = true\n"
    };
    let both = [long("a", "enp134s0f1np1.10", 1), long("b", "ens134s0f1np1.10", 2)].concat();
    routers(&both).on_unknown_host().is_refused_with(
        r#"
error: two virtual routers would have the device `v4-51-0f1np1.10`
  --> haagent.toml:11:13
   |
11 | interface = "ens134s0f1np1.10"
   |             ^^^^^^^^^^^^^^^^^^ first at 4:13
   |
hint: it has the VRID and the end of the interface's name: choose another VRID
"#,
    );
}
