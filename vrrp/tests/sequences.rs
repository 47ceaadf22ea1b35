//! Laws that hold after any sequence of events, with a clock that only goes forward.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use vrrp::{
    Action, Event, Interval, LinkState, Preempt, Priority, Role, RouterConfig, State,
    VirtualRouter, Vrid,
};

use crate::subject::{OTHER_VIP, VIP, advert, epoch, host, in_short, interval, ms};

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
    let addresses = prop::sample::select(vec![vec![VIP], vec![OTHER_VIP], vec![VIP, OTHER_VIP]]);
    let interval = prop_oneof![Just(interval(10)), Just(interval(100)), Just(interval(1000))];
    let vrid = prop_oneof![9 => Just(51u8), 1 => Just(52u8)];
    (vrid, 1..=255u8, interval, preempt, addresses).prop_map(
        |(vrid, priority, interval, preempt, addresses)| {
            RouterConfig::new(Vrid::new(vrid).expect("not 0"), host(10), addresses)
                .expect("valid addresses")
                .with_priority(Priority::new(priority))
                .expect("not 0")
                .with_interval(interval)
                .expect("sayable")
                .with_preempt(preempt)
        },
    )
}

fn events() -> impl Strategy<Value = Event> {
    let heard = (8..13u8, any::<u8>(), 1..200u16).prop_map(|(source, priority, centiseconds)| {
        let interval = Interval::from_centiseconds(centiseconds).expect("in range");
        advert(source, priority).every(interval).event()
    });
    let released = (8..13u8).prop_map(|source| advert(source, 0).event());
    prop_oneof![
        4 => Just(Event::Startup),
        1 => Just(Event::Shutdown),
        2 => Just(Event::Timer),
        8 => heard,
        2 => released,
        2 => Just(Event::Link(LinkState::Up)),
        1 => Just(Event::Link(LinkState::Down)),
        2 => Just(Event::AddressLost(VIP)),
        1 => Just(Event::ActionFailed("no such device".to_owned())),
        2 => configs().prop_map(Event::Reconfigure),
    ]
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
    held: BTreeSet<IpAddr>,
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
        let actions = self.router.handle(event, self.now);
        for action in &actions {
            self.perform(action)?;
        }
        let config = self.router.config();
        let ours: BTreeSet<IpAddr> = config.addresses().iter().copied().collect();
        let is_active = self.router.role() == Role::Active;
        let holds =
            matches!(self.router.state(), State::Active(active) if active.holds_addresses());
        prop_assert_eq!(&self.held, if holds { &ours } else { &NONE }, "{:?}", self.router);
        if is_active && !was_active {
            let takes_over = match actions[..] {
                [.., Action::Advertise(..), Action::AddAddresses { .. }, Action::Announce(_)] => {
                    holds
                }
                [.., Action::Advertise(..)] => !holds,
                _ => false,
            };
            prop_assert!(takes_over, "became active by: {}", in_short(&actions));
        }
        Ok(actions)
    }

    fn perform(&mut self, action: &Action) -> Result<(), TestCaseError> {
        match action {
            Action::AddAddresses { addresses, lease } => {
                let whole_seconds = [Duration::from_secs(1), Duration::from_secs(2)];
                prop_assert!(whole_seconds.contains(lease), "a lease of {:?}", lease);
                self.held.extend(addresses);
            }
            Action::RemoveAddresses(addresses) => {
                self.held.retain(|address| !addresses.contains(address));
            }
            Action::Advertise(advert, _) => {
                let released = advert.priority == Priority::RELEASE;
                prop_assert!(!released || self.held.is_empty(), "let go while holding");
            }
            Action::Announce(addresses) => {
                let held = addresses.iter().all(|address| self.held.contains(address));
                prop_assert!(held, "announced an address that is not held");
            }
        }
        Ok(())
    }
}

const NONE: BTreeSet<IpAddr> = BTreeSet::new();

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
