//! What Wireshark thinks of the boxes' advertisements: `tshark` reads what [`Frames`](super::frames::Frames) heard.

use std::net::IpAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use super::frames::Frame;
use crate::failure::{Failure, OrFail, Result};
use crate::program::TSHARK;

/// An advertisement, as dissected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dissected {
    /// From whom.
    pub source: IpAddr,
    /// Its time to live, or its hop limit.
    pub ttl: u8,
    /// Version of the protocol.
    pub version: u8,
    /// 0 says that the sender lets go.
    pub priority: u8,
    /// Is the checksum right?
    pub checksum: Verified,
    /// What is wrong with it beside the checksum; empty if nothing.
    pub complaint: String,
}

/// How the checksum of version 3 over IPv4 is computed. Other messages have one form only, which both mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// With a pseudo-header, as RFC 5798 is read by Wireshark and keepalived.
    Rfc5798,
    /// Over the message alone (RFC 9568 §5.2.8).
    Rfc9568,
}

/// Whether a checksum is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verified {
    /// It is.
    Right,
    /// It is not.
    Wrong,
}

/// How long `tshark` may take to read a capture.
const DEADLINE: Duration = Duration::from_secs(20);

/// The fields that are asked for, in the order of [`Dissected`]; those that a packet lacks are empty.
const FIELDS: [&str; 9] = [
    "ip.src",
    "ipv6.src",
    "ip.ttl",
    "ipv6.hlim",
    "vrrp.version",
    "vrrp.prio",
    "vrrp.checksum.status",
    "_ws.malformed",
    "_ws.expert.message",
];

/// Writes the advertisements among `frames` to `file` and has them read, with checksums expected in this `form`.
///
/// # Errors
/// When `tshark` fails, or leaves one out.
pub async fn dissect(frames: &[Frame], file: &Path, form: Form) -> Result<Vec<Dissected>> {
    let adverts: Vec<_> = frames.iter().filter(|frame| frame.is_advertisement()).collect();
    std::fs::write(file, capture(&adverts)).or_fail("cannot write a capture")?;
    let program = TSHARK.find().ok_or_else(|| Failure::new("`tshark` is not installed"))?;
    let mut command = Command::new(program);
    let message_only = form == Form::Rfc9568;
    command.arg("-n").arg("-r").arg(file).args(["-Y", "vrrp", "-T", "fields"]);
    command.args(["-o", "ip.check_checksum:TRUE"]);
    command.args([
        "-o",
        &format!("vrrp.v3_checksum_as_in_v2:{}", message_only.to_string().to_uppercase()),
    ]);
    command.args(FIELDS.iter().flat_map(|field| ["-e", field]));
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(DEADLINE, command.output()).await.or_fail("`tshark` hangs")?;
    let output = output.or_fail("cannot run `tshark`")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let dissected: Vec<_> = text.lines().filter_map(read).collect();
    let errors = String::from_utf8_lossy(&output.stderr);
    if dissected.len() == adverts.len() {
        Ok(dissected)
    } else {
        let (read, all) = (dissected.len(), adverts.len());
        Err(Failure::new(format!("`tshark` read {read} advertisements of {all}: {errors}")))
    }
}

/// A line of `tshark`.
fn read(line: &str) -> Option<Dissected> {
    let fields: Vec<_> = line.split('\t').collect();
    let [v4, v6, ttl, hops, version, priority, checksum, malformed, expert] = fields[..] else {
        return None;
    };
    let source = if v4.is_empty() { v6 } else { v4 };
    let ttl = if ttl.is_empty() { hops } else { ttl };
    // A wrong checksum is among the experts' messages too, but has a field of its own.
    let experts = expert
        .split(',')
        .filter(|message| !message.is_empty() && !message.starts_with(BAD_CHECKSUM));
    let complaint: Vec<_> =
        [malformed].into_iter().filter(|m| !m.is_empty()).chain(experts).collect();
    Some(Dissected {
        source: source.parse().ok()?,
        ttl: ttl.parse().ok()?,
        version: version.parse().ok()?,
        priority: priority.parse().ok()?,
        checksum: if checksum == "1" { Verified::Right } else { Verified::Wrong },
        complaint: complaint.join(", "),
    })
}

/// How `tshark` puts it.
const BAD_CHECKSUM: &str = "Bad checksum";

/// A capture file of Ethernet frames (libpcap 2.4).
fn capture(frames: &[&Frame]) -> Vec<u8> {
    let mut file = Vec::new();
    let header: [u32; 6] = [0xa1b2_c3d4, 2 | 4 << 16, 0, 0, SNAPSHOT, ETHERNET];
    file.extend(header.iter().flat_map(|word| word.to_le_bytes()));
    for frame in frames {
        let seconds = u32::try_from(frame.at.as_secs()).unwrap_or(u32::MAX);
        let length = u32::try_from(frame.bytes.len()).unwrap_or(SNAPSHOT);
        let record = [seconds, frame.at.subsec_micros(), length, length];
        file.extend(record.iter().flat_map(|word| word.to_le_bytes()));
        file.extend(&frame.bytes);
    }
    file
}

/// The longest frame that may be in the file.
const SNAPSHOT: u32 = 65_535;

/// The kind of link (LINKTYPE_ETHERNET).
const ETHERNET: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Moment;

    #[test]
    fn a_capture_has_a_header_and_a_record_for_each_frame() {
        let frame = Frame { at: Moment::from_micros(1_000_002), bytes: vec![7; 60] };
        let file = capture(&[&frame]);
        assert_eq!(file.len(), 24 + 16 + 60);
        assert_eq!(file[..8], [0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0]);
        assert_eq!(file[24..40], [1, 0, 0, 0, 2, 0, 0, 0, 60, 0, 0, 0, 60, 0, 0, 0]);
    }

    #[test]
    fn a_line_of_tshark_is_read() {
        let good = read("192.168.8.2\t\t255\t\t3\t150\t1\t\t").expect("complete");
        assert_eq!((good.ttl, good.version, good.priority), (255, 3, 150));
        assert_eq!((good.checksum, good.complaint.as_str()), (Verified::Right, ""));
        let bad = read("\tfe80::2\t\t255\t3\t0\t0\t_ws.malformed\tBad checksum [should be 0x7017]")
            .expect("complete");
        assert_eq!((bad.checksum, bad.complaint.as_str()), (Verified::Wrong, "_ws.malformed"));
    }
}
