//! Rules about virtual routers and the addresses they hold.

use std::collections::BTreeSet;
use std::net::IpAddr;

use toml::Spanned;
use vrrp::{EXCLUDED_MAX, Family, Priority};

use crate::config::cidr::Cidr;
use crate::config::diagnostic::Diagnostic;
use crate::config::file::{File, NodeTable, RouterTable, TransportKind};
use crate::config::model::{Router, is_source, wanted_source};
use crate::config::suggest::{hint_for, quoted};
use crate::host::{HostFacts, Interface};

use super::hmac;
use super::priorities::{priority, strongest_other};
use super::repeats::{Repeat, check_names, repeats};
use super::{hooks, routes, tracks, transports, versions};

/// Checks the virtual routers, as `this` node on this host takes part in them.
pub(super) fn check(
    file: &File,
    this: Option<&NodeTable>,
    host: &HostFacts,
    problems: &mut Vec<Diagnostic>,
) {
    check_names("virtual router", file.routers.iter().map(|router| router.name.as_ref()), problems);
    nodes_take_part(file, problems);
    vrids_differ(file, problems);
    addresses_differ(file, problems);
    for router in &file.routers {
        addresses_fit(router, problems);
        addresses_are_of_one_family(router, problems);
        first_is_link_local(file, router, problems);
        check_place(file, router, this, host, problems);
    }
}

/// The virtual router of the model; `None` if a value was reported as missing.
pub(super) fn router(file: &File, table: &RouterTable, node: &NodeTable) -> Option<Router> {
    Some(Router {
        name: table.name.as_ref()?.get_ref().clone(),
        vrid: *table.vrid.as_ref()?.get_ref(),
        interface: table.interface.as_ref()?.get_ref().clone(),
        addresses: table.addresses.as_ref()?.iter().map(|address| *address.get_ref()).collect(),
        excluded: table.excluded.iter().map(|address| *address.get_ref()).collect(),
        priority: *priority(table, node)?.get_ref(),
        strongest_other: strongest_other(file, table, node),
        interval: *table.advert_interval.get_ref(),
        preempt: *table.preempt.get_ref(),
        group: table.group.as_ref().map(|group| group.get_ref().clone()),
        virtual_mac: *table.virtual_mac.get_ref(),
        checks_duplicates: *table.duplicate_check.get_ref(),
        settle: *table.settle.get_ref(),
        announcing: table.announce,
        others: transports::others(file, table, node),
        version: versions::version(table),
        hooks: hooks::hooks(table)?,
        routes: table.routes.iter().map(|it| routes::route(table, it)).collect::<Option<_>>()?,
        transport: transports::transport(file, table, node)?,
        tracks: tracks::tracks(table)?,
        auth_hmac: match &table.auth_hmac {
            Some(auth) => Some(hmac::auth_hmac(auth)?),
            None => None,
        },
    })
}

fn nodes_take_part(file: &File, problems: &mut Vec<Diagnostic>) {
    if let (Some(router), []) = (file.routers.first(), &*file.nodes) {
        problems.push(
            Diagnostic::new(
                router.span.clone(),
                "a virtual router needs nodes, and there are none",
            )
            .hint("add a `[[node]]` with name, address and priority for each box"),
        );
    }
}

fn vrids_differ(file: &File, problems: &mut Vec<Diagnostic>) {
    let vrids = file.routers.iter().filter_map(|router| {
        let (vrid, interface) = (router.vrid.as_ref()?, router.interface.as_ref()?);
        Some(((vrid.get_ref(), interface.get_ref(), family(router)), vrid.span()))
    });
    for Repeat { value: (vrid, interface, _), span, first } in repeats(vrids) {
        problems.push(
            Diagnostic::new(span, format!("virtual router {vrid} appears twice on `{interface}`"))
                .first_at(first)
                .hint("one virtual router carries many addresses: `addresses = [..]`"),
        );
    }
}

fn addresses_differ(file: &File, problems: &mut Vec<Diagnostic>) {
    let addresses = virtual_addresses(file).map(|virt| (virt.get_ref().address, virt.span()));
    for Repeat { value, span, first } in repeats(addresses) {
        let message = format!("virtual address `{value}` appears twice");
        problems.push(Diagnostic::new(span, message).first_at(first));
    }
}

/// Every virtual address of the file.
pub(super) fn virtual_addresses(file: &File) -> impl Iterator<Item = &Spanned<Cidr>> {
    file.routers.iter().flat_map(|router| router.addresses.iter().flatten().chain(&router.excluded))
}

