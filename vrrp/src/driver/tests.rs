//! The driver against a host made of queues, in virtual time.

mod flood;
mod host;

use std::net::IpAddr;

use tokio::task::LocalSet;
use tokio::time::{advance, timeout};

use host::{FakeHost, Told};

use super::*;
use crate::advertisement::Advertisement;
use crate::checksum::ChecksumForm;
use crate::config::LinkConfig;
use crate::event::Reason;
use crate::types::{Interval, Priority, Vrid};

const OURS: &str = "192.0.2.2";
const THEIRS: &str = "192.0.2.3";
const VIP: &str = "192.0.2.1";

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// Adverts every 100 ms, priority 100: Active_Down is 361 ms.
fn config() -> RouterConfig {
    RouterConfig::new(link())
}

fn link() -> LinkConfig {
    let vrid = Vrid::new(51).expect("not 0");
    LinkConfig::new(vrid, ip(OURS), vec![ip(VIP)])
        .expect("valid")
        .with_interval(Interval::from_centiseconds(10).expect("in range"))
        .expect("sayable")
}

fn advert(priority: u8) -> Event {
    Event::Advertisement {
        link: LinkId::FIRST,
        source: ip(THEIRS),
        advert: Advertisement {
            vrid: link().vrid(),
            priority: Priority::new(priority),
            interval: link().interval(),
            addresses: vec![ip(VIP)],
        },
        form: ChecksumForm::Rfc9568,
        waited: Duration::ZERO,
    }
}

struct Running {
    host: FakeHost,
    status: watch::Receiver<Status>,
    commands: mpsc::Sender<Command>,
    driver: tokio::task::JoinHandle<()>,
}

/// A driver that takes part in the election.
async fn started() -> Running {
    start(config(), &[FakeHost::default()]).await
}

/// The same on two links, the second of which advertises every second. [`Running`] has the first host.
async fn group_started() -> (Running, FakeHost) {
    let slow = link().with_interval(Interval::DEFAULT).expect("sayable");
    let (first, second) = (FakeHost::default(), FakeHost::default());
    let running = start(config().with_link(slow), &[first, second.clone()]).await;
    (running, second)
}

async fn start(config: RouterConfig, hosts: &[FakeHost]) -> Running {
    let host = hosts[0].clone();
    let (driver, status) = Driver::new(config, hosts.to_vec(), Tempo::default());
    let (commands, receiver) = mpsc::channel(8);
    let driver = tokio::task::spawn_local(driver.run(receiver));
    commands.send(Command::Start).await.expect("the driver runs");
    let mut running = Running { host, status, commands, driver };
    running.becomes(Role::Backup).await;
    running
}

impl Running {
    /// Virtual time passes until the router has this role.
    async fn becomes(&mut self, role: Role) {
        let wait = self.status.wait_for(|status| status.role == role);
        let reached = timeout(Duration::from_secs(60), wait).await.is_ok();
        assert!(reached, "the router never became {role}");
    }

    async fn report(&self) -> Status {
        let (asker, answer) = oneshot::channel();
        self.commands.send(Command::Report(asker)).await.expect("the driver runs");
        answer.await.expect("the driver answers")
    }
}

async fn in_virtual_time(test: impl Future<Output = ()>) {
    tokio::time::pause();
    LocalSet::new().run_until(test).await;
}

#[tokio::test]
async fn the_guard_is_armed_before_the_address_is_there() {
    in_virtual_time(async {
        let mut running = started().await;
        running.becomes(Role::Active).await;
        let expected = [Told::Advertise(100), Told::Arm, Told::Add, Told::Announce];
        assert_eq!(running.host.told(), expected);
        assert_eq!(running.host.world.borrow().patience, Duration::from_millis(300));
    })
    .await;
}

/// Of 61 ms that others wait at least.
#[tokio::test]
async fn the_guard_is_told_of_a_planned_stop_before_anybody_else() {
    in_virtual_time(async {
        let config = config().with_strongest_other(Priority::new(100));
        let mut running = start(config, &[FakeHost::default()]).await;
        running.becomes(Role::Active).await;
        running.host.told();
        let (told, answer) = oneshot::channel();
        running.commands.send(Command::Leave(told)).await.expect("the driver runs");
        let until = answer.await.expect("answered").expect("addresses are held");
        assert_eq!((until - now()).as_millis(), 50);
        assert_eq!(running.host.told(), [Told::Arm, Told::Add, Told::Advertise(0)]);
        assert_eq!(running.host.world.borrow().patience.as_millis(), 55);
        running.becomes(Role::Initialize).await;
        assert!(now() - until < Duration::from_millis(2), "in time");
        assert_eq!(running.host.told(), [Told::Remove, Told::Disarm]);
    })
    .await;
}

