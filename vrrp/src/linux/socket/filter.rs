//! Which advertisements wake a socket: a filter in the kernel, by VRID.
//!
//! Every raw socket on a link would get the advertisements of every virtual router there.

use std::io;

use socket2::{SockFilter, Socket};

use crate::family::Family;
use crate::types::Vrid;

/// Lets only the advertisements of this virtual router through. What came before stays in the queue.
pub(super) fn attach(socket: &Socket, family: Family, vrid: Vrid) -> io::Result<()> {
    socket.attach_filter(&program(family, vrid))
}

fn program(family: Family, vrid: Vrid) -> Vec<SockFilter> {
    let mut program = match family {
        // The packet begins with its IP header, whose length goes into X.
        Family::Ipv4 => vec![op(LOAD_X_HEADER_LEN, 0), op(LOAD_OCTET_AT_X, VRID_AT)],
        // The kernel keeps the IP header to itself.
        Family::Ipv6 => vec![op(LOAD_OCTET, VRID_AT)],
    };
    // Skips the next instruction unless it is equal.
    program.push(SockFilter::new(JUMP_IF_EQUAL, 0, 1, u32::from(vrid.value())));
    program.extend([op(RETURN, PASS), op(RETURN, DROP)]);
    program
}

fn op(code: u16, operand: u32) -> SockFilter {
    SockFilter::new(code, 0, 0, operand)
}

// Classic BPF, `linux/bpf_common.h`. A load behind the end of the packet drops it.
const LOAD_OCTET: u16 = 0x30; // BPF_LD | BPF_B | BPF_ABS
const LOAD_OCTET_AT_X: u16 = 0x50; // BPF_LD | BPF_B | BPF_IND
const LOAD_X_HEADER_LEN: u16 = 0xb1; // BPF_LDX | BPF_B | BPF_MSH
const JUMP_IF_EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const RETURN: u16 = 0x06; // BPF_RET | BPF_K

/// Octets of the packet to keep.
const PASS: u32 = u32::MAX;
const DROP: u32 = 0;

/// Where the VRID stands in the message (RFC 9568 §5.2).
const VRID_AT: u32 = 1;
