//! What is counted: the statistics of RFC 6527 and RFC 8347, those of RFC 2787 for version 2, and some of ours.

use std::net::IpAddr;
use std::time::Instant;

use crate::advertisement::DecodeError;
use crate::hmac::HmacError;
use crate::mismatch::{Difference, Mismatches, Proof};
use crate::notification::NewMasterReason;

/// Events of one virtual router since it was made. They only grow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// How often we became active.
    pub active_transitions: u64,
    /// Why we did so the last time.
    pub new_master_reason: NewMasterReason,
    /// Valid advertisements heard from other routers.
    pub advertisements_received: u64,
    /// Advertisements sent, those of priority 0 included.
    pub advertisements_sent: u64,
    /// Advertisements of priority 0 heard.
    pub priority_zero_received: u64,
    /// Advertisements of priority 0 sent.
    pub priority_zero_sent: u64,
    /// Advertisements heard whose addresses are not ours; they count in the election all the same.
    pub address_list_errors: u64,
    /// Advertisements for another VRID, ignored.
    pub vrid_errors: u64,
    /// Advertisements from our own source address, ignored: an echo, or a box with our address.
    pub own_source_received: u64,
    /// Advertisements of a version that is not ours, ignored: the two routers do not hear each other.
    pub version_errors: u64,
    /// Advertisements of version 2 with a password while we have none, or without one while we have one; ignored.
    pub auth_type_mismatches: u64,
    /// Advertisements of version 2 with another password than ours, ignored.
    pub auth_failures: u64,
    /// Advertisements with another interval than ours; ignored in version 2.
    pub advertise_interval_errors: u64,
    /// Answers and other frames by which another host claimed an address of ours.
    pub address_conflicts: u64,
    /// How often we were late: did not run for so long that a peer may have taken over.
    pub late: u64,
}

impl Counters {
    /// Counts an advertisement for a difference that it shows.
    pub(crate) fn count(&mut self, difference: Difference) {
        let counter = match difference {
            Difference::Version { .. } => &mut self.version_errors,
            Difference::Authentication { ours: Proof::Password, theirs: Proof::Password } => {
                &mut self.auth_failures
            }
            Difference::Authentication { .. } => &mut self.auth_type_mismatches,
            Difference::Interval { .. } => &mut self.advertise_interval_errors,
            Difference::Addresses { .. } | Difference::Stranger(_) => &mut self.address_list_errors,
            Difference::Priority(_) | Difference::Checksum { .. } => return,
        };
        *counter += 1;
    }
}

/// Packets that were no valid advertisement, by the first check that they failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DecodeErrors {
    /// The IP header is broken or not of VRRP.
    pub ip_header_errors: u64,
    /// TTL or hop limit is not 255.
    pub ip_ttl_errors: u64,
    /// Neither version 3 nor, over IPv4, version 2.
    pub version_errors: u64,
    /// Shorter than its fields say.
    pub packet_length_errors: u64,
    /// No form of the checksum fits.
    pub checksum_errors: u64,
    /// Not of type advertisement.
    pub invalid_type: u64,
    /// An authentication type of version 2 that we do not know.
    pub invalid_auth_type: u64,
    /// VRID 0.
    pub vrid_errors: u64,
    /// Without an address, or IPv6 without the link-local one in front.
    pub address_list_errors: u64,
    /// An interval of 0.
    pub interval_errors: u64,
    /// From somebody who is no peer.
    pub source_errors: u64,
    /// Without an HMAC, though one is asked for.
    pub hmac_missing: u64,
    /// With an HMAC that is wrong, or by an unknown key.
    pub hmac_failures: u64,
    /// With an HMAC that is right, and heard before.
    pub hmac_replays: u64,
    /// Not refused: without an HMAC where we have keys and ask for none.
    pub hmac_unsigned: u64,
    /// Not refused: whose advertisements are signed while we do not sign, or the other way round.
    pub mismatches: Mismatches,
    /// The last one that was well-formed and refused for its sender.
    pub last_refusal: Option<Refusal>,
}

/// A well-formed advertisement for our virtual router that must not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The sender.
    pub source: IpAddr,
    /// Why it must not count.
    pub error: DecodeError,
    /// When it came.
    pub at: Instant,
}

impl DecodeErrors {
    /// Our settings have changed: what is wrong with others now, their next packets will tell.
    pub fn forget_senders(&mut self) {
        self.mismatches.forget();
        self.last_refusal = None;
    }

    /// Counts one rejected packet.
    pub fn count(&mut self, error: &DecodeError) {
        let counter = match error {
            DecodeError::IpHeader | DecodeError::Protocol(_) => &mut self.ip_header_errors,
            DecodeError::Ttl(_) => &mut self.ip_ttl_errors,
            DecodeError::Version(_) => &mut self.version_errors,
            DecodeError::Length { .. } => &mut self.packet_length_errors,
            DecodeError::Checksum => &mut self.checksum_errors,
            DecodeError::Type(_) => &mut self.invalid_type,
            DecodeError::AuthType(_) => &mut self.invalid_auth_type,
            DecodeError::Vrid => &mut self.vrid_errors,
            DecodeError::NoAddress | DecodeError::FirstAddress(_) => &mut self.address_list_errors,
            DecodeError::Interval => &mut self.interval_errors,
            DecodeError::Source(_) => &mut self.source_errors,
            DecodeError::Hmac(HmacError::Missing) => &mut self.hmac_missing,
            DecodeError::Hmac(HmacError::Replay) => &mut self.hmac_replays,
            DecodeError::Hmac(
                HmacError::Malformed | HmacError::UnknownKey(_) | HmacError::Mismatch,
            ) => &mut self.hmac_failures,
        };
        *counter += 1;
    }
}