#[tokio::test]
async fn a_process_that_was_stopped_when_it_left_does_not_invite_anybody() {
    in_virtual_time(async {
        let config = config().with_strongest_other(Priority::new(100));
        let mut running = start(config, &[FakeHost::default()]).await;
        running.becomes(Role::Active).await;
        running.host.told();
        running.host.world.borrow_mut().stops_for = Duration::from_millis(56);
        let (told, answer) = oneshot::channel();
        running.commands.send(Command::Leave(told)).await.expect("the driver runs");
        assert_eq!(answer.await, Ok(None));
        assert_eq!(running.host.told(), [Told::Arm, Told::Add, Told::Remove, Told::Disarm]);
    })
    .await;
}

#[tokio::test]
async fn a_release_is_answered_when_the_address_is_gone() {
    in_virtual_time(async {
        let mut running = started().await;
        running.becomes(Role::Active).await;
        running.host.told();
        let (done, answer) = oneshot::channel();
        running.commands.send(Command::Release(done)).await.expect("the driver runs");
        answer.await.expect("answered");
        assert_eq!(running.host.told(), [Told::Remove, Told::Advertise(0), Told::Disarm]);
    })
    .await;
}

#[tokio::test]
async fn without_an_owner_the_driver_lets_go_and_ends() {
    in_virtual_time(async {
        let mut running = started().await;
        running.becomes(Role::Active).await;
        running.host.told();
        drop(running.commands);
        running.driver.await.expect("it ends by itself");
        assert_eq!(running.host.told(), [Told::Remove, Told::Advertise(0), Told::Disarm]);
    })
    .await;
}

#[tokio::test]
async fn counters_are_told_when_asked_and_wake_nobody() {
    in_virtual_time(async {
        let mut running = started().await;
        running.becomes(Role::Active).await;
        running.status.mark_unchanged();
        let before = running.report().await.links[0].counters.advertisements_sent;
        advance(Duration::from_millis(100)).await;
        tokio::task::yield_now().await;
        assert_eq!(running.report().await.links[0].counters.advertisements_sent, before + 1);
        assert!(!running.status.has_changed().expect("it runs"));
    })
    .await;
}

#[tokio::test]
async fn a_flood_stops_no_advertisement() {
    in_virtual_time(async {
        let mut running = started().await;
        running.becomes(Role::Active).await;
        running.host.told();
        running.host.world.borrow_mut().is_flooded = true;
        for _ in 0..10 {
            advance(Duration::from_millis(50)).await;
            running.report().await;
        }
        running.host.world.borrow_mut().is_flooded = false;
        let told = running.host.told();
        let adverts = told.iter().filter(|told| matches!(told, Told::Advertise(100))).count();
        assert_eq!(adverts, 5, "{told:?}");
    })
    .await;
}

#[tokio::test]
async fn adverts_that_wait_unread_prevent_a_false_takeover() {
    in_virtual_time(async {
        let running = started().await;
        running.host.world.borrow_mut().unread.push_back(advert(150));
        advance(Duration::from_millis(400)).await;
        tokio::task::yield_now().await;
        let status = running.report().await;
        assert_eq!(status.role, Role::Backup);
        assert_eq!(status.links[0].peer.expect("heard").address, ip(THEIRS));
    })
    .await;
}

#[tokio::test]
async fn an_address_that_cannot_be_added_is_a_fault() {
    in_virtual_time(async {
        let mut running = started().await;
        running.host.world.borrow_mut().add_fails = true;
        running.becomes(Role::Initialize).await;
        let expected = [
            Told::Advertise(100),
            Told::Arm,
            Told::Add,
            Told::Remove,
            Told::Advertise(0),
            Told::Disarm,
        ];
        assert_eq!(running.host.told(), expected);
        let transition = running.status.borrow().last_transition.clone().expect("changed");
        assert!(transition.reason.to_string().contains("not permitted"), "{}", transition.reason);
    })
    .await;
}

#[tokio::test]
async fn who_was_stopped_half_way_announces_nothing_and_lets_go_as_late() {
    in_virtual_time(async {
        let mut running = started().await;
        running.host.world.borrow_mut().stops_for = Duration::from_millis(300);
        let was_late = running.status.wait_for(|status| status.links[0].counters.late == 1);
        timeout(Duration::from_secs(60), was_late).await.expect("in time").expect("it runs");
        let expected = [Told::Advertise(100), Told::Arm, Told::Add, Told::Remove, Told::Disarm];
        assert_eq!(running.host.told(), expected);
        let transition = running.status.borrow().last_transition.clone().expect("changed");
        assert!(matches!(transition.reason, Reason::Late(_)), "{}", transition.reason);
    })
    .await;
}

