//! Keys that authenticate advertisements.

use std::path::PathBuf;

use vrrp::hmac::HmacMode;

use super::{File, ROUTER, router, routers, set};

/// A virtual router with this `auth_hmac`.
fn auth(table: &str) -> File {
    router(&format!("auth_hmac = {table}"))
}

#[test]
fn none_is_the_default_and_with_keys_all_is_enforced() {
    assert_eq!(router("vrid = 51").loads().routers[0].auth_hmac, None);
    let config =
        auth(r#"{ key = [{ id = 2, file = "/k/2" }, { id = 1, file = "/k/1" }] }"#).loads();
    let auth = config.routers[0].auth_hmac.as_ref().expect("keys");
    let files: Vec<_> = auth.files.iter().map(|key| (key.id, key.path.clone())).collect();
    assert_eq!(files, [(2, PathBuf::from("/k/2")), (1, PathBuf::from("/k/1"))]);
    assert_eq!(auth.mode, HmacMode::Enforce);
    assert_eq!(auth.keys, None, "the files are read elsewhere");
}

#[test]
fn modes_are_those_of_keepalived() {
    let cases = [
        ("enforce", HmacMode::Enforce),
        ("permissive", HmacMode::Permissive),
        ("receive-only", HmacMode::ReceiveOnly),
    ];
    for (name, mode) in cases {
        let table = format!(r#"{{ mode = "{name}", key = [{{ id = 1, file = "/k" }}] }}"#);
        let config = auth(&table).loads();
        assert_eq!(config.routers[0].auth_hmac.as_ref().map(|auth| auth.mode), Some(mode));
    }
}

#[test]
fn no_key() {
    auth(r#"{ mode = "permissive" }"#).is_refused_with(
        r#"
error: `key` is missing
 --> haagent.toml:6:13
  |
6 | auth_hmac = { mode = "permissive" }
  |             ^^^^^^^^^^^^^^^^^^^^^^^
"#,
    );
}

#[test]
fn key_with_number_0() {
    auth(r#"{ key = [{ id = 0, file = "/k" }] }"#).is_refused_with(
        r#"
error: id `0` is out of range
 --> haagent.toml:6:29
  |
6 | auth_hmac = { key = [{ id = 0, file = "/k" }] }
  |                             ^
  |
hint: the range is 1 to 255
"#,
    );
}

#[test]
fn key_file_without_a_directory() {
    auth(r#"{ key = [{ id = 1, file = "vrrp.key" }] }"#).is_refused_with(
        r#"
error: file `vrrp.key` is no absolute path
 --> haagent.toml:6:39
  |
6 | auth_hmac = { key = [{ id = 1, file = "vrrp.key" }] }
  |                                       ^^^^^^^^^^
  |
hint: it begins with `/`
"#,
    );
}

#[test]
fn two_keys_of_one_number() {
    auth(r#"{ key = [{ id = 1, file = "/k/1" }, { id = 1, file = "/k/2" }] }"#).is_refused_with(
        r#"
error: key `1` appears twice
 --> haagent.toml:6:56
  |
6 | auth_hmac = { key = [{ id = 1, file = "/k/1" }, { id = 1, file = "/k/2" }] }
  |                                                        ^ first at 6:29
  |
hint: a new key gets a new number, so that others know which one is meant
"#,
    );
}

#[test]
fn nine_keys() {
    let keys: Vec<_> = (1..=9).map(|id| format!(r#"{{ id = {id}, file = "/k" }}"#)).collect();
    let problems = auth(&format!("{{ key = [{}] }}", keys.join(", "))).load().expect_err("many");
    assert!(problems.contains("`auth_hmac` has more than 8 keys"), "{problems}");
}

#[test]
fn password_and_keys() {
    let table = set(&set(ROUTER, "version = 2"), r#"password = "s3cret""#);
    let keys = r#"auth_hmac = { key = [{ id = 1, file = "/k" }] }"#;
    routers(&set(&table, keys)).is_refused_with(
        r#"
error: `password` and `auth_hmac` exclude each other
 --> haagent.toml:7:12
  |
7 | password = ********
  |            ^^^^^^^^
  |
hint: remove the password: an HMAC proves more
"#,
    );
}
