//! Builds the `haagent` binary, once, with the profile that the tests were built with.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The binary that is tested.
pub(crate) fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let test = std::env::current_exe().expect("the path of this program");
        // `target/PROFILE/deps/e2e-0123`, and the binary goes to `target/PROFILE`.
        let directory = test.ancestors().nth(2).expect("tests lie two directories deep");
        build(directory);
        directory.join("haagent")
    })
}

fn build(directory: &Path) {
    let profile = match directory.file_name().and_then(OsStr::to_str) {
        None | Some("debug") => "dev",
        Some(profile) => profile,
    };
    let target = directory.parent().expect("a profile's directory lies in the target directory");
    let status = Command::new(env!("CARGO"))
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .args(["build", "--quiet", "--package", "agent", "--profile", profile])
        .arg("--target-dir")
        .arg(target)
        .status()
        .expect("cargo runs");
    assert!(status.success(), "`haagent` cannot be built");
}
