//! What single values of the file mean: one parser per kind of value.
//!
//! A parser sees the value alone. Rules that need a second value, or the host,
//! are in [`validate`](super::validate).

pub(super) mod track;

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use toml::de::DeValue;
use vrrp::{Interval, Password, Preempt, Priority, Vrid};

use super::cidr::{Cidr, CidrError};
use super::file::VersionNumber;
use super::flaw::{Flaw, Parsed};
use super::suggest::hint_for;
use super::units::{DurationError, InUnits, parse_duration};

/// A name for status, logs and metrics: printable, and not longer than [`NAME_LEN_MAX`].
pub(super) fn name(value: &DeValue<'_>) -> Parsed<String> {
    let name = text(value, "a string")?;
    if name.trim().is_empty() {
        return Err(Flaw::new(name, "is blank"));
    }
    if name.chars().any(char::is_control) {
        return Err(Flaw::new(name.escape_debug().to_string(), "contains a control character"));
    }
    if name.chars().count() > NAME_LEN_MAX {
        return Err(Flaw::new(name, format!("is longer than {NAME_LEN_MAX} characters")));
    }
    Ok(name.to_owned())
}

/// An element of a command line; an argument may be empty.
pub(super) fn argument(value: &DeValue<'_>) -> Parsed<String> {
    let argument = text(value, "a string")?;
    if argument.contains('\0') {
        return Err(Flaw::new(argument.escape_debug().to_string(), "contains a zero octet"));
    }
    Ok(argument.to_owned())
}

/// A whole number in `range`, which must fit `T`.
pub(super) fn integer<T: TryFrom<u64>>(
    range: RangeInclusive<u64>,
) -> impl Fn(&DeValue<'_>) -> Parsed<T> {
    move |value| {
        let integer = value.as_integer().ok_or_else(|| Flaw::expected("a whole number", value))?;
        u64::from_str_radix(integer.as_str(), integer.radix())
            .ok()
            .filter(|number| range.contains(number))
            .and_then(|number| T::try_from(number).ok())
            .ok_or_else(|| {
                Flaw::new(integer.to_string(), "is out of range").hint(format!(
                    "the range is {} to {}",
                    range.start(),
                    range.end()
                ))
            })
    }
}

/// `true` or `false`.
pub(super) fn boolean(value: &DeValue<'_>) -> Parsed<bool> {
    value.as_bool().ok_or_else(|| Flaw::expected("`true` or `false`", value))
}

/// One of a few words, each with its meaning.
pub(super) fn one_of<T: Copy>(
    words: &'static [(&'static str, T)],
) -> impl Fn(&DeValue<'_>) -> Parsed<T> {
    move |value| {
        let word = text(value, "a string")?;
        let found = words.iter().find(|(known, _)| *known == word);
        found.map(|(_, meaning)| *meaning).ok_or_else(|| {
            let known = words.iter().map(|(known, _)| *known);
            Flaw::new(word, "is unknown").maybe_hint(hint_for(word, "values", known))
        })
    }
}

/// A duration with its unit, in `range`.
pub(super) fn duration(
    range: RangeInclusive<Duration>,
) -> impl Fn(&DeValue<'_>) -> Parsed<Duration> {
    move |value| {
        let duration = any_duration(value)?;
        if range.contains(&duration) {
            return Ok(duration);
        }
        let (min, max) = (InUnits(*range.start()), InUnits(*range.end()));
        Err(Flaw::new(InUnits(duration).to_string(), "is out of range")
            .hint(format!("the range is `{min}` to `{max}`")))
    }
}

/// A duration with its unit, in `range`, or `never`.
pub(super) fn duration_or_never(
    range: RangeInclusive<Duration>,
) -> impl Fn(&DeValue<'_>) -> Parsed<Option<Duration>> {
    let duration = duration(range);
    move |value| match value.as_str() {
        Some("never") => Ok(None),
        _ => duration(value).map(Some),
    }
}

/// The time between advertisements, as some version of VRRP can say it (RFC 9568 §5.2.7, RFC 3768 §5.3.7).
pub(super) fn interval(value: &DeValue<'_>) -> Parsed<Interval> {
    let duration = any_duration(value)?;
    if !(INTERVAL_STEP..=Interval::MAX.duration()).contains(&duration) {
        let shown = InUnits(duration).to_string();
        return Err(Flaw::new(shown, "is out of range").hint(INTERVAL_HINT));
    }
    Interval::from_duration(duration).ok_or_else(|| {
        let complaint = format!("is no multiple of `{}`", InUnits(INTERVAL_STEP));
        Flaw::new(InUnits(duration).to_string(), complaint)
            .hint("advertisements carry the interval in hundredths of a second")
    })
}

