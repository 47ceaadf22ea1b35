//! Rules about who is where on a link, for virtual routers that speak to each box by itself.

use std::net::IpAddr;

use toml::Spanned;
use vrrp::Family;

use super::nodes;
use super::repeats::{Repeat, repeats};
use super::routers::{family, virtual_addresses};
use crate::config::diagnostic::Diagnostic;
use crate::config::file::{File, NodeTable, RouterTable, TransportKind};
use crate::config::model::Transport;
use crate::config::suggest::hint_for;
use crate::host::HostFacts;

/// Checks that every virtual router of unicast knows where every box is, and that no other one says so.
pub(super) fn check(
    file: &File,
    this: Option<&NodeTable>,
    host: &HostFacts,
    problems: &mut Vec<Diagnostic>,
) {
    for router in &file.routers {
        match router.transport {
            TransportKind::Multicast => not_for_multicast(router, problems),
            TransportKind::Unicast => {
                peers_are_enough_and_not_too_many(file, router, problems);
                names_are_nodes(file, router, problems);
                sources_are_of_the_family(router, problems);
                sources_differ(file, router, problems);
                every_node_has_a_source(file, router, problems);
                if let Some(this) = this {
                    source_is_on_the_interface(router, this, host, problems);
                }
            }
        }
    }
}

/// The transport of the model for one of the nodes; `None` if something was reported as missing.
pub(super) fn transport(file: &File, table: &RouterTable, this: &NodeTable) -> Option<Transport> {
    if table.transport == TransportKind::Multicast {
        return Some(Transport::Multicast);
    }
    let others = file.nodes.iter().filter(|node| !std::ptr::eq(*node, this));
    Some(Transport::Unicast {
        source: source(table, this)?,
        peers: others.map(|node| source(table, node)).collect::<Option<_>>()?,
    })
}

/// The own addresses of the other nodes, as far as they are of the family of the virtual router.
pub(super) fn others(file: &File, router: &RouterTable, this: &NodeTable) -> Vec<IpAddr> {
    let others = file.nodes.iter().filter(|node| !std::ptr::eq(*node, this));
    others.filter_map(|node| source(router, node)).collect()
}

/// Where the nodes are on the link of a virtual router that speaks to each by itself. None if it speaks to the group.
pub(super) fn sources(file: &File, router: &RouterTable) -> impl Iterator<Item = IpAddr> {
    let nodes = if router.transport == TransportKind::Unicast { &*file.nodes } else { &[] };
    nodes.iter().filter_map(|node| source(router, node))
}

/// Where a node is on the link of a virtual router: where `sources` says, else where the node says.
fn source(router: &RouterTable, node: &NodeTable) -> Option<IpAddr> {
    let named = |name: &Spanned<String>| {
        let mut sources = router.sources.iter();
        sources.find(|(node, _)| node.get_ref() == name.get_ref())
    };
    let own = match node.name.as_ref().and_then(named) {
        Some((_, source)) => source.get_ref(),
        None => node.address.as_ref()?.get_ref(),
    };
    (Some(Family::of(*own)) == family(router)).then_some(*own)
}

fn not_for_multicast(router: &RouterTable, problems: &mut Vec<Diagnostic>) {
    if let Some((first, _)) = router.sources.first() {
        problems.push(
            Diagnostic::new(first.span(), "`sources` is for unicast")
                .hint("remove it, or write `transport = \"unicast\"`"),
        );
    }
}

fn peers_are_enough_and_not_too_many(
    file: &File,
    router: &RouterTable,
    problems: &mut Vec<Diagnostic>,
) {
    match file.nodes.len() {
        0 | 2..=NODES_MAX => {}
        1 => problems.push(
            Diagnostic::new(router.span.clone(), "unicast needs another node to speak to")
                .hint("add a `[[node]]` for each box, or remove `transport`"),
        ),
        _ => problems.push(
            Diagnostic::new(
                router.span.clone(),
                format!("unicast is for {NODES_MAX} nodes at most"),
            )
            .hint("remove `transport`: multicast reaches any number of boxes"),
        ),
    }
}

