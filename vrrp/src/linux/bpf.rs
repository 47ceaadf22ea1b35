//! Filters in the kernel: instructions of classic BPF (`linux/bpf_common.h`, `linux/filter.h`).

use socket2::SockFilter;

/// An instruction that goes on to the next.
pub(super) fn op(code: u16, operand: u32) -> SockFilter {
    SockFilter::new(code, 0, 0, operand)
}

/// Skips so many instructions if what was loaded is equal to `value`, and so many if not.
pub(super) fn jump(value: u32, equal: u8, other: u8) -> SockFilter {
    SockFilter::new(JUMP_IF_EQUAL, equal, other, value)
}

/// The end: keeps the packet.
pub(super) fn pass() -> SockFilter {
    op(RETURN, u32::MAX)
}

/// The end: drops the packet.
pub(super) fn drop() -> SockFilter {
    op(RETURN, 0)
}

// A load behind the end of the packet drops it.
pub(super) const LOAD_WORD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
pub(super) const LOAD_HALF: u16 = 0x28; // BPF_LD | BPF_H | BPF_ABS
pub(super) const LOAD_OCTET: u16 = 0x30; // BPF_LD | BPF_B | BPF_ABS
pub(super) const LOAD_OCTET_AT_X: u16 = 0x50; // BPF_LD | BPF_B | BPF_IND
pub(super) const LOAD_X_HEADER_LEN: u16 = 0xb1; // BPF_LDX | BPF_B | BPF_MSH
/// Where the header of IP begins, for loads of words and octets.
pub(super) const NETWORK_HEADER: u32 = 0xfff0_0000; // SKF_NET_OFF
const JUMP_IF_EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const RETURN: u16 = 0x06; // BPF_RET | BPF_K

/// A word beside the packet: whether it was for us, for a group, or for another host.
pub(super) const PACKET_TYPE: u32 = 0xffff_f004; // SKF_AD_OFF + SKF_AD_PKTTYPE
/// For another host: it came here because we listen to everything, or by flooding.
pub(super) const OTHER_HOST: u32 = 3;
/// From this host.
pub(super) const OUTGOING: u32 = 4;
