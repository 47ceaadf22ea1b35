//! What the kernel is to do differently on an interface with virtual IPv4 addresses, and the way back.
//!
//! Linux answers ARP for any address of the host on any interface, and asks with any address as sender. A virtual
//! address would be learned at the wrong place. What we change is remembered in a file beforehand, so that
//! whoever comes after a crash can undo it. A value that somebody else changed meanwhile is left alone.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::{fmt, fs};

use nix::net::if_::if_nametoindex;
use serde::{Deserialize, Serialize};

/// Each setting, and the least value that serves us.
const WANTED: [(&str, u32); 3] = [
    // Answer only for addresses of the interface that is asked on.
    ("arp_ignore", 1),
    // Ask with an address of the network that is asked.
    ("arp_announce", 2),
    // An address may go without taking others of its network along.
    ("promote_secondaries", 1),
];

/// Where the kernel has its settings for each interface.
const KERNEL: &str = "/proc/sys/net/ipv4/conf";

/// The file beside the control socket that remembers what was changed.
const RECORD: &str = "sysctl.json";

/// A setting that we changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Change {
    before: u32,
    ours: u32,
}

/// By interface and setting.
type Changes = BTreeMap<String, BTreeMap<String, Change>>;

/// The settings of this host that are ours.
#[derive(Debug)]
pub(crate) struct Sysctls {
    kernel: PathBuf,
    record: PathBuf,
    changes: Changes,
    /// The interfaces that we have seen to: one that comes again by the same name has another number.
    seen_to: BTreeMap<String, u32>,
}

impl Sysctls {
    /// Knows what an earlier haagent changed and did not change back.
    pub(crate) fn open(run_directory: &Path) -> Self {
        Self::new(Path::new(KERNEL), &run_directory.join(RECORD))
    }

    fn new(kernel: &Path, record: &Path) -> Self {
        let changes = match fs::read(record) {
            Ok(text) => serde_json::from_slice(&text).unwrap_or_else(|error| {
                tracing::warn!(file = %record.display(), %error, "settings cannot be changed back");
                Changes::new()
            }),
            // What cannot be read cannot be written either, which is said then.
            Err(_) => Changes::new(),
        };
        let (kernel, record) = (kernel.into(), record.into());
        Self { kernel, record, changes, seen_to: BTreeMap::new() }
    }

    /// Sees to those of these interfaces that are there and new, and changes everything back on all others.
    pub(crate) fn hold(&mut self, interfaces: &BTreeSet<&str>) {
        let present = interfaces.iter().filter_map(|name| {
            let index = if_nametoindex(*name).ok()?;
            Some(((*name).to_owned(), index))
        });
        self.see_to(&present.collect(), interfaces);
    }

    /// Changes everything back.
    pub(crate) fn restore(&mut self) {
        self.hold(&BTreeSet::new());
    }

    fn see_to(&mut self, present: &BTreeMap<String, u32>, wanted: &BTreeSet<&str>) {
        let others = self.changes.keys().filter(|name| !wanted.contains(name.as_str()));
        for name in others.cloned().collect::<Vec<_>>() {
            self.change_back(&name);
        }
        let seen_to = std::mem::replace(&mut self.seen_to, present.clone());
        for name in present.iter().filter(|&(name, index)| seen_to.get(name) != Some(index)) {
            if let Err(error) = self.change(name.0) {
                tracing::warn!("{error}\nhint: {HINT}");
            }
        }
    }

    /// Remembers first: a crash in between leaves a value that is not ours, which is left alone.
    fn change(&mut self, interface: &str) -> Result<(), SysctlError> {
        let mut due = Vec::new();
        for (setting, ours) in WANTED {
            let current = self.read(interface, setting)?;
            let remembered = self.changes.get(interface).and_then(|changes| changes.get(setting));
            if remembered.is_some_and(|change| change.ours == current) {
                continue;
            }
            if current < ours {
                due.push((setting, Change { before: current, ours }));
            }
        }
        let changes = self.changes.entry(interface.to_owned()).or_default();
        changes.extend(due.iter().map(|(setting, change)| ((*setting).to_owned(), *change)));
        self.remember()?;
        for (setting, change) in due {
            self.write(interface, setting, change.ours)?;
        }
        Ok(())
    }

    fn change_back(&mut self, interface: &str) {
        for (setting, change) in self.changes.remove(interface).unwrap_or_default() {
            let restored = match self.read(interface, &setting) {
                Ok(current) if current == change.ours => {
                    self.write(interface, &setting, change.before)
                }
                // Somebody else's by now, or gone with the interface.
                _ => Ok(()),
            };
            if let Err(error) = restored {
                tracing::warn!("{error}");
            }
        }
        if let Err(error) = self.remember() {
            tracing::warn!("{error}");
        }
    }

    /// The old file is there until the new one is complete.
    fn remember(&self) -> Result<(), SysctlError> {
        let write = || -> io::Result<()> {
            if self.changes.values().all(BTreeMap::is_empty) {
                return match fs::remove_file(&self.record) {
                    Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
                    _ => Ok(()),
                };
            }
            let new = self.record.with_extension("new");
            fs::write(&new, serde_json::to_vec(&self.changes)?)?;
            fs::rename(&new, &self.record)
        };
        write().map_err(|error| SysctlError { path: self.record.clone(), error })
    }

