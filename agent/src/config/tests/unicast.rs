//! Virtual routers that speak to each box by itself.

use std::net::IpAddr;

use super::{File, NODE, OTHER_NODE, ROUTER, file, router, routers, set};
use crate::config::model::Transport;

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// A virtual router of unicast with one more line.
fn unicast(line: &str) -> File {
    routers(&set(&set(ROUTER, "transport = \"unicast\""), line))
}

fn transport_of(file: &File) -> Transport {
    file.loads().routers[0].transport.clone()
}

fn between(source: &str, peers: &[&str]) -> Transport {
    Transport::Unicast { source: ip(source), peers: peers.iter().map(|peer| ip(peer)).collect() }
}

#[test]
fn multicast_is_the_default() {
    for line in ["vrid = 51", "transport = \"multicast\""] {
        assert_eq!(transport_of(&router(line)), Transport::Multicast);
    }
}

#[test]
fn the_nodes_addresses_are_the_default() {
    let expected = between("192.168.8.2", &["192.168.8.3"]);
    assert_eq!(transport_of(&unicast("vrid = 51")), expected);
    let other = unicast("vrid = 51").for_node("router-b").on_unknown_host();
    assert_eq!(transport_of(&other), between("192.168.8.3", &["192.168.8.2"]));
}

#[test]
fn sources_name_other_addresses_of_some_or_all_nodes() {
    let both = unicast("sources = { router-a = \"192.168.8.4\", router-b = \"192.168.8.5\" }");
    assert_eq!(transport_of(&both), between("192.168.8.4", &["192.168.8.5"]));
    let one = unicast("sources = { router-b = \"192.168.8.5\" }");
    assert_eq!(transport_of(&one), between("192.168.8.2", &["192.168.8.5"]));
}

#[test]
fn an_address_that_is_not_there_yet_is_no_problem() {
    let file = unicast("sources = { router-a = \"192.168.8.77\" }");
    let config = file.loads();
    assert_eq!(config.routers[0].link().expect("valid").source(), ip("192.168.8.77"));
}

#[test]
fn ipv6_needs_no_link_local_address_first_where_no_source_is_link_local() {
    let with = |sources: &str| {
        let table = set(ROUTER, "addresses = [\"2001:db8::1/64\"]");
        let table = set(&table, "transport = \"unicast\"");
        let sources = format!("sources = {{ {sources} }}");
        routers(&set(&table, &sources)).with_address("eth0", "2001:db8::2/64")
    };
    let global = with("router-a = \"2001:db8::2\", router-b = \"2001:db8::3\"");
    assert_eq!(transport_of(&global), between("2001:db8::2", &["2001:db8::3"]));
    global.loads().routers[0].link().expect("valid");
    let link_local = with("router-a = \"fe80::2\", router-b = \"2001:db8::3\"");
    let problems = link_local.load().expect_err("a problem");
    assert!(problems.contains("first address `2001:db8::1` is not link-local"), "{problems}");
}

#[test]
fn sources_without_unicast() {
    router("sources = { router-a = \"192.168.8.2\" }").is_refused_with(
        r#"
error: `sources` is for unicast
 --> haagent.toml:6:13
  |
6 | sources = { router-a = "192.168.8.2" }
  |             ^^^^^^^^
  |
hint: remove it, or write `transport = "unicast"`
"#,
    );
}

#[test]
fn source_of_an_unknown_node() {
    unicast("sources = { router-c = \"192.168.8.4\" }").is_refused_with(
        r#"
error: `sources` has `router-c`, which is none of the nodes
 --> haagent.toml:7:13
  |
7 | sources = { router-c = "192.168.8.4" }
  |             ^^^^^^^^
  |
hint: did you mean `router-a`?
"#,
    );
}

#[test]
fn source_of_another_family() {
    unicast("sources = { router-b = \"2001:db8::3\" }").is_refused_with(
        r#"
error: source `2001:db8::3` is no IPv4 address
 --> haagent.toml:7:24
  |
7 | sources = { router-b = "2001:db8::3" }
  |                        ^^^^^^^^^^^^^
  |
hint: advertisements are sent in the family of the virtual addresses
"#,
    );
}

#[test]
fn source_of_two_nodes() {
    unicast("sources = { router-a = \"192.168.8.4\", router-b = \"192.168.8.4\" }")
        .is_refused_with(
            r#"
error: source `192.168.8.4` is that of two nodes
 --> haagent.toml:7:50
  |
7 | sources = { router-a = "192.168.8.4", router-b = "192.168.8.4" }
  |                                                  ^^^^^^^^^^^^^ first at 7:24
"#,
        );
}

#[test]
fn source_that_is_virtual() {
    unicast("sources = { router-b = \"192.168.8.1\" }").is_refused_with(
        r#"
error: source `192.168.8.1` is a virtual address, which wanders
 --> haagent.toml:7:24
  |
7 | sources = { router-b = "192.168.8.1" }
  |                        ^^^^^^^^^^^^^ first at 5:14
  |
hint: give the address that the box always has on this interface
"#,
    );
}

#[test]
fn source_on_another_interface() {
    unicast("sources = { router-a = \"203.0.113.2\" }").is_refused_with(
        r#"
error: our address `203.0.113.2` is on `eth1`, not on `eth0`
 --> haagent.toml:4:13
  |
4 | interface = "eth0"
  |             ^^^^^^
  |
hint: `eth0` has `192.168.8.2`: name it, and those of the others, in `sources`
"#,
    );
}

#[test]
fn node_without_an_address_of_the_family() {
    let table = set(ROUTER, "addresses = [\"fe80::1/64\"]");
    let table =
        set(&set(&table, "transport = \"unicast\""), "sources = { router-a = \"fe80::2\" }");
    routers(&table).is_refused_with(
        r#"
error: node `router-b` has no IPv6 address to speak from
 --> haagent.toml:1:1
  |
1 | [[virtual_router]]
  | ^^^^^^^^^^^^^^^^^^
  |
hint: write `sources = { router-b = "..", .. }`, with that of each box
"#,
    );
}

#[test]
fn unicast_alone() {
    file(&[&set(ROUTER, "transport = \"unicast\""), NODE].concat()).is_refused_with(
        r#"
error: unicast needs another node to speak to
 --> haagent.toml:1:1
  |
1 | [[virtual_router]]
  | ^^^^^^^^^^^^^^^^^^
  |
hint: add a `[[node]]` for each box, or remove `transport`
"#,
    );
}

#[test]
fn unicast_among_six() {
    let more = (4..8).map(|host| {
        let name = OTHER_NODE.replace("router-b", &format!("router-{host}"));
        name.replace("8.3", &format!("8.{host}")).replace("100", &format!("{host}"))
    });
    let nodes = [NODE, OTHER_NODE].into_iter().map(str::to_owned).chain(more);
    let text = set(ROUTER, "transport = \"unicast\"") + &nodes.collect::<String>();
    let problems = file(&text).load().expect_err("a problem");
    assert!(problems.contains("unicast is for 5 nodes at most"), "{problems}");
}

#[test]
fn sources_that_are_no_table() {
    unicast("sources = [\"192.168.8.2\"]").is_refused_with(
        r#"
error: `sources` must be a table, not an array
 --> haagent.toml:7:11
  |
7 | sources = ["192.168.8.2"]
  |           ^^^^^^^^^^^^^^^
  |
hint: write `sources = { NAME = .. }`
"#,
    );
}
