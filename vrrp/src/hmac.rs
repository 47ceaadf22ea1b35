//! The authentication of keepalived 2.4 (draft-cassen-vrrp-auth-hmac): a trailer behind the message, in every version
//! and family.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |   Type = 1    |    Key ID     |         Reserved = 0          |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                 Sequence: seconds since 1970,                 |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |   fraction of a second, and   |      what tells equal ones    |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |            HMAC-SHA-256, the first 16 octets ...              |
//! ```
//!
//! [`HmacKey`] proves who sent a message and that nobody changed it, [`Sequence`] that it is no old one. The HMAC covers
//! neither the destination nor the checksum, so one sequence serves all receivers of an advertisement.
//!
//! There is no window of time: a box with a wrong clock would be shut out, and two boxes that do not hear each other
//! both become active. A sender that remembers what it has [`Reserved`] is newer than it was, whatever its clock says.
//! So a recorded message is refused by whoever has heard a newer one with the same key, but not by a router that was
//! restarted since.

mod key;
mod replay;
mod reserved;
mod sequence;
mod trailer;

use std::net::IpAddr;

pub use key::{HmacKey, HmacKeys, KEYS_MAX};
use replay::Replays;
pub use reserved::Reserved;
pub use sequence::Sequence;
pub use trailer::{TRAILER_LEN, has_trailer};

/// What is signed, and what is accepted. The steps of an introduction, without a moment of two active routers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HmacMode {
    /// We sign nothing, for a peer that refuses what has a trailer: keepalived before 2.4 does. Trailers that come must
    /// be right.
    ReceiveOnly,
    /// We sign. Messages without a trailer are accepted.
    Permissive,
    /// We sign. Messages without a trailer are refused.
    Enforce,
}

/// What an accepted message proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authenticity {
    /// Its sender has the key.
    Proven,
    /// Nothing: it has no trailer, and needs none.
    Unsigned,
}

/// Why a message is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum HmacError {
    /// There is no trailer.
    #[error("its HMAC is missing")]
    Missing,
    /// The trailer is of a type that we do not know.
    #[error("its HMAC is of an unknown kind")]
    Malformed,
    /// The trailer names a key that we do not have.
    #[error("its HMAC is by key `{0}`, which is unknown here")]
    UnknownKey(u8),
    /// The sender has another key of this number, or the message was changed.
    #[error("its HMAC is wrong: do both boxes have the same key?")]
    Mismatch,
    /// The sender has sent a newer one before.
    #[error("its HMAC is an old one: was its clock put back?")]
    Replay,
}

/// Signs our messages and checks those of others.
#[derive(Clone, Debug)]
pub struct Authenticator {
    mode: HmacMode,
    keys: HmacKeys,
    replays: Replays,
}

impl Authenticator {
    /// One that has heard nobody.
    #[must_use]
    pub fn new(mode: HmacMode, keys: HmacKeys) -> Self {
        Self { mode, keys, replays: Replays::default() }
    }

    /// Takes other settings into force. What was heard remains known.
    pub fn replace(&mut self, mode: HmacMode, keys: HmacKeys) {
        self.mode = mode;
        self.keys = keys;
    }

    /// The key to sign with, if we sign.
    #[must_use]
    pub fn signing_key(&self) -> Option<&HmacKey> {
        match self.mode {
            HmacMode::ReceiveOnly => None,
            HmacMode::Permissive | HmacMode::Enforce => Some(self.keys.first()),
        }
    }

    /// Checks the payload of a packet from `source`, whose message, the first `len` octets, is a valid one.
    ///
    /// # Errors
    /// The first failed check. What follows the message counts as a trailer if it has the length of one.
    pub fn check(
        &mut self,
        payload: &[u8],
        len: usize,
        source: IpAddr,
    ) -> Result<Authenticity, HmacError> {
        if payload.len() != len + TRAILER_LEN {
            return match self.mode {
                HmacMode::Enforce => Err(HmacError::Missing),
                HmacMode::ReceiveOnly | HmacMode::Permissive => Ok(Authenticity::Unsigned),
            };
        }
        let (id, sequence) = trailer::verify(payload, source, &self.keys)?;
        // Not before the HMAC was right: else anybody could fill the table.
        self.replays.advance(source, id, sequence)?;
        Ok(Authenticity::Proven)
    }
}
