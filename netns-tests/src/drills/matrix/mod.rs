//! `haagent` and keepalived on one link, in every dialect that both speak and in both roles.
//!
//! A [`Dialect`] is a version, a family, a transport and a form of the checksum; a scenario is a story that is told in
//! it. Each story has a lab of its own; the stories of a dialect run at the same time, as there are no clients to serve.

mod duel;
mod scenario;

use std::path::PathBuf;

use futures_util::future::join_all;

use crate::failure::Result;
use crate::lab::Family;
use crate::router::settings::{Checksum, Protocol, Settings, Transport};
use crate::verdict::Verdict;
use scenario::{LEARNING, SCENARIOS};

/// How the boxes speak.
#[derive(Clone, Copy, Debug)]
pub struct Dialect {
    protocol: Protocol,
    family: Family,
    checksum: Checksum,
    transport: Transport,
}

/// Version 3 over IPv4; the form of the checksum is keepalived's, once we heard it.
pub const V3: Dialect = Dialect {
    protocol: Protocol::V3,
    family: Family::Ipv4,
    checksum: Checksum::Auto,
    transport: Transport::Multicast,
};

/// Version 3 over IPv4; the form of the checksum is keepalived's from the start.
pub const V3_RFC5798: Dialect = Dialect { checksum: Checksum::Rfc5798, ..V3 };

/// Version 3 over IPv6.
pub const V3_IPV6: Dialect = Dialect { family: Family::Ipv6, ..V3 };

/// Version 2 without authentication.
pub const V2: Dialect = Dialect { protocol: Protocol::V2 { password: None }, ..V3 };

/// Version 2 with a password.
pub const V2_PASSWORD: Dialect =
    Dialect { protocol: Protocol::V2 { password: Some("h4-lab") }, ..V3 };

/// Each of these from one box to the other alone.
pub const V3_UNICAST: Dialect = Dialect { transport: Transport::Unicast, ..V3 };

/// Over IPv6.
pub const V3_IPV6_UNICAST: Dialect = Dialect { transport: Transport::Unicast, ..V3_IPV6 };

/// In version 2.
pub const V2_UNICAST: Dialect = Dialect { transport: Transport::Unicast, ..V2_PASSWORD };

/// The drill: every story in this dialect.
///
/// # Errors
/// When one cannot be brought to its end.
pub async fn run(binary: PathBuf, dialect: Dialect) -> Result<Verdict> {
    let learns = dialect.protocol == Protocol::V3;
    let scenarios = SCENARIOS.iter().chain(if learns { LEARNING } else { &[] });
    let told = join_all(scenarios.map(|scenario| async {
        (scenario.name, scenario.tell(&binary, &dialect.settings()).await)
    }))
    .await;
    let mut verdict = Verdict::default();
    for (name, one) in told {
        let one = one.unwrap_or_else(|failure| Verdict::default().expect(false, failure));
        let word = if one.passed() { "ok" } else { "FAILED" };
        let remarks = one.remarks.iter().map(|remark| format!("; {remark}")).collect::<String>();
        verdict = verdict.and(name, &one).remark(format!("{name}: {word}{remarks}"));
    }
    Ok(verdict)
}

impl Dialect {
    fn settings(self) -> Settings {
        let Self { protocol, family, checksum, transport } = self;
        Settings { protocol, family, checksum, transport, ..Settings::default() }
    }
}
