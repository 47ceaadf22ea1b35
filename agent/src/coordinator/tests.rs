//! Every failover story of the policy as a row: what happens, and what is done about it.

use proptest::prelude::*;

use super::*;

/// Tells a new coordinator what happens; each notice with the steps it is to cause.
fn story(rows: &[(Notice, &[Step])]) {
    let mut coordinator = Coordinator::new();
    for (number, (notice, steps)) in rows.iter().enumerate() {
        let done = coordinator.handle(notice.clone());
        assert_eq!(done, *steps, "row {number}: {notice:?}");
    }
}

fn elapsed(timer: Timer) -> Notice {
    Notice::Elapsed(timer)
}

const STARTED: (Notice, &[Step]) = (Notice::Started, &[Step::SpawnWorker]);
const STANDBY: (Notice, &[Step]) =
    (Notice::WorkerStandby, &[Step::Clear(Timer::Grace), Step::StartRouters]);
const FIRST_CRASH: (Notice, &[Step]) = (
    Notice::WorkerExited,
    &[Step::Clear(Timer::Stable), Step::Set(Timer::Grace, TAKEOVER_GRACE), Step::SpawnWorker],
);
const STANDBY_AFTER_CRASH: (Notice, &[Step]) =
    (Notice::WorkerStandby, &[Step::Clear(Timer::Grace), Step::Set(Timer::Stable, STABLE)]);

#[test]
fn routers_start_when_the_worker_is_ready() {
    story(&[STARTED, STANDBY]);
}

#[test]
fn a_crashed_worker_is_replaced_at_once_and_the_addresses_stay() {
    story(&[STARTED, STANDBY, FIRST_CRASH, STANDBY_AFTER_CRASH, (elapsed(Timer::Stable), &[])]);
}

#[test]
fn a_worker_that_stays_down_costs_the_addresses() {
    story(&[STARTED, STANDBY, FIRST_CRASH, (elapsed(Timer::Grace), &[Step::ReleaseRouters])]);
}

#[test]
fn after_a_release_the_addresses_come_back_only_to_a_stable_worker() {
    story(&[
        STARTED,
        STANDBY,
        FIRST_CRASH,
        (elapsed(Timer::Grace), &[Step::ReleaseRouters]),
        (Notice::Released, &[]),
        STANDBY_AFTER_CRASH,
        (elapsed(Timer::Stable), &[Step::StartRouters]),
    ]);
}

