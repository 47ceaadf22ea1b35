//! Single values, whatever table they are in.

use super::{file, frontend, frontends, routers};

#[test]
fn wrong_type_names_both_types() {
    frontend("name = 80").is_refused_with(
        r#"
error: `name` must be a string, not a number
 --> haagent.toml:2:8
  |
2 | name = 80
  |        ^^
"#,
    );
}

#[test]
fn number_in_quotes_is_no_number() {
    frontend(r#"connections_max = "10""#).is_refused_with(
        r#"
error: `connections_max` must be a whole number, not a string
 --> haagent.toml:5:19
  |
5 | connections_max = "10"
  |                   ^^^^
"#,
    );
}

#[test]
fn table_where_an_array_is_wanted() {
    routers(
        r#"
[virtual_router]
name = "web"
"#,
    )
    .is_refused_with(
        r#"
error: `virtual_router` must be an array, not a table
 --> haagent.toml:1:1
  |
1 | [virtual_router]
  | ^^^^^^^^^^^^^^^^
  |
hint: write `[[virtual_router]]`, or `virtual_router = [{ .. }]`
"#,
    );
}

#[test]
fn array_where_a_table_is_wanted() {
    frontends(
        r#"
[[frontend]]
name = "web"
bind = ["127.0.0.1:80"]
backend = "web"
[[worker]]
user = "nobody"
"#,
    )
    .is_refused_with(
        r#"
error: `worker` must be a table, not an array
 --> haagent.toml:5:1
  |
5 | [[worker]]
  | ^^^^^^^^^^
  |
hint: write `[worker]`, or `worker = { .. }`
"#,
    );
}

#[test]
fn string_where_a_list_is_wanted() {
    frontend(r#"bind = "127.0.0.1:80""#).is_refused_with(
        r#"
error: `bind` must be an array, not a string
 --> haagent.toml:3:8
  |
3 | bind = "127.0.0.1:80"
  |        ^^^^^^^^^^^^^^
  |
hint: write `bind = [".."]`
"#,
    );
}

#[test]
fn string_among_tables() {
    file(
        r#"
[[frontend]]
name = "web"
bind = ["127.0.0.1:80"]
backend = "web"
[[backend]]
name = "web"
server = ["192.168.8.10:80"]
"#,
    )
    .is_refused_with(
        r#"
error: an element of `server` must be a table, not a string
 --> haagent.toml:7:11
  |
7 | server = ["192.168.8.10:80"]
  |           ^^^^^^^^^^^^^^^^^
  |
hint: a table in an array is written `{ .. }`
"#,
    );
}

#[test]
fn empty_list_listens_nowhere() {
    frontend("bind = []").is_refused_with(
        r#"
error: `bind` is empty
 --> haagent.toml:3:8
  |
3 | bind = []
  |        ^^
"#,
    );
}

#[test]
fn number_is_no_duration() {
    frontend("idle_timeout = 5").is_refused_with(
        r#"
error: `idle_timeout` must be a duration, not a number
 --> haagent.toml:5:16
  |
5 | idle_timeout = 5
  |                ^
  |
hint: add a unit, and quotes: `"5s"` or `"5ms"`
"#,
    );
}

#[test]
fn duration_needs_a_unit() {
    frontend(r#"idle_timeout = "5""#).is_refused_with(
        r#"
error: idle_timeout `5` has no unit
 --> haagent.toml:5:16
  |
5 | idle_timeout = "5"
  |                ^^^
  |
hint: add a unit: `5s` or `5ms`
"#,
    );
}

#[test]
fn duration_of_an_unknown_unit() {
    frontend(r#"idle_timeout = "5 minutes""#).is_refused_with(
        r#"
error: idle_timeout `5 minutes` is no duration
 --> haagent.toml:5:16
  |
5 | idle_timeout = "5 minutes"
  |                ^^^^^^^^^^^
  |
hint: write a whole number and one unit of `ms`, `s`, `m`, `h`, `d`
"#,
    );
}

#[test]
fn duration_without_number() {
    frontend(r#"idle_timeout = "forever""#).is_refused_with(
        r#"
error: idle_timeout `forever` is no duration
 --> haagent.toml:5:16
  |
5 | idle_timeout = "forever"
  |                ^^^^^^^^^
  |
hint: a duration is a number and a unit: `100ms`, `2s`, `1m`
"#,
    );
}

#[test]
fn timeout_of_zero_is_out_of_range() {
    frontend(r#"idle_timeout = "0s""#).is_refused_with(
        r#"
error: idle_timeout `0s` is out of range
 --> haagent.toml:5:16
  |
5 | idle_timeout = "0s"
  |                ^^^^
  |
hint: the range is `1ms` to `365d`
"#,
    );
}

#[test]
fn endless_duration_is_too_long() {
    frontend(r#"idle_timeout = "1000d""#).is_refused_with(
        r#"
error: idle_timeout `1000d` is too long
 --> haagent.toml:5:16
  |
5 | idle_timeout = "1000d"
  |                ^^^^^^^
  |
hint: the longest duration is `365d`
"#,
    );
}

#[test]
fn number_out_of_range_tells_the_range() {
    frontend("connections_max = 0").is_refused_with(
        r#"
error: connections_max `0` is out of range
 --> haagent.toml:5:19
  |
5 | connections_max = 0
  |                   ^
  |
hint: the range is 1 to 500000
"#,
    );
}

#[test]
fn negative_number_is_out_of_range() {
    frontend("connections_max = -1").is_refused_with(
        r#"
error: connections_max `-1` is out of range
 --> haagent.toml:5:19
  |
5 | connections_max = -1
  |                   ^^
  |
hint: the range is 1 to 500000
"#,
    );
}

#[test]
fn threads_are_at_least_one() {
    frontends(
        r#"
[worker]
threads = 0
[[frontend]]
name = "web"
bind = ["127.0.0.1:80"]
backend = "web"
"#,
    )
    .is_refused_with(
        r#"
error: threads `0` is out of range
 --> haagent.toml:2:11
  |
2 | threads = 0
  |           ^
  |
hint: the range is 1 to 1024
"#,
    );
}

#[test]
fn empty_name_is_no_name() {
    frontend(r#"name = " ""#).is_refused_with(
        r#"
error: name ` ` is blank
 --> haagent.toml:2:8
  |
2 | name = " "
  |        ^^^
"#,
    );
}

#[test]
fn control_character_is_no_part_of_a_name() {
    frontend(r#"name = "web\u0007""#).is_refused_with(
        r#"
error: name `web\u{7}` contains a control character
 --> haagent.toml:2:8
  |
2 | name = "web\u0007"
  |        ^^^^^^^^^^^
"#,
    );
}
