//! The routes of one link: adds and removes them, and hears of those that others removed.
//!
//! What nobody needs is not watched: the kernel tells every change of every route, which on a box with a full table is
//! much.

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use futures_util::StreamExt;
use rtnetlink::MulticastGroup;
use rtnetlink::packet_core::NetlinkPayload;
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::route::RouteMessage;
use tokio::sync::mpsc;

use super::netlink::Netlink;
use super::route;
use crate::route::Route;

/// Removals of ours that nobody has looked at. Should there be more, the next renewal adds the routes again.
const QUEUE: usize = 64;

/// The routes that we added through one interface.
#[derive(Debug, Default)]
pub(super) struct Routes {
    added: BTreeSet<Route>,
    /// Those that are there already and not ours, so that each is told of once.
    foreign: BTreeSet<Route>,
    watch: Option<Watch>,
}

impl Routes {
    /// Adds a route or renews its lease; idempotent. One of somebody else in its place is left alone.
    pub(super) fn add(
        &mut self,
        netlink: &mut Netlink,
        index: u32,
        route: &Route,
        lease: Duration,
    ) -> io::Result<()> {
        if self.watch.is_none() {
            self.watch = Some(Watch::open()?);
        }
        match self.insert(netlink, index, route, lease) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            // Somebody removed the address a moment ago, of which we are about to hear: it brings the route with it.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput && route.source.is_some() => {
                tracing::debug!(%route, %error, "its source is not there");
                return Ok(());
            }
            result => return result,
        }
        if self.added.contains(route) {
            return netlink.renew_route(index, route, lease);
        }
        if !self.foreign.insert(route.clone()) {
            return Ok(());
        }
        // One of ours that an earlier haagent left goes; one of somebody else stays.
        netlink.remove_route(index, route)?;
        match self.insert(netlink, index, route, lease) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                tracing::warn!(%route, "not added: somebody else has a route there");
                Ok(())
            }
            result => result,
        }
    }

    fn insert(
        &mut self,
        netlink: &mut Netlink,
        index: u32,
        route: &Route,
        lease: Duration,
    ) -> io::Result<()> {
        netlink.add_route(index, route, lease)?;
        self.foreign.remove(route);
        self.added.insert(route.clone());
        Ok(())
    }

    /// Removes a route if it is ours; one that is gone already is no error.
    pub(super) fn remove(
        &mut self,
        netlink: &mut Netlink,
        index: u32,
        route: &Route,
    ) -> io::Result<()> {
        self.added.remove(route);
        self.foreign.remove(route);
        netlink.remove_route(index, route)
    }

    /// The interface is gone, and its routes with it.
    pub(super) fn forget(&mut self) {
        self.added.clear();
    }

    /// Until a route of ours is not there any more. Cancel-safe. Pends for ever while there are none.
    pub(super) async fn lost(&mut self, index: Option<u32>) {
        loop {
            let (Some(watch), Some(index)) = (&mut self.watch, index) else {
                return std::future::pending().await;
            };
            let Some(removed) = watch.removed.recv().await else {
                return std::future::pending().await;
            };
            if self.added.iter().any(|route| route::is_about(&removed, index, route)) {
                return;
            }
        }
    }
}

/// Hears of removed routes until it is dropped.
#[derive(Debug)]
struct Watch {
    removed: mpsc::Receiver<RouteMessage>,
    tasks: [tokio::task::JoinHandle<()>; 2],
}

impl Watch {
    fn open() -> io::Result<Self> {
        let groups = [MulticastGroup::Ipv4Route, MulticastGroup::Ipv6Route];
        let (connection, _handle, mut messages) = rtnetlink::new_multicast_connection(&groups)?;
        let (sender, removed) = mpsc::channel(QUEUE);
        let listen = async move {
            while let Some((message, _)) = messages.next().await {
                // After an overrun the next renewal adds what is missing.
                if let NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelRoute(route)) =
                    message.payload
                    && route::is_tagged(&route)
                {
                    // Full: see QUEUE.
                    let _ = sender.try_send(route);
                }
            }
        };
        Ok(Self { removed, tasks: [tokio::spawn(connection), tokio::spawn(listen)] })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}
