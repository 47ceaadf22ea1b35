//! Which advertisements wake a socket: a filter in the kernel, by VRID.
//!
//! Every raw socket on a link would get the advertisements of every virtual router there.

use std::io;

use socket2::{SockFilter, Socket};

use crate::family::Family;
use crate::linux::bpf::{LOAD_OCTET, LOAD_OCTET_AT_X, LOAD_X_HEADER_LEN, drop, jump, op, pass};
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
    program.extend([jump(vrid.value().into(), 0, 1), pass(), drop()]);
    program
}

/// Where the VRID stands in the message (RFC 9568 §5.2).
const VRID_AT: u32 = 1;
