//! Rules about frontends and the addresses they listen on.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use toml::Spanned;

use crate::config::diagnostic::{Diagnostic, Span};
use crate::config::file::{File, FrontendTable};
use crate::config::suggest::{hint_for, quoted};
use crate::host::HostFacts;

use super::nodes::meaningful;
use super::repeats::check_names;
use super::routers::virtual_addresses;

/// Checks the frontends against the rest of the file and this host.
pub(super) fn check(file: &File, host: &HostFacts, problems: &mut Vec<Diagnostic>) {
    let names = file.frontends.iter().map(|frontend| frontend.name.as_ref());
    check_names("frontend", names, problems);
    for frontend in &file.frontends {
        problems.extend(backend_is_known(file, frontend));
    }
    binds_differ(file, problems);
    binds_are_reachable(file, host, problems);
}

/// The frontend of the model; `None` if a value was reported as missing.
pub(super) fn frontend(table: &FrontendTable) -> Option<proxy::config::Frontend> {
    Some(proxy::config::Frontend {
        name: table.name.as_ref()?.get_ref().clone(),
        binds: table.binds.as_ref()?.iter().map(|bind| *bind.get_ref()).collect(),
        backend: table.backend.as_ref()?.get_ref().clone(),
        idle_timeout: *table.idle_timeout.get_ref(),
        connections_max: *table.connections_max.get_ref(),
    })
}

/// Every address that the file listens on.
pub(super) fn binds(file: &File) -> impl Iterator<Item = &Spanned<SocketAddr>> {
    file.frontends.iter().flat_map(|frontend| frontend.binds.iter().flatten())
}

fn backend_is_known(file: &File, frontend: &FrontendTable) -> Option<Diagnostic> {
    let wanted = frontend.backend.as_ref()?;
    let known = || file.backends.iter().flat_map(|backend| &backend.name).map(Spanned::get_ref);
    // A name that could not be read may well be the one that is missed.
    let all_named = file.backends.iter().all(|backend| backend.name.is_some());
    if !all_named || known().any(|known| known == wanted.get_ref()) {
        return None;
    }
    let hint = hint_for(wanted.get_ref(), "backends", known().map(String::as_str));
    let hint = hint.unwrap_or_else(|| "there is no `[[backend]]`".to_owned());
    let message = format!("backend `{}` is not in this file", wanted.get_ref());
    Some(Diagnostic::new(wanted.span(), message).hint(hint))
}

fn binds_differ(file: &File, problems: &mut Vec<Diagnostic>) {
    let mut seen: BTreeMap<u16, Vec<(IpAddr, Span)>> = BTreeMap::new();
    for bind in binds(file) {
        let (address, span) = (*bind.get_ref(), bind.span());
        let same_port = seen.entry(address.port()).or_default();
        let clash = same_port.iter().find(|(earlier, _)| overlap(*earlier, address.ip()));
        if let Some((earlier, first)) = clash {
            let earlier = SocketAddr::new(*earlier, address.port());
            let message = if earlier == address {
                format!("`{address}` is bound twice")
            } else {
                format!("`{address}` overlaps with `{earlier}`")
            };
            problems.push(Diagnostic::new(span, message).first_at(first.clone()));
        } else {
            same_port.push((address.ip(), span));
        }
    }
}

/// Would two listeners of one port get in each other's way? "Any" is every address of its family.
fn overlap(one: IpAddr, other: IpAddr) -> bool {
    one == other
        || one.is_ipv4() == other.is_ipv4() && (one.is_unspecified() || other.is_unspecified())
}

/// A frontend that clients cannot reach on any of the boxes is a mistake.
fn binds_are_reachable(file: &File, host: &HostFacts, problems: &mut Vec<Diagnostic>) {
    if *host == HostFacts::Unknown {
        return;
    }
    let mut places: Vec<IpAddr> =
        virtual_addresses(file).map(|virt| virt.get_ref().address).collect();
    places.extend(file.nodes.iter().flat_map(|node| &node.address).map(|own| *own.get_ref()));
    places.extend(meaningful(host));
    for bind in binds(file) {
        let address = bind.get_ref().ip();
        let is_here = host.addresses().any(|own| own.address == address);
        let is_anywhere = address.is_unspecified() || address.is_loopback();
        if is_here || is_anywhere || places.contains(&address) {
            continue;
        }
        let message = format!("`{address}` is no address of a virtual router or of this host");
        let problem = Diagnostic::new(bind.span(), message);
        problems.push(problem.hint(reachable_hint(&mut places)));
    }
}

fn reachable_hint(places: &mut Vec<IpAddr>) -> String {
    places.sort_unstable();
    places.dedup();
    match &**places {
        [] => "`0.0.0.0` is every address of this host".to_owned(),
        places => format!("known addresses are {}", quoted(places)),
    }
}
