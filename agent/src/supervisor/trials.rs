//! Tries the virtual MACs of routers that became active.

use std::collections::BTreeSet;
use std::net::IpAddr;

use tokio::task::AbortHandle;
use vrrp::{Family, Role};

use super::{Inner, Supervisor};
use crate::config::{Probe, Router};
use crate::engine::{RouterStatus, Statuses};
use crate::virtual_mac::{HOSTS_MAX, Reach, Trial};

/// A virtual MAC that is in use.
#[derive(Debug)]
pub(super) struct Trying {
    pub(super) reach: Reach,
    task: AbortHandle,
}

impl Drop for Trying {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Supervisor {
    /// Begins with routers that are active by now, and ends with those that are not any more.
    pub(super) fn try_virtual_macs(&mut self, statuses: &Statuses) {
        let is_active = |key: &_| statuses.get(key).is_some_and(|it| it.role() == Role::Active);
        let config = &self.config;
        let wants = |key: &_| config.routers.iter().any(|it| it.virtual_mac && it.key() == *key);
        self.trials.retain(|key, _| is_active(key) && wants(key));
        for router in &config.routers {
            let key = router.key();
            let is_new = !self.trials.contains_key(&key) && is_active(&key);
            let status = statuses.get(&key).filter(|_| is_new);
            let trial = status.and_then(|status| self.trial(router, status));
            let Some(trial) = trial else { continue };
            let sender = self.inner.clone();
            let named = key.clone();
            let task = tokio::spawn(trial.run(move |reach| {
                let (sender, key) = (sender.clone(), named.clone());
                async move {
                    // The loop has ended: nobody wants to know.
                    let _ = sender.send(Inner::Reach(key, reach)).await;
                }
            }));
            let trying = Trying { reach: Reach::Unknown, task: task.abort_handle() };
            self.trials.insert(key, trying);
        }
    }

    /// The hosts are those that we know of without asking: the boxes, and gateways that are tracked.
    fn trial(&self, router: &Router, status: &RouterStatus) -> Option<Trial> {
        let link = &status.group.links[status.link.index()];
        let peer = link.peer.map(|peer| peer.address);
        let nodes = self.config.nodes.iter().map(|node| node.address);
        let gateways = router.tracks.iter().filter_map(|track| match &track.sampling.probe {
            Probe::Gateway(gateway) => Some(gateway.address),
            _ => None,
        });
        let ours = self.config.node.as_ref().map(|node| node.address);
        // From any MAC a host can be asked by ARP. By neighbor discovery it answers to all, unless it is told an address.
        let can_ask = |host: &IpAddr| host.is_ipv4() || router.family() == Family::Ipv6;
        let is_host = |host: &IpAddr| can_ask(host) && *host != link.source && Some(*host) != ours;
        let hosts: BTreeSet<_> =
            peer.into_iter().chain(nodes).chain(gateways).filter(is_host).collect();
        Some(Trial {
            interface: router.interface.clone(),
            own: link.source,
            device: router.device()?,
            held: router.addresses.first()?.address,
            hosts: hosts.into_iter().take(HOSTS_MAX).collect(),
        })
    }
}
