//! Whatever the kernel tells, a host knows what it would be told if it asked.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| vrrp::linux::check_kernel_messages(octets));
