//! Laws that hold after any sequence of events, with a clock that only goes forward.

use std::collections::BTreeSet;
use std::iter::repeat_n;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use vrrp::track::WEIGHT_MAX;
use vrrp::{
    Action, Advertisement, Auth, ChecksumForm, Envelope, Event, Health, Interval, LinkConfig,
    LinkId, LinkState, MULTICAST_GROUP, Mac, Password, Preempt, Priority, Role, RouterConfig,
    Version, VirtualRouter, Vrid,
};

use crate::subject::{advert, epoch, host_on, in_short, interval, ms, understands};

/// One step: time passes, something happens.
#[derive(Clone, Debug)]
enum Step {
    /// Something happens this long after the step before.
    Later(Duration, Event),
    /// The timer fires this long after it is due.
    Timer(Duration),
    /// A reload that changes nothing.
    ReloadSame,
}

fn configs() -> impl Strategy<Value = RouterConfig> {
    let preempt = prop_oneof![
        Just(Preempt::Never),
        Just(Preempt::Immediate),
        (0..5000u64).prop_map(|delay| Preempt::After(ms(delay))),
    ];
    let others = prop::collection::vec(links(), 0..3);
    let consent = prop::option::weighted(0.3, (1..5000u64).prop_map(ms));
    let parts = (links(), others, 1..=255u8, preempt, consent);
    parts.prop_map(|(first, others, priority, preempt, consent)| {
        let link = |index: usize, like: &LinkLike| like.config(LinkId::new(index));
        let others = others.iter().enumerate().map(|(index, like)| link(index + 1, like));
        let config = others
            .fold(RouterConfig::new(link(0, &first)), RouterConfig::with_link)
            .with_priority(Priority::new(priority))
            .expect("not 0")
            .with_preempt(preempt);
        match consent {
            Some(within) => config.with_consent(within),
            None => config,
        }
    })
}

/// What differs between links, but for where they are.
#[derive(Clone, Debug)]
struct LinkLike {
    vrid: u8,
    /// Version 2, and how it authenticates.
    version_2: Option<Auth>,
    interval: u64,
    addresses: &'static [u8],
    excluded: bool,
    checks_duplicates: bool,
    settle: u64,
}

impl LinkLike {
    fn config(&self, id: LinkId) -> LinkConfig {
        let excluded = self.excluded.then(|| host_on(id, 150)).into_iter();
        let addresses = self.addresses.iter().map(|&last| host_on(id, last)).collect();
        let link =
            LinkConfig::new(Vrid::new(self.vrid).expect("not 0"), host_on(id, 10), addresses)
                .and_then(|link| link.with_excluded(excluded.collect()))
                .expect("valid addresses")
                .with_interval(interval(self.interval))
                .expect("sayable");
        let link = match self.version_2 {
            Some(auth) => link.with_version(Version::V2 { auth }).expect("whole seconds"),
            None => link,
        };
        let link = link.with_settle(ms(self.settle)).with_others(vec![host_on(id, 9)]);
        if self.checks_duplicates { link.with_duplicate_check() } else { link }
    }
}

fn links() -> impl Strategy<Value = LinkLike> {
    let addresses = prop::sample::select(vec![&[100][..], &[101], &[100, 101]]);
    let version_3 = (Just(None), prop::sample::select(vec![10, 100, 1000]));
    let version_2 = (auths().prop_map(Some), prop::sample::select(vec![1000, 2000]));
    let version = prop_oneof![2 => version_3, 1 => version_2];
    let vrid = prop_oneof![9 => Just(51u8), 1 => Just(52u8)];
    let settle = prop::sample::select(vec![0, 5000]);
    (vrid, version, addresses, any::<bool>(), any::<bool>(), settle).prop_map(
        |(vrid, (version_2, interval), addresses, excluded, checks_duplicates, settle)| LinkLike {
            vrid,
            version_2,
            interval,
            addresses,
            excluded,
            checks_duplicates,
            settle,
        },
    )
}

fn auths() -> impl Strategy<Value = Auth> {
    let password = Auth::Password(Password::new("secret").expect("6 octets"));
    prop::sample::select(vec![Auth::None, password])
}

/// An interval, and how it is written.
fn forms() -> impl Strategy<Value = (u16, ChecksumForm)> {
    let version_3 = (1..200u16, Just(ChecksumForm::Rfc9568));
    let seconds = prop::sample::select(vec![100, 200]);
    let version_2 = (seconds, auths().prop_map(ChecksumForm::Rfc3768));
    prop_oneof![2 => version_3, 1 => version_2]
}

