//! Who else speaks VRRP on a link.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use vrrp::{ADDRESSES_KEPT, Priority, STRANGER_GONE, STRANGERS_MAX, Strangers, Vrid};

use crate::subject::{SECOND, advert, epoch, host, interval};

struct Link {
    strangers: Strangers,
    now: Instant,
}

impl Link {
    fn new() -> Self {
        Self { strangers: Strangers::default(), now: epoch() }
    }

    fn hears(&mut self, source: IpAddr, vrid: u8, priority: u8, every: u64) {
        let mut heard = advert(9, priority).every(interval(every));
        heard.advert.vrid = Vrid::new(vrid).expect("not 0");
        self.strangers.hear(source, &heard.advert, heard.form, self.now);
    }

    fn after(&mut self, time: Duration) {
        self.now += time;
    }

    fn present(&self) -> Vec<(u8, IpAddr)> {
        let present = self.strangers.present(self.now).into_iter();
        present.map(|stranger| (stranger.vrid.value(), stranger.source)).collect()
    }
}

#[test]
fn each_sender_of_each_virtual_router_is_one() {
    let mut link = Link::new();
    link.hears(host(8), 77, 100, 1000);
    link.hears(host(9), 77, 100, 1000);
    link.hears(host(9), 7, 100, 1000);
    link.hears(host(9), 77, 120, 1000);
    assert_eq!(link.present(), [(7, host(9)), (77, host(8)), (77, host(9))]);
    let newest = link.strangers.present(link.now)[2].priority;
    assert_eq!(newest, Priority::new(120));
}

#[test]
fn who_lets_go_or_falls_silent_is_gone() {
    let mut link = Link::new();
    link.hears(host(8), 77, 100, 100);
    link.hears(host(8), 78, 100, 100);
    link.hears(host(9), 77, 100, 10_000);
    link.hears(host(8), 78, 0, 100);
    assert_eq!(link.present(), [(77, host(8)), (77, host(9))]);
    link.after(STRANGER_GONE);
    assert_eq!(link.present(), [(77, host(9))], "three of its intervals are longer");
    link.after(SECOND * 20);
    assert_eq!(link.present(), []);
}

#[test]
fn a_flood_of_strangers_is_remembered_in_part() {
    let mut link = Link::new();
    for last in 1..=200 {
        link.hears(host(last), 77, 100, 1000);
    }
    let present = link.present();
    assert_eq!(present.len(), STRANGERS_MAX);
    assert_eq!(present.last(), Some(&(77, host(200))));
}

#[test]
fn of_many_addresses_some_are_remembered() {
    let many: Vec<_> = (1..=200).map(host).collect();
    let heard = advert(9, 100).of(&many);
    let mut strangers = Strangers::default();
    let now = epoch();
    strangers.hear(heard.source, &heard.advert, heard.form, now);
    let stranger = strangers.present(now)[0];
    assert_eq!(stranger.addresses, many[..ADDRESSES_KEPT]);
    assert_eq!(stranger.address_count, 200);
}
