//! Files that are right, and what they mean.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use proxy::config::{Balance, Check, CheckTiming};
use vrrp::schedule::Announcing;
use vrrp::{Auth, Checksum, Interval, Password, Preempt, Priority, Version};

use super::{
    BACKEND, FRONTEND, HostFacts, Interface, NODE, OTHER_NODE, ROUTER, backend, file, frontend,
    node, router, routers, set,
};
use crate::config::Config;

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// The file that packages install as an example.
fn example(node: &str, address: &str) -> Config {
    let mut example = file(include_str!("../../../../packaging/haagent.toml")).for_node(node);
    let eth0 = vec![address.parse().expect("an address")];
    let interfaces = vec![Interface { name: "eth0".to_owned(), addresses: eth0 }];
    example.host = HostFacts::Known { interfaces };
    example.loads()
}

#[test]
fn example_serves_both_boxes() {
    let (a, b) = (example("router-a", "192.168.8.2/24"), example("router-b", "192.168.8.3/24"));
    assert_eq!(a.routers[0].priority, Priority::new(150));
    assert_eq!(b.routers[0].priority, Priority::new(100));
    assert_eq!(a.proxy, b.proxy);
    assert_eq!(a.digest, b.digest);
}

#[test]
fn defaults_of_the_example_are_the_defaults() {
    let example = example("router-a", "192.168.8.2/24");
    let short = file(&[NODE, ROUTER, FRONTEND, BACKEND].concat()).loads();
    assert_eq!(example.worker, short.worker);
    assert_eq!(example.routers[0].preempt, short.routers[0].preempt);
    assert_eq!(example.routers[0].version, short.routers[0].version);
    let (api, web) = (&example.proxy.frontends[0], &short.proxy.frontends[0]);
    assert_eq!((api.idle_timeout, api.connections_max), (web.idle_timeout, web.connections_max));
    let (masters, web) = (&example.proxy.backends[0], &short.proxy.backends[0]);
    assert_eq!(
        (masters.check, masters.connect_timeout, masters.retries),
        (web.check, web.connect_timeout, web.retries)
    );
}

#[test]
fn proxy_alone_needs_no_node() {
    let config = file(&[FRONTEND, BACKEND].concat()).loads();
    assert_eq!(config.node, None);
    let address: SocketAddr = "127.0.0.1:80".parse().expect("an address");
    assert_eq!(config.proxy.frontends[0].binds, [address]);
    assert_eq!(config.binds[0].address, address);
    assert_eq!(config.proxy.backends[0].balance, Balance::RoundRobin);
    assert_eq!(config.proxy.backends[0].servers[0].weight, 1);
}

#[test]
fn servers_are_chosen_as_the_file_says() {
    let names = ["round_robin", "least_connections", "source_hash", "random"];
    let balances =
        [Balance::RoundRobin, Balance::LeastConnections, Balance::SourceHash, Balance::Random];
    for (name, balance) in names.into_iter().zip(balances) {
        let backend = format!("{BACKEND}balance = \"{name}\"\n");
        let config = file(&[FRONTEND, &backend].concat()).loads();
        assert_eq!(config.proxy.backends[0].balance, balance);
        assert!(!config.proxy.backends[0].servers[0].is_backup);
    }
    let backend = BACKEND.replace("name = \"s1\",", "name = \"s1\", backup = true,");
    let config = file(&[FRONTEND, &backend].concat()).loads();
    assert!(config.proxy.backends[0].servers[0].is_backup);
}

#[test]
fn one_node_may_hold_addresses_alone() {
    file(&[NODE, ROUTER].concat()).loads();
}

#[test]
fn bind_knows_its_place_in_the_file() {
    let file = file(&[FRONTEND, BACKEND].concat());
    let bind = file.loads().binds[0].clone();
    assert_eq!(&file.text[bind.span], "\"127.0.0.1:80\"");
}

#[test]
fn digest_is_that_of_the_text() {
    // As `sha256sum` prints it.
    let digest = file("[[frontend]]\nname='w'\nbind=['127.0.0.1:80']\nbackend='b'\n[[backend]]\nname='b'\nserver=[{name='s',address='10.0.0.1:80'}]\n").loads().digest;
    assert_eq!(digest, "80bdb89d44490a31e5bf2d68e4b541ba9071a96797f07567800df7a993fcb8a6");
}

