//! Rules about how strong the nodes are in each virtual router.

use toml::Spanned;
use vrrp::Priority;

use crate::config::diagnostic::Diagnostic;
use crate::config::file::{File, NodeTable, RouterTable};
use crate::config::suggest::hint_for;

/// Checks that each virtual router knows the nodes it names, and which of them is stronger.
pub(super) fn check(file: &File, problems: &mut Vec<Diagnostic>) {
    for router in &file.routers {
        names_are_known(file, router, problems);
        for (index, node) in file.nodes.iter().enumerate() {
            problems.extend(differs(router, node, &file.nodes[..index]));
        }
    }
}

/// What the virtual router says of the node, else what the node says of itself.
pub(super) fn priority<'a>(
    router: &'a RouterTable,
    node: &'a NodeTable,
) -> Option<&'a Spanned<Priority>> {
    own_priority(router, node).or(node.priority.as_ref())
}

/// The highest priority of all nodes but this one.
pub(super) fn strongest_other(
    file: &File,
    router: &RouterTable,
    this: &NodeTable,
) -> Option<Priority> {
    let is_other = |node: &&NodeTable| !std::ptr::eq(*node, this);
    let others = file.nodes.iter().filter(is_other);
    others.filter_map(|node| priority(router, node)).map(|priority| *priority.get_ref()).max()
}

fn own_priority<'a>(router: &'a RouterTable, node: &NodeTable) -> Option<&'a Spanned<Priority>> {
    let name = node.name.as_ref()?.get_ref();
    let own = router.priorities.iter().find(|(node, _)| node.get_ref() == name);
    own.map(|(_, priority)| priority)
}

fn names_are_known(file: &File, router: &RouterTable, problems: &mut Vec<Diagnostic>) {
    let known =
        || file.nodes.iter().filter_map(|node| Some(node.name.as_ref()?.get_ref().as_str()));
    for (name, _) in &router.priorities {
        if known().any(|known| known == name.get_ref()) {
            continue;
        }
        let message = format!("node `{}` is unknown", name.get_ref());
        let hint = hint_for(name.get_ref(), "nodes", known());
        problems.push(Diagnostic::new(name.span(), message).maybe_hint(hint));
    }
}

/// Equal priorities of the nodes themselves are told of them, not of every virtual router.
fn differs(router: &RouterTable, node: &NodeTable, before: &[NodeTable]) -> Option<Diagnostic> {
    let ours = priority(router, node)?;
    let equal = |other: &&NodeTable| {
        let is_said_here =
            own_priority(router, node).is_some() || own_priority(router, other).is_some();
        let theirs = priority(router, other);
        is_said_here && theirs.is_some_and(|theirs| theirs.get_ref() == ours.get_ref())
    };
    let other = before.iter().find(equal)?;
    let (name, first) = (node.name.as_ref()?.get_ref(), other.name.as_ref()?.get_ref());
    let (strength, at) = (ours.get_ref(), router.name.as_ref()?.get_ref());
    let message = format!(
        "nodes `{first}` and `{name}` both have priority `{strength}` in virtual router `{at}`"
    );
    Some(
        Diagnostic::new(ours.span(), message)
            .first_at(priority(router, other)?.span())
            .hint("the node that is to be active by default has the highest priority"),
    )
}
