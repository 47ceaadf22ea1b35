//! The part of a box that outlives our processes: addresses with leases, sockets, and word of what changes.

use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use vrrp::{
    Advertisement, Auth, ChecksumForm, Envelope, Event, Family, Interval, LinkId, LinkState, Mac,
    Priority, Version, Vrid,
};

use super::habits::address_on;
use super::host::{Place, Process};
use super::kinds::NOT_ADMITTED;
use super::laws::{Law, law};
use super::network::LEASE_LATE_MAX;
use super::queue::What;
use super::world::World;

impl World {
    pub fn netlink(&mut self, to: usize, event: Event) {
        if !self.hosts[to].has_overrun {
            self.after(NETLINK_DELAY, What::Netlink { to, event: Box::new(event) });
        }
    }

    pub fn drop_addresses(&mut self, index: usize, places: &[Place]) {
        self.is_changed = true;
        for &(link, address) in places {
            if self.hosts[index].held.remove(&(link, address)).is_some() {
                self.hosts[index].stuck.remove(&(link, address));
                self.hosts[index].lost.insert((link, address));
                self.netlink(index, Event::AddressLost { link, address });
            }
        }
    }

    /// The process learns what it missed.
    pub fn dump(&mut self, index: usize) -> Law {
        self.hosts[index].has_overrun = false;
        for link in self.hosts[index].config().link_ids() {
            let state =
                if self.hosts[index].carries(link) { LinkState::Up } else { LinkState::Down };
            self.input(index, Event::Link { link, state })?;
        }
        let host = &self.hosts[index];
        let lost: Vec<_> =
            host.lost.iter().filter(|place| !host.held.contains_key(place)).copied().collect();
        for (link, address) in lost {
            self.input(index, Event::AddressLost { link, address })?;
        }
        Ok(())
    }

    pub fn end_leases(&mut self, index: usize) -> Law {
        let now = self.now;
        let host = &mut self.hosts[index];
        host.lease_watched = false;
        let ended = host.held.iter().filter(|&(_, &until)| until <= now);
        let ended: Vec<_> = ended.map(|(&place, _)| place).collect();
        if !ended.is_empty() {
            self.note(|| format!("kernel of host {index} ends the lease of {ended:?}"));
            let stuck = &self.hosts[index].stuck;
            law!(
                !self.hosts[index].is_running() || ended.iter().all(|it| stuck.contains(it)),
                "I2 the living renew their leases",
                "host {index} lost {ended:?}"
            );
            self.drop_addresses(index, &ended);
        }
        self.watch_leases(index);
        Ok(())
    }

    pub fn watch_leases(&mut self, index: usize) {
        let host = &mut self.hosts[index];
        if let Some(&first) = host.held.values().min()
            && !host.lease_watched
        {
            host.lease_watched = true;
            let late = self.rng.between(Duration::ZERO, LEASE_LATE_MAX);
            self.after(first - self.now + late, What::LeaseCheck { host: index });
        }
    }

    pub fn send(&mut self, from: usize, link: LinkId, advert: &Advertisement, form: ChecksumForm) {
        let source = self.hosts[from].config().link(link).source();
        self.hosts[from].record.on(link).sent += 1;
        if !self.hosts[from].carries(link) {
            return;
        }
        let transport = self.hosts[from].transport(link, &self.networks[link.index()]);
        for destination in transport.destinations(Family::of(source)) {
            let payload: Rc<[u8]> = advert.encode(source, destination, form).into();
            for to in (0..self.hosts.len()).filter(|&to| to != from) {
                if self.hosts[to].hears(link, destination) {
                    self.carry(from, to, link, (source, destination), &payload);
                }
            }
        }
    }

    fn carry(
        &mut self,
        from: usize,
        to: usize,
        link: LinkId,
        (source, destination): (IpAddr, IpAddr),
        payload: &Rc<[u8]>,
    ) {
        let copies = self.networks[link.index()].copies(from, to, &mut self.rng);
        for delay in copies.into_iter().flatten() {
            let payload = Rc::clone(payload);
            self.after(delay, What::Packet { to, link, source, destination, payload });
        }
    }