#[test]
fn hostname_may_have_a_domain() {
    let config = router("vrid = 51").on_host_named("router-a.example.com").loads();
    assert_eq!(config.node.expect("a node").name, "router-a");
}

#[test]
fn node_argument_beats_the_hostname() {
    let file = router("vrid = 51").for_node("router-b").with_address("eth0", "192.168.8.3/24");
    assert_eq!(file.loads().routers[0].priority, Priority::new(100));
}

#[test]
fn duplicates_are_looked_for_unless_told_otherwise() {
    let checks = |line| router(line).loads().routers[0].checks_duplicates;
    assert!(checks(""));
    assert!(!checks("duplicate_check = false"));
}

#[test]
fn links_have_time_to_settle_and_the_other_boxes_are_known() {
    let loaded = |line| router(line).loads().routers[0].clone();
    assert_eq!(loaded("").settle, Duration::from_secs(5));
    assert_eq!(loaded("settle = \"0s\"").settle, Duration::ZERO);
    assert_eq!(loaded("").others, ["192.168.8.3".parse::<IpAddr>().expect("an address")]);
    assert_eq!(loaded("").strongest_other, Some(Priority::new(100)));
    let swapped = loaded("priority = { router-a = 100, router-b = 200 }");
    assert_eq!(swapped.strongest_other, Some(Priority::new(200)));
}

#[test]
fn announcements_are_repeated_and_paced_as_the_file_says() {
    let loaded = |line| router(line).loads().routers[0].announcing;
    assert_eq!(loaded(""), Announcing::default());
    let slow = Announcing { refresh: None, pace: Duration::from_millis(50) };
    assert_eq!(loaded("announce = { refresh = \"never\", pace = \"50ms\" }"), slow);
    let often = Announcing { refresh: Some(Duration::from_secs(10)), ..Announcing::default() };
    assert_eq!(loaded("announce = { refresh = \"10s\" }"), often);
}

#[test]
fn router_values_are_read() {
    let config = router("advert_interval = \"100ms\"").loads();
    assert_eq!(config.routers[0].interval, Interval::from_centiseconds(10).expect("an interval"));
    let longest = router("advert_interval = \"40950ms\"").loads();
    assert_eq!(longest.routers[0].interval, Interval::MAX_V3);

    let preempt = |line| router(line).loads().routers[0].preempt;
    assert_eq!(preempt("preempt = \"never\""), Preempt::Never);
    assert_eq!(preempt("preempt = \"immediate\""), Preempt::Immediate);
    assert_eq!(preempt("preempt = \"after 30s\""), Preempt::After(Duration::from_secs(30)));

    let version = |line| router(line).loads().routers[0].version;
    let checksum = |checksum| Version::V3 { checksum };
    assert_eq!(version("version = 3"), checksum(Checksum::Auto));
    assert_eq!(version("checksum = \"auto\""), checksum(Checksum::Auto));
    assert_eq!(version("checksum = \"rfc9568\""), checksum(Checksum::Rfc9568));
    assert_eq!(version("checksum = \"rfc5798\""), checksum(Checksum::Rfc5798));
}

#[test]
fn version_2_has_its_own_values() {
    let version_2 = set(ROUTER, "version = 2");
    let open = routers(&version_2).loads().routers[0].clone();
    assert_eq!(open.version, Version::V2 { auth: Auth::None });

    let password = Password::new("s3cret").expect("6 octets");
    let closed = routers(&set(&version_2, "password = \"s3cret\"")).loads().routers[0].clone();
    assert_eq!(closed.version, Version::V2 { auth: Auth::Password(password) });
    assert!(!format!("{closed:?}").contains("s3cret"));

    for (line, seconds) in [("1s", 1), ("1000ms", 1), ("41s", 41), ("255s", 255)] {
        let file = routers(&set(&version_2, &format!("advert_interval = \"{line}\"")));
        let config = file.loads();
        let link = config.routers[0].link().expect("valid");
        assert_eq!(Some(link.interval()), Interval::from_seconds(seconds));
        assert_eq!(link.version().number(), 2);
    }
}

