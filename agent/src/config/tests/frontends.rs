//! Rules about frontends.

use super::{file, frontend, frontends};

#[test]
fn bind_of_a_link_local_address() {
    frontend(r#"bind = ["[fe80::1]:80"]"#).is_refused_with(
        r#"
error: `[fe80::1]:80` is link-local: on another link it is another address
 --> haagent.toml:3:9
  |
3 | bind = ["[fe80::1]:80"]
  |         ^^^^^^^^^^^^^^
  |
hint: give an address that is not in `fe80::/10`
"#,
    );
}

#[test]
fn name_twice() {
    frontends(
        r#"
[[frontend]]
name = "web"
bind = ["127.0.0.1:80"]
backend = "web"
[[frontend]]
name = "web"
bind = ["127.0.0.1:81"]
backend = "web"
"#,
    )
    .is_refused_with(
        r#"
error: frontend `web` appears twice
 --> haagent.toml:6:8
  |
6 | name = "web"
  |        ^^^^^ first at 2:8
"#,
    );
}

#[test]
fn mode_that_is_none() {
    frontend(r#"mode = "http""#).is_refused_with(
        r#"
error: mode `http` is unknown
 --> haagent.toml:5:8
  |
5 | mode = "http"
  |        ^^^^^^
  |
hint: only `tcp` is known
"#,
    );
}

#[test]
fn misspelt_backend_gets_a_suggestion() {
    frontend(r#"backend = "webb""#).is_refused_with(
        r#"
error: backend `webb` is not in this file
 --> haagent.toml:4:11
  |
4 | backend = "webb"
  |           ^^^^^^
  |
hint: did you mean `web`?
"#,
    );
}

#[test]
fn unknown_backend_lists_the_known_ones() {
    frontend(r#"backend = "mail""#).is_refused_with(
        r#"
error: backend `mail` is not in this file
 --> haagent.toml:4:11
  |
4 | backend = "mail"
  |           ^^^^^^
  |
hint: only `web` is known
"#,
    );
}

#[test]
fn no_backend_at_all() {
    file(
        r#"
[[frontend]]
name = "web"
bind = ["127.0.0.1:80"]
backend = "web"
"#,
    )
    .is_refused_with(
        r#"
error: backend `web` is not in this file
 --> haagent.toml:4:11
  |
4 | backend = "web"
  |           ^^^^^
  |
hint: there is no `[[backend]]`
"#,
    );
}

#[test]
fn address_bound_twice() {
    frontends(
        r#"
[[frontend]]
name = "web"
bind = ["127.0.0.1:80"]
backend = "web"
[[frontend]]
name = "mail"
bind = ["127.0.0.1:80"]
backend = "web"
"#,
    )
    .is_refused_with(
        r#"
error: `127.0.0.1:80` is bound twice
 --> haagent.toml:7:9
  |
7 | bind = ["127.0.0.1:80"]
  |         ^^^^^^^^^^^^^^ first at 3:9
"#,
    );
}

#[test]
fn any_address_overlaps_with_each() {
    frontend(r#"bind = ["0.0.0.0:80", "127.0.0.1:80"]"#).is_refused_with(
        r#"
error: `127.0.0.1:80` overlaps with `0.0.0.0:80`
 --> haagent.toml:3:23
  |
3 | bind = ["0.0.0.0:80", "127.0.0.1:80"]
  |                       ^^^^^^^^^^^^^^ first at 3:9
"#,
    );
}

#[test]
fn bind_without_port() {
    frontend(r#"bind = ["192.168.8.2"]"#).is_refused_with(
        r#"
error: `192.168.8.2` has no port
 --> haagent.toml:3:9
  |
3 | bind = ["192.168.8.2"]
  |         ^^^^^^^^^^^^^
  |
hint: add it to the address: `192.168.8.2:80`
"#,
    );
}

#[test]
fn bind_to_a_name() {
    frontend(r#"bind = ["localhost:80"]"#).is_refused_with(
        r#"
error: `localhost:80` is no address with port
 --> haagent.toml:3:9
  |
3 | bind = ["localhost:80"]
  |         ^^^^^^^^^^^^^^
  |
hint: write it like `192.168.8.1:80`; names are not looked up
"#,
    );
}

#[test]
fn bind_to_port_zero() {
    frontend(r#"bind = ["127.0.0.1:0"]"#).is_refused_with(
        r#"
error: `127.0.0.1:0` has port 0
 --> haagent.toml:3:9
  |
3 | bind = ["127.0.0.1:0"]
  |         ^^^^^^^^^^^^^
  |
hint: ports are 1 to 65535
"#,
    );
}

#[test]
fn bind_to_a_foreign_address() {
    frontend(r#"bind = ["192.168.8.77:80"]"#).is_refused_with(
        r#"
error: `192.168.8.77` is no address of a virtual router or of this host
 --> haagent.toml:3:9
  |
3 | bind = ["192.168.8.77:80"]
  |         ^^^^^^^^^^^^^^^^^
  |
hint: known addresses are `192.168.8.2`, `203.0.113.2`
"#,
    );
}
