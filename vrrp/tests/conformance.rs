//! The table in `src/conformance.md` has every MUST of RFC 9568, and every proof that it names exists.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// How many MUSTs each section of RFC 9568 has.
const SECTIONS: &[(&str, usize)] = &[
    ("5.1.1.2", 1),
    ("5.1.1.3", 2),
    ("5.1.2.2", 1),
    ("5.1.2.3", 2),
    ("5.2.2", 1),
    ("5.2.4", 2),
    ("5.2.5", 1),
    ("5.2.6", 1),
    ("5.2.8", 1),
    ("5.2.9", 2),
    ("6.1", 1),
    ("6.4.1", 2),
    ("6.4.2", 10),
    ("6.4.3", 12),
    ("7.1", 6),
    ("7.2", 4),
    ("7.4", 1),
    ("8.1.2", 2),
    ("8.1.3", 1),
    ("8.2.2", 4),
    ("8.2.3", 1),
    ("8.4.2", 3),
];

/// The errata that are verified, and reported ones that we follow.
const ERRATA: [u16; 6] = [7947, 7949, 8298, 8299, 8300, 8301];

/// How the reason for a missing proof begins.
const EXCUSES: [&str; 3] = ["kernel: ", "not ours: ", "not met: "];

/// Where tests are, from the root of the workspace.
const TESTS: [&str; 3] = ["vrrp/src", "vrrp/tests", "agent/src/config/tests"];
const DRILLS: &str = "netns-tests/src/drills/mod.rs";

struct Row<'a> {
    clause: &'a str,
    proof: &'a str,
}

fn rows() -> impl Iterator<Item = Row<'static>> {
    let table = include_str!("../src/conformance.md");
    table.lines().filter(|line| line.starts_with('|')).skip(2).map(|line| {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [clause, _, proof] = cells[..] else { panic!("not three cells: {line}") };
        Row { clause, proof }
    })
}

#[test]
fn every_must_has_its_row() {
    let of_section = |&(section, count)| (1..=count).map(move |n| format!("{section}-{n}"));
    let mut clauses: Vec<_> = SECTIONS.iter().flat_map(of_section).collect();
    clauses.extend(ERRATA.map(|number| format!("erratum {number}")));
    let listed: Vec<_> = rows().map(|row| row.clause).collect();
    assert_eq!(listed, clauses);
}

#[test]
fn every_proof_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut known = drills(&root);
    for directory in TESTS {
        for file in sources(&root.join(directory)) {
            known.extend(tests(&file));
        }
    }
    for Row { clause, proof } in rows() {
        let named: Vec<_> = proof.split('`').skip(1).step_by(2).collect();
        for name in &named {
            assert!(known.contains(*name), "{clause}: there is no test or drill `{name}`");
        }
        let excused = EXCUSES.iter().any(|excuse| proof.starts_with(excuse));
        assert!(excused || !named.is_empty(), "{clause}: neither proof nor reason");
    }
}

fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory of the workspace") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The tests in a file as `file::test`; a file named `mod.rs` or `tests.rs` has the name of its directory.
fn tests(file: &Path) -> Vec<String> {
    let stem = |path: &Path| path.file_stem().expect("a name").to_string_lossy().into_owned();
    let module = match stem(file).as_str() {
        "mod" | "tests" => stem(file.parent().expect("in a directory")),
        _ => stem(file),
    };
    let text = fs::read_to_string(file).expect("readable");
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let names = lines.windows(2).filter(|pair| is_attribute(pair[0])).filter_map(|pair| {
        let (_, rest) = pair[1].split_once("fn ")?;
        Some(format!("{module}::{}", rest.split('(').next()?))
    });
    names.collect()
}

fn is_attribute(line: &str) -> bool {
    line == "#[test]" || line.starts_with("#[tokio::test")
}

fn drills(root: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(root.join(DRILLS)).expect("readable");
    let names = text.split("name: \"").skip(1).filter_map(|rest| rest.split('"').next());
    names.map(str::to_owned).collect()
}