    fn read(&self, interface: &str, setting: &str) -> Result<u32, SysctlError> {
        let path = self.path(interface, setting);
        let number = |text: String| text.trim().parse().map_err(io::Error::other);
        fs::read_to_string(&path).and_then(number).map_err(|error| SysctlError { path, error })
    }

    fn write(&self, interface: &str, setting: &str, value: u32) -> Result<(), SysctlError> {
        let path = self.path(interface, setting);
        fs::write(&path, value.to_string()).map_err(|error| SysctlError { path, error })
    }

    fn path(&self, interface: &str, setting: &str) -> PathBuf {
        self.kernel.join(interface).join(setting)
    }
}

/// What to do about a setting that cannot be changed.
const HINT: &str = "hosts may learn a virtual address at another interface of this box; make /proc/sys writable for \
    haagent, or set arp_ignore=1 and arp_announce=2 yourself";

/// A file that could not be used.
#[derive(Debug)]
struct SysctlError {
    path: PathBuf,
    error: io::Error,
}

impl fmt::Display for SysctlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot use `{}`: {}", self.path.display(), self.error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Host {
        directory: tempfile::TempDir,
    }

    impl Host {
        /// With two interfaces that are set as Linux does it.
        fn new() -> Self {
            let host = Self { directory: tempfile::tempdir().expect("a directory") };
            for interface in ["eth0", "eth1"] {
                fs::create_dir_all(host.path(interface)).expect("a directory");
                for setting in ["arp_ignore", "arp_announce", "promote_secondaries"] {
                    host.set(interface, setting, 0);
                }
            }
            host
        }

        fn path(&self, name: &str) -> PathBuf {
            self.directory.path().join(name)
        }

        fn set(&self, interface: &str, setting: &str, value: u32) {
            let path = self.path(interface).join(setting);
            fs::write(path, format!("{value}\n")).expect("writable");
        }

        fn values(&self, interface: &str) -> [u32; 3] {
            WANTED.map(|(setting, _)| {
                let text = fs::read_to_string(self.path(interface).join(setting)).expect("there");
                text.trim().parse().expect("a number")
            })
        }

        /// What a new process knows.
        fn sysctls(&self) -> Sysctls {
            Sysctls::new(self.directory.path(), &self.path(RECORD))
        }
    }

    fn hold(sysctls: &mut Sysctls, interfaces: &[&str]) {
        let present = interfaces.iter().map(|name| ((*name).to_owned(), 7)).collect();
        sysctls.see_to(&present, &interfaces.iter().copied().collect());
    }

    const OURS: [u32; 3] = [1, 2, 1];

    #[test]
    fn only_interfaces_with_virtual_addresses_are_changed_and_only_for_as_long() {
        let host = Host::new();
        let mut sysctls = host.sysctls();
        hold(&mut sysctls, &["eth0", "eth1"]);
        assert_eq!([host.values("eth0"), host.values("eth1")], [OURS; 2]);
        hold(&mut sysctls, &["eth1"]);
        assert_eq!([host.values("eth0"), host.values("eth1")], [[0; 3], OURS]);
        hold(&mut sysctls, &[]);
        assert_eq!(host.values("eth1"), [0; 3]);
        assert!(!host.path(RECORD).exists());
    }

    #[test]
    fn what_serves_us_already_is_not_ours() {
        let host = Host::new();
        host.set("eth0", "arp_ignore", 2);
        host.set("eth0", "arp_announce", 2);
        let mut sysctls = host.sysctls();
        hold(&mut sysctls, &["eth0"]);
        assert_eq!(host.values("eth0"), [2, 2, 1]);
        hold(&mut sysctls, &[]);
        assert_eq!(host.values("eth0"), [2, 2, 0]);
    }

    #[test]
    fn what_somebody_else_changed_meanwhile_stays() {
        let host = Host::new();
        let mut sysctls = host.sysctls();
        hold(&mut sysctls, &["eth0"]);
        host.set("eth0", "arp_announce", 1);
        hold(&mut sysctls, &["eth0"]);
        assert_eq!(host.values("eth0"), [1, 1, 1]);
        hold(&mut sysctls, &[]);
        assert_eq!(host.values("eth0"), [0, 1, 0]);
    }

    #[test]
    fn a_successor_changes_back_what_a_killed_process_left() {
        let host = Host::new();
        host.set("eth0", "arp_announce", 1);
        hold(&mut host.sysctls(), &["eth0", "eth1"]);
        let mut successor = host.sysctls();
        hold(&mut successor, &["eth0"]);
        assert_eq!([host.values("eth0"), host.values("eth1")], [OURS, [0; 3]]);
        hold(&mut successor, &[]);
        assert_eq!(host.values("eth0"), [0, 1, 0]);
    }

    #[test]
    fn an_interface_that_comes_again_is_seen_to_again() {
        let host = Host::new();
        let mut sysctls = host.sysctls();
        hold(&mut sysctls, &["eth0"]);
        for (setting, _) in WANTED {
            host.set("eth0", setting, 0);
        }
        sysctls.see_to(&BTreeMap::new(), &["eth0"].into());
        sysctls.see_to(&[("eth0".to_owned(), 8)].into(), &["eth0"].into());
        assert_eq!(host.values("eth0"), OURS);
    }

    #[test]
    fn an_unreadable_record_is_no_reason_to_fail() {
        let host = Host::new();
        fs::write(host.path(RECORD), "{").expect("writable");
        let mut sysctls = host.sysctls();
        hold(&mut sysctls, &["eth0"]);
        assert_eq!(host.values("eth0"), OURS);
    }
}
