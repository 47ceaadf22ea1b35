//! Rules about what virtual routers track.

use std::collections::BTreeMap;
use std::time::Duration;

use toml::Spanned;
use vrrp::track::{Check, Effect};

use super::backends::ends_in_time;
use crate::config::diagnostic::{Diagnostic, Span};
use crate::config::file::{File, RouterTable, TARGETS, Target, TrackTable};
use crate::config::model::{CommandLine, Gateway, Http, Place, Probe, Process, Sampling, Track};
use crate::config::suggest::quoted;

/// Checks the `track` of every virtual router.
pub(super) fn check(file: &File, problems: &mut Vec<Diagnostic>) {
    // What an unknown key was meant to be has been asked already.
    let all_keys_are_known = problems.is_empty();
    for router in &file.routers {
        if let Some(excess) = router.tracks.get(TRACKS_MAX) {
            let message = format!("a virtual router tracks at most {TRACKS_MAX} things");
            problems.push(Diagnostic::new(excess.span.clone(), message));
        }
        for table in &router.tracks {
            problems.extend(targets(table, all_keys_are_known));
            problems.extend(options(table));
            problems.extend(ends_in_time(table.timeout.as_ref(), interval(table)));
            problems.extend(content_has_no_weight(table));
        }
    }
    names_differ(file, problems);
}

/// The tracks of the model; `None` if a value was reported as missing.
pub(super) fn tracks(router: &RouterTable) -> Option<Vec<Track>> {
    router.tracks.iter().map(track).collect()
}

fn track(table: &TrackTable) -> Option<Track> {
    let target = table.targets.first()?.get_ref();
    let definite = !target.options().contains(&"fall");
    let value_or = |value: &Option<Spanned<u32>>, default| {
        value.as_ref().map_or(if definite { 1 } else { default }, |value| *value.get_ref())
    };
    let effect = match (&table.weight, has_content(table)) {
        (_, true) => Effect::Value,
        (Some(weight), false) => Effect::Weight(*weight.get_ref()),
        (None, false) => Effect::Fault,
    };
    let interval = interval(table);
    let timeout = table.timeout.as_ref().map(|timeout| *timeout.get_ref());
    Some(Track {
        check: Check {
            name: name(table, target),
            effect,
            rise: value_or(&table.rise, RISE_DEFAULT),
            fall: value_or(&table.fall, FALL_DEFAULT),
            hold: table.hold.as_ref().map_or(HOLD_DEFAULT, |hold| *hold.get_ref()),
        },
        sampling: Sampling {
            probe: probe(table, target)?,
            interval,
            timeout: timeout.unwrap_or_else(|| TIMEOUT_DEFAULT.min(interval)),
        },
    })
}

fn probe(table: &TrackTable, target: &Target) -> Option<Probe> {
    Some(match target {
        Target::Interface(name) => Probe::Interface(name.clone()),
        Target::Route(network) => Probe::Route(*network),
        Target::Gateway(gateway) => {
            let method = table.method.as_ref().map(|method| *method.get_ref());
            Probe::Gateway(Gateway { method, ..gateway.clone() })
        }
        Target::Process(name) => Probe::Process(Process::Name(name.clone())),
        Target::PidFile(path) => Probe::Process(Process::PidFile(path.clone())),
        Target::File(path) if has_content(table) => Probe::Content(path.clone()),
        Target::File(path) => Probe::File(path.clone()),
        Target::Tcp(address) => Probe::Tcp(*address),
        Target::Http(url) => {
            let status = table.status.as_ref().map(|status| *status.get_ref());
            Probe::Http(Http { url: url.clone(), status })
        }
        Target::Command(words) => Probe::Command(CommandLine {
            argv: words.iter().map(|word| word.get_ref().clone()).collect(),
            user: table.user.as_ref().map(|user| user.get_ref().clone()),
            place: Place(words.first()?.span()),
        }),
    })
}

