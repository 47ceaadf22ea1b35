//! What the election asks of a host.

use std::net::IpAddr;
use std::time::Duration;

use crate::advertisement::Advertisement;
use crate::checksum::ChecksumForm;
use crate::counters::DecodeErrors;
use crate::event::Event;
use crate::route::Route;

/// What is to be done on a link for a process that died or hangs while it holds addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parting {
    /// To be removed, before the addresses.
    pub routes: Vec<Route>,
    /// To be removed.
    pub addresses: Vec<IpAddr>,
    /// To be sent then.
    pub farewell: Advertisement,
    /// How that is to be written.
    pub form: ChecksumForm,
    /// A process that gives no sign of life for so long hangs.
    pub patience: Duration,
}

/// What waited unread on a link.
#[derive(Debug)]
pub enum Waiting {
    /// Nothing.
    Nothing,
    /// A packet that means nothing.
    Noise,
    /// This.
    Event(Event),
}

/// One interface of a host, as one link of a virtual router.
///
/// Errors are texts for the operator: they become the reason of a fault.
pub trait Platform {
    /// The next advertisement, change of the link or of our source, lost or claimed address, or lost route on this
    /// link. Cancel-safe.
    fn next_event(&mut self) -> impl Future<Output = Event>;

    /// Reads an advertisement or a claim that waits: they are looked at before a timer is believed.
    fn read_waiting(&mut self) -> Waiting;

    /// Adds the addresses or renews their lease; idempotent.
    fn add_addresses(
        &mut self,
        addresses: &[IpAddr],
        lease: Duration,
    ) -> impl Future<Output = Result<(), String>>;

    /// Removes those of the addresses that are ours; idempotent.
    fn remove_addresses(
        &mut self,
        addresses: &[IpAddr],
    ) -> impl Future<Output = Result<(), String>>;

    /// Adds the routes or renews their lease; idempotent. A route of somebody else in the place of one is left alone.
    ///
    /// # Errors
    /// When the kernel refuses one.
    fn add_routes(&mut self, routes: &[Route], lease: Duration) -> Result<(), String>;

    /// Removes those of the routes that are ours; idempotent.
    ///
    /// # Errors
    /// When the kernel refuses to remove one; the others are gone.
    fn remove_routes(&mut self, routes: &[Route]) -> Result<(), String>;

    /// Sends an advertisement.
    ///
    /// # Errors
    /// When the packet could not be handed to the kernel.
    fn advertise(&mut self, advert: &Advertisement, form: ChecksumForm) -> Result<(), String>;

    /// Tells the link who holds the addresses.
    ///
    /// # Errors
    /// When a frame could not be handed to the kernel.
    fn announce(&mut self, addresses: &[IpAddr]) -> Result<(), String>;

    /// Asks the link who has the addresses. What cannot be asked is as if nobody answered.
    fn ask(&mut self, addresses: &[IpAddr]);

    /// From now on this is to be done, should this process die, or neither [`beat`](Self::beat) nor say it again for too
    /// long.
    fn arm(&mut self, parting: &Parting);

    /// The router has advertised, on this link or on another. Must not block; does nothing unless armed.
    fn beat(&mut self);

    /// Takes back what [`arm`](Self::arm) said.
    fn disarm(&mut self);

    /// What keeps the link down, in words, if something does.
    fn obstacle(&self) -> Option<&str>;

    /// Packets that were no valid advertisement.
    fn decode_errors(&self) -> &DecodeErrors;
}
