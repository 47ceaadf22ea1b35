//! Stories of a planned stop: nobody is without an answer while others wait for their skew.

use vrrp::state::LeavingState;
use vrrp::{Event, LinkId, LinkState, Mac, Preempt, Priority, Role, State};

use crate::subject::{
    SKEW, Subject, TAKES_OVER, VIP, advert, group, knowing, lan_advert, link_is, lost, ms,
    settings, with_preempt,
};

/// What is held longer than the rest of this time before the end of the skew would be too long.
const MARGIN: u64 = 10;

fn leaving() -> Subject {
    Subject::leaving(knowing(settings()))
}

fn until(subject: &Subject) -> std::time::Duration {
    let State::Leaving(leaving) = subject.router.state() else { panic!("not leaving") };
    LeavingState::until(leaving) - subject.now
}

#[test]
fn the_address_goes_just_before_the_skew_ends() {
    let mut active = Subject::in_active(knowing(settings()));
    active.on(Event::Leave).does("add .100, advertise 0");
    active.is(Role::Leaving);
    active.because("shut down");
    let held = until(&active);
    assert!(held < SKEW - ms(MARGIN) && held > SKEW - ms(MARGIN + 1), "{held:?}");
    active.after(held - ms(1)).nothing();
    active.after(ms(1)).does("remove .100");
    active.is(Role::Initialize);
    assert_eq!(active.wait(), None);
}

#[test]
fn without_knowledge_of_the_others_the_strongest_is_reckoned_with() {
    let unknown = Subject::leaving(settings());
    assert!(until(&unknown) < ms(1000) / 256, "{:?}", until(&unknown));
    let mut heard = Subject::in_backup(knowing(settings()));
    heard.hears(advert(9, 200)).nothing();
    let _ = heard.after(ms(4000));
    let _ = heard.on(Event::Leave);
    assert!(until(&heard) < ms(56 * 1000 / 256), "{:?}", until(&heard));
}

#[test]
fn a_process_that_stood_still_removes_the_address_before_anything_else() {
    let mut frozen = leaving();
    frozen.frozen_for(SKEW);
    frozen.on(Event::RoutesLost { link: LinkId::FIRST }).does("remove .100");
    let mut asked = leaving();
    asked.frozen_for(SKEW);
    asked.on(Event::Startup).does("remove .100");
    asked.is(Role::Backup);
}

#[test]
fn whoever_says_that_he_has_the_address_gets_it() {
    leaving().hears(advert(9, 50)).does("remove .100");
    leaving().hears(advert(9, 0)).nothing();
    let mac = Mac([2, 0, 0, 0, 0, 9]);
    let claimed = Event::Claimed { link: LinkId::FIRST, address: VIP, mac };
    leaving().on(claimed).does("remove .100");
}

#[test]
fn what_goes_wrong_meanwhile_ends_it() {
    for event in [
        lost(VIP),
        Event::Shutdown,
        Event::ActionFailed("no such device".to_owned()),
        link_is(LinkState::Down),
        Event::Reconfigure(settings()),
    ] {
        let mut leaving = leaving();
        leaving.on(event).does("remove .100");
        leaving.is(Role::Initialize);
    }
    leaving().on(Event::RoutesLost { link: LinkId::FIRST }).nothing();
    leaving().on(Event::Leave).nothing();
}

#[test]
fn who_is_started_again_meanwhile_begins_as_backup() {
    let mut again = leaving();
    again.on(Event::Startup).does("remove .100");
    again.is(Role::Backup);
    again.after(ms(3610)).does(TAKES_OVER);
}

#[test]
fn who_has_no_address_yet_just_stops() {
    let mut backup = Subject::in_backup(settings());
    backup.on(Event::Leave).nothing();
    backup.is(Role::Initialize);
    let mut yielding = Subject::in_backup(with_preempt(Preempt::Immediate));
    yielding.hears(advert(9, 50)).nothing();
    let _ = yielding.after(ms(3620));
    yielding.on(Event::Leave).does("remove .100, advertise 0");
    yielding.is(Role::Initialize);
}

#[test]
fn all_links_are_left_at_the_first_end_of_a_skew() {
    let mut active = Subject::in_active(knowing(group()));
    active.on(Event::Leave).does("add .100, lan add .100, advertise 0, lan advertise 0");
    let held = until(&active);
    active.after(held).does("remove .100, lan remove .100");
    let mut heard = Subject::leaving(knowing(group()));
    heard.hears(lan_advert(9, 100)).does("remove .100, lan remove .100");
    let weak = group().with_strongest_other(Priority::new(1));
    assert!(until(&Subject::leaving(weak)) > held);
}