/// What it is called, or else what it tracks: the same on both boxes, for the file is the same.
fn name(table: &TrackTable, target: &Target) -> String {
    if let Some(name) = &table.name {
        return name.get_ref().clone();
    }
    let key = target.key();
    match target {
        Target::Interface(name) | Target::Process(name) => format!("{key} {name}"),
        Target::Route(network) => format!("{key} {network}"),
        Target::Gateway(gateway) => format!("{key} {gateway}"),
        Target::PidFile(path) | Target::File(path) => format!("{key} {}", path.display()),
        Target::Tcp(address) => format!("{key} {address}"),
        Target::Http(url) => url.to_string(),
        Target::Command(words) => {
            let words: Vec<_> = words.iter().map(|word| word.get_ref().as_str()).collect();
            format!("{key} {}", words.join(" "))
        }
    }
}

fn interval(table: &TrackTable) -> Duration {
    let waits_for_kernel = table
        .targets
        .first()
        .is_some_and(|target| !target.get_ref().options().contains(&"interval"));
    let default = if waits_for_kernel { RESYNC } else { INTERVAL_DEFAULT };
    table.interval.as_ref().map_or(default, |interval| *interval.get_ref())
}

fn has_content(table: &TrackTable) -> bool {
    table.content.as_ref().is_some_and(|content| *content.get_ref())
}

fn targets(table: &TrackTable, all_keys_are_known: bool) -> Option<Diagnostic> {
    match &*table.targets {
        [] => all_keys_are_known.then(|| {
            Diagnostic::new(table.span.clone(), "this entry tracks nothing")
                .hint(format!("it needs one of {}", quoted(&TARGETS)))
        }),
        [_] => None,
        [first, second, ..] => {
            let keys = (first.get_ref().key(), second.get_ref().key());
            let message = format!("`{}` and `{}` are two checks", keys.0, keys.1);
            Some(
                Diagnostic::new(second.span(), message)
                    .hint("write an entry for each: `track = [{ .. }, { .. }]`"),
            )
        }
    }
}

fn options(table: &TrackTable) -> Vec<Diagnostic> {
    let [target] = &*table.targets else { return Vec::new() };
    let (key, known) = (target.get_ref().key(), target.get_ref().options());
    let useless = table.options().filter(|(option, _)| !known.contains(option));
    useless
        .map(|(option, span)| {
            let known: Vec<_> = ["name", "hold"].iter().chain(known).collect();
            Diagnostic::new(span, format!("`{option}` does not apply to `{key}`"))
                .hint(format!("`{key}` goes with {}", quoted(&known)))
        })
        .collect()
}

fn content_has_no_weight(table: &TrackTable) -> Option<Diagnostic> {
    let weight = table.weight.as_ref().filter(|_| has_content(table))?;
    Some(
        Diagnostic::new(weight.span(), "`weight` does not apply to `content`")
            .hint("the number in the file is what is added to the priority"),
    )
}

/// A name stands for one check in a virtual router, and in its group.
fn names_differ(file: &File, problems: &mut Vec<Diagnostic>) {
    let mut seen: BTreeMap<(Election<'_>, String), (usize, &TrackTable)> = BTreeMap::new();
    for (index, router) in file.routers.iter().enumerate() {
        let election = match &router.group {
            Some(group) => Election::Group(group.get_ref()),
            None => Election::Alone(index),
        };
        for table in &router.tracks {
            let [target] = &*table.targets else { continue };
            let name = name(table, target.get_ref());
            match seen.get(&(election, name.clone())) {
                Some((of, first)) if *of == index || track(first) != track(table) => {
                    problems.push(
                        Diagnostic::new(name_span(table), format!("check `{name}` appears twice"))
                            .first_at(name_span(first))
                            .hint("give one of them another `name`"),
                    );
                }
                // Members of a group may all say what they have in common.
                Some(_) => {}
                None => drop(seen.insert((election, name), (index, table))),
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Election<'a> {
    Group(&'a str),
    Alone(usize),
}

fn name_span(table: &TrackTable) -> Span {
    table.name.as_ref().map_or_else(|| table.span.clone(), Spanned::span)
}

/// More do not help: each costs a sample every interval.
const TRACKS_MAX: usize = 64;

const INTERVAL_DEFAULT: Duration = Duration::from_secs(1);
/// Or the interval, if that is shorter.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(1);
const RISE_DEFAULT: u32 = 2;
const FALL_DEFAULT: u32 = 3;
/// Longer than a link that bounces or a daemon that restarts again and again is up in between.
const HOLD_DEFAULT: Duration = Duration::from_secs(5);
/// How often what the kernel tells of is looked at all the same.
const RESYNC: Duration = Duration::from_secs(10);
