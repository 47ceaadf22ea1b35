//! The authentication of version 2 (RFC 2338 §5.3.6), which later versions have dropped.
//!
//! It crosses the network in the clear: it keeps out a router that was set up by mistake, no attacker.

use std::fmt;

/// What the authentication fields of version 2 say. RFC 3768 knows [`None`](Self::None) only; keepalived still has
/// passwords.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Auth {
    /// Type 0.
    None,
    /// Type 1, simple text password.
    Password(Password),
}

impl Auth {
    /// `None` for types that we do not know. The data of type 0 is ignored (RFC 3768 §5.3.10).
    pub(crate) fn from_wire(auth_type: u8, data: [u8; AUTH_LEN]) -> Option<Self> {
        match auth_type {
            0 => Some(Self::None),
            1 => Some(Self::Password(Password(data))),
            _ => None,
        }
    }

    /// The type on the wire.
    pub(crate) fn wire_type(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Password(_) => 1,
        }
    }

    /// The data on the wire.
    pub(crate) fn wire_data(self) -> [u8; AUTH_LEN] {
        match self {
            Self::None => [0; AUTH_LEN],
            Self::Password(Password(octets)) => octets,
        }
    }
}

/// A password of 1 to 8 octets, none of them 0 (RFC 2338 §5.3.6). `Debug` does not show it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Password([u8; AUTH_LEN]);

impl Password {
    /// `None` unless the text has 1 to 8 octets, none of them 0: the wire pads with zeros.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let mut octets = [0; AUTH_LEN];
        let place = octets.get_mut(..text.len())?;
        place.copy_from_slice(text.as_bytes());
        (!text.is_empty() && !place.contains(&0)).then_some(Self(octets))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// Octets of authentication data behind the addresses, whatever the type (RFC 3768 §5.1).
pub(crate) const AUTH_LEN: usize = 8;
