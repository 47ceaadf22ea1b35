//! The guard process: waits for the supervisor to die or to hang, then carries out its will.
//!
//! Everything is opened, parsed and locked into memory beforehand, so that nothing is left that could
//! fail or wait when it counts. It ignores the signals that end or stop a service, for it dies last.

use std::collections::BTreeMap;
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{SystemTime, UNIX_EPOCH};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendFlags, SocketFlags,
    SocketType, recvmsg, send, sendto, socket_with,
};
use rustix::process::{PidfdFlags, getppid, pidfd_open, set_parent_process_death_signal};
use rustix::thread::{CapabilitySet, set_name};
use vrrp::hmac::{HmacKey, Sequence};
use vrrp::linux::removal_request;

use super::alarm::Alarm;
use super::{DESCRIPTORS_MAX, ORDER_MAX, Order, SealOrder, Slot};
use crate::logging;
use crate::privilege;
use crate::realtime;

/// To remove addresses, to send, and to keep in memory what is yet to be allocated.
const KEPT: CapabilitySet =
    CapabilitySet::NET_ADMIN.union(CapabilitySet::NET_RAW).union(CapabilitySet::IPC_LOCK);

/// Sent by the kernel when the thread dies that started us.
const PARENT_DIED: rustix::process::Signal = rustix::process::Signal::USR1;

/// They reach the group that a terminal talks to; the guard goes on for a supervisor that they stop.
const IGNORED: [Signal; 5] =
    [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGTSTP];

/// A process that was killed is gone by then.
const END_DEADLINE: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// What to do for one virtual router.
pub(super) struct Will {
    pub(super) removals: Vec<Vec<u8>>,
    pub(super) farewells: Vec<(SocketAddr, Vec<u8>)>,
    device_down: Option<Vec<u8>>,
    seal: Option<Seal>,
    sender: OwnedFd,
    /// Rings when the supervisor hangs; without one it can only die.
    pub(super) alarm: Option<Alarm>,
}

impl Will {
    /// Signs the farewells, in place.
    fn seal(&mut self) {
        let Some(Seal { key, source, after }) = &self.seal else { return };
        let sequence = after.next(clock());
        for (to, farewell) in &mut self.farewells {
            key.seal(farewell, *source, to.ip(), sequence);
        }
    }
}

/// How to sign farewells.
struct Seal {
    key: HmacKey,
    source: IpAddr,
    /// What the supervisor has surely not signed yet, unless the clock was put back since.
    after: Sequence,
}

impl Seal {
    fn new(order: SealOrder) -> Option<Self> {
        let SealOrder { id, secret, source, after } = order;
        let after = Sequence::from(after.wrapping_add(AHEAD));
        Some(Self { key: HmacKey::new(id, &secret)?, source, after })
    }
}

/// So many advertisements leave at most before the will is made anew, if each only counts up because the clock stands
/// still or was put back. 4 ms of a clock.
const AHEAD: u64 = 1 << 24;

