//! What virtual routers track.

use std::time::Duration;

use vrrp::track::{Check, Effect};

use super::{File, router, routers};
use crate::config::{Gateway, GatewayMethod, Probe, Process, Sampling, Track};

fn track(entry: &str) -> File {
    router(&format!("track = [{entry}]"))
}

fn loaded(entry: &str) -> Track {
    track(entry).loads().routers[0].tracks[0].clone()
}

fn name_of(entry: &str) -> String {
    loaded(entry).check.name
}

#[test]
fn an_interface_has_the_defaults_of_what_the_kernel_tells() {
    let hold = Duration::from_secs(5);
    let check =
        Check { name: "interface eth2".to_owned(), effect: Effect::Fault, rise: 1, fall: 1, hold };
    let sampling = Sampling {
        probe: Probe::Interface("eth2".to_owned()),
        interval: Duration::from_secs(10),
        timeout: Duration::from_secs(1),
    };
    assert_eq!(loaded(r#"{ interface = "eth2" }"#), Track { check, sampling });
}

#[test]
fn a_gateway_has_the_defaults_of_what_is_asked() {
    let Track { check, sampling } = loaded(r#"{ gateway = "192.0.2.254", weight = -20 }"#);
    assert_eq!((check.effect, check.rise, check.fall), (Effect::Weight(-20), 2, 3));
    let second = Duration::from_secs(1);
    assert_eq!((sampling.interval, sampling.timeout), (second, second));
}

#[test]
fn every_option_is_read() {
    let entry = r#"{ gateway = "fe80::1%eth0", method = "ping", name = "uplink", weight = 10,
        interval = "300ms", timeout = "200ms", rise = 4, fall = 5, hold = "0s" }"#;
    let Track { check, sampling } = loaded(entry);
    let name = "uplink".to_owned();
    let effect = Effect::Weight(10);
    assert_eq!(check, Check { name, effect, rise: 4, fall: 5, hold: Duration::ZERO });
    let address = "fe80::1".parse().expect("an address");
    let zone = Some("eth0".to_owned());
    let gateway = Gateway { address, zone, method: Some(GatewayMethod::Ping) };
    assert_eq!(sampling.probe, Probe::Gateway(gateway));
    assert_eq!(sampling.interval, Duration::from_millis(300));
    assert_eq!(sampling.timeout, Duration::from_millis(200));
}

#[test]
fn a_short_interval_shortens_the_timeout() {
    let sampling = loaded(r#"{ tcp = "127.0.0.1:80", interval = "100ms" }"#).sampling;
    assert_eq!(sampling.timeout, Duration::from_millis(100));
}

#[test]
fn the_number_in_a_file_may_be_what_counts() {
    let Track { check, sampling } = loaded(r#"{ file = "/run/weight", content = true }"#);
    assert_eq!(check.effect, Effect::Value);
    assert_eq!(sampling.probe, Probe::Content("/run/weight".into()));
    let Track { check, sampling } = loaded(r#"{ file = "/run/weight", content = false }"#);
    assert_eq!(check.effect, Effect::Fault);
    assert_eq!(sampling.probe, Probe::File("/run/weight".into()));
}

#[test]
fn a_process_is_found_by_name_or_file() {
    let probe = |entry| loaded(entry).sampling.probe;
    let name = Process::Name("bird".to_owned());
    assert_eq!(probe(r#"{ process = "bird" }"#), Probe::Process(name));
    let file = Process::PidFile("/run/bird.pid".into());
    assert_eq!(probe(r#"{ pid_file = "/run/bird.pid" }"#), Probe::Process(file));
}

#[test]
fn what_has_no_name_is_called_by_what_it_is() {
    let cases = [
        (r#"{ route = "0.0.0.0/0" }"#, "route 0.0.0.0/0"),
        (r#"{ gateway = "fe80::1%eth0" }"#, "gateway fe80::1%eth0"),
        (r#"{ process = "bird" }"#, "process bird"),
        (r#"{ pid_file = "/run/bird.pid" }"#, "pid_file /run/bird.pid"),
        (r#"{ file = "/run/ok" }"#, "file /run/ok"),
        (r#"{ tcp = "[::1]:80" }"#, "tcp [::1]:80"),
        (r#"{ http = "http://127.0.0.1" }"#, "http://127.0.0.1:80/"),
        (r#"{ http = "http://[::1]:8080/a?b" }"#, "http://[::1]:8080/a?b"),
        (r#"{ command = ["/bin/true", "x y"] }"#, "command /bin/true x y"),
    ];
    for (entry, name) in cases {
        assert_eq!(name_of(entry), name);
    }
}

#[test]
fn the_place_of_a_command_is_no_part_of_it() {
    let command = r#"{ command = ["/bin/true"] }"#;
    assert_eq!(loaded(command), loaded(&format!("  {command}")));
}

#[test]
fn unknown_kind() {
    track(r#"{ gatway = "192.0.2.254" }"#).is_refused_with(
        r#"
error: unknown key `gatway`
 --> haagent.toml:6:12
  |
6 | track = [{ gatway = "192.0.2.254" }]
  |            ^^^^^^
  |
hint: did you mean `gateway`?
"#,
    );
}

#[test]
fn no_kind() {
    track("{ weight = -20 }").is_refused_with(
        r#"
error: this entry tracks nothing
 --> haagent.toml:6:10
  |
6 | track = [{ weight = -20 }]
  |          ^^^^^^^^^^^^^^^^
  |
hint: it needs one of `interface`, `route`, `gateway`, `process`, `pid_file`, `file`, `tcp`, `http`, `command`
"#,
    );
}

#[test]
fn two_kinds() {
    track(r#"{ interface = "eth2", route = "0.0.0.0/0" }"#).is_refused_with(
        r#"
error: `interface` and `route` are two checks
 --> haagent.toml:6:40
  |
6 | track = [{ interface = "eth2", route = "0.0.0.0/0" }]
  |                                        ^^^^^^^^^^^
  |
hint: write an entry for each: `track = [{ .. }, { .. }]`
"#,
    );
}

#[test]
fn option_of_another_kind() {
    track(r#"{ interface = "eth2", interval = "1s" }"#).is_refused_with(
        r#"
error: `interval` does not apply to `interface`
 --> haagent.toml:6:43
  |
6 | track = [{ interface = "eth2", interval = "1s" }]
  |                                           ^^^^
  |
hint: `interface` goes with `name`, `hold`, `weight`
"#,
    );
}

#[test]
fn weight_of_nothing() {
    track(r#"{ interface = "eth2", weight = 0 }"#).is_refused_with(
        r#"
error: weight `0` changes nothing
 --> haagent.toml:6:41
  |
6 | track = [{ interface = "eth2", weight = 0 }]
  |                                         ^
  |
hint: leave `weight` out: a check without weight takes the router out of the election
"#,
    );
}

#[test]
fn weight_out_of_range() {
    track(r#"{ interface = "eth2", weight = -254 }"#).is_refused_with(
        r#"
error: weight `-254` is out of range
 --> haagent.toml:6:41
  |
6 | track = [{ interface = "eth2", weight = -254 }]
  |                                         ^^^^
  |
hint: the range is -253 to 253
"#,
    );
}

#[test]
fn weight_beside_content() {
    track(r#"{ file = "/run/w", content = true, weight = 2 }"#).is_refused_with(
        r#"
error: `weight` does not apply to `content`
 --> haagent.toml:6:54
  |
6 | track = [{ file = "/run/w", content = true, weight = 2 }]
  |                                                      ^
  |
hint: the number in the file is what is added to the priority
"#,
    );
}

#[test]
fn check_that_outlasts_its_interval() {
    track(r#"{ tcp = "127.0.0.1:80", timeout = "2s" }"#).is_refused_with(
        r#"
error: timeout `2s` is longer than the interval `1s`
 --> haagent.toml:6:44
  |
6 | track = [{ tcp = "127.0.0.1:80", timeout = "2s" }]
  |                                            ^^^^
  |
hint: a check must end before the next one begins
"#,
    );
}

#[test]
fn name_twice() {
    track(r#"{ file = "/run/a" }, { file = "/run/a", weight = -1 }"#).is_refused_with(
        r#"
error: check `file /run/a` appears twice
 --> haagent.toml:6:31
  |
6 | track = [{ file = "/run/a" }, { file = "/run/a", weight = -1 }]
  |                               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ first at 6:10
  |
hint: give one of them another `name`
"#,
    );
}

/// Two virtual routers, in these groups, with these entries.
fn two(groups: [&str; 2], entries: [&str; 2]) -> File {
    let router = |vrid: u8, group: &str, entry: &str| {
        format!(
            "[[virtual_router]]\nname = \"r{vrid}\"\nvrid = {vrid}\ninterface = \"eth0\"\n\
             addresses = [\"192.168.8.{vrid}0/24\"]\n{group}\ntrack = [{entry}]\n"
        )
    };
    routers(&[router(1, groups[0], entries[0]), router(2, groups[1], entries[1])].concat())
}

#[test]
fn members_of_a_group_may_say_the_same_and_nothing_else_of_a_name() {
    let (same, other) = (r#"{ file = "/run/a" }"#, r#"{ file = "/run/a", weight = -1 }"#);
    let group = r#"group = "edge""#;
    two([group, group], [same, same]).loads();
    two(["", ""], [same, other]).loads();
    let problems = two([group, group], [same, other]).load().expect_err("two of a name");
    assert!(problems.starts_with("error: check `file /run/a` appears twice"), "{problems}");
}

#[test]
fn values_that_cannot_be() {
    let cases = [
        (r#"{ route = "10.0.0.1/8" }"#, "route `10.0.0.1/8` has host bits", "`10.0.0.0/8`?"),
        (r#"{ route = "default" }"#, "route `default` is no network", "`0.0.0.0/0` or `::/0`"),
        (r#"{ gateway = "fe80::1" }"#, "gateway `fe80::1` is link-local", "`fe80::1%eth0`"),
        (r#"{ gateway = "10.0.0.1%eth0" }"#, "is not link-local", "write `10.0.0.1`"),
        (r#"{ gateway = "gw.example" }"#, "gateway `gw.example` is no IP address", "`192.0.2.254`"),
        (r#"{ gateway = "224.0.0.1" }"#, "is no address of a single host", ""),
        (r#"{ file = "run/ok" }"#, "file `run/ok` is no absolute path", "from `/`"),
        (r#"{ interface = "a/b" }"#, "interface `a/b` is no name of an interface", "`ip link`"),
        (r#"{ http = "https://10.0.0.1/" }"#, "needs TLS", "use `http`, `tcp`, or a `command`"),
        (r#"{ http = "http://localhost/" }"#, "names no server", "names are not looked up"),
        (r#"{ http = "http://10.0.0.1/a b" }"#, "has a character", "`%20`"),
        (
            r#"{ http = "http://10.0.0.1", status = 700 }"#,
            "status `700` is out of range",
            "100 to 599",
        ),
        (r#"{ command = [] }"#, "`command` is empty", ""),
        (r#"{ command = "/bin/true" }"#, "`command` must be an array, not a string", "[\"..\"]"),
        (r#"{ file = "/a", content = 1 }"#, "`content` must be `true` or `false`", ""),
    ];
    for (entry, complaint, hint) in cases {
        let problems = track(entry).load().expect_err(entry);
        assert!(problems.contains(complaint) && problems.contains(hint), "{entry}:\n{problems}");
        assert_eq!(problems.matches("error:").count(), 1, "{entry}:\n{problems}");
    }
}

#[test]
fn more_than_anybody_needs() {
    let entries: Vec<_> = (0..65).map(|n| format!("{{ file = \"/run/{n}\" }}")).collect();
    let problems = track(&entries.join(", ")).load().expect_err("too many");
    assert!(problems.starts_with("error: a virtual router tracks at most 64 things"), "{problems}");
}
