//! One interface as the platform of one link: events from its sockets and from the kernel, orders to them.

mod place;
mod readiness;

use std::collections::BTreeSet;
use std::future::pending;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use super::device::Device;
use super::evidence::EvidenceSocket;
use super::frames::Claim;
use super::host::Host;
use super::interfaces::{Interface, Watch};
use super::macvlan::down_request;
use super::neighbours::Neighbours;
use super::peers::{Heard, Peers};
use super::route::route_removal_request;
use super::routes::Routes;
use super::socket::AdvertSocket;
use super::source::SourceRules;
use super::will::{Executor, Farewell, RouterId, Will};
use crate::advertisement::Advertisement;
use crate::checksum::ChecksumForm;
use crate::counters::DecodeErrors;
use crate::event::{Event, LinkState};
use crate::family::Family;
use crate::neighbour::who_has;
use crate::peering::Peering;
use crate::platform::{Parting, Platform, Waiting};
use crate::route::Route;
use crate::types::{LinkId, Vrid};

use place::changed;

/// Pause before sockets that could not be opened are tried again.
const RETRY: Duration = Duration::from_secs(1);

/// One interface of this host, as the [`Platform`] of one link of a virtual router.
#[derive(Debug)]
pub struct Linux<E> {
    link: LinkId,
    host: Host,
    interface: String,
    vrid: Vrid,
    /// The family, and the address if it is not ours to choose.
    wanted_source: IpAddr,
    /// What we send from, or did last: the address may be gone.
    source: Option<IpAddr>,
    /// What the election was told to be our source.
    told_source: Option<IpAddr>,
    /// Why we cannot take part now.
    obstacle: Option<String>,
    watch: Watch,
    /// What of the interface has been told already.
    told: Interface,
    /// Whether that is all that can be known.
    is_told: bool,
    source_rules: watch::Receiver<SourceRules>,
    sockets: Option<Sockets>,
    /// What has the addresses, if not the interface.
    device: Option<Device>,
    /// Addresses that we added: kernels before 5.18 do not keep the tag.
    added: BTreeSet<IpAddr>,
    /// On the interface or device with this index, whatever it is called by now.
    added_on: Option<u32>,
    routes: Routes,
    /// Addresses that nobody else should claim.
    watched: BTreeSet<IpAddr>,
    executor: E,
    armed: Option<RouterId>,
    /// What the guard was told last.
    parting: Option<Parting>,
    peers: Peers,
}

#[derive(Debug)]
struct Sockets {
    adverts: AdvertSocket,
    /// The interface had the source when they were opened; one that is told may be elsewhere on the host.
    had_source: bool,
    neighbours: Neighbours,
    /// Until something was received.
    evidence: Option<EvidenceSocket>,
}

impl Sockets {
    /// Returns once, when something was received. Cancel-safe.
    async fn evidence(evidence: &mut Option<EvidenceSocket>) {
        let Some(socket) = evidence else { return pending().await };
        socket.received().await;
        *evidence = None;
    }
}

impl<E: Executor> Linux<E> {
    /// Starts to follow the interface, which need not exist yet.
    ///
    /// It is this link of its virtual router. `source` is an address of the interface, over IPv6 and to the group a
    /// link-local one, or the unspecified address of the link's family: then it is chosen by the host's [`SourceRules`].
    /// Changes of the `peering` are followed, but for the kind of its transport.
    ///
    /// # Errors
    /// When nobody follows the interfaces any more.
    pub async fn open(
        host: &Host,
        link: LinkId,
        interface: &str,
        vrid: Vrid,
        source: IpAddr,
        peering: watch::Receiver<Peering>,
        executor: E,
    ) -> io::Result<Self> {
        let watch = host.interfaces.follow(interface).await?;
        // As if the link were up: `next_event` tells at once if it is not.
        let told = Interface { link: LinkState::Up, ..watch.interface().clone() };
        Ok(Self {
            link,
            host: host.clone(),
            interface: interface.to_owned(),
            vrid,
            wanted_source: source,
            source: None,
            told_source: None,
            obstacle: None,
            watch,
            told,
            is_told: false,
            source_rules: host.source_rules.subscribe(),
            sockets: None,
            device: None,
            added: BTreeSet::new(),
            added_on: None,
            routes: Routes::default(),
            watched: BTreeSet::new(),
            executor,
            armed: None,
            parting: None,
            peers: Peers::new(source, peering, host.reserved.clone()),
        })
    }

    const fn family(&self) -> Family {
        Family::of(self.wanted_source)
    }

    fn rearm(&mut self) {
        if let (Some(_), Some(parting)) = (self.armed, self.parting.take()) {
            self.arm(&parting);
        }
    }

