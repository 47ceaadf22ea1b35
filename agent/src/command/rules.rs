//! Which programs may be run, and as whom.
//!
//! Whoever can change a program that haagent runs has the rights that it runs with. So neither the file nor a directory
//! above it may be writable by others than root and the user that started haagent.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::privilege::Identity;

/// Why a command must not be run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// There is no program.
    #[error("the command is empty")]
    Empty,
    /// A relative path depends on where one is.
    #[error("program `{0}` is no absolute path")]
    Relative(String),
    /// It cannot be looked at.
    #[error("program `{path}` cannot be looked at: {error}")]
    Unreadable {
        /// As the config has it.
        path: String,
        /// What the system says.
        error: io::Error,
    },
    /// A directory, a device or the like.
    #[error("program `{0}` is no file")]
    NoFile(String),
    /// Others could replace it.
    #[error("`{}` can be changed by others than root", .0.display())]
    Unsafe(PathBuf),
    /// The user must not run it.
    #[error("user {uid} may not {verb} `{}`", .path.display())]
    Forbidden {
        /// The user that was to run it.
        uid: u32,
        /// `execute` or `enter`.
        verb: &'static str,
        /// The program, or a directory above it.
        path: PathBuf,
    },
    /// There is no such user.
    #[error("there is no user `{0}`")]
    NoUser(String),
    /// Root is not asked.
    #[error("commands do not run as root")]
    Root,
    /// Users cannot be looked up.
    #[error("users cannot be looked up: {0}")]
    Users(io::Error),
}

impl Refusal {
    /// The way out, where there is one.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Relative(_) => Some("there is no search path and no shell"),
            Self::Unsafe(_) => Some(
                "it must belong to root, and neither its group nor others may write to it (`chmod go-w`)",
            ),
            Self::Root => Some(
                "name an ordinary user; what needs root can be asked of a service that has the right",
            ),
            Self::NoUser(_) | Self::Forbidden { .. } => Some(
                "without `user` commands run as `haagent` if there is such a user, else as `nobody`",
            ),
            Self::Empty | Self::Unreadable { .. } | Self::NoFile(_) | Self::Users(_) => None,
        }
    }
}

/// The user that is to run a command.
pub(super) fn identity(name: Option<&str>) -> Result<Identity, Refusal> {
    let found = Identity::find(name).map_err(Refusal::Users)?;
    let identity = found.ok_or_else(|| Refusal::NoUser(name.unwrap_or("nobody").to_owned()))?;
    if identity.uid == 0 { Err(Refusal::Root) } else { Ok(identity) }
}

/// The program without symbolic links, if it is safe and this user may execute it.
pub(super) fn resolve(name: &str, identity: Identity) -> Result<PathBuf, Refusal> {
    if !Path::new(name).is_absolute() {
        return Err(Refusal::Relative(name.to_owned()));
    }
    let unreadable = |error| Refusal::Unreadable { path: name.to_owned(), error };
    let program = fs::canonicalize(name).map_err(unreadable)?;
    for path in program.ancestors() {
        let metadata = fs::symlink_metadata(path).map_err(unreadable)?;
        if path == program && !metadata.is_file() {
            return Err(Refusal::NoFile(name.to_owned()));
        }
        if !is_safe(&metadata) {
            return Err(Refusal::Unsafe(path.to_owned()));
        }
        if !may_execute(&metadata, identity) {
            let verb = if path == program { "execute" } else { "enter" };
            return Err(Refusal::Forbidden { uid: identity.uid, verb, path: path.to_owned() });
        }
    }
    Ok(program)
}

/// In a sticky directory such as `/tmp` others can add files, but not replace those of root.
fn is_safe(metadata: &Metadata) -> bool {
    const WRITABLE_BY_OTHERS: u32 = 0o022;
    const STICKY: u32 = 0o1000;
    let owner = metadata.uid();
    let trusted = owner == 0 || owner == rustix::process::geteuid().as_raw();
    let sticky = metadata.is_dir() && metadata.mode() & STICKY != 0;
    trusted && (sticky || metadata.mode() & WRITABLE_BY_OTHERS == 0)
}

