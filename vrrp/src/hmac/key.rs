//! Keys: secrets that the routers share, each under a number that goes with what it signs.

use std::fmt;

/// How many keys a virtual router can have.
pub const KEYS_MAX: usize = 8;

/// A secret of 32 to 64 octets with its number, 1 to 255. `Debug` does not show the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct HmacKey {
    id: u8,
    secret: Box<[u8]>,
}

impl HmacKey {
    /// The shortest secret, in octets.
    pub const LEN_MIN: usize = 32;

    /// The longest secret, in octets: a block of SHA-256.
    pub const LEN_MAX: usize = 64;

    /// `None` for number 0, and unless the secret has 32 to 64 octets.
    #[must_use]
    pub fn new(id: u8, secret: &[u8]) -> Option<Self> {
        let fits = (Self::LEN_MIN..=Self::LEN_MAX).contains(&secret.len());
        (id != 0 && fits).then(|| Self { id, secret: secret.into() })
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> u8 {
        self.id
    }

    /// The secret itself, for the process that signs when this one dies.
    #[must_use]
    pub fn secret(&self) -> &[u8] {
        &self.secret
    }
}

impl fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HmacKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The keys of a virtual router: the first one signs, all are accepted. So a key is replaced without a gap by putting
/// the new one behind the old one on every box, then before it, and then removing the old one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HmacKeys(Vec<HmacKey>);

impl HmacKeys {
    /// `None` unless there are 1 to [`KEYS_MAX`] keys with different numbers.
    #[must_use]
    pub fn new(keys: Vec<HmacKey>) -> Option<Self> {
        let differ = |(index, key): (usize, &HmacKey)| {
            keys[..index].iter().all(|earlier| earlier.id != key.id)
        };
        let right = (1..=KEYS_MAX).contains(&keys.len()) && keys.iter().enumerate().all(differ);
        right.then_some(Self(keys))
    }

    /// The one that signs.
    #[must_use]
    pub fn first(&self) -> &HmacKey {
        self.0.first().expect("there is at least one")
    }

    /// The one with this number.
    pub(super) fn find(&self, id: u8) -> Option<&HmacKey> {
        self.0.iter().find(|key| key.id == id)
    }
}
