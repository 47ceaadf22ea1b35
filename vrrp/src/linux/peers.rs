//! Who an advertisement goes to, who it is taken from, and in which form.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use crate::advertisement::{Advertisement, DecodeError};
use crate::checksum::ChecksumForm;
use crate::clock::now;
use crate::counters::{DecodeErrors, Refusal};
use crate::envelope::Envelope;
use crate::family::Family;
use crate::hmac::{Authenticator, Authenticity, Reserved, Sequence, TRAILER_LEN, has_trailer};
use crate::linux::Seal;
use crate::mismatch::{Difference, Proof};
use crate::notification::{Complaint, Telling};
use crate::peer::Peer;
use crate::peering::{Authentication, Peering};

/// The other routers of one virtual router.
#[derive(Debug)]
pub(super) struct Peers {
    source: IpAddr,
    settings: watch::Receiver<Peering>,
    peering: Peering,
    /// In which form each peer of unicast was heard last.
    forms: BTreeMap<IpAddr, ChecksumForm>,
    errors: DecodeErrors,
    telling: Telling,
    authenticator: Option<Authenticator>,
    reserved: watch::Receiver<Reserved>,
    /// The last one that was signed with.
    sequence: Option<Sequence>,
}

/// A valid advertisement of somebody who may send it.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) source: IpAddr,
    pub(super) advert: Advertisement,
    pub(super) form: ChecksumForm,
}

impl Peers {
    pub(super) fn new(
        source: IpAddr,
        mut settings: watch::Receiver<Peering>,
        reserved: watch::Receiver<Reserved>,
    ) -> Self {
        let peering = settings.borrow_and_update().clone();
        let authenticator = peering.authentication.clone();
        let authenticator = authenticator.map(|it| Authenticator::new(it.mode, it.keys));
        Self {
            source,
            settings,
            peering,
            forms: BTreeMap::new(),
            errors: DecodeErrors::default(),
            telling: Telling::default(),
            authenticator,
            reserved,
            sequence: None,
        }
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
        self.errors.forget_senders();
        let transport = &self.peering.transport;
        self.forms.retain(|source, _| transport.admits(*source));
        self.authenticator = match (self.authenticator.take(), self.peering.authentication.clone())
        {
            (Some(mut authenticator), Some(Authentication { mode, keys })) => {
                authenticator.replace(mode, keys);
                Some(authenticator)
            }
            (None, Some(Authentication { mode, keys })) => Some(Authenticator::new(mode, keys)),
            (_, None) => None,
        };
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
        let (advert, form) = self.count(decoded, Some(envelope.source))?;
        self.count(self.admit(&envelope), Some(envelope.source))?;
        let len = advert.message_len(form);
        let proof = self.authenticate(payload, len, envelope.source);
        let proof = self.count(proof, Some(envelope.source))?;
        self.errors.hmac_unsigned += u64::from(proof == Some(Authenticity::Unsigned));
        let difference = self.in_proofs(proof, has_trailer(payload, len));
        let Advertisement { priority, interval, .. } = advert;
        let (address, heard_at) = (envelope.source, now());
        let sender = Peer { address, priority, interval, form, heard_at };
        self.errors.mismatches.replace(&sender, true, difference.into_iter());
        if self.peering.mirrors_checksums {
            self.forms.insert(envelope.source, form);
        }
        Some(Heard { source: envelope.source, advert, form })
    }

    /// The payload for each destination, signed; `form` is for those that have shown no form of their own.
    pub(super) fn write(
        &mut self,
        advert: &Advertisement,
        form: ChecksumForm,
    ) -> Vec<(IpAddr, Vec<u8>)> {
        let mut payloads = self.prepare(advert, form);
        if let Some(key) = self.authenticator.as_ref().and_then(Authenticator::signing_key) {
            let sequence = self.next_sequence();
            for (to, payload) in &mut payloads {
                key.seal(payload, self.source, *to, sequence);
            }
            self.sequence = Some(sequence);
        }
        payloads
    }

    /// What is still to be done to prepared payloads before they are sent.
    pub(super) fn seal(&self) -> Option<Seal> {
        let key = self.authenticator.as_ref()?.signing_key()?.clone();
        let after = self.sequence.unwrap_or_else(|| self.next_sequence());
        Some(Seal { key, source: self.source, after })
    }

    fn next_sequence(&self) -> Sequence {
        self.reserved.borrow().next(self.sequence, clock())
    }

