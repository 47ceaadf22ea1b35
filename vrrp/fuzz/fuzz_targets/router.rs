//! Any stream of events, advertisements from the wire included, leaves the router lawful.
//!
//! Two octets a step: how long it is since the last, and what happens. Some events take more octets.
#![no_main]

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use vrrp::{
    Action, Advertisement, Auth, ChecksumForm, Event, Health, Interval, LinkConfig, LinkId,
    LinkState, Mac, Password, Preempt, Priority, Role, RouterConfig, Version, VirtualRouter, Vrid,
};

fuzz_target!(|input: &[u8]| {
    let mut octets = input.iter().copied();
    if let Some(config) = config(&mut octets) {
        let host =
            Host { router: VirtualRouter::new(config), now: Instant::now(), held: BTreeSet::new() };
        host.live(&mut octets);
    }
});

/// The router and a host that does what it is told.
struct Host {
    router: VirtualRouter,
    now: Instant,
    held: BTreeSet<(LinkId, IpAddr)>,
}

impl Host {
    fn live(mut self, octets: &mut impl Iterator<Item = u8>) {
        while let Some(later) = octets.next() {
            // 0 to 255 ms, or up to half a minute.
            let unit = if later & 1 == 0 { 1 } else { 128 };
            self.now += Duration::from_millis(u64::from(later) * unit);
            let Some(event) = self.event(octets) else {
                return;
            };
            self.handle(event);
        }
    }

    fn event(&mut self, octets: &mut impl Iterator<Item = u8>) -> Option<Event> {
        Some(match octets.next()? % 19 {
            0 => Event::Startup,
            1 => Event::Shutdown,
            2 => Event::Timer,
            3..=4 => {
                self.now = self.now.max(self.router.poll_timeout().unwrap_or(self.now));
                Event::Timer
            }
            5..=6 => heard(octets)?,
            7 => Event::Link { link: link_id(octets)?, state: LinkState::Up },
            8 => Event::Link { link: link_id(octets)?, state: LinkState::Down },
            9 => Event::AddressLost { link: link_id(octets)?, address: address(octets.next()?) },
            10 => Event::Source { link: link_id(octets)?, source: address(octets.next()? % 4 + 9) },
            11 => Event::ActionFailed("no such device".to_owned()),
            12 => Event::Reconfigure(config(octets)?),
            13 => Event::Claimed {
                link: link_id(octets)?,
                address: address(octets.next()?),
                mac: Mac([2, 0, 0, 0, 0, octets.next()?]),
            },
            14 => Event::Health(health(octets)?),
            15 => Event::Leave,
            16 => Event::Receives { link: link_id(octets)? },
            17 => Event::SourceLost { link: link_id(octets)? },
            18 => Event::MacChanged { link: link_id(octets)? },
            _ => unreachable!("below 19"),
        })
    }

    fn handle(&mut self, event: Event) {
        let is_timer = event == Event::Timer;
        for action in self.router.handle(event, self.now) {
            self.perform(action);
        }
        let config = self.router.config();
        let on = |id| config.link(id).held().iter().map(move |&address| (id, address));
        let ours: BTreeSet<_> = config.link_ids().flat_map(on).collect();
        let expected = if self.router.state().holds_addresses() { ours } else { BTreeSet::new() };
        assert_eq!(self.held, expected, "addresses are held exactly while active and not yielding");
        let timeout = self.router.poll_timeout();
        assert!(!is_timer || timeout.is_none_or(|timeout| timeout > self.now), "{timeout:?}");
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::AddAddresses { link, addresses, .. } => {
                self.held.extend(addresses.into_iter().map(|address| (link, address)));
            }
            Action::RemoveAddresses { link, addresses } => {
                self.held.retain(|(on, address)| *on != link || !addresses.contains(address));
            }
            Action::Advertise { advert, form, .. } => {
                let is_release = advert.priority == Priority::RELEASE;
                let is_leaving = self.router.role() == Role::Leaving;
                assert!(!is_release || is_leaving || self.held.is_empty(), "let go while holding");
                let _ = advert.encode(address(10), [224, 0, 0, 18].into(), form);
            }
            Action::AddRoutes { .. } | Action::RemoveRoutes { .. } => {}
            Action::Announce { link, addresses } => {
                assert!(addresses.iter().all(|&address| self.held.contains(&(link, address))));
            }
            Action::Ask { addresses, .. } => assert!(!addresses.is_empty()),
        }
    }
}

