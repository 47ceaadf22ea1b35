//! Routes that move with a virtual router.

use vrrp::Route;

use super::router;

fn routes(text: &str) -> super::File {
    router(&format!("addresses = [\"192.168.8.1/24\", \"192.168.8.9/24\"]\nroutes = {text}"))
}

#[test]
fn a_route_has_defaults() {
    let config = routes(r#"[{ to = "0.0.0.0/0", via = "192.168.8.254" }]"#).loads();
    let expected = Route {
        destination: "0.0.0.0".parse().expect("an address"),
        prefix_len: 0,
        gateway: "192.168.8.254".parse().ok(),
        table: 254,
        metric: 0,
        source: "192.168.8.1".parse().ok(),
    };
    assert_eq!(config.routers[0].routes, [expected]);
}

#[test]
fn a_route_says_everything() {
    let config =
        routes(r#"[{ to = "10.0.0.0/8", table = 100, metric = 20, source = "192.168.8.9" }]"#)
            .loads();
    let route = &config.routers[0].routes[0];
    assert_eq!(route.to_string(), "10.0.0.0/8 table 100 metric 20");
    assert_eq!(route.source, "192.168.8.9".parse().ok());
}

#[test]
fn a_route_over_ipv6_names_no_source() {
    let text = "addresses = [\"fe80::1/64\"]\nroutes = [{ to = \"::/0\", via = \"fe80::ff\" }]";
    let config = router(text).loads();
    assert_eq!(config.routers[0].routes[0].source, None);
}

#[test]
fn a_host_is_no_network() {
    routes(r#"[{ to = "10.0.0.1/8" }]"#).is_refused_with(
        r#"
error: to `10.0.0.1/8` has bits set behind its prefix
 --> haagent.toml:6:18
  |
6 | routes = [{ to = "10.0.0.1/8" }]
  |                  ^^^^^^^^^^^^
  |
hint: its network is `10.0.0.0/8`
"#,
    );
}

#[test]
fn two_routes_in_one_place() {
    routes(r#"[{ to = "10.0.0.0/8" }, { to = "10.0.0.0/8", via = "192.168.8.254" }]"#)
        .is_refused_with(
            r#"
error: route to `10.0.0.0/8` appears twice
 --> haagent.toml:6:41
  |
6 | routes = [{ to = "10.0.0.0/8" }, { to = "10.0.0.0/8", via = "192.168.8.254" }]
  |                                         ^^^^^^^^^^^^ first at 6:18
  |
hint: give one of them another `metric` or `table`
"#,
        );
}

#[test]
fn a_route_of_the_other_family() {
    routes(r#"[{ to = "::/0", via = "fe80::ff" }]"#).is_refused_with(
        r#"
error: `::` is of another family than the virtual router
 --> haagent.toml:6:18
  |
6 | routes = [{ to = "::/0", via = "fe80::ff" }]
  |                  ^^^^^^
  |
hint: routes of IPv4 go with a virtual router of IPv4, those of IPv6 with one of IPv6
"#,
    );
}

#[test]
fn a_source_that_stays() {
    routes(r#"[{ to = "10.0.0.0/8", source = "192.168.8.2" }]"#).is_refused_with(
        r#"
error: source `192.168.8.2` is no address of the virtual router
 --> haagent.toml:6:41
  |
6 | routes = [{ to = "10.0.0.0/8", source = "192.168.8.2" }]
  |                                         ^^^^^^^^^^^^^
  |
hint: the route lives as long as the address that it sends from
"#,
    );
}

#[test]
fn a_gateway_that_cannot_be_reached() {
    routes(r#"[{ to = "10.0.0.0/8", via = "172.16.0.1" }]"#).is_refused_with(
        r#"
error: gateway `172.16.0.1` is in no network of `eth0`
 --> haagent.toml:6:38
  |
6 | routes = [{ to = "10.0.0.0/8", via = "172.16.0.1" }]
  |                                      ^^^^^^^^^^^^
"#,
    );
}

#[test]
fn the_kernels_own_table() {
    routes(r#"[{ to = "10.0.0.0/8", table = 255 }]"#).is_refused_with(
        r#"
error: table `255` is the kernel's own
 --> haagent.toml:6:40
  |
6 | routes = [{ to = "10.0.0.0/8", table = 255 }]
  |                                        ^^^
"#,
    );
}