    /// The payload for each destination, with room for a trailer if we sign.
    pub(super) fn prepare(
        &self,
        advert: &Advertisement,
        form: ChecksumForm,
    ) -> Vec<(IpAddr, Vec<u8>)> {
        let trailer_len = if self.signs() { TRAILER_LEN } else { 0 };
        let destinations = self.peering.transport.destinations(Family::of(self.source));
        let message = |to| {
            let form = self.forms.get(&to).copied().unwrap_or(form);
            let mut payload = advert.encode(self.source, to, form);
            payload.resize(payload.len() + trailer_len, 0);
            (to, payload)
        };
        destinations.into_iter().map(message).collect()
    }

    fn signs(&self) -> bool {
        self.authenticator.as_ref().is_some_and(|it| it.signing_key().is_some())
    }

    fn admit(&self, envelope: &Envelope) -> Result<(), DecodeError> {
        if self.peering.transport.admits(envelope.source) {
            Ok(())
        } else {
            Err(DecodeError::Source(envelope.source))
        }
    }

    /// What the trailer proves, if we have keys.
    fn authenticate(
        &mut self,
        payload: &[u8],
        len: usize,
        source: IpAddr,
    ) -> Result<Option<Authenticity>, DecodeError> {
        let Some(authenticator) = &mut self.authenticator else { return Ok(None) };
        authenticator.check(payload, len, source).map(Some).map_err(DecodeError::Hmac)
    }

    /// Who signs while the other does not. Before all of us have the key, nobody signs.
    fn in_proofs(&self, proof: Option<Authenticity>, is_signed: bool) -> Option<Difference> {
        let (ours, theirs) = match proof {
            None if is_signed => (Proof::None, Proof::Hmac),
            Some(Authenticity::Unsigned) if self.signs() => (Proof::Hmac, Proof::None),
            None | Some(Authenticity::Unsigned | Authenticity::Proven) => return None,
        };
        Some(Difference::Authentication { ours, theirs })
    }

    /// Counts an error, and tells it unless there are too many. The last one of a well-formed packet is remembered.
    fn count<T>(&mut self, result: Result<T, DecodeError>, source: Option<IpAddr>) -> Option<T> {
        let error = match result {
            Ok(value) => return Some(value),
            Err(error) => error,
        };
        let at = now();
        self.errors.count(&error);
        let complaint = Complaint::from(&error);
        if let Some(suppressed) = self.telling.is_due(complaint, at) {
            let Complaint { notification, reason } = complaint;
            let (ours, source) = (self.source, source.map(tracing::field::display));
            tracing::warn!(%ours, source, notification, reason, suppressed, "packet discarded: {error}");
        }
        if let (Some(source), DecodeError::Source(_) | DecodeError::Hmac(_)) = (source, error) {
            self.errors.last_refusal = Some(Refusal { source, error, at });
        }
        None
    }
}

