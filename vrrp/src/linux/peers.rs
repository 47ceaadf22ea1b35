//! Who an advertisement goes to, who it is taken from, and in which form.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Instant;

use tokio::sync::watch;

use crate::advertisement::{Advertisement, DecodeError};
use crate::checksum::ChecksumForm;
use crate::counters::{DecodeErrors, Refusal};
use crate::envelope::Envelope;
use crate::family::Family;
use crate::peering::Peering;

/// The other routers of one virtual router.
#[derive(Debug)]
pub(super) struct Peers {
    source: IpAddr,
    settings: watch::Receiver<Peering>,
    peering: Peering,
    /// In which form each peer of unicast was heard last.
    forms: BTreeMap<IpAddr, ChecksumForm>,
    errors: DecodeErrors,
}

/// A valid advertisement of somebody who may send it.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) source: IpAddr,
    pub(super) advert: Advertisement,
    pub(super) form: ChecksumForm,
}

impl Peers {
    pub(super) fn new(source: IpAddr, mut settings: watch::Receiver<Peering>) -> Self {
        let peering = settings.borrow_and_update().clone();
        Self { source, settings, peering, forms: BTreeMap::new(), errors: DecodeErrors::default() }
    }

    /// From now on we send from this address.
    pub(super) const fn send_from(&mut self, source: IpAddr) {
        self.source = source;
    }

    /// Until there are other settings. Pends for ever if there will be none. Cancel-safe.
    pub(super) async fn changed(&mut self) {
        if self.settings.changed().await.is_err() {
            std::future::pending().await
        }
    }

    /// Takes the newest settings into force.
    pub(super) fn update(&mut self) {
        self.peering = self.settings.borrow_and_update().clone();
        let transport = &self.peering.transport;
        self.forms.retain(|source, _| transport.admits(*source));
    }

    /// The settings in force.
    pub(super) fn peering(&self) -> &Peering {
        &self.peering
    }

    /// Packets that were refused.
    pub(super) fn errors(&self) -> &DecodeErrors {
        &self.errors
    }

    /// What an opened packet says. `None` if it is refused, which is counted.
    pub(super) fn read(&mut self, packet: Result<(Envelope, &[u8]), DecodeError>) -> Option<Heard> {
        let (envelope, payload) = self.count(packet, None)?;
        let decoded = Advertisement::decode(payload, &envelope);
        let (advert, form) = self.count(decoded, None)?;
        self.count(self.admit(&envelope), Some(envelope.source))?;
        if self.peering.mirrors_checksums {
            self.forms.insert(envelope.source, form);
        }
        Some(Heard { source: envelope.source, advert, form })
    }

    /// The message for each destination; `form` is for those that have shown no form of their own.
    pub(super) fn write(
        &self,
        advert: &Advertisement,
        form: ChecksumForm,
    ) -> Vec<(IpAddr, Vec<u8>)> {
        let destinations = self.peering.transport.destinations(Family::of(self.source));
        let message = |to| {
            let form = self.forms.get(&to).copied().unwrap_or(form);
            (to, advert.encode(self.source, to, form))
        };
        destinations.into_iter().map(message).collect()
    }

    fn admit(&self, envelope: &Envelope) -> Result<(), DecodeError> {
        if self.peering.transport.admits(envelope.source) {
            Ok(())
        } else {
            Err(DecodeError::Source(envelope.source))
        }
    }

    /// Counts an error. The last one of a well-formed packet, whose sender is known, is remembered.
    fn count<T>(&mut self, result: Result<T, DecodeError>, source: Option<IpAddr>) -> Option<T> {
        let error = match result {
            Ok(value) => return Some(value),
            Err(error) => error,
        };
        self.errors.count(&error);
        tracing::debug!(%error, ours = %self.source, "packet discarded");
        if let Some(source) = source {
            self.errors.last_refusal = Some(Refusal { source, error, at: now() });
        }
        None
    }
}

