//! The config as its users see it: texts in, a model or rendered problems out.
//!
//! Each test takes a small valid file, changes one thing, and says what is to be read on the terminal.

mod accepted;
mod backends;
mod diff;
mod excluded;
mod frontends;
mod groups;
mod hmac;
mod hooks;
mod nodes;
mod priorities;
mod reading;
mod rendering;
mod routers;
mod routes;
mod tracks;
mod unicast;
mod values;
mod virtual_addresses;
mod virtual_macs;

use super::{Cidr, Config, NodeChoice, Source, load};
use crate::host::{HostFacts, Interface};

const NODE: &str = r#"
[[node]]
name = "router-a"
address = "192.168.8.2"
priority = 150
"#;

const OTHER_NODE: &str = r#"
[[node]]
name = "router-b"
address = "192.168.8.3"
priority = 100
"#;

const ROUTER: &str = r#"
[[virtual_router]]
name = "web"
vrid = 51
interface = "eth0"
addresses = ["192.168.8.1/24"]
"#;

const FRONTEND: &str = r#"
[[frontend]]
name = "web"
bind = ["127.0.0.1:80"]
backend = "web"
"#;

const BACKEND: &str = r#"
[[backend]]
name = "web"
server = [{ name = "s1", address = "192.168.8.10:80" }]
"#;

/// A node of two, with one line set.
fn node(line: &str) -> File {
    nodes(&[&set(NODE, line), OTHER_NODE].concat())
}

/// Nodes, followed by a virtual router.
fn nodes(text: &str) -> File {
    file(&[text, ROUTER].concat())
}

/// A virtual router with one line set, followed by nodes.
fn router(line: &str) -> File {
    routers(&set(ROUTER, line))
}

/// Virtual routers, followed by nodes.
fn routers(text: &str) -> File {
    file(&[text, NODE, OTHER_NODE].concat())
}

/// A frontend with one line set, followed by its backend.
fn frontend(line: &str) -> File {
    frontends(&set(FRONTEND, line))
}

/// Frontends, followed by a backend.
fn frontends(text: &str) -> File {
    file(&[text, BACKEND].concat())
}

/// A backend with one line set, followed by its frontend.
fn backend(line: &str) -> File {
    backends(&set(BACKEND, line))
}

/// Backends, followed by a frontend.
fn backends(text: &str) -> File {
    file(&[text, FRONTEND].concat())
}

/// A whole file; a newline before the first line does not count.
fn file(text: &str) -> File {
    let text = text.strip_prefix('\n').unwrap_or(text).to_owned();
    let choice = NodeChoice::Hostname("router-a".to_owned());
    File { text, choice, host: host() }
}

/// The table with one more line, or with another line for the same key.
fn set(table: &str, line: &str) -> String {
    let key = line.split(" = ").next();
    let is_other = |old: &&str| old.split(" = ").next() != key;
    let place =
        table.lines().position(|old| !is_other(&old)).unwrap_or_else(|| table.lines().count());
    let mut lines: Vec<&str> = table.lines().filter(is_other).collect();
    lines.insert(place, line);
    lines.join("\n") + "\n"
}

/// The host of node `router-a`.
fn host() -> HostFacts {
    let interface = |name: &str, addresses: &[&str]| {
        let addresses = addresses.iter().map(|text| text.parse::<Cidr>().expect("an address"));
        Interface { name: name.to_owned(), addresses: addresses.collect() }
    };
    HostFacts::Known {
        interfaces: vec![
            interface("lo", &["127.0.0.1/8", "::1/128"]),
            interface("eth0", &["192.168.8.2/24", "fe80::2/64"]),
            interface("eth1", &["203.0.113.2/28"]),
            interface("eth2", &[]),
        ],
    }
}

/// A config file, on a host, for a node.
struct File {
    text: String,
    choice: NodeChoice,
    host: HostFacts,
}

impl File {
    fn for_node(mut self, name: &str) -> Self {
        self.choice = NodeChoice::Named(name.to_owned());
        self
    }

    fn on_host_named(mut self, name: &str) -> Self {
        self.choice = NodeChoice::Hostname(name.to_owned());
        self
    }

    fn on_unknown_host(mut self) -> Self {
        self.host = HostFacts::Unknown;
        self
    }

    /// An interface has a further address.
    fn with_address(mut self, name: &str, address: &str) -> Self {
        let HostFacts::Known { interfaces } = &mut self.host else { panic!("no known host") };
        let interface = interfaces.iter_mut().find(|interface| interface.name == name);
        let addresses = &mut interface.expect("an interface of the host").addresses;
        addresses.push(address.parse().expect("an address"));
        self
    }

    fn load(&self) -> Result<Config, String> {
        let source = Source { name: "haagent.toml".to_owned(), text: self.text.clone() };
        load(&source, &self.choice, &self.host).map_err(|problems| problems.to_string())
    }

    #[track_caller]
    fn loads(&self) -> Config {
        self.load().unwrap_or_else(|problems| panic!("refused:\n{problems}"))
    }

    /// The config is good, but not yet so on this host.
    #[track_caller]
    fn warns_with(&self, expected: &str) {
        let warnings = self.loads().warnings.map(|warnings| warnings.to_string());
        let (expected, warnings) = (expected.trim(), warnings.unwrap_or_default());
        assert!(warnings == expected, "expected:\n{expected}\n\ngot:\n{warnings}\n");
    }

    #[track_caller]
    fn is_refused_with(&self, expected: &str) {
        let problems = self.load().expect_err("the file has a problem");
        let expected = expected.trim();
        assert!(problems == expected, "expected:\n{expected}\n\ngot:\n{problems}\n");
    }
}
