//! The supervisor's side of the guard.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::rc::Rc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;
use std::{fmt, io, thread};

use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
    sendmsg, socketpair,
};
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use vrrp::linux::{Executor, RouterId, Will};

use super::alarm::Alarm;
use super::{DESCRIPTORS_MAX, Order, SealOrder, Slot};
use crate::realtime;

/// A running guard.
#[derive(Debug)]
pub(crate) struct GuardProcess {
    pub(crate) child: Child,
    /// Keeps the thread alive whose death the guard waits for.
    _parent: Sender<()>,
}

/// Starts a guard; returns the process and the socket that reaches it.
///
/// A real-time thread of its own does so and then only waits. Its death tells the guard of ours before
/// the ordinary threads have found a core to die on, and before the kernel has taken our memory apart.
///
/// # Errors
/// When the process cannot be started.
pub(crate) async fn spawn() -> io::Result<(GuardProcess, OwnedFd)> {
    let (ours, theirs) = socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
        None,
    )?;
    let runtime = Handle::current();
    let (started, starting) = oneshot::channel();
    let (parent, owner) = channel();
    thread::Builder::new().name("guard-parent".to_owned()).spawn(move || {
        // Refused where the VRRP thread is refused too, which warns.
        let _ = realtime::schedule();
        let _runtime = runtime.enter();
        if started.send(command(theirs).spawn()).is_ok() {
            // Until the owner of the guard drops its end.
            let _ = owner.recv();
        }
    })?;
    let child = starting.await.map_err(io::Error::other)??;
    Ok((GuardProcess { child, _parent: parent }, ours))
}

fn command(stdin: OwnedFd) -> Command {
    let mut command = std::process::Command::new("/proc/self/exe");
    command.arg0("haagent").arg("guard").stdin(Stdio::from(stdin)).stdout(Stdio::null());
    Command::from(command)
}

/// The VRRP thread's handle on the guard, shared by its virtual routers.
#[derive(Clone, Default)]
pub(crate) struct Guard(Rc<Shared>);

#[derive(Default)]
struct Shared {
    socket: RefCell<Option<OwnedFd>>,
    /// Of the virtual routers that are armed. They outlive a guard.
    watches: RefCell<BTreeMap<Slot, Watch>>,
}

/// How the guard notices that a virtual router hangs.
struct Watch {
    alarm: Alarm,
    patience: Duration,
}

impl Guard {
    /// Talks to this guard from now on.
    pub(crate) fn replace(&self, socket: OwnedFd) {
        *self.0.socket.borrow_mut() = Some(socket);
    }

    fn send(&self, order: &Order, descriptors: &[BorrowedFd<'_>]) {
        let socket = self.0.socket.borrow();
        // Without a guard the kernel's lease still ends our hold; the supervisor is replacing it.
        let Some(socket) = socket.as_ref() else { return };
        if let Err(error) = send(socket, order, descriptors) {
            tracing::warn!(%error, "guard does not answer");
        }
    }

    /// Sets the alarm of this virtual router, which it has from now on.
    fn watch(&self, slot: Slot, patience: Duration) -> io::Result<()> {
        let mut watches = self.0.watches.borrow_mut();
        let alarm = match watches.remove(&slot) {
            Some(watch) => watch.alarm,
            None => Alarm::new()?,
        };
        alarm.put_off(patience)?;
        watches.insert(slot, Watch { alarm, patience });
        Ok(())
    }
}

impl Executor for Guard {
    fn arm(&self, router: RouterId, will: &Will, sender: BorrowedFd<'_>) {
        let slot = router.into();
        if let Err(error) = self.watch(slot, will.patience) {
            tracing::warn!(%error, "the guard will not notice if we hang");
        }
        let order = Order::Arm {
            slot,
            route_removals: will.route_removals.clone(),
            addresses: will.addresses.clone(),
            farewells: will.farewells.iter().map(|f| (f.to, f.message.clone())).collect(),
            device_down: will.device_down.clone(),
            seal: will.seal.as_ref().map(|seal| SealOrder {
                id: seal.key.id(),
                secret: seal.key.secret().to_vec(),
                source: seal.source,
                after: seal.after.value(),
            }),
        };
        let watches = self.0.watches.borrow();
        let alarm = watches.get(&slot).map(|watch| watch.alarm.as_fd());
        let descriptors: Vec<_> = std::iter::once(sender).chain(alarm).collect();
        self.send(&order, &descriptors);
    }

    fn disarm(&self, router: RouterId) {
        let slot = router.into();
        // Should the order not arrive, the guard must not take us for hung.
        if let Some(watch) = self.0.watches.borrow_mut().remove(&slot)
            && let Err(error) = watch.alarm.stop()
        {
            tracing::warn!(%error, "cannot stop the alarm");
        }
        self.send(&Order::Disarm { slot }, &[]);
    }

    fn beat(&self, router: RouterId) {
        let watches = self.0.watches.borrow();
        let Some(watch) = watches.get(&router.into()) else { return };
        if let Err(error) = watch.alarm.put_off(watch.patience) {
            tracing::warn!(%error, "cannot put off the alarm");
        }
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guard")
    }
}

fn send(socket: &OwnedFd, order: &Order, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let message = serde_json::to_vec(order)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() {
        ancillary.push(SendAncillaryMessage::ScmRights(descriptors));
    }
    sendmsg(socket, &[IoSlice::new(&message)], &mut ancillary, SendFlags::NOSIGNAL)?;
    Ok(())
}