#[test]
fn numbers_may_be_written_as_toml_allows() {
    let max = |line| frontend(line).loads().proxy.frontends[0].connections_max;
    assert_eq!(max("connections_max = 10_000"), 10_000);
    assert_eq!(max("connections_max = 0x10"), 16);
}

#[test]
fn checks_can_be_switched_off() {
    let config = backend("check = { type = \"none\" }").loads();
    assert_eq!(config.proxy.backends[0].check, Check::None);
}

#[test]
fn default_timeout_of_a_check_yields_to_a_short_interval() {
    let config = backend("check = { interval = \"500ms\", fall = 1 }").loads();
    let half = Duration::from_millis(500);
    let timing = CheckTiming { interval: half, timeout: half, rise: 2, fall: 1 };
    assert_eq!(config.proxy.backends[0].check, Check::Tcp(timing));
}

#[test]
fn same_vrid_on_another_interface_is_another_router() {
    let other = set(&set(ROUTER, "interface = \"eth1\""), "addresses = [\"203.0.113.1/28\"]");
    let other = set(&other, "name = \"mail\"");
    assert_eq!(file(&[NODE, ROUTER, &other].concat()).loads().routers.len(), 2);
}

#[test]
fn same_vrid_in_the_other_family_is_another_router() {
    let other = set(&set(ROUTER, "name = \"web6\""), "addresses = [\"fe80::1/64\"]");
    let config = file(&[NODE, ROUTER, &other].concat()).loads();
    assert_ne!(config.routers[0].key(), config.routers[1].key());
    assert_eq!(config.routers[1].key().to_string(), "IPv6 virtual router 51 on `eth0`");
}

#[test]
fn frontend_may_listen_where_its_address_can_come_to() {
    let addresses = [
        ("192.168.8.1", "the virtual address"),
        ("192.168.8.2", "this host"),
        ("203.0.113.2", "another interface of this host"),
        ("192.168.8.3", "the other node"),
        ("0.0.0.0", "every address"),
        ("127.0.0.8", "loopback"),
    ];
    for (address, what) in addresses {
        let frontend = set(FRONTEND, &format!("bind = [\"{address}:80\"]"));
        let file = file(&[NODE, OTHER_NODE, ROUTER, &frontend, BACKEND].concat());
        assert!(file.load().is_ok(), "{what}: {}", file.load().expect_err("problems"));
    }
}

#[test]
fn virtual_address_that_we_hold_is_not_our_own() {
    let config = router("vrid = 51").with_address("eth0", "192.168.8.1/32").loads();
    assert_eq!(config.warnings, None);
}

#[test]
fn owner_has_the_virtual_address_as_its_own() {
    let owner = set(&set(NODE, "priority = 255"), "address = \"192.168.8.1\"");
    let file = file(&[&*owner, OTHER_NODE, ROUTER].concat()).with_address("eth0", "192.168.8.1/24");
    assert_eq!(file.loads().routers[0].priority, Priority::OWNER);
}

#[test]
fn peer_of_an_owner_may_name_its_address_virtual() {
    let owner = set(&set(NODE, "priority = 255"), "address = \"192.168.8.1\"");
    let backup = set(OTHER_NODE, "address = \"192.168.8.2\"");
    file(&[&*owner, &backup, ROUTER].concat()).for_node("router-b").loads();
}

#[test]
fn unknown_host_leaves_out_the_rules_about_hosts() {
    let file = router("interface = \"wan\"").on_unknown_host();
    assert_eq!(file.loads().warnings, None);
}

#[test]
fn sources_are_chosen_for_this_node() {
    let rules = node("priority = 150").loads().source_rules();
    assert_eq!(rules.preferred, Some(ip("192.168.8.2")));
    assert_eq!(rules.virtual_addresses, [ip("192.168.8.1")].into());
}

#[test]
fn election_has_the_settings_of_the_file() {
    let file = router("advert_interval = \"100ms\"");
    let router = &file.loads().routers[0];
    assert_eq!(router.priority, Priority::new(150));
    let link = router.link().expect("a link");
    assert_eq!(link.vrid().value(), 51);
    assert_eq!(link.interval().duration(), Duration::from_millis(100));
    assert_eq!(link.addresses(), [ip("192.168.8.1")]);
}
