//! Lines for the reader: everything that the programs of this package print.

use std::io::Write;
use std::path::Path;

use crate::sandbox::SCRATCH;

/// Prints a line. A reader who went away is no reason to fail.
pub fn say(line: impl std::fmt::Display) {
    let mut output = std::io::stdout().lock();
    let _ = writeln!(output, "{line}").and_then(|()| output.flush());
}

/// Prints text without ending the line.
pub fn begin(text: impl std::fmt::Display) {
    let mut output = std::io::stdout().lock();
    let _ = write!(output, "{text}").and_then(|()| output.flush());
}

/// How many lines of a log are shown.
const TAIL_LINES: usize = 40;

/// Prints the ends of the logs of the latest lab, for whoever has to find out why it failed.
pub fn show_logs() {
    let Some(directory) = latest_lab() else { return };
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    let mut logs: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    logs.sort_unstable();
    for log in logs.iter().filter(|path| path.extension().is_some_and(|kind| kind == "log")) {
        show_tail(log);
    }
}

/// The labs' directories are numbered.
fn latest_lab() -> Option<std::path::PathBuf> {
    let labs = std::fs::read_dir(SCRATCH).ok()?.flatten();
    let number = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    labs.map(|lab| lab.path()).max_by_key(|path| number(path))
}

fn show_tail(log: &Path) {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    say(format!("---- {}", log.file_name().unwrap_or_default().display()));
    for line in &lines[lines.len().saturating_sub(TAIL_LINES)..] {
        say(line);
    }
}
