//! Rules about virtual routers.

use super::{ROUTER, router, routers, set};

#[test]
fn name_twice() {
    routers(
        r#"
[[virtual_router]]
name = "web"
vrid = 51
interface = "eth0"
addresses = ["192.168.8.1/24"]
[[virtual_router]]
name = "web"
vrid = 52
interface = "eth0"
addresses = ["192.168.8.4/24"]
"#,
    )
    .is_refused_with(
        r#"
error: virtual router `web` appears twice
 --> haagent.toml:7:8
  |
7 | name = "web"
  |        ^^^^^ first at 2:8
"#,
    );
}

#[test]
fn vrid_zero() {
    router("vrid = 0").is_refused_with(
        r#"
error: vrid `0` is out of range
 --> haagent.toml:3:8
  |
3 | vrid = 0
  |        ^
  |
hint: the range is 1 to 255
"#,
    );
}

#[test]
fn vrid_above_an_octet() {
    router("vrid = 256").is_refused_with(
        r#"
error: vrid `256` is out of range
 --> haagent.toml:3:8
  |
3 | vrid = 256
  |        ^^^
  |
hint: the range is 1 to 255
"#,
    );
}

#[test]
fn vrid_twice_on_one_interface() {
    routers(
        r#"
[[virtual_router]]
name = "web"
vrid = 51
interface = "eth0"
addresses = ["192.168.8.1/24"]
[[virtual_router]]
name = "mail"
vrid = 51
interface = "eth0"
addresses = ["192.168.8.4/24"]
"#,
    )
    .is_refused_with(
        r#"
error: virtual router 51 appears twice on `eth0`
 --> haagent.toml:8:8
  |
8 | vrid = 51
  |        ^^ first at 3:8
  |
hint: one virtual router carries many addresses: `addresses = [..]`
"#,
    );
}

#[test]
fn missing_interface_gets_a_suggestion() {
    router(r#"interface = "eth7""#).warns_with(
        r#"
warning: interface `eth7` is not on this host
 --> haagent.toml:4:13
  |
4 | interface = "eth7"
  |             ^^^^^^
  |
hint: did you mean `eth0`?
"#,
    );
}

#[test]
fn missing_interface_lists_those_there_are() {
    router(r#"interface = "wan""#).warns_with(
        r#"
warning: interface `wan` is not on this host
 --> haagent.toml:4:13
  |
4 | interface = "wan"
  |             ^^^^^
  |
hint: known interfaces are `lo`, `eth0`, `eth1`, `eth2`
"#,
    );
}

#[test]
fn interface_without_address() {
    router(r#"interface = "eth2""#).warns_with(
        r#"
warning: interface `eth2` needs an IPv4 address of its own
 --> haagent.toml:4:13
  |
4 | interface = "eth2"
  |             ^^^^^^
  |
hint: give the interface an address in the network of the virtual addresses
"#,
    );
}

#[test]
fn vrid_twice_over_ipv6() {
    routers(
        r#"
[[virtual_router]]
name = "web"
vrid = 51
interface = "eth0"
addresses = ["fe80::1/64"]
[[virtual_router]]
name = "mail"
vrid = 51
interface = "eth0"
addresses = ["fe80::4/64"]
"#,
    )
    .is_refused_with(
        r#"
error: virtual router 51 appears twice on `eth0`
 --> haagent.toml:8:8
  |
8 | vrid = 51
  |        ^^ first at 3:8
  |
hint: one virtual router carries many addresses: `addresses = [..]`
"#,
    );
}

#[test]
fn interface_without_link_local_address() {
    routers(
        r#"
[[virtual_router]]
name = "web"
vrid = 51
interface = "eth1"
addresses = ["fe80::1/64"]
"#,
    )
    .warns_with(
        r#"
warning: interface `eth1` needs a link-local IPv6 address of its own
 --> haagent.toml:4:13
  |
4 | interface = "eth1"
  |             ^^^^^^
  |
hint: every interface that is up has one, unless IPv6 is switched off on it
"#,
    );
}

#[test]
fn interval_between_the_steps() {
    router(r#"advert_interval = "15ms""#).is_refused_with(
        r#"
error: advert_interval `15ms` is no multiple of `10ms`
 --> haagent.toml:6:19
  |
6 | advert_interval = "15ms"
  |                   ^^^^^^
  |
hint: advertisements carry the interval in hundredths of a second
"#,
    );
}

#[test]
fn interval_too_short() {
    router(r#"advert_interval = "1ms""#).is_refused_with(
        r#"
error: advert_interval `1ms` is out of range
 --> haagent.toml:6:19
  |
6 | advert_interval = "1ms"
  |                   ^^^^^
  |
hint: the range is `10ms` to `40950ms`, and with `version = 2` it is `1s` to `255s`
"#,
    );
}