/// Executes a file, or enters a directory.
fn may_execute(metadata: &Metadata, Identity { uid, gid }: Identity) -> bool {
    let bit = match () {
        () if metadata.uid() == uid => 0o100,
        () if metadata.gid() == gid => 0o010,
        () => 0o001,
    };
    metadata.mode() & bit != 0
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    /// A program of ours that everybody may execute, in a directory of its own.
    struct Program(tempfile::TempDir);

    impl Program {
        fn new() -> Self {
            let program = Self(tempfile::tempdir().expect("scratch directory"));
            fs::create_dir(program.directory()).expect("scratch directory");
            fs::write(program.file(), "#!/bin/sh\n").expect("scratch file");
            program.set(program.0.path(), 0o755);
            program.set(&program.directory(), 0o755);
            program.set(&program.file(), 0o755);
            program
        }

        fn directory(&self) -> PathBuf {
            self.0.path().join("bin")
        }

        fn file(&self) -> PathBuf {
            self.directory().join("hook")
        }

        fn set(&self, path: &Path, mode: u32) {
            fs::set_permissions(path, Permissions::from_mode(mode)).expect("it is ours");
        }

        fn resolve(&self) -> Result<PathBuf, String> {
            resolve_path(&self.file())
        }
    }

    const SOMEBODY: Identity = Identity { uid: 4_000_000, gid: 4_000_000 };

    fn resolve_path(path: &Path) -> Result<PathBuf, String> {
        let name = path.to_str().expect("text");
        resolve(name, SOMEBODY).map_err(|refusal| refusal.to_string())
    }

    fn canonical(path: &Path) -> PathBuf {
        fs::canonicalize(path).expect("it exists")
    }

    #[test]
    fn a_program_that_only_we_can_change_is_run() {
        let program = Program::new();
        assert_eq!(program.resolve(), Ok(canonical(&program.file())));
        assert!(resolve("/bin/sh", SOMEBODY).is_ok());
    }

    #[test]
    fn what_others_can_change_is_not_run() {
        for mode in [0o775, 0o757] {
            let program = Program::new();
            program.set(&program.file(), mode);
            let file = canonical(&program.file());
            let refusal = format!("`{}` can be changed by others than root", file.display());
            assert_eq!(program.resolve(), Err(refusal));

            let program = Program::new();
            program.set(&program.directory(), mode);
            let directory = canonical(&program.directory());
            let refusal = format!("`{}` can be changed by others than root", directory.display());
            assert_eq!(program.resolve(), Err(refusal));
        }
    }

    #[test]
    fn a_link_is_judged_by_what_it_leads_to() {
        let program = Program::new();
        let link = program.0.path().join("link");
        symlink(program.file(), &link).expect("scratch link");
        assert_eq!(resolve_path(&link), Ok(canonical(&program.file())));
        program.set(&program.file(), 0o777);
        assert!(resolve_path(&link).is_err());
    }

    #[test]
    fn what_the_user_may_not_execute_is_refused() {
        let program = Program::new();
        program.set(&program.file(), 0o744);
        let refusal = program.resolve().expect_err("not executable");
        assert!(refusal.starts_with("user 4000000 may not execute `"), "{refusal}");
        program.set(&program.file(), 0o755);
        program.set(&program.directory(), 0o700);
        let refusal = program.resolve().expect_err("not to be entered");
        assert!(refusal.starts_with("user 4000000 may not enter `"), "{refusal}");
    }

    #[test]
    fn only_files_by_absolute_paths_are_run() {
        let says = |name: &str| resolve(name, SOMEBODY).expect_err("refused").to_string();
        assert_eq!(says("true"), "program `true` is no absolute path");
        assert_eq!(says("/usr/bin"), "program `/usr/bin` is no file");
        assert_eq!(
            says("/nonexistent/hook"),
            "program `/nonexistent/hook` cannot be looked at: No such file or directory (os error 2)"
        );
    }

    #[test]
    fn root_is_not_asked() {
        assert!(matches!(identity(Some("root")), Err(Refusal::Root)));
        assert!(matches!(identity(Some("no such user")), Err(Refusal::NoUser(_))));
        assert!(identity(None).is_ok_and(|identity| identity.uid != 0));
    }
}
