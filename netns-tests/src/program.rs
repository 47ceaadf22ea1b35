//! Foreign programs that some drills need.

use std::path::PathBuf;

/// A program that is not ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Program {
    /// The file to execute.
    pub name: &'static str,
    /// The Debian package that brings it.
    pub package: &'static str,
}

/// The peer that most people have today.
pub const KEEPALIVED: Program = Program { name: "keepalived", package: "keepalived" };

/// Adds and shows routes.
pub const IP: Program = Program { name: "ip", package: "iproute2" };

/// Takes packets apart as Wireshark does.
pub const TSHARK: Program = Program { name: "tshark", package: "tshark" };

/// Where daemons are installed, which is not in the path of ordinary users.
const DAEMONS: &str = "/usr/sbin";

impl Program {
    /// The file, if it is installed.
    #[must_use]
    pub fn find(&self) -> Option<PathBuf> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let directories = std::env::split_paths(&path).chain([DAEMONS.into()]);
        directories.map(|directory| directory.join(self.name)).find(|file| file.is_file())
    }
}
