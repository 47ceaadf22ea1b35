//! The open sessions of one thread, so that they can be told to leave.
//!
//! Sessions do not listen to a channel each: whoever wants some of them gone walks the registry of
//! each thread, marks the ones it means, and wakes them. A session looks at its mark whenever it
//! runs, which costs it one load.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};

use crate::drain::{Drain, Guard};
use crate::server::{Lease, Server};
use crate::stats::CloseReason;

thread_local! {
    static REGISTRY: RefCell<Registry> = RefCell::default();
}

#[derive(Default)]
struct Registry {
    next: u64,
    sessions: BTreeMap<u64, Rc<Entry>>,
}

/// Makes every session of this thread that `meant` holds true for leave for this reason, and be
/// waited for by `drain`.
pub(crate) fn dismiss(reason: CloseReason, drain: &Drain, meant: impl Fn(&Entry) -> bool) {
    each(|entry| {
        if meant(entry) {
            entry.guards.borrow_mut().push(drain.guard());
            entry.dismiss(reason);
        }
    });
}

/// Makes `drain` wait for every session that is open on this thread.
pub(crate) fn await_all(drain: &Drain) {
    each(|entry| entry.guards.borrow_mut().push(drain.guard()));
}

fn each(mut act: impl FnMut(&Entry)) {
    REGISTRY.with_borrow(|registry| registry.sessions.values().for_each(|entry| act(entry)));
}

/// What others may know of a session and do to it.
pub(crate) struct Entry {
    /// The address that the client connected to.
    local: IpAddr,
    waker: RefCell<Option<Waker>>,
    dismissed: Cell<Option<CloseReason>>,
    lease: RefCell<Option<Lease>>,
    guards: RefCell<Vec<Guard>>,
}

impl Entry {
    /// The address that the client connected to.
    pub(crate) fn local(&self) -> IpAddr {
        self.local
    }

    /// Whether the session is connected to this server.
    pub(crate) fn uses(&self, server: &Arc<Server>) -> bool {
        self.lease.borrow().as_ref().is_some_and(|lease| Arc::ptr_eq(lease.server(), server))
    }

    /// Notes the server that the session is connected to.
    pub(crate) fn attach(&self, lease: Lease) {
        *self.lease.borrow_mut() = Some(lease);
    }

    fn dismiss(&self, reason: CloseReason) {
        if self.dismissed.get().is_none() {
            self.dismissed.set(Some(reason));
        }
        // A session that has not run yet looks at its mark when it does.
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }

    /// Runs a future to its end, unless the session is dismissed before.
    pub(crate) async fn unless_dismissed<F: Future>(
        &self,
        future: F,
    ) -> Result<F::Output, CloseReason> {
        let mut future = pin!(future);
        poll_fn(|context| {
            if let Some(reason) = self.dismissed.get() {
                return Poll::Ready(Err(reason));
            }
            let mut waker = self.waker.borrow_mut();
            if !waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
                *waker = Some(context.waker().clone());
            }
            drop(waker);
            future.as_mut().poll(context).map(Ok)
        })
        .await
    }
}

/// Keeps a session registered until it is dropped. Does not leave its thread.
pub(crate) struct Registration {
    id: u64,
    entry: Rc<Entry>,
}

impl Registration {
    /// Registers a session on the current thread.
    pub(crate) fn new(local: IpAddr) -> Self {
        let entry = Rc::new(Entry {
            // A dual-stack listener shows IPv4 addresses as IPv6.
            local: local.to_canonical(),
            waker: RefCell::default(),
            dismissed: Cell::default(),
            lease: RefCell::default(),
            guards: RefCell::default(),
        });
        let id = REGISTRY.with_borrow_mut(|registry| {
            registry.next += 1;
            registry.sessions.insert(registry.next, Rc::clone(&entry));
            registry.next
        });
        Self { id, entry }
    }

    pub(crate) fn entry(&self) -> &Entry {
        &self.entry
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // Bound to a name, so that it is dropped after the borrow has ended.
        let _entry = REGISTRY.with_borrow_mut(|registry| registry.sessions.remove(&self.id));
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[tokio::test(flavor = "local", start_paused = true)]
    async fn a_dismissed_session_is_woken_and_waited_for() {
        let session = Registration::new(HERE);
        let leaving = tokio::task::spawn_local(async move {
            session.entry().unless_dismissed(std::future::pending::<()>()).await
        });
        tokio::task::yield_now().await;

        let drain = Drain::new();
        dismiss(CloseReason::Shutdown, &drain, |entry| entry.local() != HERE);
        assert_eq!(drain.wait(Duration::from_secs(1)).await, 0);
        dismiss(CloseReason::ServerDown, &drain, |entry| entry.local() == HERE);
        assert_eq!(drain.wait(Duration::from_secs(1)).await, 0);
        assert_eq!(leaving.await.unwrap(), Err(CloseReason::ServerDown));
    }

    #[tokio::test(flavor = "local", start_paused = true)]
    async fn a_session_can_be_dismissed_before_it_runs() {
        let session = Registration::new(HERE);
        let drain = Drain::new();
        dismiss(CloseReason::Shutdown, &drain, |_| true);
        let reason = session.entry().unless_dismissed(std::future::pending::<()>()).await;
        assert_eq!(reason, Err(CloseReason::Shutdown));
        assert_eq!(drain.wait(Duration::from_secs(1)).await, 1);
    }

    #[test]
    fn an_ipv4_address_is_known_by_that_name_on_a_dual_stack_listener() {
        let mapped = IpAddr::V6(Ipv4Addr::LOCALHOST.to_ipv6_mapped());
        assert_eq!(Registration::new(mapped).entry().local(), HERE);
    }
}
