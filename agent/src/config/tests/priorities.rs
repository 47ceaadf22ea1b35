//! Priorities that a virtual router gives to nodes.

use vrrp::Priority;

use super::router;

const TURNED: &str = "priority = { router-a = 90, router-b = 200 }";

#[test]
fn a_virtual_router_may_say_how_strong_each_node_is() {
    assert_eq!(router(TURNED).loads().routers[0].priority, Priority::new(90));
    let other = router(TURNED).for_node("router-b").on_unknown_host().loads();
    assert_eq!(other.routers[0].priority, Priority::new(200));
    assert_eq!(other.nodes[1].priority, Priority::new(100));
}

#[test]
fn who_is_not_named_has_the_priority_of_the_node() {
    let file = || router("priority = { router-b = 200 }");
    assert_eq!(file().loads().routers[0].priority, Priority::new(150));
}

#[test]
fn node_that_is_unknown() {
    router("priority = { router_c = 90, router-b = 200 }").is_refused_with(
        r#"
error: node `router_c` is unknown
 --> haagent.toml:6:14
  |
6 | priority = { router_c = 90, router-b = 200 }
  |              ^^^^^^^^
  |
hint: did you mean `router-a`?
"#,
    );
}

#[test]
fn nodes_that_are_equally_strong() {
    router("priority = { router-a = 90, router-b = 90 }").is_refused_with(
        r#"
error: nodes `router-a` and `router-b` both have priority `90` in virtual router `web`
 --> haagent.toml:6:40
  |
6 | priority = { router-a = 90, router-b = 90 }
  |                                        ^^ first at 6:25
  |
hint: the node that is to be active by default has the highest priority
"#,
    );
}

#[test]
fn node_that_is_as_strong_as_another_by_default() {
    router("priority = { router-a = 100 }").is_refused_with(
        r#"
error: nodes `router-a` and `router-b` both have priority `100` in virtual router `web`
  --> haagent.toml:16:12
   |
16 | priority = 100
   |            ^^^ first at 6:25
   |
hint: the node that is to be active by default has the highest priority
"#,
    );
}

#[test]
fn priority_that_is_none() {
    router("priority = { router-a = 256 }").is_refused_with(
        r#"
error: priority `256` is out of range
 --> haagent.toml:6:25
  |
6 | priority = { router-a = 256 }
  |                         ^^^
  |
hint: priorities are 1 to 254, and 255 for the owner of the virtual addresses
"#,
    );
}

#[test]
fn priority_for_all_nodes_alike() {
    router("priority = 150").is_refused_with(
        r#"
error: `priority` must be a table, not a number
 --> haagent.toml:6:12
  |
6 | priority = 150
  |            ^^^
  |
hint: write `priority = { NAME = .. }`
"#,
    );
}
