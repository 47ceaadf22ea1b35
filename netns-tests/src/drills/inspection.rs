//! What Wireshark must have to say of an advertisement: nothing.

use std::net::IpAddr;
use std::path::Path;

use crate::failure::Result;
use crate::lab::Family;
use crate::lab::dissect::{Dissected, Form, Verified, dissect};
use crate::lab::frames::Frame;
use crate::router::settings::{Checksum, Protocol, Settings};

/// All that is wrong with the advertisements among `frames`, of which those from `ours` are `haagent`'s and others are
/// keepalived's. `directory` takes the captures.
///
/// # Errors
/// When `tshark` fails.
pub async fn inspect(
    frames: &[Frame],
    directory: &Path,
    settings: &Settings,
    ours: IpAddr,
) -> Result<Vec<String>> {
    let with_pseudo = dissect(frames, &directory.join("rfc5798.pcap"), Form::Rfc5798).await?;
    let mut problems: Vec<_> =
        with_pseudo.iter().filter_map(|advert| malformed(advert, settings)).collect();
    // Only version 3 over IPv4 has two forms, and only we know both.
    let two_forms = settings.protocol == Protocol::V3 && settings.family == Family::Ipv4;
    let message_only = if two_forms && settings.checksum != Checksum::Rfc5798 {
        dissect(frames, &directory.join("rfc9568.pcap"), Form::Rfc9568).await?
    } else {
        with_pseudo.clone()
    };
    for (pseudo, message) in with_pseudo.iter().zip(&message_only) {
        let either = pseudo.source == ours && message.checksum == Verified::Right;
        if pseudo.checksum == Verified::Wrong && !either {
            problems.push(format!("{} sent a wrong checksum", pseudo.source));
        }
    }
    if with_pseudo.is_empty() {
        problems.push("no advertisement was heard".to_owned());
    }
    problems.dedup();
    Ok(problems)
}

fn malformed(advert: &Dissected, settings: &Settings) -> Option<String> {
    let Dissected { source, ttl, version, ref complaint, .. } = *advert;
    if ttl != 255 {
        Some(format!("{source} sent with TTL {ttl}"))
    } else if version != settings.protocol.version() {
        Some(format!("{source} sent version {version}"))
    } else if !complaint.is_empty() {
        Some(format!("{source} sent what is wrong: {complaint}"))
    } else {
        None
    }
}
