//! One router under test, in virtual time, with few words.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use vrrp::{
    Action, Advertisement, ChecksumForm, Event, Interval, LinkConfig, LinkId, LinkState, Preempt,
    Priority, Role, Route, RouterConfig, Version, VirtualRouter, Vrid,
};

pub const VIP: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 100));
pub const OTHER_VIP: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 101));

/// Our own source is `host(10)`.
pub const fn host(last: u8) -> IpAddr {
    host_on(LinkId::FIRST, last)
}

/// The same on any link.
pub const fn host_on(link: LinkId, last: u8) -> IpAddr {
    #[expect(clippy::cast_possible_truncation, reason = "there are few links")]
    IpAddr::V4(Ipv4Addr::new(192, 0, 2 + link.index() as u8, last))
}

/// The second link of a router that has two.
pub const LAN: LinkId = LinkId::new(1);

pub const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Active_Down_Interval and Skew_Time of a router with priority 100 and an interval of 1 s.
pub const ACTIVE_DOWN: Duration = Duration::from_nanos(3_609_375_000);
pub const SKEW: Duration = Duration::from_nanos(609_375_000);
pub const SECOND: Duration = ms(1000);

/// What a router with priority 100 does when it becomes active.
pub const TAKES_OVER: &str = "advertise 100, add .100, announce .100";

/// The same from a router that is alive, which has 20 ms to let go.
pub const PREEMPTS: &str = "advertise 100";
pub const THEN_HOLDS: &str = "add .100, announce .100";

/// Where virtual time starts.
#[expect(clippy::disallowed_methods, reason = "an instant can only be had from the clock")]
pub fn epoch() -> Instant {
    Instant::now()
}

pub fn vrid() -> Vrid {
    Vrid::new(51).expect("51 is not 0")
}

pub fn interval(milliseconds: u64) -> Interval {
    Interval::from_duration(ms(milliseconds)).expect("a whole number of centiseconds")
}

/// The link of the router under test: 1 s, source `host(10)`, one address.
pub fn link() -> LinkConfig {
    link_of(&[VIP])
}

pub fn link_of(addresses: &[IpAddr]) -> LinkConfig {
    LinkConfig::new(vrid(), host(10), addresses.to_vec()).expect("valid settings")
}

/// The like of [`link`] on another interface.
pub fn lan() -> LinkConfig {
    LinkConfig::new(vrid(), host_on(LAN, 10), vec![host_on(LAN, 100)]).expect("valid settings")
}

/// Settings of a router with two links.
pub fn group() -> RouterConfig {
    settings().with_link(lan())
}

/// Settings of the router under test: that link, priority 100, preempt never.
pub fn settings() -> RouterConfig {
    RouterConfig::new(link())
}

pub fn with_addresses(addresses: &[IpAddr]) -> RouterConfig {
    RouterConfig::new(link_of(addresses))
}

pub fn with_interval(milliseconds: u64) -> RouterConfig {
    RouterConfig::new(link().with_interval(interval(milliseconds)).expect("sayable"))
}

pub fn with_version(version: Version) -> RouterConfig {
    RouterConfig::new(link().with_version(version).expect("sayable"))
}

pub fn with_priority(priority: u8) -> RouterConfig {
    settings().with_priority(Priority::new(priority)).expect("not 0")
}

pub fn with_preempt(preempt: Preempt) -> RouterConfig {
    settings().with_preempt(preempt)
}

/// The same, and nobody else has a higher priority than 100: after a release there are 609 ms.
pub fn knowing(config: RouterConfig) -> RouterConfig {
    config.with_strongest_other(Priority::DEFAULT)
}

/// A router under test.
#[derive(Clone)]
pub struct Subject {
    pub router: VirtualRouter,
    pub now: Instant,
}

/// What a router did.
#[must_use]
pub struct Did(pub Vec<Action>);

/// An advertisement from `host(source)`, as `settings()` would send it but for the priority.
#[derive(Clone, Debug)]
pub struct Heard {
    pub link: LinkId,
    pub source: IpAddr,
    pub advert: Advertisement,
    pub form: ChecksumForm,
    pub waited: Duration,
}

pub fn advert(source: u8, priority: u8) -> Heard {
    let advert = Advertisement {
        vrid: vrid(),
        priority: Priority::new(priority),
        interval: Interval::DEFAULT,
        addresses: vec![VIP],
    };
    Heard {
        link: LinkId::FIRST,
        source: host(source),
        advert,
        form: ChecksumForm::Rfc9568,
        waited: Duration::ZERO,
    }
}

/// Whether a router with these settings may listen to the advertisement: of its VRID, in its version and, in version 2,
/// with its authentication and interval.
pub fn understands(settings: &LinkConfig, advert: &Advertisement, form: ChecksumForm) -> bool {
    let speaks_alike = match (settings.version(), form) {
        (Version::V2 { auth }, ChecksumForm::Rfc3768(heard)) => {
            auth == heard && advert.interval == settings.interval()
        }
        (Version::V2 { .. }, _) | (Version::V3 { .. }, ChecksumForm::Rfc3768(_)) => false,
        (Version::V3 { .. }, _) => true,
    };
    speaks_alike && advert.vrid == settings.vrid()
}

/// The first link is so now.
pub fn link_is(state: LinkState) -> Event {
    Event::Link { link: LinkId::FIRST, state }
}

/// Somebody removed this address from the first link.
pub fn lost(address: IpAddr) -> Event {
    Event::AddressLost { link: LinkId::FIRST, address }
}