fn events() -> impl Strategy<Value = Event> {
    let heard = (0..3usize, 8..13u8, any::<u8>(), forms()).prop_map(
        |(link, source, priority, (centiseconds, form))| {
            let interval = Interval::from_centiseconds(centiseconds).expect("in range");
            let mut heard = advert(source, priority).every(interval).in_form(form);
            heard.link = LinkId::new(link);
            heard.source = host_on(heard.link, source);
            heard.event()
        },
    );
    let released =
        (8..13u8, forms()).prop_map(|(source, (_, form))| advert(source, 0).in_form(form).event());
    let carrier =
        |state| (0..3usize).prop_map(move |link| Event::Link { link: LinkId::new(link), state });
    let lost = (0..3usize)
        .prop_map(LinkId::new)
        .prop_map(|link| Event::AddressLost { link, address: host_on(link, 100) });
    let source = (0..3usize, 8..13u8).prop_map(|(link, source)| {
        let link = LinkId::new(link);
        Event::Source { link, source: host_on(link, source) }
    });
    let source_lost = (0..3usize).prop_map(|link| Event::SourceLost { link: LinkId::new(link) });
    let claimed = (0..3usize, 99..102u8, 0..3u8).prop_map(|(link, last, mac)| {
        let link = LinkId::new(link);
        Event::Claimed { link, address: host_on(link, last), mac: Mac([2, 0, 0, 0, 0, mac]) }
    });
    let answer = prop_oneof![3 => Just(Ok(())), 1 => Just(Err("not now".to_owned()))];
    let consent = (1..4u64, answer).prop_map(|(number, answer)| Event::Consent { number, answer });
    prop_oneof![
        1 => source,
        1 => source_lost,
        4 => consent,
        4 => Just(Event::Startup),
        1 => Just(Event::Shutdown),
        1 => Just(Event::Leave),
        1 => Just(Event::Receives { link: LinkId::FIRST }),
        2 => Just(Event::Timer),
        8 => heard,
        2 => released,
        3 => carrier(LinkState::Up),
        1 => carrier(LinkState::Down),
        2 => lost,
        2 => claimed,
        1 => Just(Event::ActionFailed("no such device".to_owned())),
        2 => configs().prop_map(Event::Reconfigure),
        2 => healths().prop_map(Event::Health),
    ]
}

fn healths() -> impl Strategy<Value = Health> {
    let fault = prop::option::weighted(0.3, Just("track `a`: link down".to_owned()));
    (-WEIGHT_MAX..=WEIGHT_MAX, fault).prop_map(|(offset, fault)| Health { offset, fault })
}

fn steps() -> impl Strategy<Value = Step> {
    let short = (0..4_000_000u64).prop_map(Duration::from_micros);
    let delay = prop_oneof![4 => Just(Duration::ZERO), 1 => (0..500u64).prop_map(ms)];
    prop_oneof![
        3 => (short, events()).prop_map(|(later, event)| Step::Later(later, event)),
        4 => delay.prop_map(Step::Timer),
        1 => Just(Step::ReloadSame),
    ]
}

/// The router and a host that does what it is told.
struct Model {
    router: VirtualRouter,
    now: Instant,
    held: BTreeSet<(LinkId, IpAddr)>,
}

