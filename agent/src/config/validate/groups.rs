//! Rules about virtual routers that move as one.

use std::collections::BTreeMap;

use toml::Spanned;

use crate::config::diagnostic::Diagnostic;
use crate::config::file::{File, NodeTable, RouterTable};
use crate::config::suggest::hint_for;

use super::priorities::priority;

/// Checks that the members of a group can share one election.
pub(super) fn check(file: &File, problems: &mut Vec<Diagnostic>) {
    let mut groups: BTreeMap<&str, Vec<&RouterTable>> = BTreeMap::new();
    for router in &file.routers {
        if let Some(group) = &router.group {
            groups.entry(group.get_ref()).or_default().push(router);
        }
    }
    for (name, members) in &groups {
        let [first, others @ ..] = &**members else { continue };
        if others.is_empty() {
            problems.extend(lonely(name, first, groups.keys().copied()));
        }
        for other in others {
            problems.extend(preempts_alike(name, first, other));
            let differs = |node| is_as_strong(name, first, other, node);
            problems.extend(file.nodes.iter().find_map(differs));
        }
    }
}

/// Most likely a name that was meant to be another.
fn lonely<'a>(
    name: &str,
    only: &RouterTable,
    names: impl Iterator<Item = &'a str>,
) -> Option<Diagnostic> {
    let message = format!("group `{name}` has only one virtual router");
    let others = names.filter(|other| *other != name);
    let hint = hint_for(name, "groups", others).unwrap_or_else(|| {
        "give the same `group` to the virtual routers that are to move with it".to_owned()
    });
    Some(Diagnostic::new(only.group.as_ref()?.span(), message).hint(hint))
}

fn preempts_alike(group: &str, first: &RouterTable, other: &RouterTable) -> Option<Diagnostic> {
    if first.preempt.get_ref() == other.preempt.get_ref() {
        return None;
    }
    let (ours, theirs) = (label(first.name.as_ref()), label(other.name.as_ref()));
    let message = format!("{theirs} has another `preempt` than {ours} in group `{group}`");
    Some(
        Diagnostic::new(other.preempt.span(), message)
            .first_at(first.preempt.span())
            .hint("the virtual routers of a group move as one: give them the same `preempt`"),
    )
}

fn is_as_strong(
    group: &str,
    first: &RouterTable,
    other: &RouterTable,
    node: &NodeTable,
) -> Option<Diagnostic> {
    let (ours, theirs) = (priority(first, node)?, priority(other, node)?);
    if ours.get_ref() == theirs.get_ref() {
        return None;
    }
    let (first, other) = (label(first.name.as_ref()), label(other.name.as_ref()));
    let node = node.name.as_ref()?.get_ref();
    let message =
        format!("{other} gives `{node}` another priority than {first} in group `{group}`");
    Some(
        Diagnostic::new(theirs.span(), message)
            .first_at(ours.span())
            .hint("the virtual routers of a group move as one: give them the same `priority`"),
    )
}

fn label(name: Option<&Spanned<String>>) -> String {
    name.map_or_else(|| "a virtual router".to_owned(), |name| format!("`{}`", name.get_ref()))
}