/// `never`, `immediate`, or `after` and a duration.
pub(super) fn preempt(value: &DeValue<'_>) -> Parsed<Preempt> {
    let mode = text(value, "a string")?;
    match mode {
        "never" => Ok(Preempt::Never),
        "immediate" => Ok(Preempt::Immediate),
        _ => match mode.strip_prefix("after ") {
            Some(delay) => parse_duration(delay)
                .map(Preempt::After)
                .map_err(|error| duration_flaw(mode, error).hint(error.hint(delay))),
            None => Err(Flaw::new(mode, "is unknown")
                .hint("known values are `never`, `immediate`, and with a delay `after 30s`")),
        },
    }
}

/// The version of VRRP: 2 or 3.
pub(super) fn version(value: &DeValue<'_>) -> Parsed<VersionNumber> {
    match integer::<u64>(0..=u64::MAX)(value)? {
        2 => Ok(VersionNumber::Two),
        3 => Ok(VersionNumber::Three),
        other => Err(Flaw::new(other.to_string(), "is unknown")
            .hint("known versions are 3, and 2 for a peer that knows no other")),
    }
}

/// The password of version 2. It is a secret, so no message quotes it.
pub(super) fn password(value: &DeValue<'_>) -> Parsed<Password> {
    let text = text(value, "a string")?;
    Password::new(text).ok_or_else(|| {
        Flaw::new("..", "does not have 1 to 8 octets, none of them 0")
            .hint("keepalived uses the first 8 octets of a longer one: give these")
    })
}

/// A virtual router identifier, 1 to 255 (RFC 9568 §5.2.3).
pub(super) fn vrid(value: &DeValue<'_>) -> Parsed<Vrid> {
    let vrid = integer::<u8>(1..=255)(value)?;
    Vrid::new(vrid).ok_or_else(|| Flaw::new(vrid.to_string(), "is out of range"))
}

/// The priority of a node, 1 to 255 (RFC 9568 §5.2.4).
pub(super) fn priority(value: &DeValue<'_>) -> Parsed<Priority> {
    let priority = integer::<u8>(1..=255)(value);
    priority.map(Priority::new).map_err(|flaw| match value {
        DeValue::Integer(_) => {
            flaw.hint("priorities are 1 to 254, and 255 for the owner of the virtual addresses")
        }
        _ => flaw,
    })
}

/// A virtual address with the prefix length of its network.
pub(super) fn virtual_address(value: &DeValue<'_>) -> Parsed<Cidr> {
    let text = text(value, "a string")?;
    let cidr: Cidr = text.parse().map_err(|error| cidr_flaw(text, error))?;
    if cidr.prefix_len == 0 {
        return Err(cidr_flaw(text, CidrError::BadPrefix(cidr.address)));
    }
    if is_edge(cidr) {
        return Err(Flaw::new(text, "is the first or last address of its network")
            .hint("these stand for the network and for all of its hosts"));
    }
    usable(cidr.address).map(|_| cidr)
}

/// A network, which may be everything.
pub(super) fn network(value: &DeValue<'_>) -> Parsed<Cidr> {
    let text = text(value, "a string")?;
    let cidr: Cidr = text.parse().map_err(|error| cidr_flaw(text, error))?;
    if cidr.network() != cidr {
        return Err(Flaw::new(text, "has bits set behind its prefix")
            .hint(format!("its network is `{}`", cidr.network())));
    }
    Ok(cidr)
}

/// The absolute path of a file.
pub(super) fn path(value: &DeValue<'_>) -> Parsed<PathBuf> {
    let text = text(value, "a path")?;
    if !text.starts_with('/') {
        return Err(Flaw::new(text, "is no absolute path").hint("it begins with `/`"));
    }
    Ok(text.into())
}

/// An address of a host.
pub(super) fn ip_address(value: &DeValue<'_>) -> Parsed<IpAddr> {
    let text = text(value, "a string")?;
    let address = text.parse().map_err(|_| {
        Flaw::new(text, "is no IP address")
            .hint("write it like `192.168.8.2`, without prefix length")
    })?;
    usable(address)
}

