//! Virtual routers that move as one.

use super::{ROUTER, routers, set};
use crate::config::diff;

const LAN: &str = r#"
[[virtual_router]]
name = "lan"
vrid = 52
interface = "eth1"
addresses = ["203.0.113.10/28"]
"#;

/// Two virtual routers, each with a line of its own.
fn pair(first: &str, second: &str) -> super::File {
    routers(&[set(ROUTER, first), set(LAN, second)].concat())
}

fn grouped() -> super::File {
    pair("group = \"edge\"", "group = \"edge\"")
}

#[test]
fn those_of_a_group_move_as_one() {
    let names = |file: super::File| -> Vec<Vec<String>> {
        let groups = file.loads();
        let name = |group: &Vec<&crate::config::Router>| {
            group.iter().map(|router| router.name.clone()).collect()
        };
        groups.groups().iter().map(name).collect()
    };
    assert_eq!(names(grouped()), [["web", "lan"]]);
    assert_eq!(names(routers(&[ROUTER, LAN].concat())), [["web"], ["lan"]]);
    let turned = routers(&[set(LAN, "group = \"edge\""), set(ROUTER, "group = \"edge\"")].concat());
    assert_eq!(names(turned), [["web", "lan"]], "the order in the file has no meaning");
}

#[test]
fn a_change_of_the_group_is_told() {
    let (alone, grouped) = (routers(&[ROUTER, LAN].concat()).loads(), grouped().loads());
    let told = |old, new| diff(old, new).iter().map(ToString::to_string).collect::<Vec<_>>();
    let told_of = |what| {
        ["virtual router 51 on `eth0`", "virtual router 52 on `eth1`"]
            .map(|router| format!("{router} changed: it moves {what}"))
    };
    assert_eq!(told(&alone, &grouped), told_of("with group `edge`"));
    assert_eq!(told(&grouped, &alone), told_of("alone"));
    assert!(told(&grouped, &grouped).is_empty());
}

#[test]
fn group_of_one() {
    pair("group = \"edge\"", "group = \"egde\"").is_refused_with(
        r#"
error: group `edge` has only one virtual router
 --> haagent.toml:6:9
  |
6 | group = "edge"
  |         ^^^^^^
  |
hint: did you mean `egde`?

error: group `egde` has only one virtual router
  --> haagent.toml:13:9
   |
13 | group = "egde"
   |         ^^^^^^
   |
hint: did you mean `edge`?
"#,
    );
}

#[test]
fn group_in_which_a_node_is_stronger_here_than_there() {
    let priorities = "group = \"edge\"\npriority = { router-a = 120 }";
    pair("group = \"edge\"", priorities).is_refused_with(
        r#"
error: `lan` gives `router-a` another priority than `web` in group `edge`
  --> haagent.toml:14:25
   |
14 | priority = { router-a = 120 }
   |                         ^^^ first at 19:12
   |
hint: the virtual routers of a group move as one: give them the same `priority`
"#,
    );
}

#[test]
fn group_that_preempts_in_two_ways() {
    pair("group = \"edge\"\npreempt = \"never\"", "group = \"edge\"\npreempt = \"immediate\"")
        .is_refused_with(
            r#"
error: `lan` has another `preempt` than `web` in group `edge`
  --> haagent.toml:15:11
   |
15 | preempt = "immediate"
   |           ^^^^^^^^^^^ first at 7:11
   |
hint: the virtual routers of a group move as one: give them the same `preempt`
"#,
        );
}
