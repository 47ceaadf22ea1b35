//! Builds the `haagent` binary with the profile that the running program was built with.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::{Failure, OrFail, Result};

/// Runs `cargo build --package agent` and names the binary: it lies beside this program.
///
/// # Errors
/// When cargo cannot be run or the build fails.
pub fn build() -> Result<PathBuf> {
    let program = std::env::current_exe().or_fail("cannot find this program")?;
    let place = Place::of(&program)?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into());
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "--package", "agent", "--target-dir"]).arg(&place.target);
    build.args(["--profile", place.profile]);
    build.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let status = build.status().or_fail("cannot run cargo")?;
    if !status.success() {
        return Err(Failure::new("cannot build `haagent`"));
    }
    Ok(place.directory.join("haagent"))
}

/// Where cargo put this program.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    /// The directory of the profile's programs: `target/release`.
    directory: PathBuf,
    /// The target directory itself.
    target: PathBuf,
    /// The profile's name for `--profile`.
    profile: &'static str,
}

impl Place {
    /// Programs lie in `target/PROFILE`, tests in `target/PROFILE/deps`.
    fn of(program: &Path) -> Result<Self> {
        let directory = program
            .ancestors()
            .skip(1)
            .find(|directory| !directory.ends_with("deps"))
            .ok_or_else(|| Failure::new("this program lies in no directory"))?;
        let profile = if directory.ends_with("release") { "release" } else { "dev" };
        let target = directory.parent().unwrap_or(directory);
        Ok(Self { directory: directory.into(), target: target.into(), profile })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_lies_in_the_directory_of_its_profile() {
        let place = Place::of(Path::new("/src/target/release/demo")).expect("has a directory");
        assert_eq!(place.directory, Path::new("/src/target/release"));
        assert_eq!(place.target, Path::new("/src/target"));
        assert_eq!(place.profile, "release");
    }

    #[test]
    fn a_test_lies_one_directory_deeper() {
        let place = Place::of(Path::new("/tmp/t/debug/deps/drills-0123")).expect("has a directory");
        assert_eq!(place.directory, Path::new("/tmp/t/debug"));
        assert_eq!(place.target, Path::new("/tmp/t"));
        assert_eq!(place.profile, "dev");
    }
}