fn names_are_nodes(file: &File, router: &RouterTable, problems: &mut Vec<Diagnostic>) {
    let known = || file.nodes.iter().flat_map(|node| &node.name).map(|n| n.get_ref().as_str());
    for (name, _) in &router.sources {
        let (name, span) = (name.get_ref(), name.span());
        if known().all(|known| known != name) {
            let problem = format!("`sources` has `{name}`, which is none of the nodes");
            problems.push(Diagnostic::new(span, problem).maybe_hint(hint_for(
                name,
                "nodes",
                known(),
            )));
        }
    }
}

fn sources_are_of_the_family(router: &RouterTable, problems: &mut Vec<Diagnostic>) {
    let Some(family) = family(router) else { return };
    for (_, source) in &router.sources {
        let address = *source.get_ref();
        if Family::of(address) != family {
            problems.push(
                Diagnostic::new(
                    source.span(),
                    format!("source `{address}` is no {family} address"),
                )
                .hint("advertisements are sent in the family of the virtual addresses"),
            );
        }
    }
}

fn sources_differ(file: &File, router: &RouterTable, problems: &mut Vec<Diagnostic>) {
    let sources = router.sources.iter().map(|(_, source)| source);
    for Repeat { value, span, first } in repeats(sources.clone().map(|s| (*s.get_ref(), s.span())))
    {
        problems.push(
            Diagnostic::new(span, format!("source `{value}` is that of two nodes")).first_at(first),
        );
    }
    for source in sources {
        let address = *source.get_ref();
        if let Some(virt) = virtual_addresses(file).find(|virt| virt.get_ref().address == address) {
            let message = format!("source `{address}` is a virtual address, which wanders");
            problems.push(
                Diagnostic::new(source.span(), message)
                    .first_at(virt.span())
                    .hint("give the address that the box always has on this interface"),
            );
        }
    }
}

/// By its own address, or by `sources`.
fn every_node_has_a_source(file: &File, router: &RouterTable, problems: &mut Vec<Diagnostic>) {
    let Some(family) = family(router) else { return };
    for node in &file.nodes {
        let Some(name) = &node.name else { continue };
        let is_named = router.sources.iter().any(|(node, _)| node.get_ref() == name.get_ref());
        if is_named || node.address.is_none() || source(router, node).is_some() {
            continue;
        }
        let name = name.get_ref();
        problems.push(
            Diagnostic::new(
                router.span.clone(),
                format!("node `{name}` has no {family} address to speak from"),
            )
            .hint(format!("write `sources = {{ {name} = \"..\", .. }}`, with that of each box")),
        );
    }
}

/// An address that is nowhere may come later; one that is elsewhere is a mistake.
fn source_is_on_the_interface(
    router: &RouterTable,
    this: &NodeTable,
    host: &HostFacts,
    problems: &mut Vec<Diagnostic>,
) {
    let (Some(ours), Some(interface)) = (source(router, this), &router.interface) else { return };
    let has = |name: &str| {
        let interface = host.interface(name);
        interface.is_some_and(|it| it.addresses.iter().any(|own| own.address == ours))
    };
    let elsewhere = host.interfaces().iter().find(|other| has(&other.name));
    let Some(elsewhere) = elsewhere.filter(|_| !has(interface.get_ref())) else { return };
    let (interface, span) = (interface.get_ref(), interface.span());
    let message = format!("our address `{ours}` is on `{}`, not on `{interface}`", elsewhere.name);
    let on_interface = nodes::meaningful(host).find(|own| {
        Some(Family::of(*own)) == family(router) && {
            let here = host.interface(interface);
            here.is_some_and(|here| here.addresses.iter().any(|it| it.address == *own))
        }
    });
    let hint = on_interface.map(|own| {
        format!("`{interface}` has `{own}`: name it, and those of the others, in `sources`")
    });
    problems.push(Diagnostic::new(span, message).maybe_hint(hint));
}

/// A guard's orders have room for a farewell to each of the others.
const NODES_MAX: usize = 5;