/// An address and a port to listen on.
pub(super) fn bind_address(value: &DeValue<'_>) -> Parsed<SocketAddr> {
    let text = text(value, "a string")?;
    let address: SocketAddr = text.parse().map_err(|_| socket_address_flaw(text))?;
    if address.port() == 0 {
        return Err(Flaw::new(text, "has port 0").hint("ports are 1 to 65535"));
    }
    if is_link_local(address.ip()) {
        return Err(Flaw::new(text, "is link-local: on another link it is another address")
            .hint("give an address that is not in `fe80::/10`"));
    }
    match address.ip().is_unspecified() {
        true => Ok(address),
        false => usable(address.ip()).map(|_| address),
    }
}

/// An address and a port to connect to.
pub(super) fn server_address(value: &DeValue<'_>) -> Parsed<SocketAddr> {
    let address = bind_address(value)?;
    usable(address.ip()).map(|_| address)
}

fn text<'a>(value: &'a DeValue<'_>, wanted: &'static str) -> Parsed<&'a str> {
    value.as_str().ok_or_else(|| Flaw::expected(wanted, value))
}

fn any_duration(value: &DeValue<'_>) -> Parsed<Duration> {
    if let DeValue::Integer(number) = value {
        return Err(Flaw::expected("a duration", value)
            .hint(format!("add a unit, and quotes: `\"{number}s\"` or `\"{number}ms\"`")));
    }
    let text = text(value, "a duration")?;
    parse_duration(text).map_err(|error| duration_flaw(text, error).hint(error.hint(text)))
}

fn duration_flaw(text: &str, error: DurationError) -> Flaw {
    let complaint = match error {
        DurationError::NoUnit => "has no unit",
        DurationError::TooLong => "is too long",
        DurationError::NoNumber | DurationError::UnknownUnit => "is no duration",
    };
    Flaw::new(text, complaint)
}

fn cidr_flaw(text: &str, error: CidrError) -> Flaw {
    match error {
        CidrError::NotAnAddress => {
            Flaw::new(text, "is no IP address").hint("write it like `192.168.8.1/24`")
        }
        CidrError::NoPrefix(address) => {
            let usual = if address.is_ipv4() { 24 } else { 64 };
            Flaw::new(text, "has no prefix length")
                .hint(format!("add that of its network: `{address}/{usual}`"))
        }
        CidrError::BadPrefix(address) => {
            let longest = if address.is_ipv4() { 32 } else { 128 };
            Flaw::new(text, "has a prefix length that is out of range")
                .hint(format!("the range is 1 to {longest}"))
        }
    }
}

fn socket_address_flaw(text: &str) -> Flaw {
    let add_port = |address: String| {
        Flaw::new(text, "has no port").hint(format!("add it to the address: `{address}:80`"))
    };
    match text.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => add_port(address.to_string()),
        Ok(IpAddr::V6(address)) => add_port(format!("[{address}]")),
        Err(_) => Flaw::new(text, "is no address with port")
            .hint("write it like `192.168.8.1:80`; names are not looked up"),
    }
}

/// The address, unless it stands for a group or for any.
fn usable(address: IpAddr) -> Parsed<IpAddr> {
    let is_broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    if address.is_unspecified() || address.is_multicast() || is_broadcast {
        return Err(Flaw::new(address.to_string(), "is no address of a single host"));
    }
    Ok(address)
}

fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}

/// Are the host bits all zeros or all ones? In a /31 both are hosts (RFC 3021).
fn is_edge(cidr: Cidr) -> bool {
    let IpAddr::V4(address) = cidr.address else { return false };
    let host_mask = u32::MAX.checked_shr(u32::from(cidr.prefix_len)).unwrap_or(0);
    let host = address.to_bits() & host_mask;
    host_mask > 1 && (host == 0 || host == host_mask)
}

/// Names fill columns of `haagent status`.
const NAME_LEN_MAX: usize = 64;

/// What is said of an interval that no version, or version 3, cannot say.
pub(super) const INTERVAL_HINT: &str =
    "the range is `10ms` to `40950ms`, and with `version = 2` it is `1s` to `255s`";

/// VRRP counts intervals in hundredths of a second.
const INTERVAL_STEP: Duration = Duration::from_millis(10);