impl Model {
    fn take(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::Later(later, event) => {
                self.now += *later;
                self.feed(event.clone())?;
            }
            Step::Timer(delay) => {
                if let Some(deadline) = self.router.poll_timeout() {
                    self.now = self.now.max(deadline + *delay);
                    self.feed(Event::Timer)?;
                    let next = self.router.poll_timeout();
                    prop_assert!(next.is_none_or(|next| next > self.now), "a timer in the past");
                }
            }
            Step::ReloadSame => {
                // A late router lets go at any event, so give it one that says nothing before.
                self.feed(Event::Timer)?;
                let timeout = self.router.poll_timeout();
                let same = self.router.config().clone();
                let actions = self.feed(Event::Reconfigure(same))?;
                prop_assert_eq!(in_short(&actions), "", "reload of the same acts");
                prop_assert_eq!(self.router.poll_timeout(), timeout, "reload of the same waits");
            }
        }
        Ok(())
    }

    fn feed(&mut self, event: Event) -> Result<Vec<Action>, TestCaseError> {
        let was_active = self.router.role() == Role::Active;
        let is_consent = matches!(event, Event::Consent { answer: Ok(()), .. });
        let unheard = self.is_unheard(&event).then(|| self.router.clone());
        // A router may become a backup, and ask, before it is told of other settings.
        let mut may_ask = self.may_ask();
        let actions = self.router.handle(event, self.now);
        may_ask |= self.may_ask();
        if let Some(mut other) = unheard {
            prop_assert_eq!(&other.handle(NOTHING, self.now), &actions, "it was heard");
            prop_assert_eq!(other.state(), self.router.state(), "it was heard");
        }
        for action in &actions {
            let is_question = matches!(action, Action::Ask { .. });
            prop_assert!(may_ask || !is_question, "asked without being told to");
            self.perform(action)?;
        }
        let config = self.router.config();
        let ours: BTreeSet<_> = config.link_ids().flat_map(|id| all_on(config, id)).collect();
        let is_active = self.router.role() == Role::Active;
        let holds = self.router.state().holds_addresses();
        prop_assert_eq!(&self.held, if holds { &ours } else { &NONE }, "{:?}", self.router);
        if is_active && !was_active {
            prop_assert!(is_consent || config.consent_within().is_none(), "nobody agreed");
            let links = config.links().len();
            let advertised = repeat_n("advertise", links);
            let held = repeat_n("add", links).chain(repeat_n("announce", links));
            let expected: Vec<_> = advertised.chain(held.filter(|_| holds)).collect();
            let kinds: Vec<_> = actions.iter().map(kind).collect();
            prop_assert!(kinds.ends_with(&expected), "became active by: {}", in_short(&actions));
        }
        Ok(actions)
    }

    /// Whether it is as if nothing had been said: by ourselves, or by a router of another election.
    fn is_unheard(&self, event: &Event) -> bool {
        let Event::Advertisement { link, source, advert, form, .. } = event else { return false };
        let Some(settings) = self.router.config().links().get(link.index()) else { return false };
        !understands(settings, advert, *form) || *source == self.router.source(*link)
    }

    fn may_ask(&self) -> bool {
        let asks = |link: &LinkConfig| link.checks_duplicates() || !link.settle().is_zero();
        self.router.role() == Role::Active || self.router.config().links().iter().any(asks)
    }

    fn perform(&mut self, action: &Action) -> Result<(), TestCaseError> {
        match action {
            Action::AddAddresses { link, addresses, lease } => {
                let whole_seconds = [Duration::from_secs(1), Duration::from_secs(2)];
                prop_assert!(whole_seconds.contains(lease), "a lease of {:?}", lease);
                self.held.extend(addresses.iter().map(|&address| (*link, address)));
            }
            Action::RemoveAddresses { link, addresses } => {
                self.held.retain(|(on, address)| on != link || !addresses.contains(address));
            }
            Action::Advertise { link, advert, form } => {
                let (source, destination) = (host_on(*link, 10), MULTICAST_GROUP.into());
                let message = advert.encode(source, destination, *form);
                let envelope = Envelope { source, destination, ttl: 255 };
                let read = Advertisement::decode(&message, &envelope);
                prop_assert_eq!(read, Ok((advert.clone(), *form)), "it cannot be read");
                let released = advert.priority == Priority::RELEASE;
                let is_leaving = self.router.role() == Role::Leaving;
                let lets_go = self.held.is_empty() || is_leaving;
                prop_assert!(!released || lets_go, "let go while holding");
            }
            Action::AddRoutes { .. } | Action::RemoveRoutes { .. } => {}
            Action::Announce { link, addresses } => {
                let held = addresses.iter().all(|&address| self.held.contains(&(*link, address)));
                prop_assert!(held, "announced an address that is not held");
            }
            Action::Ask { .. } => {}
        }
        Ok(())
    }
}

/// An event that tells a router nothing but the time: no question has this number.
const NOTHING: Event = Event::Consent { number: 0, answer: Ok(()) };

const NONE: BTreeSet<(LinkId, IpAddr)> = BTreeSet::new();

fn all_on(config: &RouterConfig, link: LinkId) -> impl Iterator<Item = (LinkId, IpAddr)> {
    config.link(link).held().iter().map(move |&address| (link, address))
}

fn kind(action: &Action) -> &'static str {
    match action {
        Action::Advertise { .. } => "advertise",
        Action::AddAddresses { .. } => "add",
        Action::RemoveAddresses { .. } => "remove",
        Action::AddRoutes { .. } => "add routes",
        Action::RemoveRoutes { .. } => "remove routes",
        Action::Announce { .. } => "announce",
        Action::Ask { .. } => "ask",
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn laws_hold_after_any_sequence_of_events(
        config in configs(),
        steps in prop::collection::vec(steps(), 1..60),
    ) {
        let router = VirtualRouter::new(config);
        let mut model = Model { router, now: epoch(), held: BTreeSet::new() };
        for step in &steps {
            model.take(step)?;
        }
    }
}
