//! An address together with the network it is in.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// An address and the length of its network's prefix, written `192.168.8.1/24`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Cidr {
    /// The address, host bits included.
    pub(crate) address: IpAddr,
    /// 0 to 32 for IPv4, 0 to 128 for IPv6.
    pub(crate) prefix_len: u8,
}

impl Cidr {
    /// `None` if the prefix is longer than the address.
    pub(crate) fn new(address: IpAddr, prefix_len: u8) -> Option<Self> {
        (prefix_len <= width(address)).then_some(Self { address, prefix_len })
    }

    /// Is `other` in the same network?
    pub(crate) fn contains(&self, other: IpAddr) -> bool {
        match (self.address, other) {
            (IpAddr::V4(a), IpAddr::V4(b)) => {
                let host_bits = 32 - u32::from(self.prefix_len);
                (a.to_bits() ^ b.to_bits()).checked_shr(host_bits).unwrap_or(0) == 0
            }
            (IpAddr::V6(a), IpAddr::V6(b)) => {
                let host_bits = 128 - u32::from(self.prefix_len);
                (a.to_bits() ^ b.to_bits()).checked_shr(host_bits).unwrap_or(0) == 0
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }

    /// Does it stand for the address alone (/32 or /128)?
    pub(crate) fn is_single(&self) -> bool {
        self.prefix_len == width(self.address)
    }

    /// The network: the same prefix, host bits cleared.
    pub(crate) fn network(&self) -> Self {
        let host_bits = u32::from(width(self.address) - self.prefix_len);
        let address = match self.address {
            IpAddr::V4(a) => {
                let mask = u32::MAX.checked_shl(host_bits).unwrap_or(0);
                IpAddr::V4((a.to_bits() & mask).into())
            }
            IpAddr::V6(a) => {
                let mask = u128::MAX.checked_shl(host_bits).unwrap_or(0);
                IpAddr::V6((a.to_bits() & mask).into())
            }
        };
        Self { address, ..*self }
    }
}

const fn width(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_len)
    }
}

/// Why a text is no address with prefix length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CidrError {
    /// The part before the slash is no address.
    NotAnAddress,
    /// There is an address and no slash.
    NoPrefix(IpAddr),
    /// The prefix length is no number, or longer than the address.
    BadPrefix(IpAddr),
}

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, CidrError> {
        let (address, prefix_len) = match text.split_once('/') {
            Some((address, prefix_len)) => (address, Some(prefix_len)),
            None => (text, None),
        };
        let address = address.parse().map_err(|_| CidrError::NotAnAddress)?;
        let prefix_len = prefix_len.ok_or(CidrError::NoPrefix(address))?;
        let prefix_len = prefix_len.parse().map_err(|_| CidrError::BadPrefix(address))?;
        Self::new(address, prefix_len).ok_or(CidrError::BadPrefix(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cidr(text: &str) -> Cidr {
        text.parse().expect("an address with prefix length")
    }

    #[test]
    fn networks_contain_their_addresses() {
        let cases = [
            ("192.168.8.1/24", "192.168.8.255", true),
            ("192.168.8.1/24", "192.168.9.1", false),
            ("192.168.8.1/32", "192.168.8.1", true),
            ("192.168.8.1/32", "192.168.8.2", false),
            ("192.168.8.1/0", "8.8.8.8", true),
            ("fd00::1/64", "fd00::ffff", true),
            ("fd00::1/64", "fd00:0:0:1::1", false),
            ("::/0", "fd00::1", true),
            ("0.0.0.0/0", "fd00::1", false),
        ];
        for (network, address, inside) in cases {
            let address = address.parse().expect("an address");
            assert_eq!(cidr(network).contains(address), inside, "{address} in {network}");
        }
    }

    #[test]
    fn network_has_no_host_bits() {
        assert_eq!(cidr("192.168.8.77/24").network(), cidr("192.168.8.0/24"));
        assert_eq!(cidr("192.168.8.77/0").network(), cidr("0.0.0.0/0"));
        assert_eq!(cidr("192.168.8.77/32").network(), cidr("192.168.8.77/32"));
        assert_eq!(cidr("fd00::1:2/112").network(), cidr("fd00::1:0/112"));
    }

    #[test]
    fn texts_that_are_none_are_refused() {
        let address = "10.0.0.1".parse().expect("an address");
        assert_eq!("10.0.0.1".parse::<Cidr>(), Err(CidrError::NoPrefix(address)));
        assert_eq!("10.0.0.1/33".parse::<Cidr>(), Err(CidrError::BadPrefix(address)));
        assert_eq!("10.0.0.1/".parse::<Cidr>(), Err(CidrError::BadPrefix(address)));
        assert_eq!("web/24".parse::<Cidr>(), Err(CidrError::NotAnAddress));
    }
}