fn addresses_fit(router: &RouterTable, problems: &mut Vec<Diagnostic>) {
    if let Some(excess) = router.excluded.get(EXCLUDED_MAX) {
        let message = format!("a virtual router holds at most {EXCLUDED_MAX} excluded addresses");
        problems.push(
            Diagnostic::new(excess.span(), message)
                .hint("put the others into another `[[virtual_router]]`, of the same `group`"),
        );
    }
    let Some(excess) = router.addresses.as_ref().and_then(|all| all.get(ADDRESSES_MAX)) else {
        return;
    };
    problems.push(
        Diagnostic::new(
            excess.span(),
            format!("a virtual router carries at most {ADDRESSES_MAX} addresses"),
        )
        .hint("put the others into `excluded`, or into another `[[virtual_router]]`"),
    );
}

/// The family of a virtual router is that of its first address.
pub(super) fn family(router: &RouterTable) -> Option<Family> {
    router.addresses.iter().flatten().next().map(|first| Family::of(first.get_ref().address))
}

fn addresses_are_of_one_family(router: &RouterTable, problems: &mut Vec<Diagnostic>) {
    let Some(family) = family(router) else { return };
    let is_other = |virt: &&Spanned<Cidr>| Family::of(virt.get_ref().address) != family;
    let Some(other) = router.addresses.iter().flatten().find(is_other) else { return };
    let message = format!(
        "virtual address `{}` is no {family} address as the first",
        other.get_ref().address
    );
    let hint = "put it into another `[[virtual_router]]`, which may have the same VRID";
    problems.push(Diagnostic::new(other.span(), message).hint(hint));
}

/// RFC 9568 §5.2.9 and erratum 8300: routers discard IPv6 advertisements that begin with another address. What is sent
/// from a global address, by unicast, is no matter of the RFC.
fn first_is_link_local(file: &File, router: &RouterTable, problems: &mut Vec<Diagnostic>) {
    let is_global = |source: IpAddr| source.is_ipv6() && !is_source(Family::Ipv6, source);
    let mut sources = transports::sources(file, router).peekable();
    if sources.peek().is_some() && sources.all(is_global) {
        return;
    }
    let mut addresses = router.addresses.iter().flatten();
    let Some(first) = addresses.next() else { return };
    let is_link_local = |virt: &Spanned<Cidr>| is_source(Family::Ipv6, virt.get_ref().address);
    if first.get_ref().address.is_ipv4() || is_link_local(first) {
        return;
    }
    let hint = match addresses.find(|virt| is_link_local(virt)) {
        Some(later) => format!("put `{}` first", later.get_ref()),
        None => "an IPv6 virtual router has a link-local address too: put one such as `fe80::1/64` first"
            .to_owned(),
    };
    let message = format!("first address `{}` is not link-local", first.get_ref().address);
    problems.push(Diagnostic::new(first.span(), message).hint(hint));
}

/// Rules about where the addresses are to be: not on a node already, and in a network of the interface.
fn check_place(
    file: &File,
    router: &RouterTable,
    this: Option<&NodeTable>,
    host: &HostFacts,
    problems: &mut Vec<Diagnostic>,
) {
    let interface = router.interface.as_ref().and_then(|name| find(name, host, problems));
    let family = family(router).unwrap_or(Family::Ipv4);
    let place = interface.map(|interface| Place::new(file, router, this, interface, family));
    if let (Some(place), Some(name), TransportKind::Multicast) =
        (&place, &router.interface, router.transport)
    {
        problems.extend(place.has_network(name));
    }
    for virt in &router.excluded {
        let family = Family::of(virt.get_ref().address);
        let place = interface.map(|interface| Place::new(file, router, this, interface, family));
        let problem = not_of_a_node(file, router, virt).or_else(|| place?.foreign(virt));
        problems.extend(problem);
    }
    for virt in router.addresses.iter().flatten() {
        let problem = not_of_a_node(file, router, virt).or_else(|| place.as_ref()?.judge(virt));
        problems.extend(problem);
    }
}

fn find<'a>(
    name: &Spanned<String>,
    host: &'a HostFacts,
    problems: &mut Vec<Diagnostic>,
) -> Option<&'a Interface> {
    let interface = host.interface(name.get_ref());
    if interface.is_none() && *host != HostFacts::Unknown {
        let message = format!("interface `{}` is not on this host", name.get_ref());
        let known = host.interfaces().iter().map(|interface| interface.name.as_str());
        let hint = hint_for(name.get_ref(), "interfaces", known);
        problems.push(Diagnostic::new(name.span(), message).maybe_hint(hint).warning());
    }
    interface
}