    /// From now on claims of these addresses and of those that are here are told.
    fn watch_for(&mut self, addresses: &[IpAddr]) {
        self.watched = self.added.iter().chain(addresses).copied().collect();
        if let Some(sockets) = &mut self.sockets
            && let Err(error) = sockets.neighbours.watch(&self.watched)
        {
            tracing::warn!(interface = self.interface, %error, "cannot watch for other holders");
        }
    }

    /// What we said ourselves may come back to us.
    fn judge(&self, Claim { address, mac }: Claim) -> Option<Event> {
        let link = self.link;
        (mac != self.watch.interface().mac).then_some(Event::Claimed { link, address, mac })
    }

    /// Speaks with other peers, or otherwise, from now on.
    fn use_new_peering(&mut self) {
        self.peers.update();
        self.rearm();
    }

    fn index(&self) -> Result<u32, String> {
        self.watch
            .interface()
            .index
            .ok_or_else(|| format!("there is no interface `{}`", self.interface))
    }
}

impl Heard {
    fn on(self, link: LinkId, waited: Duration) -> Event {
        let Self { source, advert, form } = self;
        Event::Advertisement { link, source, advert, form, waited }
    }
}

impl<E: Executor> Platform for Linux<E> {
    async fn next_event(&mut self) -> Event {
        loop {
            if !self.is_told {
                if let Some(event) = self.news() {
                    return event;
                }
                self.is_told = true;
            }
            let Some(sockets) = self.sockets.as_mut() else {
                let _ = timeout(RETRY, self.watch.changed()).await;
                self.is_told = false;
                continue;
            };
            let index = self.told.index;
            tokio::select! {
                biased;
                received = sockets.adverts.receiver.receive() => match received {
                    Ok(packet) => if let Some(heard) = self.peers.read(packet.open()) {
                        return heard.on(self.link, packet.waited);
                    },
                    // For example ENETDOWN, whose cause the watch is about to tell.
                    Err(error) => tracing::debug!(%error, "cannot receive"),
                },
                () = self.watch.changed() => self.is_told = false,
                () = changed(&mut self.device) => self.is_told = false,
                Ok(()) = self.source_rules.changed() => self.is_told = false,
                () = self.routes.lost(index) => return Event::RoutesLost { link: self.link },
                () = self.peers.changed() => self.use_new_peering(),
                () = Sockets::evidence(&mut sockets.evidence) => {
                    return Event::Receives { link: self.link };
                }
                claim = sockets.neighbours.claim() => {
                    if let Some(event) = self.judge(claim) {
                        return event;
                    }
                }
            }
        }
    }

    fn read_waiting(&mut self) -> Waiting {
        let Some(sockets) = self.sockets.as_mut() else { return Waiting::Nothing };
        let event = if let Some(packet) = sockets.adverts.receiver.try_receive() {
            let heard = self.peers.read(packet.open());
            heard.map(|heard| heard.on(self.link, packet.waited))
        } else if let Some(claim) = sockets.neighbours.try_claim() {
            self.judge(claim)
        } else {
            return Waiting::Nothing;
        };
        event.map_or(Waiting::Noise, Waiting::Event)
    }

    async fn add_addresses(&mut self, addresses: &[IpAddr], lease: Duration) -> Result<(), String> {
        let index = self.open_device().await?;
        let present = self.interface();
        // An address that somebody else configured is not ours to lease or to remove.
        let is_ours = |ip: &IpAddr| !present.has_foreign(ip) || self.added.contains(ip);
        let ours: Vec<_> = addresses.iter().copied().filter(is_ours).collect();
        self.added.extend(&ours);
        self.added_on = Some(index);
        self.watch_for(&[]);
        self.host
            .netlink
            .borrow_mut()
            .lease(index, &ours, lease)
            .map_err(|error| format!("cannot add {error} to `{}`", self.interface))
    }

    async fn remove_addresses(&mut self, addresses: &[IpAddr]) -> Result<(), String> {
        let present = self.interface();
        let place = self.device.as_ref().map_or(present.index, Device::index);
        let Some(index) = self.added_on.or(place) else {
            self.added.clear();
            return Ok(());
        };
        let is_ours = |ip: &IpAddr| self.added.contains(ip) || present.ours.contains(ip);
        let ours: Vec<_> = addresses.iter().copied().filter(is_ours).collect();
        self.added.retain(|ip| !ours.contains(ip));
        self.watch_for(&[]);
        let removed = self.host.netlink.borrow_mut().remove(index, &ours);
        if let Some(device) = self.device.as_mut().filter(|_| self.added.is_empty()) {
            device.close();
        }
        removed.map_err(|error| format!("cannot remove {error} from `{}`", self.interface))
    }

