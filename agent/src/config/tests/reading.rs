//! Texts, tables and keys.

use super::{backend, file, frontend, frontends};

#[test]
fn syntax_error_is_one_problem() {
    file(
        r#"
[[frontend]]
name = web
bind = [
"#,
    )
    .is_refused_with(
        r#"
error: syntax error: string values must be quoted, expected literal string
 --> haagent.toml:2:8
  |
2 | name = web
  |        ^^^
"#,
    );
}

#[test]
fn key_given_twice_is_a_syntax_error() {
    frontends(
        r#"
[[frontend]]
name = "web"
name = "web2"
"#,
    )
    .is_refused_with(
        r#"
error: syntax error: duplicate key
 --> haagent.toml:3:1
  |
3 | name = "web2"
  | ^^^^
"#,
    );
}

#[test]
fn unknown_key_gets_a_suggestion() {
    frontend("connection_max = 10").is_refused_with(
        r#"
error: unknown key `connection_max`
 --> haagent.toml:5:1
  |
5 | connection_max = 10
  | ^^^^^^^^^^^^^^
  |
hint: did you mean `connections_max`?
"#,
    );
}

#[test]
fn dash_is_no_underscore() {
    frontend(r#"idle-timeout = "5s""#).is_refused_with(
        r#"
error: unknown key `idle-timeout`
 --> haagent.toml:5:1
  |
5 | idle-timeout = "5s"
  | ^^^^^^^^^^^^
  |
hint: did you mean `idle_timeout`?
"#,
    );
}

#[test]
fn unknown_key_without_likeness_lists_the_known_ones() {
    backend(r#"colour = "red""#).is_refused_with(
        r#"
error: unknown key `colour`
 --> haagent.toml:4:1
  |
4 | colour = "red"
  | ^^^^^^
  |
hint: known keys are `name`, `balance`, `connect_timeout`, `retries`, `check`, `server`
"#,
    );
}

#[test]
fn unknown_table_is_an_unknown_key() {
    file(
        r#"
[[front_end]]
name = "web"
"#,
    )
    .is_refused_with(
        r#"
error: unknown key `front_end`
 --> haagent.toml:1:3
  |
1 | [[front_end]]
  |   ^^^^^^^^^
  |
hint: did you mean `frontend`?
"#,
    );
}

#[test]
fn missing_key_is_shown_at_its_table() {
    file(
        r#"
[[frontend]]
name = "web"
bind = ["127.0.0.1:80"]

[[backend]]
name = "web"
server = [{ name = "s1", address = "192.168.8.10:80" }]
"#,
    )
    .is_refused_with(
        r#"
error: `backend` is missing
 --> haagent.toml:1:1
  |
1 | [[frontend]]
  | ^^^^^^^^^^^^
"#,
    );
}

#[test]
fn file_without_router_and_frontend_does_nothing() {
    file("").is_refused_with(
        r#"
error: there is neither a `[[virtual_router]]` nor a `[[frontend]]`
 --> haagent.toml:1:1
  |
1 |
  | ^
  |
hint: a `[[virtual_router]]` holds addresses, a `[[frontend]]` listens on them
"#,
    );
}

#[test]
fn every_problem_is_reported_at_once() {
    file(
        r#"
[[node]]
name = "router-a"
address = "192.168.8"
priority = "high"

[[frontend]]
nam = "web"
bind = ["192.168.8.1", "127.0.0.1:80"]
backend = "web"
idle_timeout = 3600

[[backend]]
name = "web2"
server = [{ name = "s1" }, { name = "s1", address = "192.168.8.11:80", weight = 0 }]
"#,
    )
    .is_refused_with(
        r#"
error: address `192.168.8` is no IP address
 --> haagent.toml:3:11
  |
3 | address = "192.168.8"
  |           ^^^^^^^^^^^
  |
hint: write it like `192.168.8.2`, without prefix length

error: `priority` must be a whole number, not a string
 --> haagent.toml:4:12
  |
4 | priority = "high"
  |            ^^^^^^

error: `name` is missing
 --> haagent.toml:6:1
  |
6 | [[frontend]]
  | ^^^^^^^^^^^^

error: unknown key `nam`
 --> haagent.toml:7:1
  |
7 | nam = "web"
  | ^^^
  |
hint: did you mean `name`?

error: `192.168.8.1` has no port
 --> haagent.toml:8:9
  |
8 | bind = ["192.168.8.1", "127.0.0.1:80"]
  |         ^^^^^^^^^^^^^
  |
hint: add it to the address: `192.168.8.1:80`

error: backend `web` is not in this file
 --> haagent.toml:9:11
  |
9 | backend = "web"
  |           ^^^^^
  |
hint: did you mean `web2`?

error: `idle_timeout` must be a duration, not a number
  --> haagent.toml:10:16
   |
10 | idle_timeout = 3600
   |                ^^^^
   |
hint: add a unit, and quotes: `"3600s"` or `"3600ms"`

error: `address` is missing
  --> haagent.toml:14:11
   |
14 | server = [{ name = "s1" }, { name = "s1", address = "192.168.8.11:80", weight = 0 }]
   |           ^^^^^^^^^^^^^^^

error: server `s1` appears twice
  --> haagent.toml:14:37
   |
14 | server = [{ name = "s1" }, { name = "s1", address = "192.168.8.11:80", weight = 0 }]
   |                                     ^^^^ first at 14:20

error: weight `0` is out of range
  --> haagent.toml:14:81
   |
14 | server = [{ name = "s1" }, { name = "s1", address = "192.168.8.11:80", weight = 0 }]
   |                                                                                 ^
   |
hint: the range is 1 to 256
"#,
    );
}
