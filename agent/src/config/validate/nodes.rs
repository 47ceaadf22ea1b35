//! Rules about the boxes that share the file, and which one of them this is.

use std::net::IpAddr;

use crate::config::NodeChoice;
use crate::config::diagnostic::Diagnostic;
use crate::config::file::{File, NodeTable};
use crate::config::model::Node;
use crate::config::suggest::{hint_for, quoted};
use crate::host::HostFacts;

use super::repeats::{Repeat, check_names, repeats};

/// Checks the nodes and finds the one that this box is.
///
/// `None` if it is none of them, which is a problem unless there are none.
pub(super) fn check<'a>(
    file: &'a File,
    choice: &NodeChoice,
    host: &HostFacts,
    problems: &mut Vec<Diagnostic>,
) -> Option<&'a NodeTable> {
    check_names("node", file.nodes.iter().map(|node| node.name.as_ref()), problems);
    addresses_differ(file, problems);
    priorities_differ(file, problems);
    let this = this_node(file, choice, problems);
    if let Some(this) = this {
        address_is_here(this, host, problems);
    }
    this
}

/// The node of the model; `None` if a value was reported as missing.
pub(super) fn node(table: &NodeTable) -> Option<Node> {
    Some(Node {
        name: table.name.as_ref()?.get_ref().clone(),
        address: *table.address.as_ref()?.get_ref(),
        priority: *table.priority.as_ref()?.get_ref(),
    })
}

fn addresses_differ(file: &File, problems: &mut Vec<Diagnostic>) {
    let addresses = file.nodes.iter().flat_map(|node| &node.address);
    for Repeat { value, span, first } in repeats(addresses.map(|a| (*a.get_ref(), a.span()))) {
        problems.push(
            Diagnostic::new(span, format!("address `{value}` is that of two nodes"))
                .first_at(first)
                .hint("a node's address is its own; shared ones belong to a `[[virtual_router]]`"),
        );
    }
}

fn priorities_differ(file: &File, problems: &mut Vec<Diagnostic>) {
    let priorities = file.nodes.iter().flat_map(|node| &node.priority);
    for Repeat { value, span, first } in repeats(priorities.map(|p| (*p.get_ref(), p.span()))) {
        problems.push(
            Diagnostic::new(span, format!("priority `{value}` is that of two nodes"))
                .first_at(first)
                .hint("the node that is to be active by default has the highest priority"),
        );
    }
}

fn this_node<'a>(
    file: &'a File,
    choice: &NodeChoice,
    problems: &mut Vec<Diagnostic>,
) -> Option<&'a NodeTable> {
    let this = file.nodes.iter().find(|node| is_chosen(node, choice));
    // A name that could not be read may well be the one that is missed.
    let all_named = file.nodes.iter().all(|node| node.name.is_some());
    if this.is_none() && all_named {
        problems.extend(unknown_node(file, choice));
    }
    this
}

fn is_chosen(node: &NodeTable, choice: &NodeChoice) -> bool {
    let Some(name) = &node.name else { return false };
    match choice {
        NodeChoice::Named(chosen) => chosen == name.get_ref(),
        NodeChoice::Hostname(host) => {
            host == name.get_ref() || host.split('.').next() == Some(name.get_ref())
        }
    }
}

fn unknown_node(file: &File, choice: &NodeChoice) -> Option<Diagnostic> {
    let names: Vec<&str> =
        file.nodes.iter().flat_map(|node| &node.name).map(|name| name.get_ref().as_str()).collect();
    let place = file.nodes.first().map(|node| node.span.clone());
    match choice {
        NodeChoice::Named(name) => {
            let hint = hint_for(name, "nodes", names.iter().copied());
            let hint =
                hint.unwrap_or_else(|| "without a `[[node]]`, leave out `--node`".to_owned());
            let message = format!("`--node {name}` is none of the nodes");
            Some(Diagnostic::new(place.unwrap_or_default(), message).hint(hint))
        }
        NodeChoice::Hostname(host) => {
            let hint = format!("known nodes are {}; choose one by `--node NAME`", quoted(&names));
            let message = format!("this host, `{host}`, is none of the nodes");
            Some(Diagnostic::new(place?, message).hint(hint))
        }
    }
}

fn address_is_here(this: &NodeTable, host: &HostFacts, problems: &mut Vec<Diagnostic>) {
    let (Some(name), Some(address)) = (&this.name, &this.address) else { return };
    if *host == HostFacts::Unknown || host.addresses().any(|own| own.address == *address.get_ref())
    {
        return;
    }
    let own: Vec<IpAddr> = meaningful(host).collect();
    let hint = match &*own {
        [] => "this host has no address but that of loopback".to_owned(),
        own => format!("this host has {}; `--node NAME` chooses another node", quoted(own)),
    };
    let (name, address_here) = (name.get_ref(), address.get_ref());
    let message =
        format!("address `{address_here}` is on no interface of this host, which is node `{name}`");
    problems.push(Diagnostic::new(address.span(), message).hint(hint).warning());
}

/// The addresses of this host that a file could mean: no loopback, none that holds on one link only.
pub(super) fn meaningful(host: &HostFacts) -> impl Iterator<Item = IpAddr> {
    host.addresses().map(|own| own.address).filter(|address| match address {
        IpAddr::V4(address) => !address.is_loopback(),
        IpAddr::V6(address) => !address.is_loopback() && !address.is_unicast_link_local(),
    })
}
