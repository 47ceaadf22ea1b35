//! Rules about hooks.

use crate::command::ExternalCommand;
use crate::config::diagnostic::Diagnostic;
use crate::config::file::{File, HookTable, RouterTable};
use crate::config::model::{Hook, Hooks, Stage};

use super::repeats::{Repeat, repeats};

/// Checks the hooks of every virtual router.
pub(super) fn check(file: &File, problems: &mut Vec<Diagnostic>) {
    let with_hooks = file.routers.iter().filter_map(|router| {
        let (group, hooks) = (router.group.as_ref()?, router.hooks.as_ref()?);
        Some((group.get_ref(), hooks.span.clone()))
    });
    for Repeat { value: group, span, first } in repeats(with_hooks) {
        let message = format!("group `{group}` has hooks already");
        problems.push(
            Diagnostic::new(span, message)
                .first_at(first)
                .hint("its virtual routers move as one: put all hooks at one of them"),
        );
    }
    for (stage, excess) in file.routers.iter().flat_map(stages).filter_map(|(stage, commands)| {
        let excess = commands.get(COMMANDS_MAX)?;
        Some((stage, excess))
    }) {
        let message = format!("`{}` has at most {COMMANDS_MAX} commands", stage.name());
        let hint = "let one of them run the others";
        problems.push(Diagnostic::new(excess.span.clone(), message).hint(hint));
    }
}

/// The hooks of the model; `None` if a value was reported as missing.
pub(super) fn hooks(router: &RouterTable) -> Option<Hooks> {
    let stages = stages(router).filter(|(_, commands)| !commands.is_empty());
    let stages = stages.map(|(stage, commands)| {
        let commands = commands.iter().map(hook).collect::<Option<_>>()?;
        Some((stage, commands))
    });
    stages.collect::<Option<_>>().map(Hooks)
}

fn stages(router: &RouterTable) -> impl Iterator<Item = (Stage, &[HookTable])> {
    router.hooks.iter().flat_map(|hooks| {
        [
            (Stage::BeforeActive, &*hooks.before_active),
            (Stage::AfterActive, &*hooks.after_active),
            (Stage::BeforeRelease, &*hooks.before_release),
            (Stage::AfterRelease, &*hooks.after_release),
        ]
    })
}

fn hook(table: &HookTable) -> Option<Hook> {
    let argv = table.command.as_ref()?;
    Some(Hook {
        command: ExternalCommand {
            argv: argv.iter().map(|argument| argument.get_ref().clone()).collect(),
            user: table.user.as_ref().map(|user| user.get_ref().clone()),
            timeout: *table.timeout.get_ref(),
        },
        place: table.span.clone(),
    })
}

/// The times of all of them add up.
const COMMANDS_MAX: usize = 8;