    fn add_routes(&mut self, routes: &[Route], lease: Duration) -> Result<(), String> {
        let index = self.index()?;
        let netlink = &mut self.host.netlink.borrow_mut();
        for route in routes {
            self.routes.add(netlink, index, route, lease).map_err(|error| {
                format!("cannot add the route `{route}` to `{}`: {error}", self.interface)
            })?;
        }
        Ok(())
    }

    fn remove_routes(&mut self, routes: &[Route]) -> Result<(), String> {
        let Some(index) = self.watch.interface().index else {
            self.routes.forget();
            return Ok(());
        };
        let netlink = &mut self.host.netlink.borrow_mut();
        let mut result = Ok(());
        for route in routes {
            if let Err(error) = self.routes.remove(netlink, index, route) {
                let name = &self.interface;
                result = Err(format!("cannot remove the route `{route}` from `{name}`: {error}"));
            }
        }
        result
    }

    fn advertise(&mut self, advert: &Advertisement, form: ChecksumForm) -> Result<(), String> {
        let messages = self.peers.write(advert, form);
        let sender = self.sender()?;
        let (mut is_sent, mut failure) = (false, None);
        for (to, message) in messages {
            match sender.send(&message, to) {
                Ok(()) => is_sent = true,
                // One peer that cannot be reached must not keep us from telling the others.
                Err(error) => {
                    tracing::debug!(%to, %error, "not sent");
                    failure = Some(format!("cannot advertise to `{to}`: {error}"));
                }
            }
        }
        if is_sent {
            return Ok(());
        }
        let failure = failure.unwrap_or_else(|| "there is nobody to advertise to".to_owned());
        Err(format!("{failure} on `{}`", self.interface))
    }

    fn announce(&mut self, addresses: &[IpAddr]) -> Result<(), String> {
        let (name, mac) = (self.interface.clone(), self.mac());
        let forwards = addresses.iter().any(IpAddr::is_ipv6) && forwards_ipv6(&name);
        let sockets = self.sockets()?;
        for address in addresses {
            sockets
                .neighbours
                .announce(mac, *address, forwards)
                .map_err(|error| format!("cannot announce `{address}` on `{name}`: {error}"))?;
        }
        Ok(())
    }

    fn ask(&mut self, addresses: &[IpAddr]) {
        let mac = self.watch.interface().mac;
        self.watch_for(addresses);
        let Some(sockets) = &self.sockets else { return };
        for address in addresses {
            if let Err(error) = sockets.neighbours.send(&who_has(mac, None, *address)) {
                tracing::debug!(%address, %error, "cannot ask who has an address");
            }
        }
    }

    fn arm(&mut self, parting: &Parting) {
        let Ok(index) = self.index() else { return };
        if let Err(error) = self.sockets() {
            tracing::warn!(%error, "cannot arm the guard");
            return;
        }
        let place = self.device.as_ref().and_then(Device::index);
        let sender = &self.sockets.as_ref().expect("opened above").adverts.sender;
        let messages = self.peers.prepare(&parting.farewell, parting.form).into_iter();
        let farewells =
            messages.map(|(to, message)| Farewell { to: sender.socket_address(to), message });
        let routes = parting.routes.iter().map(|route| route_removal_request(index, route));
        let will = Will {
            route_removals: routes.collect(),
            addresses: parting.addresses.clone(),
            farewells: farewells.collect(),
            device_down: place.map(down_request),
            seal: self.peers.seal(),
            patience: parting.patience,
        };
        let index = place.unwrap_or(index);
        let router = RouterId { index, family: self.family(), vrid: self.vrid };
        if let Some(elsewhere) = self.armed.filter(|armed| *armed != router) {
            self.executor.disarm(elsewhere);
        }
        self.executor.arm(router, &will, sender.socket());
        self.armed = Some(router);
        self.parting = Some(parting.clone());
    }

    fn beat(&mut self) {
        if let Some(router) = self.armed {
            self.executor.beat(router);
        }
    }

    fn disarm(&mut self) {
        if let Some(router) = self.armed.take() {
            self.executor.disarm(router);
        }
    }

    fn obstacle(&self) -> Option<&str> {
        self.obstacle.as_deref()
    }

    fn decode_errors(&self) -> &DecodeErrors {
        self.peers.errors()
    }
}

/// Whether the interface forwards IPv6 now. What cannot be read is as where the kernel has no IPv6.
fn forwards_ipv6(interface: &str) -> bool {
    let switch = format!("/proc/sys/net/ipv6/conf/{interface}/forwarding");
    std::fs::read(switch).is_ok_and(|value| !value.starts_with(b"0"))
}
