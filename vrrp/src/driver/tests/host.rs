//! A host made of queues.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::pending;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::advance;

use crate::advertisement::Advertisement;
use crate::checksum::ChecksumForm;
use crate::counters::DecodeErrors;
use crate::event::Event;
use crate::platform::{Parting, Platform, Waiting};
use crate::route::Route;
use crate::types::Priority;

/// What the host was told, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Add,
    Remove,
    Advertise(u8),
    Announce,
    Ask,
    Arm,
    Disarm,
}

#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) told: Vec<Told>,
    /// Events that wake the driver.
    pub(super) events: VecDeque<Event>,
    /// Packets that wait in the socket without having woken anybody.
    pub(super) unread: VecDeque<Event>,
    /// More packets arrive than can be read, and none of them means anything.
    pub(super) is_flooded: bool,
    pub(super) add_fails: bool,
    pub(super) beats: usize,
    /// How long the guard waits for a beat.
    pub(super) patience: Duration,
    /// How long the process is stopped when it adds addresses next.
    pub(super) stops_for: Duration,
}

#[derive(Clone, Debug, Default)]
pub(super) struct FakeHost {
    pub(super) world: Rc<RefCell<World>>,
    errors: DecodeErrors,
}

impl FakeHost {
    fn tell(&self, told: Told) {
        self.world.borrow_mut().told.push(told);
    }

    pub(super) fn told(&self) -> Vec<Told> {
        std::mem::take(&mut self.world.borrow_mut().told)
    }
}

impl Platform for FakeHost {
    async fn next_event(&mut self) -> Event {
        while self.world.borrow().is_flooded {
            tokio::task::coop::consume_budget().await;
        }
        let event = self.world.borrow_mut().events.pop_front();
        match event {
            Some(event) => event,
            None => pending().await,
        }
    }

    fn read_waiting(&mut self) -> Waiting {
        let mut world = self.world.borrow_mut();
        match world.unread.pop_front() {
            Some(event) => Waiting::Event(event),
            None if world.is_flooded => Waiting::Noise,
            None => Waiting::Nothing,
        }
    }

    async fn add_addresses(&mut self, _: &[IpAddr], _: Duration) -> Result<(), String> {
        let stops_for = std::mem::take(&mut self.world.borrow_mut().stops_for);
        advance(stops_for).await;
        self.tell(Told::Add);
        if self.world.borrow().add_fails { Err("not permitted".to_owned()) } else { Ok(()) }
    }

    async fn remove_addresses(&mut self, _: &[IpAddr]) -> Result<(), String> {
        self.tell(Told::Remove);
        Ok(())
    }

    fn add_routes(&mut self, _: &[Route], _: Duration) -> Result<(), String> {
        Ok(())
    }

    fn remove_routes(&mut self, _: &[Route]) -> Result<(), String> {
        Ok(())
    }

    fn advertise(&mut self, advert: &Advertisement, _: ChecksumForm) -> Result<(), String> {
        self.tell(Told::Advertise(advert.priority.value()));
        Ok(())
    }

    fn announce(&mut self, _: &[IpAddr]) -> Result<(), String> {
        self.tell(Told::Announce);
        Ok(())
    }

    fn ask(&mut self, _: &[IpAddr]) {
        self.tell(Told::Ask);
    }

    fn arm(&mut self, parting: &Parting) {
        self.world.borrow_mut().patience = parting.patience;
        assert_eq!(parting.farewell.priority, Priority::RELEASE);
        self.tell(Told::Arm);
    }

    fn beat(&mut self) {
        self.world.borrow_mut().beats += 1;
    }

    fn disarm(&mut self) {
        self.tell(Told::Disarm);
    }

    fn obstacle(&self) -> Option<&str> {
        None
    }

    fn decode_errors(&self) -> &DecodeErrors {
        &self.errors
    }
}