#[expect(clippy::disallowed_methods, reason = "sequences follow the time of day")]
fn clock() -> Sequence {
    Sequence::at(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::hmac::{HmacError, HmacKey, HmacKeys, HmacMode};
    use crate::notification::TOLD_EVERY;
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
        let (sender, settings) =
            watch::channel(Peering { transport, mirrors_checksums, authentication: None });
        (Peers::new(ip(2), settings, reserved(None)), sender)
    }

    /// By which a sequence comes after this one.
    fn reserved(after: Option<Sequence>) -> watch::Receiver<Reserved> {
        watch::channel(Reserved { after, until: None }).1
    }

    /// Whether an advertisement of `host` to us counts.
    fn hears(peers: &mut Peers, host: u8, form: ChecksumForm) -> bool {
        let envelope = Envelope { source: ip(host), destination: ip(2), ttl: 255 };
        let message = advert().encode(envelope.source, envelope.destination, form);
        peers.read(Ok((envelope, &message))).is_some()
    }

    /// To whom an advertisement goes, and in which form.
    fn sent(peers: &mut Peers, form: ChecksumForm) -> Vec<(IpAddr, ChecksumForm)> {
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
    fn what_is_refused_is_told_once_in_a_while() {
        let (mut peers, _sender) = peers(true);
        for _ in 0..1000 {
            assert!(!hears(&mut peers, 5, ChecksumForm::Rfc9568));
        }
        let complaint = Complaint::from(&DecodeError::Source(ip(5)));
        let later = now() + TOLD_EVERY;
        assert_eq!(peers.telling.is_due(complaint, later), Some(999));
    }

    #[test]
    fn each_peer_is_sent_the_form_that_it_uses() {
        let (mut peers, _sender) = peers(true);
        let unheard = ChecksumForm::Rfc9568;
        assert_eq!(sent(&mut peers, unheard), [(ip(3), unheard), (ip(4), unheard)]);
        for (host, form) in [(3, ChecksumForm::Rfc5798), (4, GROUP_FORM)] {
            assert!(hears(&mut peers, host, form));
        }
        let expected = [(ip(3), ChecksumForm::Rfc5798), (ip(4), GROUP_FORM)];
        assert_eq!(sent(&mut peers, unheard), expected);
    }

    #[test]
    fn a_form_that_is_set_is_sent_to_all() {
        let (mut peers, _sender) = peers(false);
        assert!(hears(&mut peers, 3, GROUP_FORM));
        let form = ChecksumForm::Rfc5798;
        assert_eq!(sent(&mut peers, form), [(ip(3), form), (ip(4), form)]);
    }

    #[test]
    fn new_peers_are_heard_from_the_change_on() {
        let (mut peers, sender) = peers(true);
        assert!(!hears(&mut peers, 5, GROUP_FORM));
        let transport = Transport::Unicast(vec![ip(5)]);
        sender.send_replace(Peering { transport, mirrors_checksums: true, authentication: None });
        peers.update();
        assert!(hears(&mut peers, 5, GROUP_FORM) && !hears(&mut peers, 3, GROUP_FORM));
        assert_eq!(sent(&mut peers, ChecksumForm::Rfc9568), [(ip(5), GROUP_FORM)]);
    }

    /// One that signs and checks with these keys, in the place of `host`.
    fn with_keys(host: u8, mode: HmacMode, ids: &[(u8, u8)]) -> (Peers, watch::Sender<Peering>) {
        let (sender, settings) = watch::channel(keyed(host, mode, ids));
        (Peers::new(ip(host), settings, reserved(None)), sender)
    }

    /// Keys by number, each of one octet repeated.
    fn keyed(host: u8, mode: HmacMode, ids: &[(u8, u8)]) -> Peering {
        let transport =
            Transport::Unicast([2, 3].into_iter().filter(|it| *it != host).map(ip).collect());
        let key = |&(id, octet): &(u8, u8)| HmacKey::new(id, &[octet; 32]).expect("32 octets");
        let keys = HmacKeys::new(ids.iter().map(key).collect()).expect("keys");
        let authentication = Some(Authentication { mode, keys });
        Peering { transport, mirrors_checksums: true, authentication }
    }

    /// What router 2 sends to router 3.
    fn payload(peers: &mut Peers) -> Vec<u8> {
        peers.write(&advert(), ChecksumForm::Rfc9568).remove(0).1
    }

    /// Whether router 3 takes this payload of router 2.
    fn takes(peers: &mut Peers, payload: &[u8]) -> bool {
        let envelope = Envelope { source: ip(2), destination: ip(3), ttl: 255 };
        peers.read(Ok((envelope, payload))).is_some()
    }

    /// Missing, failures, replays, unsigned.
    fn hmac_counters(peers: &Peers) -> [u64; 4] {
        let errors = peers.errors();
        [errors.hmac_missing, errors.hmac_failures, errors.hmac_replays, errors.hmac_unsigned]
    }

    #[test]
    fn what_is_not_proven_is_refused_counted_and_named() {
        let (mut receiver, _a) = with_keys(3, HmacMode::Enforce, &[(1, 7)]);
        let (mut friend, _b) = with_keys(2, HmacMode::Enforce, &[(1, 7)]);
        let (mut stranger, _c) = with_keys(2, HmacMode::Enforce, &[(1, 8)]);
        let (mut silent, _d) = with_keys(2, HmacMode::ReceiveOnly, &[(1, 7)]);
        let signed = payload(&mut friend);
        assert!(takes(&mut receiver, &signed));
        assert!(!takes(&mut receiver, &signed));
        assert!(takes(&mut receiver, &payload(&mut friend)), "each one is newer than the last");
        assert_eq!(hmac_counters(&receiver), [0, 0, 1, 0]);
        assert!(!takes(&mut receiver, &payload(&mut stranger)));
        assert!(!takes(&mut receiver, &payload(&mut silent)));
        assert_eq!(hmac_counters(&receiver), [1, 1, 1, 0]);
        let refusal = receiver.errors().last_refusal.expect("there was one");
        assert_eq!((refusal.source, refusal.error), (ip(2), DecodeError::Hmac(HmacError::Missing)));
    }

    #[test]
    fn unsigned_ones_are_taken_and_counted_where_none_need_be_signed() {
        for mode in [HmacMode::Permissive, HmacMode::ReceiveOnly] {
            let (mut receiver, _a) = with_keys(3, mode, &[(1, 7)]);
            let (mut silent, _b) = with_keys(2, HmacMode::ReceiveOnly, &[(1, 7)]);
            assert!(takes(&mut receiver, &payload(&mut silent)));
            assert_eq!(hmac_counters(&receiver), [0, 0, 0, 1]);
            assert_eq!(receiver.seal().is_some(), mode == HmacMode::Permissive);
        }
    }

    #[test]
    fn who_signs_alone_is_told() {
        use HmacMode::{Enforce, Permissive, ReceiveOnly};
        let told = |ours: Option<HmacMode>, theirs: Option<HmacMode>| {
            let side = |host, mode: Option<HmacMode>| match mode {
                Some(mode) => with_keys(host, mode, &[(1, 7)]),
                None => {
                    let settings =
                        Peering { authentication: None, ..keyed(host, Enforce, &[(1, 7)]) };
                    let (sender, settings) = watch::channel(settings);
                    (Peers::new(ip(host), settings, reserved(None)), sender)
                }
            };
            let ((mut receiver, _a), (mut sender, _b)) = (side(3, ours), side(2, theirs));
            assert!(takes(&mut receiver, &payload(&mut sender)));
            receiver.errors().mismatches.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let (they, we) = ("signs what it sends, we do not", "does not sign what it sends, we do");
        let cases: [(_, _, &[&str]); 6] = [
            (None, None, &[]),
            (None, Some(Enforce), &[they]),
            (Some(Permissive), None, &[we]),
            (Some(Permissive), Some(Permissive), &[]),
            (Some(ReceiveOnly), None, &[]),
            (Some(ReceiveOnly), Some(Permissive), &[]),
        ];
        for (ours, theirs, expected) in cases {
            let expected: Vec<_> =
                expected.iter().map(|text| format!("{} {text}", ip(2))).collect();
            assert_eq!(told(ours, theirs), expected, "{ours:?} {theirs:?}");
        }
    }

    #[test]
    fn keys_change_without_a_gap() {
        let steps: [&[(u8, u8)]; 4] = [&[(1, 7)], &[(1, 7), (2, 8)], &[(2, 8), (1, 7)], &[(2, 8)]];
        let (mut receiver, receivers) = with_keys(3, HmacMode::Enforce, steps[0]);
        let (mut sender, senders) = with_keys(2, HmacMode::Enforce, steps[0]);
        for keys in &steps[1..] {
            receivers.send_replace(keyed(3, HmacMode::Enforce, keys));
            receiver.update();
            assert!(takes(&mut receiver, &payload(&mut sender)), "before the sender has {keys:?}");
            senders.send_replace(keyed(2, HmacMode::Enforce, keys));
            sender.update();
            assert!(takes(&mut receiver, &payload(&mut sender)), "after the sender has {keys:?}");
        }
    }

    #[test]
    fn a_sender_is_newer_than_it_was_even_if_its_clock_is_behind() {
        let (mut receiver, _a) = with_keys(3, HmacMode::Enforce, &[(1, 7)]);
        let life = |after| {
            let (sender, settings) = watch::channel(keyed(2, HmacMode::Enforce, &[(1, 7)]));
            (Peers::new(ip(2), settings, reserved(Some(after))), sender)
        };
        let ahead = clock().plus(Duration::from_secs(3600));
        let (mut first, _b) = life(ahead);
        assert!(takes(&mut receiver, &payload(&mut first)));
        let (mut forgetful, _c) = with_keys(2, HmacMode::Enforce, &[(1, 7)]);
        assert!(!takes(&mut receiver, &payload(&mut forgetful)));
        let (mut second, _d) = life(ahead.plus(Duration::from_secs(1)));
        let Seal { after, .. } = second.seal().expect("it signs");
        assert!(after.is_after(ahead), "its farewell too");
        assert!(takes(&mut receiver, &payload(&mut second)));
    }

    #[test]
    fn a_farewell_that_is_sealed_later_is_newer_than_all_that_was_sent() {
        let (mut receiver, _a) = with_keys(3, HmacMode::Enforce, &[(1, 7)]);
        let (mut dying, _b) = with_keys(2, HmacMode::Enforce, &[(1, 7)]);
        assert!(takes(&mut receiver, &payload(&mut dying)));
        let (to, mut farewell) = dying.prepare(&advert(), ChecksumForm::Rfc9568).remove(0);
        assert!(!takes(&mut receiver, &farewell));
        let Seal { key, source, after } = dying.seal().expect("it signs");
        key.seal(&mut farewell, source, to, after.next(clock()));
        assert!(takes(&mut receiver, &farewell));
    }
}