#[test]
fn each_crash_in_a_row_waits_longer_for_its_restart() {
    let mut pauses = Vec::new();
    let mut coordinator = Coordinator::new();
    coordinator.handle(Notice::Started);
    for _ in 0..10 {
        let steps = coordinator.handle(Notice::WorkerExited);
        pauses.extend(steps.iter().filter_map(|step| match step {
            Step::Set(Timer::Backoff, pause) => Some(pause.as_millis()),
            _ => None,
        }));
        coordinator.handle(elapsed(Timer::Backoff));
    }
    assert_eq!(pauses, [100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
}

#[test]
fn a_worker_that_crashes_again_and_again_costs_the_addresses() {
    let standby = [Step::Clear(Timer::Grace), Step::Set(Timer::Stable, STABLE)];
    let pause = |millis| Step::Set(Timer::Backoff, Duration::from_millis(millis));
    story(&[
        STARTED,
        STANDBY,
        FIRST_CRASH,
        (Notice::WorkerStandby, &standby),
        (
            Notice::WorkerExited,
            &[Step::Clear(Timer::Stable), Step::Set(Timer::Grace, TAKEOVER_GRACE), pause(100)],
        ),
        (elapsed(Timer::Backoff), &[Step::SpawnWorker]),
        (Notice::WorkerStandby, &standby),
        (
            Notice::WorkerExited,
            &[
                Step::Clear(Timer::Stable),
                Step::Clear(Timer::Grace),
                Step::ReleaseRouters,
                pause(200),
            ],
        ),
        (Notice::Released, &[]),
        (elapsed(Timer::Backoff), &[Step::SpawnWorker]),
        (Notice::WorkerStandby, &standby),
        (elapsed(Timer::Stable), &[Step::StartRouters]),
    ]);
}

#[test]
fn a_planned_stop_drains_leaves_closes_and_only_then_lets_go() {
    story(&[
        STARTED,
        STANDBY,
        (Notice::Terminate, &[Step::Drain]),
        (Notice::Drained, &[Step::LeaveRouters]),
        (Notice::Left, &[Step::CloseHeldSessions]),
        (Notice::Closed, &[Step::ReleaseRouters]),
        (Notice::Released, &[Step::Exit]),
    ]);
}

#[test]
fn asking_twice_ends_the_wait() {
    story(&[
        STARTED,
        STANDBY,
        (Notice::Terminate, &[Step::Drain]),
        (Notice::Terminate, &[Step::LeaveRouters]),
        (Notice::Terminate, &[Step::CloseHeldSessions]),
        (Notice::Terminate, &[Step::ReleaseRouters]),
        (Notice::Terminate, &[]),
        // Late answers change nothing.
        (Notice::Drained, &[]),
        (Notice::Left, &[]),
        (Notice::Closed, &[]),
        (Notice::Released, &[Step::Exit]),
    ]);
}

#[test]
fn without_a_worker_there_is_nothing_to_drain() {
    story(&[(Notice::Terminate, &[Step::ReleaseRouters]), (Notice::Released, &[Step::Exit])]);
}

#[test]
fn a_worker_that_dies_while_draining_hastens_the_stop() {
    story(&[
        STARTED,
        STANDBY,
        (Notice::Terminate, &[Step::Drain]),
        (Notice::WorkerExited, &[Step::ReleaseRouters]),
        (Notice::Drained, &[]),
        (Notice::Released, &[Step::Exit]),
    ]);
}

#[test]
fn a_worker_that_dies_while_the_routers_leave_hastens_the_stop() {
    story(&[
        STARTED,
        STANDBY,
        (Notice::Terminate, &[Step::Drain]),
        (Notice::Drained, &[Step::LeaveRouters]),
        (Notice::WorkerExited, &[Step::ReleaseRouters]),
        (Notice::Left, &[]),
        (Notice::Released, &[Step::Exit]),
    ]);
}

#[test]
fn sessions_on_a_lost_address_are_closed() {
    let lost = vec!["192.0.2.1".parse().expect("an address")];
    let close = [Step::CloseSessions(lost.clone())];
    story(&[STARTED, STANDBY, (Notice::AddressesLost(lost), &close)]);
}

fn any_notice() -> impl Strategy<Value = Notice> {
    prop_oneof![
        Just(Notice::WorkerStandby),
        Just(Notice::WorkerExited),
        Just(elapsed(Timer::Backoff)),
        Just(elapsed(Timer::Grace)),
        Just(elapsed(Timer::Stable)),
        Just(Notice::Terminate),
        Just(Notice::Drained),
        Just(Notice::Left),
        Just(Notice::Closed),
        Just(Notice::Released),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_a_stop_comes_to_its_end(
        notices in prop::collection::vec(any_notice(), 0..40),
    ) {
        let mut coordinator = Coordinator::new();
        coordinator.handle(Notice::Started);
        let exited = |steps: Vec<Step>| steps.contains(&Step::Exit);
        let early = notices.into_iter().any(|notice| exited(coordinator.handle(notice)));
        let rest = [
            Notice::Terminate,
            Notice::Drained,
            Notice::Left,
            Notice::Closed,
            Notice::Released,
        ];
        let late = rest.into_iter().any(|notice| exited(coordinator.handle(notice)));
        prop_assert!(early || late);
    }

    #[test]
    fn routers_start_only_beside_a_worker_that_is_ready(
        notices in prop::collection::vec(any_notice(), 0..40),
    ) {
        let mut coordinator = Coordinator::new();
        coordinator.handle(Notice::Started);
        for notice in notices {
            let steps = coordinator.handle(notice);
            if steps.contains(&Step::StartRouters) {
                prop_assert_eq!(coordinator.worker(), Worker::Standby);
                prop_assert!(!coordinator.is_stopping());
            }
        }
    }
}