#[expect(clippy::disallowed_methods, reason = "the host is where packets come from, and when")]
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peering::Transport;
    use crate::types::{Interval, Priority, Vrid};

    const GROUP_FORM: ChecksumForm = ChecksumForm::Rfc5798Multicast;

    fn ip(host: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, host])
    }

    fn advert() -> Advertisement {
        Advertisement {
            vrid: Vrid::new(51).expect("not 0"),
            priority: Priority::new(100),
            interval: Interval::DEFAULT,
            addresses: vec![ip(1)],
        }
    }

    /// Router 2, with the peers 3 and 4.
    fn peers(mirrors_checksums: bool) -> (Peers, watch::Sender<Peering>) {
        let transport = Transport::Unicast(vec![ip(3), ip(4)]);
        let (sender, settings) = watch::channel(Peering { transport, mirrors_checksums });
        (Peers::new(ip(2), settings), sender)
    }

    /// Whether an advertisement of `host` to us counts.
    fn hears(peers: &mut Peers, host: u8, form: ChecksumForm) -> bool {
        let envelope = Envelope { source: ip(host), destination: ip(2), ttl: 255 };
        let message = advert().encode(envelope.source, envelope.destination, form);
        peers.read(Ok((envelope, &message))).is_some()
    }

    /// To whom an advertisement goes, and in which form.
    fn sent(peers: &Peers, form: ChecksumForm) -> Vec<(IpAddr, ChecksumForm)> {
        let form_of = |(to, message): (IpAddr, Vec<u8>)| {
            let envelope = Envelope { source: ip(2), destination: to, ttl: 255 };
            let (_, form) = Advertisement::decode(&message, &envelope).expect("valid");
            (to, form)
        };
        peers.write(&advert(), form).into_iter().map(form_of).collect()
    }

    #[test]
    fn nobody_but_peers_is_heard() {
        let (mut peers, _sender) = peers(true);
        assert!(hears(&mut peers, 3, ChecksumForm::Rfc5798));
        assert_eq!(peers.errors().last_refusal, None);
        assert!(!hears(&mut peers, 5, ChecksumForm::Rfc9568));
        assert_eq!(peers.errors().source_errors, 1);
        let refusal = peers.errors().last_refusal.expect("remembered");
        assert_eq!((refusal.source, refusal.error), (ip(5), DecodeError::Source(ip(5))));
    }

    #[test]
    fn each_peer_is_sent_the_form_that_it_uses() {
        let (mut peers, _sender) = peers(true);
        let unheard = ChecksumForm::Rfc9568;
        assert_eq!(sent(&peers, unheard), [(ip(3), unheard), (ip(4), unheard)]);
        for (host, form) in [(3, ChecksumForm::Rfc5798), (4, GROUP_FORM)] {
            assert!(hears(&mut peers, host, form));
        }
        let expected = [(ip(3), ChecksumForm::Rfc5798), (ip(4), GROUP_FORM)];
        assert_eq!(sent(&peers, unheard), expected);
    }

    #[test]
    fn a_form_that_is_set_is_sent_to_all() {
        let (mut peers, _sender) = peers(false);
        assert!(hears(&mut peers, 3, GROUP_FORM));
        let form = ChecksumForm::Rfc5798;
        assert_eq!(sent(&peers, form), [(ip(3), form), (ip(4), form)]);
    }

    #[test]
    fn new_peers_are_heard_from_the_change_on() {
        let (mut peers, sender) = peers(true);
        assert!(!hears(&mut peers, 5, GROUP_FORM));
        let transport = Transport::Unicast(vec![ip(5)]);
        sender.send_replace(Peering { transport, mirrors_checksums: true });
        peers.update();
        assert!(hears(&mut peers, 5, GROUP_FORM) && !hears(&mut peers, 3, GROUP_FORM));
        assert_eq!(sent(&peers, ChecksumForm::Rfc9568), [(ip(5), GROUP_FORM)]);
    }
}
