//! Sends Ethernet frames: the announcements of a virtual address.

use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{
    AddressFamily, LinkAddr, MsgFlags, SockFlag, SockType, SockaddrLike, SockaddrStorage, sendto,
    socket,
};

/// A packet socket that only sends. It has no protocol, so that the kernel copies no received frame to it.
#[derive(Debug)]
pub(super) struct FrameSocket {
    socket: OwnedFd,
    interface: LinkAddr,
}

impl FrameSocket {
    pub(super) fn open(name: &str) -> io::Result<Self> {
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let socket = socket(AddressFamily::Packet, SockType::Raw, flags, None)?;
        Ok(Self { socket, interface: link_address(name)? })
    }

    pub(super) fn send(&self, frame: &[u8]) -> io::Result<()> {
        sendto(self.socket.as_raw_fd(), frame, &self.interface, MsgFlags::empty())?;
        Ok(())
    }
}

fn link_address(name: &str) -> io::Result<LinkAddr> {
    getifaddrs()?
        .filter(|entry| entry.interface_name == name)
        .filter_map(|entry| entry.address)
        .find_map(|address: SockaddrStorage| {
            (address.family() == Some(AddressFamily::Packet))
                .then(|| address.as_link_addr().copied())
                .flatten()
        })
        .ok_or_else(|| io::Error::new(ErrorKind::NotFound, "the interface has no link address"))
}
