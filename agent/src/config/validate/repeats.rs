//! Values that may appear only once.

use std::collections::BTreeMap;

use toml::Spanned;

use crate::config::diagnostic::{Diagnostic, Span};

/// A value that an earlier one equals.
pub(super) struct Repeat<K> {
    /// The value.
    pub(super) value: K,
    /// Where it stands again.
    pub(super) span: Span,
    /// Where it stands first.
    pub(super) first: Span,
}

/// Finds every value that appeared before.
pub(super) fn repeats<K: Ord + Clone>(
    values: impl IntoIterator<Item = (K, Span)>,
) -> Vec<Repeat<K>> {
    let mut seen: BTreeMap<K, Span> = BTreeMap::new();
    let mut repeats = Vec::new();
    for (value, span) in values {
        match seen.get(&value) {
            Some(first) => repeats.push(Repeat { value, span, first: first.clone() }),
            None => drop(seen.insert(value, span)),
        }
    }
    repeats
}

/// Reports names that were given twice to things of the same kind.
pub(super) fn check_names<'a>(
    kind: &str,
    names: impl IntoIterator<Item = Option<&'a Spanned<String>>>,
    problems: &mut Vec<Diagnostic>,
) {
    let names = names.into_iter().flatten().map(|name| (name.get_ref(), name.span()));
    for Repeat { value, span, first } in repeats(names) {
        let message = format!("{kind} `{value}` appears twice");
        problems.push(Diagnostic::new(span, message).first_at(first));
    }
}
