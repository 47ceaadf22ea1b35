//! The guard process: waits for the supervisor to die, then carries out its will.
//!
//! Everything is opened, parsed and locked into memory beforehand, so that nothing is left that could
//! fail or wait when it counts. It ignores the signals that end a service, for it dies last.

use std::collections::BTreeMap;
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::SocketAddrV4;
use std::os::fd::{AsFd, OwnedFd};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendFlags, SocketFlags,
    SocketType, recvmsg, send, sendto, socket_with,
};
use rustix::process::{PidfdFlags, getppid, pidfd_open, set_parent_process_death_signal};
use rustix::thread::{CapabilitySet, set_name};
use vrrp::MULTICAST_GROUP;

use super::{ORDER_MAX, Order, Slot};
use crate::logging;
use crate::privilege;
use crate::realtime;

/// To remove addresses, to send, and to keep in memory what is yet to be allocated.
const KEPT: CapabilitySet =
    CapabilitySet::NET_ADMIN.union(CapabilitySet::NET_RAW).union(CapabilitySet::IPC_LOCK);

/// Sent by the kernel when the thread dies that started us.
const PARENT_DIED: rustix::process::Signal = rustix::process::Signal::USR1;

/// A process that was killed is gone by then.
const END_DEADLINE: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// What to do for one virtual router.
pub(super) struct Will {
    pub(super) removals: Vec<Vec<u8>>,
    pub(super) farewell: Vec<u8>,
    sender: OwnedFd,
}

/// Serves the supervisor whose socket is standard input; returns after its death.
///
/// # Errors
/// When something cannot be set up: a guard that might not work must not pretend.
pub(crate) fn run() -> io::Result<()> {
    set_name(c"haagent-guard")?;
    let death = prepare_signals()?;
    // No parent: the supervisor is dead already, and was before it could arm us.
    let Some(parent) = getppid() else { return Ok(()) };
    let supervisor = pidfd_open(parent, PidfdFlags::empty())?;
    // NETLINK_ROUTE is protocol 0.
    let kernel = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    // The supervisor asked for the same, and warned if it was refused.
    let _ = (realtime::lock_memory(), realtime::schedule());
    privilege::keep_only(KEPT)?;
    set_parent_process_death_signal(Some(PARENT_DIED))?;
    let _logs = logging::start();

    let wills = attend(&death, &supervisor)?;
    remove_addresses(&wills, &kernel);
    say_farewell(&wills);
    // A last request of its VRRP thread may have been under way when it was killed.
    await_end_of(&supervisor);
    remove_addresses(&wills, &kernel);
    Ok(())
}

/// Blocks the signals that end a service, and makes a descriptor of the one that tells of the death of our parent.
fn prepare_signals() -> io::Result<SignalFd> {
    let mut ignored = SigSet::empty();
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT] {
        ignored.add(signal);
    }
    ignored.thread_block()?;
    let mut death = SigSet::empty();
    death.add(Signal::SIGUSR1);
    death.thread_block()?;
    Ok(SignalFd::with_flags(&death, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?)
}

/// Collects wills until the supervisor dies.
fn attend(death: &SignalFd, supervisor: &OwnedFd) -> io::Result<BTreeMap<Slot, Will>> {
    let orders = io::stdin();
    let mut wills = BTreeMap::new();
    let mut buffer = vec![0; ORDER_MAX];
    loop {
        let mut ready = [
            PollFd::new(&orders, PollFlags::IN),
            PollFd::new(death, PollFlags::IN),
            PollFd::new(supervisor, PollFlags::IN),
        ];
        match poll(&mut ready, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let [told, dying, dead] = ready.map(|descriptor| !descriptor.revents().is_empty());
        // What was said before death counts.
        if told {
            match receive(&orders, &mut buffer) {
                Ok(Some((order, sender))) => obey(&mut wills, order, sender),
                Ok(None) => return Ok(wills),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => tracing::warn!(%error, "order not understood"),
            }
        } else if dying || dead {
            return Ok(wills);
        }
    }
}

pub(super) fn obey(wills: &mut BTreeMap<Slot, Will>, order: Order, sender: Option<OwnedFd>) {
    match (order, sender) {
        (Order::Arm { slot, removals, farewell }, Some(sender)) => {
            wills.insert(slot, Will { removals, farewell, sender });
        }
        (Order::Arm { slot, .. }, None) => tracing::warn!(?slot, "will without a socket"),
        (Order::Disarm { slot }, _) => {
            wills.remove(&slot);
        }
    }
}

/// The next order, or `None` at the end of the stream.
pub(super) fn receive(
    orders: impl AsFd,
    buffer: &mut [u8],
) -> io::Result<Option<(Order, Option<OwnedFd>)>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let received = recvmsg(
        orders,
        &mut [IoSliceMut::new(buffer)],
        &mut ancillary,
        RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT,
    )?;
    if received.bytes == 0 {
        return Ok(None);
    }
    let sender = ancillary.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut passed) => passed.next(),
        _ => None,
    });
    Ok(Some((serde_json::from_slice(&buffer[..received.bytes])?, sender)))
}

/// Before any peer is told, so that none of them claims an address that we still hold.
fn remove_addresses(wills: &BTreeMap<Slot, Will>, kernel: &OwnedFd) {
    for removal in wills.values().flat_map(|will| &will.removals) {
        if let Err(error) = send(kernel, removal, SendFlags::empty()) {
            tracing::error!(%error, "cannot ask the kernel to remove an address");
        }
    }
}

fn say_farewell(wills: &BTreeMap<Slot, Will>) {
    let group = SocketAddrV4::new(MULTICAST_GROUP, 0);
    for will in wills.values() {
        if let Err(error) = sendto(&will.sender, &will.farewell, SendFlags::empty(), &group) {
            tracing::error!(%error, "cannot send priority 0");
        }
    }
    for (slot, will) in wills {
        tracing::warn!(
            interface = slot.index,
            vrid = slot.vrid,
            addresses = will.removals.len(),
            "supervisor died: addresses removed, priority 0 sent"
        );
    }
}

fn await_end_of(supervisor: &OwnedFd) {
    let mut ended = [PollFd::new(supervisor, PollFlags::IN)];
    // Whatever comes of it, there is nothing to do but to go on.
    let _ = poll(&mut ended, Some(&END_DEADLINE));
}