fn not_of_a_node(file: &File, router: &RouterTable, virt: &Spanned<Cidr>) -> Option<Diagnostic> {
    let address = virt.get_ref().address;
    let node = file.nodes.iter().find(|node| {
        node.address.as_ref().is_some_and(|own| *own.get_ref() == address)
            && priority(router, node).is_some_and(|own| *own.get_ref() != Priority::OWNER)
    })?;
    let name = node.name.as_ref()?.get_ref();
    let message = format!("virtual address `{address}` is the address of node `{name}`");
    Some(Diagnostic::new(virt.span(), message).hint(OWNER_HINT))
}

/// An interface of this host, as the place of virtual addresses.
struct Place<'a> {
    interface: &'a Interface,
    /// That of the virtual addresses.
    family: Family,
    /// The addresses of the family that it has whatever role we are in.
    lasting: Vec<Cidr>,
    is_owner: bool,
}

impl<'a> Place<'a> {
    fn new(
        file: &File,
        router: &RouterTable,
        this: Option<&NodeTable>,
        interface: &'a Interface,
        family: Family,
    ) -> Self {
        let ours: BTreeSet<IpAddr> =
            virtual_addresses(file).map(|virt| virt.get_ref().address).collect();
        // While active we hold virtual addresses as /32 or /128 ourselves.
        let is_held = |own: &Cidr| own.is_single() && ours.contains(&own.address);
        let is_lasting = |own: &&Cidr| Family::of(own.address) == family && !is_held(own);
        let priority = this.and_then(|node| priority(router, node));
        Self {
            interface,
            family,
            lasting: interface.addresses.iter().filter(is_lasting).copied().collect(),
            is_owner: priority.is_some_and(|priority| *priority.get_ref() == Priority::OWNER),
        }
    }

    fn has_network(&self, name: &Spanned<String>) -> Option<Diagnostic> {
        if self.lasting.iter().any(|own| is_source(self.family, own.address)) {
            return None;
        }
        let (name, span) = (name.get_ref(), name.span());
        let hint = match self.family {
            Family::Ipv4 => "give the interface an address in the network of the virtual addresses",
            Family::Ipv6 => "every interface that is up has one, unless IPv6 is switched off on it",
        };
        let message = format!("interface `{name}` needs {} of its own", wanted_source(self.family));
        Some(Diagnostic::new(span, message).hint(hint).warning())
    }

    fn judge(&self, virt: &Spanned<Cidr>) -> Option<Diagnostic> {
        if self.lasting.is_empty() {
            return None;
        }
        self.ownership(virt).or_else(|| self.network(virt))
    }

    /// An excluded address may be in a network that is routed to us, or in none of its family.
    fn foreign(&self, virt: &Spanned<Cidr>) -> Option<Diagnostic> {
        let is_around = self.lasting.iter().any(|own| own.contains(virt.get_ref().address));
        if is_around { self.judge(virt) } else { None }
    }

    fn ownership(&self, virt: &Spanned<Cidr>) -> Option<Diagnostic> {
        let (address, interface) = (virt.get_ref().address, &self.interface.name);
        let is_own = self.lasting.iter().any(|own| own.address == address);
        if is_own == self.is_owner {
            return None;
        }
        let problem = |message: String| Diagnostic::new(virt.span(), message);
        Some(if is_own {
            problem(format!("virtual address `{address}` is this host's own on `{interface}`"))
                .hint(OWNER_HINT)
        } else {
            problem(format!("virtual address `{address}` is not this host's own on `{interface}`"))
                .hint("priority 255 is for the owner of the addresses: give this node 1 to 254")
        })
    }

    fn network(&self, virt: &Spanned<Cidr>) -> Option<Diagnostic> {
        let Cidr { address, prefix_len } = *virt.get_ref();
        if Family::of(address) != self.family {
            return None;
        }
        let mut around = self.lasting.iter().filter(|own| own.contains(address)).peekable();
        let Some(network) = around.peek().map(|own| own.network()) else {
            let message = format!(
                "virtual address `{address}` is in no network of `{}`",
                self.interface.name
            );
            let networks: BTreeSet<Cidr> = self.lasting.iter().map(Cidr::network).collect();
            let networks: Vec<Cidr> = networks.into_iter().collect();
            let hint = format!("`{}` is in {}", self.interface.name, quoted(&networks));
            return Some(Diagnostic::new(virt.span(), message).hint(hint));
        };
        if around.any(|own| own.prefix_len == prefix_len) {
            return None;
        }
        let message =
            format!("virtual address `{address}` is in a /{} network", network.prefix_len);
        let right = Cidr { address, ..network };
        Some(
            Diagnostic::new(virt.span(), message)
                .hint(format!("`{}` is in `{network}`: write `{right}`", self.interface.name)),
        )
    }
}

const OWNER_HINT: &str = "choose an address that no box has; its owner would need priority 255";

/// One octet counts the addresses of an advertisement (RFC 9568 §5.2.5).
const ADDRESSES_MAX: usize = 255;
