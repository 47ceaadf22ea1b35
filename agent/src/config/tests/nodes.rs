//! Rules about nodes.

use super::{file, node, nodes};

#[test]
fn name_twice() {
    nodes(
        r#"
[[node]]
name = "router-a"
address = "192.168.8.2"
priority = 150
[[node]]
name = "router-a"
address = "192.168.8.3"
priority = 100
"#,
    )
    .is_refused_with(
        r#"
error: node `router-a` appears twice
 --> haagent.toml:6:8
  |
6 | name = "router-a"
  |        ^^^^^^^^^^ first at 2:8
"#,
    );
}

#[test]
fn two_nodes_with_the_same_address() {
    nodes(
        r#"
[[node]]
name = "router-a"
address = "192.168.8.2"
priority = 150
[[node]]
name = "router-b"
address = "192.168.8.2"
priority = 100
"#,
    )
    .is_refused_with(
        r#"
error: address `192.168.8.2` is that of two nodes
 --> haagent.toml:7:11
  |
7 | address = "192.168.8.2"
  |           ^^^^^^^^^^^^^ first at 3:11
  |
hint: a node's address is its own; shared ones belong to a `[[virtual_router]]`
"#,
    );
}

#[test]
fn two_nodes_with_the_same_priority() {
    nodes(
        r#"
[[node]]
name = "router-a"
address = "192.168.8.2"
priority = 150
[[node]]
name = "router-b"
address = "192.168.8.3"
priority = 150
"#,
    )
    .is_refused_with(
        r#"
error: priority `150` is that of two nodes
 --> haagent.toml:8:12
  |
8 | priority = 150
  |            ^^^ first at 4:12
  |
hint: the node that is to be active by default has the highest priority
"#,
    );
}

#[test]
fn priority_zero_means_release() {
    node("priority = 0").is_refused_with(
        r#"
error: priority `0` is out of range
 --> haagent.toml:4:12
  |
4 | priority = 0
  |            ^
  |
hint: priorities are 1 to 254, and 255 for the owner of the virtual addresses
"#,
    );
}

#[test]
fn priority_above_the_owner() {
    node("priority = 256").is_refused_with(
        r#"
error: priority `256` is out of range
 --> haagent.toml:4:12
  |
4 | priority = 256
  |            ^^^
  |
hint: priorities are 1 to 254, and 255 for the owner of the virtual addresses
"#,
    );
}

#[test]
fn address_that_is_none() {
    node(r#"address = "router-a.lan""#).is_refused_with(
        r#"
error: address `router-a.lan` is no IP address
 --> haagent.toml:3:11
  |
3 | address = "router-a.lan"
  |           ^^^^^^^^^^^^^^
  |
hint: write it like `192.168.8.2`, without prefix length
"#,
    );
}

#[test]
fn address_that_no_host_has() {
    node(r#"address = "224.0.0.18""#).is_refused_with(
        r#"
error: address `224.0.0.18` is no address of a single host
 --> haagent.toml:3:11
  |
3 | address = "224.0.0.18"
  |           ^^^^^^^^^^^^
"#,
    );
}

#[test]
fn host_that_is_no_node() {
    node("priority = 150").on_host_named("gateway").is_refused_with(
        r#"
error: this host, `gateway`, is none of the nodes
 --> haagent.toml:1:1
  |
1 | [[node]]
  | ^^^^^^^^
  |
hint: known nodes are `router-a`, `router-b`; choose one by `--node NAME`
"#,
    );
}

#[test]
fn misspelt_node_gets_a_suggestion() {
    node("priority = 150").for_node("router_a1").is_refused_with(
        r#"
error: `--node router_a1` is none of the nodes
 --> haagent.toml:1:1
  |
1 | [[node]]
  | ^^^^^^^^
  |
hint: did you mean `router-a`?
"#,
    );
}

#[test]
fn unknown_node_lists_the_known_ones() {
    node("priority = 150").for_node("gateway").is_refused_with(
        r#"
error: `--node gateway` is none of the nodes
 --> haagent.toml:1:1
  |
1 | [[node]]
  | ^^^^^^^^
  |
hint: known nodes are `router-a`, `router-b`
"#,
    );
}

#[test]
fn node_argument_without_nodes() {
    file(
        r#"
[[frontend]]
name = "web"
bind = ["127.0.0.1:80"]
backend = "web"
[[backend]]
name = "web"
server = [{ name = "s1", address = "192.168.8.10:80" }]
"#,
    )
    .for_node("router-a")
    .is_refused_with(
        r#"
error: `--node router-a` is none of the nodes
 --> haagent.toml:1:1
  |
1 | [[frontend]]
  | ^
  |
hint: without a `[[node]]`, leave out `--node`
"#,
    );
}

#[test]
fn address_of_this_node_is_on_this_host() {
    node(r#"address = "192.168.8.4""#).warns_with(
        r#"
warning: address `192.168.8.4` is on no interface of this host, which is node `router-a`
 --> haagent.toml:3:11
  |
3 | address = "192.168.8.4"
  |           ^^^^^^^^^^^^^
  |
hint: this host has `192.168.8.2`, `203.0.113.2`; `--node NAME` chooses another node
"#,
    );
}

#[test]
fn virtual_router_needs_nodes() {
    file(
        r#"
[[virtual_router]]
name = "web"
vrid = 51
interface = "eth0"
addresses = ["192.168.8.1/24"]
"#,
    )
    .is_refused_with(
        r#"
error: a virtual router needs nodes, and there are none
 --> haagent.toml:1:1
  |
1 | [[virtual_router]]
  | ^^^^^^^^^^^^^^^^^^
  |
hint: add a `[[node]]` with name, address and priority for each box
"#,
    );
}
