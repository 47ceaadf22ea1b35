//! The one message of VRRP, as bytes and as meaning: version 3 (RFC 9568 §5) and, over IPv4, version 2 (RFC 3768 §5).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |Version| Type  | Virtual Rtr ID|   Priority    |  Count Addr   |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |Reserve| Max Advertise Interval|          Checksum             |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                   IPv4 or IPv6 addresses ...                  |
//! ```
//!
//! Version 2 has its authentication type and the interval in seconds where version 3 has the interval,
//! and 8 octets of authentication data behind the addresses.
//!
//! Decoding never panics, checks in the order of RFC 9568 §7.1 and its errata, and says which check failed.
//! Whether an advertisement matters to us is for the [router](crate::VirtualRouter) to say.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::auth::{AUTH_LEN, Auth};
use crate::checksum::CHECKSUM;
pub use crate::checksum::ChecksumForm;
use crate::envelope::Envelope;
use crate::hmac::HmacError;
use crate::types::{Interval, Priority, Vrid};

/// What an active router says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advertisement {
    /// The virtual router that this is about.
    pub vrid: Vrid,
    /// The sender's priority; [`Priority::RELEASE`] when it lets go.
    pub priority: Priority,
    /// The sender's interval between advertisements.
    pub interval: Interval,
    /// The virtual addresses: 1 to 255, of one family. IPv6 has the link-local one first.
    pub addresses: Vec<IpAddr>,
}

/// Why a packet is no valid advertisement: the first check that it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The IPv4 header is shorter than it says, a fragment, or of another IP version.
    #[error("IPv4 header is broken")]
    IpHeader,
    /// The packet is of another protocol than VRRP, 112.
    #[error("IP protocol `{0}` is not VRRP")]
    Protocol(u8),
    /// The packet has passed a router (RFC 9568 §5.1.1.3, §5.1.2.3).
    #[error("TTL `{0}` is not 255")]
    Ttl(u8),
    /// A version that we do not speak: we speak 2 and 3 over IPv4, 3 over IPv6.
    #[error("version `{0}` is unknown here")]
    Version(u8),
    /// The packet is shorter than its fields say.
    #[error("message has `{actual}` octets instead of `{expected}`")]
    Length {
        /// What the fields ask for, in octets.
        expected: usize,
        /// What arrived, in octets.
        actual: usize,
    },
    /// The checksum fits in no form.
    #[error("checksum is wrong")]
    Checksum,
    /// The only type is 1.
    #[error("type `{0}` is not advertisement")]
    Type(u8),
    /// VRIDs are 1 to 255.
    #[error("VRID is `0`")]
    Vrid,
    /// Authentication types of version 2 are 0, none, and 1, simple text password.
    #[error("authentication type `{0}` is unknown")]
    AuthType(u8),
    /// An advertisement has at least one address (erratum 8299).
    #[error("address count is `0`")]
    NoAddress,
    /// Intervals are 1 to 4095 in version 3 (erratum 8301), 1 to 255 in version 2 (RFC 3768 §5.3.7).
    #[error("interval is `0`")]
    Interval,
    /// The first IPv6 address is the virtual router's link-local one (erratum 8300), but for unicast from a global
    /// address.
    #[error("first address `{0}` is not link-local")]
    FirstAddress(Ipv6Addr),
    /// The sender is none of the peers. Not for the decoder to say, but for the host, which knows them.
    #[error("`{0}` is no peer")]
    Source(IpAddr),
    /// The sender did not prove that he has the key, or that the packet is new. Not for the decoder to say, either.
    #[error("{0}")]
    Hmac(HmacError),
}

impl Advertisement {
    /// Reads the payload of an IP packet. Octets after the message are ignored.
    ///
    /// The version is part of the form. Whether it is the configured one, and the password the right one, is for the
    /// election to say.
    ///
    /// # Errors
    /// The first failed check, in the order of RFC 9568 §7.1 and RFC 3768 §7.1.
    pub fn decode(
        payload: &[u8],
        envelope: &Envelope,
    ) -> Result<(Self, ChecksumForm), DecodeError> {
        if envelope.ttl != TTL {
            return Err(DecodeError::Ttl(envelope.ttl));
        }
        let header: &[u8; HEADER_LEN] = payload
            .first_chunk()
            .ok_or(DecodeError::Length { expected: HEADER_LEN, actual: payload.len() })?;
        let [version_type, vrid, priority, count, ..] = *header;
        let layout = Layout::of(version_type >> 4, envelope.source)?;
        let addresses_end = HEADER_LEN + usize::from(count) * address_len(envelope.source);
        let expected = addresses_end + layout.auth_len();
        let message = payload
            .get(..expected)
            .ok_or(DecodeError::Length { expected, actual: payload.len() })?;
        let checksum = ChecksumForm::recognize(layout.forms(), payload, expected, envelope)
            .ok_or(DecodeError::Checksum)?;
        if version_type & 0x0f != TYPE_ADVERTISEMENT {
            return Err(DecodeError::Type(version_type & 0x0f));
        }
        let vrid = Vrid::new(vrid).ok_or(DecodeError::Vrid)?;
        let form = layout.form(checksum, message)?;
        let addresses = decode_addresses(&message[HEADER_LEN..addresses_end], envelope.source);
        let first = addresses.first().ok_or(DecodeError::NoAddress)?;
        let interval = layout.interval(header).ok_or(DecodeError::Interval)?;
        if let IpAddr::V6(first) = first
            && !first.is_unicast_link_local()
            && envelope.is_of_one_link()
        {
            return Err(DecodeError::FirstAddress(*first));
        }
        Ok((Self { vrid, priority: Priority::new(priority), interval, addresses }, form))
    }