#[tokio::test]
async fn who_was_stopped_half_way_in_time_goes_on() {
    in_virtual_time(async {
        let mut running = started().await;
        running.host.world.borrow_mut().stops_for = Duration::from_millis(299);
        running.becomes(Role::Active).await;
        let expected = [Told::Advertise(100), Told::Arm, Told::Add, Told::Announce];
        assert!(running.host.told().starts_with(&expected));
    })
    .await;
}

#[tokio::test]
async fn who_is_late_hears_a_stronger_router_before_it_says_anything() {
    in_virtual_time(async {
        let mut running = started().await;
        running.becomes(Role::Active).await;
        running.host.told();
        running.host.world.borrow_mut().unread.push_back(advert(150));
        advance(Duration::from_millis(110)).await;
        running.becomes(Role::Backup).await;
        assert_eq!(running.host.told().first(), Some(&Told::Remove));
    })
    .await;
}

#[tokio::test]
async fn who_was_stopped_and_then_becomes_active_again_arms_the_guard_again() {
    in_virtual_time(async {
        let mut running = started().await;
        running.becomes(Role::Active).await;
        running.host.told();
        advance(Duration::from_millis(300)).await;
        running.becomes(Role::Backup).await;
        assert_eq!(running.host.told(), [Told::Remove, Told::Disarm]);
        running.becomes(Role::Active).await;
        let expected = [Told::Advertise(100), Told::Arm, Told::Add, Told::Announce];
        assert_eq!(running.host.told(), expected);
    })
    .await;
}

#[tokio::test]
async fn a_new_guard_is_told_what_the_old_one_knew() {
    in_virtual_time(async {
        let mut running = started().await;
        running.becomes(Role::Active).await;
        running.host.told();
        running.commands.send(Command::Rearm).await.expect("the driver runs");
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        assert_eq!(running.host.told(), [Told::Arm]);
    })
    .await;
}

#[tokio::test]
async fn the_guard_says_farewell_in_the_form_that_the_peer_understands() {
    in_virtual_time(async {
        let mut running = started().await;
        running.becomes(Role::Active).await;
        running.host.told();
        let mut weaker = advert(50);
        if let Event::Advertisement { form, .. } = &mut weaker {
            *form = ChecksumForm::Rfc5798;
        }
        running.host.world.borrow_mut().unread.push_back(weaker);
        advance(Duration::from_millis(100)).await;
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        assert!(running.host.told().contains(&Told::Arm));
    })
    .await;
}

#[tokio::test]
async fn each_link_of_a_group_is_told_its_part() {
    in_virtual_time(async {
        let (mut running, second) = group_started().await;
        running.becomes(Role::Active).await;
        let takes_over = [Told::Advertise(100), Told::Arm, Told::Add, Told::Announce];
        assert_eq!(running.host.told(), takes_over);
        assert_eq!(second.told(), takes_over);
        drop(running.commands);
        running.driver.await.expect("it ends by itself");
        for host in [running.host, second] {
            assert!(host.told().ends_with(&[Told::Remove, Told::Advertise(0), Told::Disarm]));
        }
    })
    .await;
}

#[tokio::test]
async fn adverts_that_wait_unread_on_any_link_prevent_a_false_takeover() {
    in_virtual_time(async {
        let (running, second) = group_started().await;
        let mut heard = advert(150);
        if let Event::Advertisement { link, .. } = &mut heard {
            *link = LinkId::new(1);
        }
        second.world.borrow_mut().unread.push_back(heard);
        advance(Duration::from_millis(3700)).await;
        tokio::task::yield_now().await;
        let status = running.report().await;
        assert_eq!(status.role, Role::Backup);
        assert_eq!(status.links[1].peer.expect("heard").address, ip(THEIRS));
    })
    .await;
}

#[tokio::test]
async fn an_advertisement_on_one_link_puts_off_the_guard_on_all() {
    in_virtual_time(async {
        let (mut running, second) = group_started().await;
        running.becomes(Role::Active).await;
        second.told();
        let before = second.world.borrow().beats;
        tokio::time::sleep(Duration::from_millis(550)).await;
        assert!(!second.told().contains(&Told::Advertise(0)));
        assert_eq!(second.world.borrow().beats - before, 5);
    })
    .await;
}