#[test]
fn interval_too_long() {
    router(r#"advert_interval = "41s""#).is_refused_with(
        r#"
error: advert_interval `41s` is out of range
 --> haagent.toml:6:19
  |
6 | advert_interval = "41s"
  |                   ^^^^^
  |
hint: the range is `10ms` to `40950ms`, and with `version = 2` it is `1s` to `255s`
"#,
    );
}

#[test]
fn preempt_mode_that_is_none() {
    router(r#"preempt = "always""#).is_refused_with(
        r#"
error: preempt `always` is unknown
 --> haagent.toml:6:11
  |
6 | preempt = "always"
  |           ^^^^^^^^
  |
hint: known values are `never`, `immediate`, and with a delay `after 30s`
"#,
    );
}

#[test]
fn preempt_delay_without_unit() {
    router(r#"preempt = "after 30""#).is_refused_with(
        r#"
error: preempt `after 30` has no unit
 --> haagent.toml:6:11
  |
6 | preempt = "after 30"
  |           ^^^^^^^^^^
  |
hint: add a unit: `30s` or `30ms`
"#,
    );
}

#[test]
fn preempt_is_no_switch() {
    router("preempt = true").is_refused_with(
        r#"
error: `preempt` must be a string, not a boolean
 --> haagent.toml:6:11
  |
6 | preempt = true
  |           ^^^^
"#,
    );
}

#[test]
fn checksum_that_is_none() {
    router(r#"checksum = "rfc5978""#).is_refused_with(
        r#"
error: checksum `rfc5978` is unknown
 --> haagent.toml:6:12
  |
6 | checksum = "rfc5978"
  |            ^^^^^^^^^
  |
hint: did you mean `rfc5798`?
"#,
    );
}

#[test]
fn version_that_is_none() {
    router("version = 4").is_refused_with(
        r#"
error: version `4` is unknown
 --> haagent.toml:6:11
  |
6 | version = 4
  |           ^
  |
hint: known versions are 3, and 2 for a peer that knows no other
"#,
    );
}

#[test]
fn interval_that_version_2_cannot_say() {
    let fast = set(&set(ROUTER, "version = 2"), r#"advert_interval = "100ms""#);
    routers(&fast).is_refused_with(
        r#"
error: advert_interval `100ms` cannot be said in version 2
 --> haagent.toml:7:19
  |
7 | advert_interval = "100ms"
  |                   ^^^^^^^
  |
hint: version 2 has whole seconds, `1s` to `255s`, the same on every router
"#,
    );
}

#[test]
fn interval_that_no_version_can_say() {
    let slow = set(&set(ROUTER, "version = 2"), r#"advert_interval = "256s""#);
    routers(&slow).is_refused_with(
        r#"
error: advert_interval `256s` is out of range
 --> haagent.toml:7:19
  |
7 | advert_interval = "256s"
  |                   ^^^^^^
  |
hint: the range is `10ms` to `40950ms`, and with `version = 2` it is `1s` to `255s`
"#,
    );
}

#[test]
fn checksum_in_version_2() {
    let both = set(&set(ROUTER, "version = 2"), r#"checksum = "auto""#);
    routers(&both).is_refused_with(
        r#"
error: `checksum` is for version 3
 --> haagent.toml:7:12
  |
7 | checksum = "auto"
  |            ^^^^^^
  |
hint: remove it: version 2 has one checksum only
"#,
    );
}

#[test]
fn ipv6_in_version_2() {
    let both = set(&set(ROUTER, "version = 2"), r#"addresses = ["fe80::1/64"]"#);
    routers(&both).is_refused_with(
        r#"
error: virtual address `fe80::1` cannot be said in version 2
 --> haagent.toml:5:14
  |
5 | addresses = ["fe80::1/64"]
  |              ^^^^^^^^^^^^
  |
hint: version 2 is for IPv4: remove `version = 2`, or give it IPv4 addresses
"#,
    );
}

#[test]
fn password_in_version_3() {
    router(r#"password = "s3cret""#).is_refused_with(
        r#"
error: `password` is for version 2
 --> haagent.toml:6:12
  |
6 | password = ********
  |            ^^^^^^^^
  |
hint: remove it, or write `version = 2`: version 3 has no authentication
"#,
    );
}

#[test]
fn password_that_is_too_long() {
    let long = set(&set(ROUTER, "version = 2"), r#"password = "123456789""#);
    routers(&long).is_refused_with(
        r#"
error: password `..` does not have 1 to 8 octets, none of them 0
 --> haagent.toml:7:12
  |
7 | password = ***********
  |            ^^^^^^^^^^^
  |
hint: keepalived uses the first 8 octets of a longer one: give these
"#,
    );
}

#[test]
fn misspelt_password_stays_secret() {
    router(r#"pasword = "s3cret""#).is_refused_with(
        r#"
error: unknown key `pasword`
 --> haagent.toml:6:1
  |
6 | pasword = ********
  | ^^^^^^^
  |
hint: did you mean `password`?
"#,
    );
}