/// An advertisement on the second link.
pub fn lan_advert(source: u8, priority: u8) -> Heard {
    let mut heard = advert(source, priority).of(&[host_on(LAN, 100)]);
    (heard.link, heard.source) = (LAN, host_on(LAN, source));
    heard
}

impl Heard {
    pub fn every(mut self, interval: Interval) -> Self {
        self.advert.interval = interval;
        self
    }

    pub fn of(mut self, addresses: &[IpAddr]) -> Self {
        self.advert.addresses = addresses.to_vec();
        self
    }

    pub fn in_form(mut self, form: ChecksumForm) -> Self {
        self.form = form;
        self
    }

    /// Read so much later than it arrived.
    pub fn unread_for(mut self, waited: Duration) -> Self {
        self.waited = waited;
        self
    }

    pub fn event(self) -> Event {
        let Self { link, source, advert, form, waited } = self;
        Event::Advertisement { link, source, advert, form, waited }
    }
}

impl Subject {
    pub fn stopped(config: RouterConfig) -> Self {
        Self { router: VirtualRouter::new(config), now: epoch() }
    }

    pub fn in_backup(config: RouterConfig) -> Self {
        let mut subject = Self::stopped(config);
        subject.on(Event::Startup).nothing();
        subject.is(Role::Backup);
        subject
    }

    pub fn in_active(config: RouterConfig) -> Self {
        let mut subject = Self::stopped(config);
        let _ = subject.on(Event::Startup);
        if subject.router.role() == Role::Backup {
            let deadline = subject.router.poll_timeout().expect("a backup waits for something");
            subject.now = deadline;
            let _ = subject.on(Event::Timer);
        }
        subject.is(Role::Active);
        subject
    }

    pub fn leaving(config: RouterConfig) -> Self {
        let mut subject = Self::in_active(config);
        let _ = subject.on(Event::Leave);
        subject.is(Role::Leaving);
        subject
    }

    pub fn without_link(config: RouterConfig) -> Self {
        let mut subject = Self::stopped(config);
        subject.on(link_is(LinkState::Down)).nothing();
        subject.on(Event::Startup).nothing();
        subject
    }

    pub fn on(&mut self, event: Event) -> Did {
        Did(self.router.handle(event, self.now))
    }

    pub fn hears(&mut self, heard: Heard) -> Did {
        self.on(heard.event())
    }

    /// Lets time pass with timers that are exactly on time.
    pub fn after(&mut self, duration: Duration) -> Did {
        let end = self.now + duration;
        let mut actions = Vec::new();
        while let Some(deadline) = self.router.poll_timeout().filter(|&deadline| deadline <= end) {
            self.now = self.now.max(deadline);
            actions.extend(self.router.handle(Event::Timer, self.now));
        }
        self.now = end;
        Did(actions)
    }

    /// Lets time pass in which the process does not run.
    pub fn frozen_for(&mut self, duration: Duration) {
        self.now += duration;
    }

    #[track_caller]
    pub fn is(&self, role: Role) {
        assert_eq!(self.router.role(), role);
    }

    #[track_caller]
    pub fn because(&self, reason: &str) {
        let transition = self.router.last_transition().expect("a transition");
        assert_eq!(transition.reason.to_string(), reason);
    }

    /// Time until the next timer.
    pub fn wait(&self) -> Option<Duration> {
        self.router.poll_timeout().map(|deadline| deadline.saturating_duration_since(self.now))
    }
}

impl Did {
    /// Compares with actions in short: `advertise 100, add .100, announce .100`.
    #[track_caller]
    pub fn does(&self, expected: &str) {
        assert_eq!(in_short(&self.0), expected);
    }

    #[track_caller]
    pub fn nothing(&self) {
        self.does("");
    }

    /// How many advertisements were sent.
    pub fn adverts(&self) -> usize {
        self.0.iter().filter(|action| matches!(action, Action::Advertise { .. })).count()
    }
}

/// Actions as a line, addresses by their last octet, those on the second link marked.
pub fn in_short(actions: &[Action]) -> String {
    let short: Vec<_> = actions
        .iter()
        .map(|action| match action {
            Action::Advertise { link, advert, .. } => {
                format!("{}advertise {}", mark(*link), advert.priority)
            }
            Action::AddAddresses { link, addresses, .. } => {
                format!("{}add{}", mark(*link), last_octets(addresses))
            }
            Action::RemoveAddresses { link, addresses } => {
                format!("{}remove{}", mark(*link), last_octets(addresses))
            }
            Action::AddRoutes { link, routes, .. } => {
                format!("{}route{}", mark(*link), destinations(routes))
            }
            Action::RemoveRoutes { link, routes } => {
                format!("{}unroute{}", mark(*link), destinations(routes))
            }
            Action::Announce { link, addresses } => {
                format!("{}announce{}", mark(*link), last_octets(addresses))
            }
            Action::Ask { link, addresses } => {
                format!("{}ask{}", mark(*link), last_octets(addresses))
            }
        })
        .collect();
    short.join(", ")
}

fn destinations(routes: &[Route]) -> String {
    routes.iter().map(|route| format!(" {}", route.destination)).collect()
}

fn mark(link: LinkId) -> &'static str {
    if link == LinkId::FIRST { "" } else { "lan " }
}

fn last_octets(addresses: &[IpAddr]) -> String {
    let octets = addresses.iter().map(|address| match address {
        IpAddr::V4(address) => format!(" .{}", address.octets()[3]),
        IpAddr::V6(address) => format!(" :{:x}", address.segments()[7]),
    });
    octets.collect()
}