    pub fn deliver(
        &mut self,
        to: usize,
        link: LinkId,
        (source, destination): (IpAddr, IpAddr),
        payload: &[u8],
    ) -> Law {
        let envelope = Envelope { source, destination, ttl: 255 };
        let decoded = Advertisement::decode(payload, &envelope);
        law!(decoded.is_ok(), "what is sent can be read", "{decoded:?} of {payload:02x?}");
        match decoded {
            Ok(_) if !self.admits(to, link, source) => {
                self.laws.seen.insert(NOT_ADMITTED);
                Ok(())
            }
            Ok((advert, form)) if self.hosts[to].carries(link) => {
                self.input(to, Event::Receives { link })?;
                let waited = Duration::ZERO;
                let event = Event::Advertisement { link, source, advert, form, waited };
                let host = &self.hosts[to];
                let reads_late = host.sluggish > Duration::ZERO || !host.inbox.is_empty();
                if host.is_running() && reads_late {
                    self.read_later(to, event);
                    return Ok(());
                }
                self.input(to, event)
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Whether an advertisement from there counts at all.
    fn admits(&self, to: usize, link: LinkId, source: IpAddr) -> bool {
        let host = &self.hosts[to];
        !host.has(link) || host.transport(link, &self.networks[link.index()]).admits(source)
    }

    fn read_later(&mut self, to: usize, event: Event) {
        let now = self.now;
        self.hosts[to].queue(event, now);
        let later = self.rng.between(Duration::ZERO, self.hosts[to].sluggish);
        self.after(later, What::Read { host: to });
    }

    /// What waited, as the driver reads it: before any timer.
    pub fn read(&mut self, index: usize) -> Law {
        for event in self.hosts[index].unread(self.now) {
            self.input(index, event)?;
        }
        Ok(())
    }

    /// A router that is none of ours advertises to everybody: of another VRID, or in a version that the link does not
    /// speak. By unicast it says what one of ours could.
    pub fn intrude(&mut self, link: LinkId, priority: Priority, is_other_vrid: bool) {
        let Some(host) = self.hosts.iter().find(|host| host.has(link)) else { return };
        let config = host.config().link(link);
        let source = alien_on(config.source(), link);
        let other_vrid = Vrid::new(config.vrid().value() + 1).expect("not 0");
        // Over IPv6 there is one version only.
        let is_unicast = self.networks[link.index()].is_unicast;
        let is_other_vrid = !is_unicast && (is_other_vrid || source.is_ipv6());
        let is_v2 = matches!(config.version(), Version::V2 { .. });
        let speaks_v2 = is_v2 == (is_other_vrid || is_unicast);
        let form = if speaks_v2 && source.is_ipv4() {
            ChecksumForm::Rfc3768(Auth::None)
        } else {
            ChecksumForm::Rfc9568
        };
        let advert = Advertisement {
            vrid: if is_other_vrid { other_vrid } else { config.vrid() },
            priority,
            interval: Interval::DEFAULT,
            addresses: config.addresses().to_vec(),
        };
        for to in 0..self.hosts.len() {
            let Some(settings) = self.hosts[to].config().links().get(link.index()) else {
                continue;
            };
            let group = Family::of(source).multicast_group();
            let destination = if is_unicast { settings.source() } else { group };
            let payload: Rc<[u8]> = advert.encode(source, destination, form).into();
            self.after(Duration::ZERO, What::Packet { to, link, source, destination, payload });
        }
    }

    /// Everybody who has an address in his kernel says so, whatever his process does.
    pub fn ask(&mut self, from: usize, link: LinkId, addresses: &[IpAddr]) {
        if !self.hosts[from].carries(link) {
            return;
        }
        let ours = self.hosts[from].config().link(link).held().to_vec();
        for &address in addresses {
            for to in (0..self.hosts.len()).filter(|&to| to != from) {
                let host = &self.hosts[to];
                let has = host.has(link)
                    && (host.held.contains_key(&(link, address))
                        || host.config().link(link).source() == address);
                let answers = has && host.carries(link);
                let [asked, _] = self.networks[link.index()].copies(from, to, &mut self.rng);
                if answers && let Some(delay) = asked {
                    self.say(to, from, (link, address), delay);
                }
            }
            let network = &self.networks[link.index()];
            if network.stranger && ours.contains(&address) {
                let claim = Event::Claimed { link, address, mac: STRANGER };
                self.after(network.delay_max, What::Netlink { to: from, event: Box::new(claim) });
            }
        }
    }

    /// The frames that are of interest to others: they hold the same address.
    pub fn announce(&mut self, from: usize, link: LinkId, addresses: &[IpAddr]) {
        if !self.hosts[from].carries(link) {
            return;
        }
        for &address in addresses {
            for to in (0..self.hosts.len()).filter(|&to| to != from) {
                let host = &self.hosts[to];
                let place = (link, address);
                let knows = host.held.contains_key(&place) && !host.stuck.contains(&place);
                if knows && host.carries(link) {
                    self.say(from, to, (link, address), Duration::ZERO);
                }
            }
        }
    }

    fn say(&mut self, from: usize, to: usize, (link, address): Place, later: Duration) {
        let mac = Mac([2, 0, 0, 0, 0, u8::try_from(from).expect("few hosts")]);
        let claim = Event::Claimed { link, address, mac };
        let [copy, _] = self.networks[link.index()].copies(from, to, &mut self.rng);
        if let Some(delay) = copy {
            self.after(later + delay, What::Netlink { to, event: Box::new(claim) });
        }
    }

    /// Something for the process: now if it runs, later if it is paused, never if it is dead.
    pub fn input(&mut self, to: usize, event: Event) -> Law {
        match self.hosts[to].process {
            Process::Running => self.feed(to, event)?,
            Process::Paused => self.hosts[to].queue(event, self.now),
            Process::Dead => {}
        }
        Ok(())
    }
}

/// The address of a router that is none of ours.
fn alien_on(source: IpAddr, link: LinkId) -> IpAddr {
    address_on(Family::of(source), link, ALIEN)
}

const ALIEN: u8 = 200;

/// A host that is none of ours.
pub const STRANGER: Mac = Mac([2, 0xbb, 0, 0, 0, 0]);

/// How long the kernel takes to tell a process.
const NETLINK_DELAY: Duration = Duration::from_micros(500);
