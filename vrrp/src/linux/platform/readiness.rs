//! What it takes to take part: the interface, its carrier, a source and the sockets; and what of it changed.

use std::net::IpAddr;

use super::place::refused;
use super::{Linux, Sockets};
use crate::event::{Event, LinkState};
use crate::family::Family;
use crate::linux::evidence::EvidenceSocket;
use crate::linux::interfaces::Interface;
use crate::linux::neighbours::Neighbours;
use crate::linux::socket::AdvertSocket;
use crate::linux::will::Executor;

impl<E: Executor> Linux<E> {
    /// The difference between the interface as it is and as it was told.
    pub(super) fn news(&mut self) -> Option<Event> {
        let id = self.link;
        let now = self.interface();
        if now.index != self.told.index {
            // Another interface of the same name: down first, so that everything is set up again.
            self.sockets = None;
            self.source = None;
            if let Some(device) = &mut self.device {
                device.forget();
            }
            self.told = Interface { link: LinkState::Down, ..now };
            return Some(Event::Link { link: id, state: LinkState::Down });
        }
        let before = self.obstacle.take();
        self.obstacle = self.prepare(&now).err();
        let state = if self.obstacle.is_none() { LinkState::Up } else { LinkState::Down };
        if let Some(source) = self.source
            && state == LinkState::Up
            && self.told_source != self.source
        {
            self.told_source = self.source;
            return Some(Event::Source { link: id, source });
        }
        if state != self.told.link || before != self.obstacle {
            if let Some(obstacle) = &self.obstacle {
                tracing::warn!(interface = self.interface, vrid = %self.vrid, "{obstacle}");
            }
            let is_silenced = self.is_silenced() && self.told.link == LinkState::Up;
            self.told = Interface { link: state, ..now };
            return Some(if is_silenced {
                Event::SourceLost { link: id }
            } else {
                Event::Link { link: id, state }
            });
        }
        if now.mac != self.told.mac && self.sockets.is_some() {
            self.told.mac = now.mac;
            return Some(Event::MacChanged { link: id });
        }
        let lost = self.added.iter().find(|ip| self.told.holds(ip) && !now.holds(ip)).copied();
        if let Some(ip) = lost {
            self.told.ours.remove(&ip);
            self.told.foreign.retain(|own| own.address != ip);
        } else {
            self.told = Interface { link: state, ..now };
        }
        lost.map(|address| Event::AddressLost { link: id, address })
    }

    /// Has everything that it takes to take part, or says what is missing. A link on which we cannot hear is as good
    /// as down: silence on it proves nothing.
    fn prepare(&mut self, now: &Interface) -> Result<(), String> {
        let name = &self.interface;
        let source = self.choose_source(now);
        // While there is no other source the sockets with the one that is gone stay, for a last word.
        if now.link == LinkState::Down || (source.is_some() && source != self.source) {
            self.sockets = None;
        }
        if let Some(source) = source {
            self.source = Some(source);
            self.peers.send_from(source);
        }
        match (now.index, now.link, source) {
            (None, _, _) => Err(format!("waiting for interface `{name}`")),
            (_, LinkState::Down, _) => Err(format!("interface `{name}` is down")),
            (_, LinkState::Up, None) => Err(format!("waiting for {} on `{name}`", self.lacking())),
            (_, LinkState::Up, Some(_)) => self.sockets().map(|_| ()),
        }
    }

    /// Whether the address that we send from is gone, and everything else is there.
    fn is_silenced(&self) -> bool {
        self.obstacle.is_some() && self.sockets.is_some()
    }

    fn choose_source(&self, now: &Interface) -> Option<IpAddr> {
        let wanted = self.wanted_source;
        if !wanted.is_unspecified() {
            let had_it = self.sockets.as_ref().is_some_and(|sockets| sockets.had_source);
            return (!had_it || now.has_foreign(&wanted)).then_some(wanted);
        }
        let rules = self.source_rules.borrow();
        rules.choose(&now.foreign, self.family(), self.source)
    }

    /// The address that the interface needs, in words.
    fn lacking(&self) -> String {
        match self.family() {
            _ if !self.wanted_source.is_unspecified() => format!("`{}`", self.wanted_source),
            Family::Ipv4 => "an IPv4 address".to_owned(),
            Family::Ipv6 => "a link-local IPv6 address".to_owned(),
        }
    }

    pub(super) fn sockets(&mut self) -> Result<&mut Sockets, String> {
        if self.sockets.is_none() {
            let name = &self.interface;
            let index = self.index()?;
            let source = self.source.ok_or_else(|| format!("`{name}` has no address"))?;
            if let Some(device) = &mut self.device {
                device
                    .make(&mut self.host.netlink.borrow_mut(), index)
                    .map_err(|error| refused(name, &error))?;
            }
            let transport = &self.peers.peering().transport;
            let adverts = AdvertSocket::open(name, index, source, self.vrid, transport);
            let adverts = adverts.map_err(|error| {
                format!("cannot open a VRRP socket on `{name}` with source `{source}`: {error}")
            })?;
            let neighbours = Neighbours::open(name, Family::of(source))
                .and_then(|mut it| it.watch(&self.watched).map(|()| it))
                .map_err(|error| format!("cannot open a packet socket on `{name}`: {error}"))?;
            let evidence = EvidenceSocket::open(name)
                .map_err(|error| format!("cannot open a packet socket on `{name}`: {error}"))?;
            let had_source = self.interface().has_foreign(&source);
            let evidence = Some(evidence);
            self.sockets = Some(Sockets { adverts, had_source, neighbours, evidence });
        }
        Ok(self.sockets.as_mut().expect("opened above"))
    }
}