    /// The message as the payload of an IP packet from `source` to `destination`, which some checksums cover.
    ///
    /// # Panics
    /// When the addresses are more than 255 or of another family than `source`, or the interval does not fit the
    /// version: a [`RouterConfig`](crate::RouterConfig) and [`decode`](Self::decode) make no such advertisement.
    #[must_use]
    pub fn encode(&self, source: IpAddr, destination: IpAddr, form: ChecksumForm) -> Vec<u8> {
        let count = u8::try_from(self.addresses.len()).expect("at most 255 addresses");
        let (version, interval) = self.encode_interval(form);
        let mut message = Vec::with_capacity(self.message_len(form));
        message.extend([version << 4 | TYPE_ADVERTISEMENT, self.vrid.value()]);
        message.extend([self.priority.value(), count]);
        message.extend([interval[0], interval[1], 0, 0]);
        for address in &self.addresses {
            assert_eq!(address.is_ipv4(), source.is_ipv4(), "address `{address}` and `{source}`");
            match address {
                IpAddr::V4(address) => message.extend(address.octets()),
                IpAddr::V6(address) => message.extend(address.octets()),
            }
        }
        if let ChecksumForm::Rfc3768(auth) = form {
            assert!(source.is_ipv4(), "version 2 is for IPv4");
            message.extend(auth.wire_data());
        }
        let checksum = form.compute(&message, source, destination);
        message[CHECKSUM].copy_from_slice(&checksum.to_be_bytes());
        message
    }

    /// Octets of the message, without what may follow it.
    #[must_use]
    pub fn message_len(&self, form: ChecksumForm) -> usize {
        let address_len = self.addresses.first().map_or(0, |first| address_len(*first));
        let auth_len = if matches!(form, ChecksumForm::Rfc3768(_)) { AUTH_LEN } else { 0 };
        HEADER_LEN + self.addresses.len() * address_len + auth_len
    }

    /// The version, and octets 4 and 5, which hold the interval.
    fn encode_interval(&self, form: ChecksumForm) -> (u8, [u8; 2]) {
        match form {
            ChecksumForm::Rfc3768(auth) => {
                let seconds = self.interval.seconds().expect("whole seconds in version 2");
                (2, [auth.wire_type(), seconds])
            }
            ChecksumForm::Rfc9568 | ChecksumForm::Rfc5798 | ChecksumForm::Rfc5798Multicast => {
                assert!(self.interval <= Interval::MAX_V3, "12 bits of centiseconds in version 3");
                (3, self.interval.centiseconds().to_be_bytes())
            }
        }
    }
}

/// In what the versions differ.
#[derive(Clone, Copy)]
enum Layout {
    V2,
    V3,
}

impl Layout {
    fn of(version: u8, source: IpAddr) -> Result<Self, DecodeError> {
        match (version, source) {
            (2, IpAddr::V4(_)) => Ok(Self::V2),
            (3, _) => Ok(Self::V3),
            (version, _) => Err(DecodeError::Version(version)),
        }
    }

    /// Octets behind the addresses.
    fn auth_len(self) -> usize {
        match self {
            Self::V2 => AUTH_LEN,
            Self::V3 => 0,
        }
    }

    /// The forms a message may have, but for its authentication, which changes nothing about its checksum.
    fn forms(self) -> &'static [ChecksumForm] {
        match self {
            Self::V2 => &[ChecksumForm::Rfc3768(Auth::None)],
            Self::V3 => {
                &[ChecksumForm::Rfc9568, ChecksumForm::Rfc5798, ChecksumForm::Rfc5798Multicast]
            }
        }
    }

    /// The form of a message, authentication included, given which checksum it has.
    fn form(self, checksum: ChecksumForm, message: &[u8]) -> Result<ChecksumForm, DecodeError> {
        match self {
            Self::V2 => {
                let data = *message.last_chunk().expect("the length was checked");
                let auth = Auth::from_wire(message[AUTH_TYPE_AT], data);
                let auth = auth.ok_or(DecodeError::AuthType(message[AUTH_TYPE_AT]))?;
                Ok(ChecksumForm::Rfc3768(auth))
            }
            Self::V3 => Ok(checksum),
        }
    }

    fn interval(self, header: &[u8; HEADER_LEN]) -> Option<Interval> {
        let [_, _, _, _, high, low, _, _] = *header;
        match self {
            Self::V2 => Interval::from_seconds(low),
            Self::V3 => Interval::from_centiseconds(u16::from_be_bytes([high & 0x0f, low])),
        }
    }
}

fn address_len(address: IpAddr) -> usize {
    match address {
        IpAddr::V4(_) => 4,
        IpAddr::V6(_) => 16,
    }
}

fn decode_addresses(octets: &[u8], source: IpAddr) -> Vec<IpAddr> {
    match source {
        IpAddr::V4(_) => {
            octets.as_chunks::<4>().0.iter().map(|&octets| Ipv4Addr::from(octets).into()).collect()
        }
        IpAddr::V6(_) => {
            octets.as_chunks::<16>().0.iter().map(|&octets| Ipv6Addr::from(octets).into()).collect()
        }
    }
}

/// The only type (RFC 9568 §5.2.2).
const TYPE_ADVERTISEMENT: u8 = 1;

/// TTL and hop limit: proof that no router forwarded the packet (RFC 9568 §5.1.1.3, §5.1.2.3).
pub(crate) const TTL: u8 = 255;

/// Octets before the first address.
const HEADER_LEN: usize = 8;

/// Where the authentication type of version 2 stands.
const AUTH_TYPE_AT: usize = 4;
