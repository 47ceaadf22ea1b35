//! Addresses that are held and not advertised.

use super::{BACKEND, FRONTEND, NODE, OTHER_NODE, file, router, set};

#[test]
fn excluded_addresses_are_of_either_family_and_need_no_network_here() {
    let all = "excluded = [\"192.168.8.4/24\", \"198.51.100.1/32\", \"2001:db8::11/64\"]";
    let config = router(all).loads();
    let held: Vec<_> = config.routers[0].held().map(ToString::to_string).collect();
    let expected = ["192.168.8.1/24", "192.168.8.4/24", "198.51.100.1/32", "2001:db8::11/64"];
    assert_eq!(held, expected);
}

#[test]
fn frontends_may_listen_on_excluded_addresses() {
    let router = set(super::ROUTER, "excluded = [\"198.51.100.1/32\"]");
    let frontend = set(FRONTEND, "bind = [\"198.51.100.1:80\"]");
    let config = file(&[&router, NODE, OTHER_NODE, &frontend, BACKEND].concat()).loads();
    assert_eq!(config.binds.len(), 1);
}

#[test]
fn excluded_address_that_is_advertised() {
    router("excluded = [\"192.168.8.1/24\"]").is_refused_with(
        r#"
error: virtual address `192.168.8.1` appears twice
 --> haagent.toml:6:13
  |
6 | excluded = ["192.168.8.1/24"]
  |             ^^^^^^^^^^^^^^^^ first at 5:14
"#,
    );
}

#[test]
fn excluded_address_that_is_in_another_network_than_it_says() {
    router("excluded = [\"192.168.8.4/16\"]").is_refused_with(
        r#"
error: virtual address `192.168.8.4` is in a /24 network
 --> haagent.toml:6:13
  |
6 | excluded = ["192.168.8.4/16"]
  |             ^^^^^^^^^^^^^^^^
  |
hint: `eth0` is in `192.168.8.0/24`: write `192.168.8.4/24`
"#,
    );
}

#[test]
fn excluded_address_of_a_node() {
    router("excluded = [\"192.168.8.3/24\"]").is_refused_with(
        r#"
error: virtual address `192.168.8.3` is the address of node `router-b`
 --> haagent.toml:6:13
  |
6 | excluded = ["192.168.8.3/24"]
  |             ^^^^^^^^^^^^^^^^
  |
hint: choose an address that no box has; its owner would need priority 255
"#,
    );
}

#[test]
fn more_excluded_addresses_than_are_held_in_time() {
    let addresses: Vec<_> =
        (0..501).map(|n| format!("\"10.{}.{}.1/32\"", n / 256, n % 256)).collect();
    let problems = router(&format!("excluded = [{}]", addresses.join(", "))).load();
    let problems = problems.expect_err("too many");
    assert!(problems.contains("a virtual router holds at most 500 excluded addresses"));
}