fn health(octets: &mut impl Iterator<Item = u8>) -> Option<Health> {
    let (offset, fault) = (i16::from(octets.next()?), octets.next()?);
    let offset = if fault & 2 == 0 { offset } else { -offset };
    Some(Health { offset, fault: (fault & 1 == 1).then(|| "link down".to_owned()) })
}

/// One that the router has, or does not have.
fn link_id(octets: &mut impl Iterator<Item = u8>) -> Option<LinkId> {
    Some(LinkId::new(usize::from(octets.next()? % 3)))
}

fn address(last: u8) -> IpAddr {
    [192, 0, 2, last].into()
}

fn interval(octet: u8) -> Interval {
    Interval::from_centiseconds(u16::from(octet) * 16 + 1).expect("at most 4081")
}

/// One that either version can say.
fn any_interval(octets: &mut impl Iterator<Item = u8>) -> Option<Interval> {
    match octets.next()? % 2 {
        0 => Interval::from_seconds(octets.next()?),
        _ => Some(interval(octets.next()?)),
    }
}

fn heard(octets: &mut impl Iterator<Item = u8>) -> Option<Event> {
    let link = link_id(octets)?;
    let advert = Advertisement {
        vrid: Vrid::new(octets.next()? % 2 + 1)?,
        priority: Priority::new(octets.next()?),
        interval: any_interval(octets)?,
        addresses: vec![address(100)],
    };
    let source = address(octets.next()? % 4 + 9);
    let form = match octets.next()? % 4 {
        0 => ChecksumForm::Rfc3768(auth(octets.next()?)),
        _ => ChecksumForm::Rfc5798,
    };
    let waited = Duration::from_millis(octets.next()?.into());
    Some(Event::Advertisement { link, source, advert, form, waited })
}

fn auth(octet: u8) -> Auth {
    let password = |text| Auth::Password(Password::new(text).expect("short"));
    match octet % 3 {
        0 => Auth::None,
        1 => password("one"),
        _ => password("two"),
    }
}

/// `None` at the end of input, and for settings that are refused.
fn config(octets: &mut impl Iterator<Item = u8>) -> Option<RouterConfig> {
    let mut config = RouterConfig::new(link(octets)?);
    for _ in 0..octets.next()? % 3 {
        config = config.with_link(link(octets)?);
    }
    let preempt = match octets.next()? {
        0 => Preempt::Never,
        1 => Preempt::Immediate,
        delay => Preempt::After(Duration::from_millis(u64::from(delay) * 50)),
    };
    config.with_preempt(preempt).with_priority(Priority::new(octets.next()?)).ok()
}

fn link(octets: &mut impl Iterator<Item = u8>) -> Option<LinkConfig> {
    let vrid = Vrid::new(octets.next()? % 2 + 1)?;
    let source = address(octets.next()? % 2 + 10);
    let addresses = (0..octets.next()? % 4).map(|last| address(100 + last)).collect();
    let excluded = (0..octets.next()? % 2).map(|last| address(150 + last)).collect();
    let link = LinkConfig::new(vrid, source, addresses).ok()?.with_excluded(excluded).ok()?;
    let link = link.with_settle(Duration::from_millis(u64::from(octets.next()?) * 20));
    let link = link.with_others((0..octets.next()? % 3).map(address).collect());
    match octets.next()? % 4 {
        0 => {
            let link = link.with_version(Version::V2 { auth: auth(octets.next()?) }).ok()?;
            link.with_interval(Interval::from_seconds(octets.next()?)?).ok()
        }
        _ => link.with_interval(interval(octets.next()?)).ok(),
    }
}
