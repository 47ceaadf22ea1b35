//! The trailer as octets.

use std::net::IpAddr;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{HmacError, HmacKey, HmacKeys, Sequence};
use crate::checksum::{CHECKSUM, ChecksumForm};

/// Octets of the trailer.
pub const TRAILER_LEN: usize = 28;

impl HmacKey {
    /// Makes the last [`TRAILER_LEN`] octets of a payload the trailer of what is before them, and over IPv6, where it
    /// covers the trailer too, the checksum right again. Allocates nothing.
    ///
    /// # Panics
    /// When the payload is shorter than a message and a trailer.
    pub fn seal(
        &self,
        payload: &mut [u8],
        source: IpAddr,
        destination: IpAddr,
        sequence: Sequence,
    ) {
        let len = payload.len() - HMAC_LEN;
        let (prefix, hmac) = payload.split_at_mut(len);
        let trailer = prefix.last_chunk_mut::<PREFIX_LEN>().expect("room for a trailer");
        *trailer = [0; PREFIX_LEN];
        trailer[0] = TYPE_HMAC_SHA256;
        trailer[1] = self.id();
        trailer[SEQUENCE_AT..].copy_from_slice(&sequence.value().to_be_bytes());
        let digest = digest(self, prefix, source).finalize().into_bytes();
        hmac.copy_from_slice(&digest[..HMAC_LEN]);
        if source.is_ipv6() {
            payload[CHECKSUM].fill(0);
            let checksum = ChecksumForm::Rfc9568.compute(payload, source, destination);
            payload[CHECKSUM].copy_from_slice(&checksum.to_be_bytes());
        }
    }
}

/// Whether what follows the message, the first `len` octets of the payload, looks like a trailer.
#[must_use]
pub fn has_trailer(payload: &[u8], len: usize) -> bool {
    payload.len() == len + TRAILER_LEN && payload[len] == TYPE_HMAC_SHA256
}

/// The number of the key and the sequence of a payload with a trailer, if it is right.
pub(super) fn verify(
    payload: &[u8],
    source: IpAddr,
    keys: &HmacKeys,
) -> Result<(u8, Sequence), HmacError> {
    let (prefix, hmac) = payload.split_last_chunk::<HMAC_LEN>().ok_or(HmacError::Missing)?;
    let trailer = prefix.last_chunk::<PREFIX_LEN>().ok_or(HmacError::Missing)?;
    let [kind, id, reserved @ ..] = *trailer;
    if kind != TYPE_HMAC_SHA256 || reserved[..2] != [0; 2] {
        return Err(HmacError::Malformed);
    }
    let key = keys.find(id).ok_or(HmacError::UnknownKey(id))?;
    // In constant time: how much of it was right must not be told.
    let right = digest(key, prefix, source).verify_truncated_left(hmac);
    right.map_err(|_| HmacError::Mismatch)?;
    let sequence = trailer.last_chunk().expect("the trailer ends with it");
    Ok((id, Sequence::from(u64::from_be_bytes(*sequence))))
}

/// The HMAC of a message and the trailer up to the place of the HMAC; that place and the checksum count as zero.
fn digest(key: &HmacKey, prefix: &[u8], source: IpAddr) -> Hmac<Sha256> {
    let mut hmac = Hmac::<Sha256>::new_from_slice(key.secret()).expect("any length will do");
    hmac.update(&pseudo_header(prefix[0] >> 4, prefix[1], source));
    hmac.update(&prefix[..CHECKSUM.start]);
    hmac.update(&[0; CHECKSUM.end - CHECKSUM.start]);
    hmac.update(&prefix[CHECKSUM.end..]);
    hmac.update(&[0; HMAC_LEN]);
    hmac
}

/// What ties a message to its sender and to its virtual router.
fn pseudo_header(version: u8, vrid: u8, source: IpAddr) -> [u8; PSEUDO_HEADER_LEN] {
    let mut header = [0; PSEUDO_HEADER_LEN];
    header[1] = version;
    header[2] = vrid;
    match source {
        IpAddr::V4(source) => {
            header[0] = 4;
            header[4..8].copy_from_slice(&source.octets());
        }
        IpAddr::V6(source) => {
            header[0] = 6;
            header[4..].copy_from_slice(&source.octets());
        }
    }
    header
}

/// The only type there is.
const TYPE_HMAC_SHA256: u8 = 1;

/// Octets of the HMAC that are sent.
const HMAC_LEN: usize = 16;

/// Octets of the trailer before the HMAC.
const PREFIX_LEN: usize = TRAILER_LEN - HMAC_LEN;

/// Where the sequence stands in the trailer.
const SEQUENCE_AT: usize = 4;

/// Family, version, VRID, a zero, and the source.
const PSEUDO_HEADER_LEN: usize = 20;
