//! Rules about backends and servers.

use super::{backend, backends, file};

#[test]
fn name_twice() {
    backends(
        r#"
[[backend]]
name = "web"
server = [{ name = "s1", address = "192.168.8.10:80" }]
[[backend]]
name = "web"
server = [{ name = "s1", address = "192.168.8.10:80" }]
"#,
    )
    .is_refused_with(
        r#"
error: backend `web` appears twice
 --> haagent.toml:5:8
  |
5 | name = "web"
  |        ^^^^^ first at 2:8
"#,
    );
}

#[test]
fn backend_without_server() {
    backend("server = []").is_refused_with(
        r#"
error: `server` is empty
 --> haagent.toml:3:10
  |
3 | server = []
  |          ^^
"#,
    );
}

#[test]
fn backend_without_the_key() {
    backends(
        r#"
[[backend]]
name = "web"
"#,
    )
    .is_refused_with(
        r#"
error: `server` is missing
 --> haagent.toml:1:1
  |
1 | [[backend]]
  | ^^^^^^^^^^^
"#,
    );
}

#[test]
fn server_name_twice_in_one_backend() {
    backends(
        r#"
[[backend]]
name = "web"
server = [
  { name = "s1", address = "192.168.8.10:80" },
  { name = "s1", address = "192.168.8.11:80" },
]
"#,
    )
    .is_refused_with(
        r#"
error: server `s1` appears twice
 --> haagent.toml:5:12
  |
5 |   { name = "s1", address = "192.168.8.11:80" },
  |            ^^^^ first at 4:12
"#,
    );
}

#[test]
fn server_that_is_a_frontend() {
    backend(r#"server = [{ name = "s1", address = "127.0.0.1:80" }]"#).is_refused_with(
        r#"
error: `127.0.0.1:80` is an address that a frontend listens on
 --> haagent.toml:3:36
  |
3 | server = [{ name = "s1", address = "127.0.0.1:80" }]
  |                                    ^^^^^^^^^^^^^^
  |
hint: the proxy would connect to itself
"#,
    );
}

#[test]
fn server_behind_any_address() {
    file(
        r#"
[[frontend]]
name = "web"
bind = ["0.0.0.0:80"]
backend = "web"
[[backend]]
name = "web"
server = [{ name = "s1", address = "192.168.8.2:80" }]
"#,
    )
    .is_refused_with(
        r#"
error: `192.168.8.2:80` is an address that a frontend listens on
 --> haagent.toml:7:36
  |
7 | server = [{ name = "s1", address = "192.168.8.2:80" }]
  |                                    ^^^^^^^^^^^^^^^^
  |
hint: the proxy would connect to itself
"#,
    );
}

#[test]
fn server_without_port() {
    backend(r#"server = [{ name = "s1", address = "192.168.8.10" }]"#).is_refused_with(
        r#"
error: address `192.168.8.10` has no port
 --> haagent.toml:3:36
  |
3 | server = [{ name = "s1", address = "192.168.8.10" }]
  |                                    ^^^^^^^^^^^^^^
  |
hint: add it to the address: `192.168.8.10:80`
"#,
    );
}

#[test]
fn server_at_any_address() {
    backend(r#"server = [{ name = "s1", address = "0.0.0.0:80" }]"#).is_refused_with(
        r#"
error: address `0.0.0.0` is no address of a single host
 --> haagent.toml:3:36
  |
3 | server = [{ name = "s1", address = "0.0.0.0:80" }]
  |                                    ^^^^^^^^^^^^
"#,
    );
}

#[test]
fn weight_zero() {
    backend(r#"server = [{ name = "s1", address = "192.168.8.10:80", weight = 0 }]"#)
        .is_refused_with(
            r#"
error: weight `0` is out of range
 --> haagent.toml:3:64
  |
3 | server = [{ name = "s1", address = "192.168.8.10:80", weight = 0 }]
  |                                                                ^
  |
hint: the range is 1 to 256
"#,
        );
}

#[test]
fn weight_beyond_the_limit() {
    backend(r#"server = [{ name = "s1", address = "192.168.8.10:80", weight = 257 }]"#)
        .is_refused_with(
            r#"
error: weight `257` is out of range
 --> haagent.toml:3:64
  |
3 | server = [{ name = "s1", address = "192.168.8.10:80", weight = 257 }]
  |                                                                ^^^
  |
hint: the range is 1 to 256
"#,
        );
}

#[test]
fn balance_that_is_none() {
    backend(r#"balance = "roundrobin""#).is_refused_with(
        r#"
error: balance `roundrobin` is unknown
 --> haagent.toml:4:11
  |
4 | balance = "roundrobin"
  |           ^^^^^^^^^^^^
  |
hint: did you mean `round_robin`?
"#,
    );
}

#[test]
fn connect_timeout_of_zero() {
    backend(r#"connect_timeout = "0s""#).is_refused_with(
        r#"
error: connect_timeout `0s` is out of range
 --> haagent.toml:4:19
  |
4 | connect_timeout = "0s"
  |                   ^^^^
  |
hint: the range is `1ms` to `365d`
"#,
    );
}

#[test]
fn check_of_an_unknown_type() {
    backend(r#"check = { type = "https" }"#).is_refused_with(
        r#"
error: type `https` is unknown
 --> haagent.toml:4:18
  |
4 | check = { type = "https" }
  |                  ^^^^^^^
  |
hint: known values are `tcp`, `none`
"#,
    );
}

#[test]
fn check_that_outlasts_its_interval() {
    backend(r#"check = { interval = "2s", timeout = "3s" }"#).is_refused_with(
        r#"
error: timeout `3s` is longer than the interval `2s`
 --> haagent.toml:4:38
  |
4 | check = { interval = "2s", timeout = "3s" }
  |                                      ^^^^
  |
hint: a check must end before the next one begins
"#,
    );
}

#[test]
fn check_too_often() {
    backend(r#"check = { interval = "1ms" }"#).is_refused_with(
        r#"
error: interval `1ms` is out of range
 --> haagent.toml:4:22
  |
4 | check = { interval = "1ms" }
  |                      ^^^^^
  |
hint: the range is `10ms` to `365d`
"#,
    );
}

#[test]
fn check_that_never_rises() {
    backend("check = { rise = 0 }").is_refused_with(
        r#"
error: rise `0` is out of range
 --> haagent.toml:4:18
  |
4 | check = { rise = 0 }
  |                  ^
  |
hint: the range is 1 to 1000
"#,
    );
}

#[test]
fn check_that_is_no_table() {
    backend(r#"check = "tcp""#).is_refused_with(
        r#"
error: `check` must be a table, not a string
 --> haagent.toml:4:9
  |
4 | check = "tcp"
  |         ^^^^^
  |
hint: write `[backend.check]`, or `check = { .. }`
"#,
    );
}
