//! Capabilities: which ones are there, which ones a task needs, and how to be rid of them.

use std::io;

use nix::unistd::{Gid, Uid, User, setgid, setgroups, setuid};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
};

/// What claiming an address takes, by the names that capabilities(7) gives them.
const VIRTUAL_ROUTER: [(&str, CapabilitySet); 2] =
    [("CAP_NET_ADMIN", CapabilitySet::NET_ADMIN), ("CAP_NET_RAW", CapabilitySet::NET_RAW)];

/// Names of the capabilities that virtual routers need and this process lacks.
pub(crate) fn missing_for_virtual_routers() -> io::Result<Vec<&'static str>> {
    let effective = capabilities(None)?.effective;
    let missing = VIRTUAL_ROUTER.iter().filter(|(_, set)| !effective.contains(*set));
    Ok(missing.map(|(name, _)| *name).collect())
}

/// The user and group that a worker runs as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl Identity {
    /// Looks up a user; without a name, `haagent` if there is one, else `nobody`. `None` if there is no such user.
    pub(crate) fn find(name: Option<&str>) -> io::Result<Option<Self>> {
        let names = match name {
            Some(name) => vec![name],
            None => vec!["haagent", "nobody"],
        };
        for name in names {
            if let Some(user) = User::from_name(name)? {
                return Ok(Some(Self { uid: user.uid.as_raw(), gid: user.gid.as_raw() }));
            }
        }
        Ok(None)
    }

    /// Whether this process may become that user: it can change users, and the user is mapped in its user namespace.
    pub(crate) fn is_attainable(self) -> bool {
        let can = capabilities(None).is_ok_and(|sets| {
            sets.effective.contains(CapabilitySet::SETUID | CapabilitySet::SETGID)
        });
        let mapped = |map, id| std::fs::read_to_string(map).is_ok_and(|map| is_mapped(&map, id));
        can && mapped("/proc/self/uid_map", self.uid) && mapped("/proc/self/gid_map", self.gid)
    }
}

/// Whether an ID is in a map of user_namespaces(7): lines of first ID inside, first ID outside, count.
fn is_mapped(map: &str, id: u32) -> bool {
    map.lines().any(|line| {
        let numbers: Vec<u64> = line.split_whitespace().flat_map(str::parse).collect();
        matches!(numbers[..], [first, _, count] if (first..first + count).contains(&u64::from(id)))
    })
}

/// Becomes the user, if one is given, and gives up every capability for good.
///
/// To be called before the first thread is started, for capabilities belong to threads.
///
/// # Errors
/// When anything is left that should be gone: such a process must not go on.
pub(crate) fn drop_all(identity: Option<Identity>) -> io::Result<()> {
    drop_bounding_set();
    if let Some(Identity { uid, gid }) = identity {
        setgroups(&[])?;
        setgid(Gid::from_raw(gid))?;
        setuid(Uid::from_raw(uid))?;
    }
    keep_only(CapabilitySet::empty())
}

/// Gives up every capability but these, in this thread and in what it executes.
///
/// # Errors
/// When the kernel refuses.
pub(crate) fn keep_only(kept: CapabilitySet) -> io::Result<()> {
    clear_ambient_capability_set()?;
    let sets =
        CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
    set_capabilities(None, sets)?;
    set_no_new_privs(true)?;
    if capabilities(None)? != sets {
        return Err(io::Error::other("capabilities remain that were to be dropped"));
    }
    Ok(())
}

/// Needs CAP_SETPCAP. Without it the set stays, which `no_new_privs` makes harmless.
fn drop_bounding_set() {
    for bit in 0..64 {
        let capability = CapabilitySet::from_bits_retain(1 << bit);
        let _ = remove_capability_from_bounding_set(capability);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_mapped_if_a_range_holds_it() {
        let host = "         0          0 4294967295\n";
        let unprivileged = "         0       1000          1\n";
        let container = "0 1000 1\n1 100000 65536\n";
        assert!(is_mapped(host, 65_534));
        assert!(is_mapped(unprivileged, 0));
        assert!(!is_mapped(unprivileged, 65_534));
        assert!(is_mapped(container, 65_534));
        assert!(!is_mapped("", 0));
    }

    #[test]
    fn a_named_user_is_looked_up_and_nobody_stands_in() {
        assert_eq!(Identity::find(Some("root")).expect("found"), Some(Identity { uid: 0, gid: 0 }));
        assert_eq!(Identity::find(Some("no such user")).expect("looked up"), None);
        assert!(Identity::find(None).expect("looked up").is_some());
    }
}