#[expect(clippy::disallowed_methods, reason = "sequences follow the time of day")]
fn clock() -> Sequence {
    Sequence::at(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// What the supervisor wants to be done, for each of its virtual routers that hold addresses.
pub(super) type Wills = BTreeMap<Slot, Will>;

/// What the guard wakes up for; what is first here comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    /// What was said before a death or a silence counts.
    Order,
    Death,
    /// An alarm rang.
    Silence,
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

    let mut wills = attend(&death, &supervisor, &kernel)?;
    remove_addresses(wills.values(), &kernel);
    wills.values_mut().for_each(Will::seal);
    say_farewell(wills.iter(), "supervisor died");
    // A last request of its VRRP thread may have been under way when it was killed.
    await_end_of(&supervisor);
    remove_addresses(wills.values(), &kernel);
    set_down(wills.values(), &kernel);
    Ok(())
}

/// Blocks the signals that end or stop a service, and makes a descriptor of the one that tells of the death of our
/// parent.
fn prepare_signals() -> io::Result<SignalFd> {
    let mut ignored = SigSet::empty();
    for signal in IGNORED {
        ignored.add(signal);
    }
    ignored.thread_block()?;
    let mut death = SigSet::empty();
    death.add(Signal::SIGUSR1);
    death.thread_block()?;
    Ok(SignalFd::with_flags(&death, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?)
}

/// Collects wills until the supervisor dies, and carries out those of virtual routers that fall silent meanwhile.
fn attend(death: &SignalFd, supervisor: &OwnedFd, kernel: &OwnedFd) -> io::Result<Wills> {
    let orders = io::stdin();
    let mut wills = Wills::new();
    let mut buffer = vec![0; ORDER_MAX];
    loop {
        match wait(&orders, death, supervisor, &wills)? {
            Some(News::Order) => match receive(&orders, &mut buffer) {
                Ok(Some((order, descriptors))) => obey(&mut wills, order, descriptors),
                Ok(None) => return Ok(wills),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => tracing::warn!(%error, "order not understood"),
            },
            Some(News::Death) => return Ok(wills),
            Some(News::Silence) => let_go_of_silent(&mut wills, kernel),
            None => {}
        }
    }
}

fn wait(
    orders: &impl AsFd,
    death: &SignalFd,
    supervisor: &OwnedFd,
    wills: &Wills,
) -> io::Result<Option<News>> {
    let alarms = wills.values().filter_map(|will| will.alarm.as_ref());
    let mut ready = vec![
        PollFd::new(orders, PollFlags::IN),
        PollFd::new(death, PollFlags::IN),
        PollFd::new(supervisor, PollFlags::IN),
    ];
    ready.extend(alarms.map(|alarm| PollFd::new(alarm, PollFlags::IN)));
    match poll(&mut ready, None) {
        Ok(_) => {}
        Err(rustix::io::Errno::INTR) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    let first = ready.iter().position(|descriptor| !descriptor.revents().is_empty());
    Ok(first.map(|first| match first {
        0 => News::Order,
        1 | 2 => News::Death,
        _ => News::Silence,
    }))
}

/// Once for every silence: the supervisor may wake up, and arms us again when it is active again.
fn let_go_of_silent(wills: &mut Wills, kernel: &OwnedFd) {
    // Those that are not silent are sealed again at their time.
    wills.values_mut().for_each(Will::seal);
    let silent = silent(wills);
    remove_addresses(silent.iter().map(|(_, will)| *will), kernel);
    say_farewell(silent.iter().copied(), "supervisor hangs");
    set_down(silent.iter().map(|(_, will)| *will), kernel);
}

/// Those whose alarm rang and was not put off since.
pub(super) fn silent(wills: &Wills) -> Vec<(&Slot, &Will)> {
    wills.iter().filter(|(_, will)| will.alarm.as_ref().is_some_and(Alarm::take)).collect()
}

pub(super) fn obey(wills: &mut Wills, order: Order, descriptors: Vec<OwnedFd>) {
    let mut descriptors = descriptors.into_iter();
    match (order, descriptors.next()) {
        (
            Order::Arm { slot, route_removals, addresses, farewells, device_down, seal },
            Some(sender),
        ) => {
            let addresses = addresses.into_iter().map(|ip| removal_request(slot.index, ip));
            let removals = route_removals.into_iter().chain(addresses).collect();
            let alarm = descriptors.next().map(Alarm::from);
            let seal = seal.and_then(Seal::new);
            wills.insert(slot, Will { removals, farewells, device_down, seal, sender, alarm });
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
) -> io::Result<Option<(Order, Vec<OwnedFd>)>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
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
    let passed = ancillary.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(passed) => Some(passed),
        _ => None,
    });
    let descriptors = passed.flatten().collect();
    Ok(Some((serde_json::from_slice(&buffer[..received.bytes])?, descriptors)))
}

/// Before any peer is told, so that none of them claims an address that we still hold.
fn remove_addresses<'a>(wills: impl Iterator<Item = &'a Will>, kernel: &OwnedFd) {
    for removal in wills.flat_map(|will| &will.removals) {
        if let Err(error) = send(kernel, removal, SendFlags::empty()) {
            tracing::error!(%error, "cannot ask the kernel to remove an address");
        }
    }
}

fn say_farewell<'a>(wills: impl Iterator<Item = (&'a Slot, &'a Will)> + Clone, cause: &str) {
    for (_, will) in wills.clone() {
        for (to, farewell) in &will.farewells {
            if let Err(error) = sendto(&will.sender, farewell, SendFlags::empty(), to) {
                tracing::error!(%error, %to, "cannot send priority 0");
            }
        }
    }
    for (slot, will) in wills {
        tracing::warn!(
            interface = slot.index,
            vrid = slot.vrid,
            removed = will.removals.len(),
            "{cause}: addresses and routes removed, priority 0 sent"
        );
    }
}

/// Last, for it takes longer than anything else.
fn set_down<'a>(wills: impl Iterator<Item = &'a Will>, kernel: &OwnedFd) {
    for request in wills.filter_map(|will| will.device_down.as_ref()) {
        if let Err(error) = send(kernel, request, SendFlags::empty()) {
            tracing::error!(%error, "cannot ask the kernel to set a device down");
        }
    }
}

fn await_end_of(supervisor: &OwnedFd) {
    let mut ended = [PollFd::new(supervisor, PollFlags::IN)];
    // Whatever comes of it, there is nothing to do but to go on.
    let _ = poll(&mut ended, Some(&END_DEADLINE));
}
