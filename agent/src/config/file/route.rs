//! The `routes` of a virtual router.

use std::net::IpAddr;

use toml::Spanned;

use crate::config::cidr::Cidr;
use crate::config::diagnostic::Span;
use crate::config::reader::Reader;
use crate::config::value;

/// One of the `routes`: it comes and goes with the addresses.
pub(in crate::config) struct RouteTable {
    pub(in crate::config) span: Span,
    pub(in crate::config) to: Option<Spanned<Cidr>>,
    pub(in crate::config) via: Option<Spanned<IpAddr>>,
    pub(in crate::config) table: Option<Spanned<u32>>,
    pub(in crate::config) metric: Option<Spanned<u32>>,
    pub(in crate::config) source: Option<Spanned<IpAddr>>,
}

impl RouteTable {
    pub(super) fn read(reader: &mut Reader<'_, '_>) -> Self {
        Self {
            span: reader.span(),
            to: reader.required("to", value::network),
            via: reader.optional("via", value::ip_address),
            table: reader.optional("table", value::integer(1..=NUMBER_MAX)),
            metric: reader.optional("metric", value::integer(1..=NUMBER_MAX)),
            source: reader.optional("source", value::ip_address),
        }
    }
}

/// The kernel has 32 bits for each of them, and 0 means that it is not said.
const NUMBER_MAX: u64 = u32::MAX as u64;
