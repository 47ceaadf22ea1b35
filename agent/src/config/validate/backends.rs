//! Rules about backends and their servers.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use proxy::config::{Backend, Check, CheckTiming, Server};
use toml::Spanned;

use crate::config::diagnostic::Diagnostic;
use crate::config::file::{BackendTable, CheckKind, CheckTable, File, ServerTable};
use crate::config::units::InUnits;
use crate::host::HostFacts;

use super::frontends::binds;
use super::repeats::check_names;
use super::routers::virtual_addresses;

/// Checks the backends against the rest of the file and this host.
pub(super) fn check(file: &File, host: &HostFacts, problems: &mut Vec<Diagnostic>) {
    check_names("backend", file.backends.iter().map(|backend| backend.name.as_ref()), problems);
    let ours = Ours::new(file, host);
    for backend in &file.backends {
        let servers = backend.servers.iter().flatten();
        check_names("server", servers.clone().map(|server| server.name.as_ref()), problems);
        let check = &backend.check;
        problems.extend(ends_in_time(check.timeout.as_ref(), interval(check)));
        problems.extend(servers.flat_map(|server| &server.address).filter_map(|a| ours.judge(a)));
    }
}

/// The backend of the model; `None` if a value was reported as missing.
pub(super) fn backend(table: &BackendTable) -> Option<Backend> {
    Some(Backend {
        name: table.name.as_ref()?.get_ref().clone(),
        balance: *table.balance.get_ref(),
        check: check_of(&table.check),
        connect_timeout: *table.connect_timeout.get_ref(),
        retries: *table.retries.get_ref(),
        servers: table.servers.as_ref()?.iter().map(server).collect::<Option<_>>()?,
    })
}

fn server(table: &ServerTable) -> Option<Server> {
    Some(Server {
        name: table.name.as_ref()?.get_ref().clone(),
        address: *table.address.as_ref()?.get_ref(),
        weight: *table.weight.get_ref(),
        is_backup: *table.backup.get_ref(),
    })
}

fn check_of(table: &CheckTable) -> Check {
    let timing = CheckTiming {
        interval: interval(table),
        timeout: value_of(&table.timeout).unwrap_or_else(|| TIMEOUT_DEFAULT.min(interval(table))),
        rise: value_of(&table.rise).unwrap_or(RISE_DEFAULT),
        fall: value_of(&table.fall).unwrap_or(FALL_DEFAULT),
    };
    match value_of(&table.kind).unwrap_or_default() {
        CheckKind::None => Check::None,
        CheckKind::Tcp => Check::Tcp(timing),
    }
}

fn interval(table: &CheckTable) -> Duration {
    value_of(&table.interval).unwrap_or(INTERVAL_DEFAULT)
}

fn value_of<T: Copy>(value: &Option<Spanned<T>>) -> Option<T> {
    value.as_ref().map(|value| *value.get_ref())
}

/// A check that may outlast the interval would run into the next one.
pub(super) fn ends_in_time(
    timeout: Option<&Spanned<Duration>>,
    interval: Duration,
) -> Option<Diagnostic> {
    let timeout = timeout?;
    (*timeout.get_ref() > interval).then(|| {
        let shown = (InUnits(*timeout.get_ref()), InUnits(interval));
        let message = format!("timeout `{}` is longer than the interval `{}`", shown.0, shown.1);
        Diagnostic::new(timeout.span(), message).hint("a check must end before the next one begins")
    })
}

/// Where the proxy itself listens: a server there would be the proxy again.
struct Ours {
    binds: BTreeSet<SocketAddr>,
    addresses: BTreeSet<IpAddr>,
}

impl Ours {
    fn new(file: &File, host: &HostFacts) -> Self {
        let mut addresses: BTreeSet<IpAddr> =
            virtual_addresses(file).map(|virt| virt.get_ref().address).collect();
        addresses.extend(file.nodes.iter().flat_map(|node| &node.address).map(|a| *a.get_ref()));
        addresses.extend(host.addresses().map(|own| own.address));
        Self { binds: binds(file).map(|bind| *bind.get_ref()).collect(), addresses }
    }

    fn judge(&self, server: &Spanned<SocketAddr>) -> Option<Diagnostic> {
        let address = *server.get_ref();
        self.is_bound(address).then(|| {
            let message = format!("`{address}` is an address that a frontend listens on");
            Diagnostic::new(server.span(), message).hint("the proxy would connect to itself")
        })
    }

    fn is_bound(&self, server: SocketAddr) -> bool {
        let any: IpAddr = match server.ip() {
            IpAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
        };
        let is_here = server.ip().is_loopback() || self.addresses.contains(&server.ip());
        self.binds.contains(&server)
            || is_here && self.binds.contains(&SocketAddr::new(any, server.port()))
    }
}

const INTERVAL_DEFAULT: Duration = Duration::from_secs(2);
/// Or the interval, if that is shorter.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(1);
const RISE_DEFAULT: u32 = 2;
const FALL_DEFAULT: u32 = 3;
