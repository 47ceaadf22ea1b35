//! Values of `track`.

use std::path::PathBuf;

use toml::de::DeValue;
use vrrp::track::WEIGHT_MAX;

use super::{is_link_local, name, server_address, text, usable};
use crate::config::cidr::Cidr;
use crate::config::flaw::{Flaw, Parsed};
use crate::config::model::{Gateway, Url};

/// What is added to a priority: -253 to 253, not 0.
pub(crate) fn weight(value: &DeValue<'_>) -> Parsed<i16> {
    let integer = value.as_integer().ok_or_else(|| Flaw::expected("a whole number", value))?;
    let weight = i16::from_str_radix(integer.as_str(), integer.radix()).unwrap_or(i16::MAX);
    match weight {
        0 => Err(Flaw::new("0", "changes nothing").hint(
            "leave `weight` out: a check without weight takes the router out of the election",
        )),
        _ if weight.unsigned_abs() <= WEIGHT_MAX.unsigned_abs() => Ok(weight),
        _ => Err(Flaw::new(integer.to_string(), "is out of range")
            .hint(format!("the range is -{WEIGHT_MAX} to {WEIGHT_MAX}"))),
    }
}

/// A path from the root.
pub(crate) fn path(value: &DeValue<'_>) -> Parsed<PathBuf> {
    let path = text(value, "a string")?;
    if path.contains('\0') || !path.starts_with('/') {
        return Err(Flaw::new(path.escape_debug().to_string(), "is no absolute path")
            .hint("a service has no working directory: write the path from `/`"));
    }
    Ok(PathBuf::from(path))
}

/// A network, `0.0.0.0/0` and `::/0` included.
pub(crate) fn network(value: &DeValue<'_>) -> Parsed<Cidr> {
    let text = text(value, "a string")?;
    let flaw = |complaint: &str| Flaw::new(text, complaint);
    let cidr: Cidr = text.parse().map_err(|_| {
        flaw("is no network")
            .hint("write it like `192.168.8.0/24`; the default route is `0.0.0.0/0` or `::/0`")
    })?;
    match cidr.network() {
        network if network == cidr => Ok(network),
        network => Err(flaw("has host bits").hint(format!("did you mean `{network}`?"))),
    }
}

/// The address of a gateway; a link-local one with its interface.
pub(crate) fn gateway(value: &DeValue<'_>) -> Parsed<Gateway> {
    let text = text(value, "a string")?;
    let (address, zone) = match text.split_once('%') {
        Some((address, zone)) => (address, Some(zone)),
        None => (text, None),
    };
    let address = address.parse().map_err(|_| {
        Flaw::new(text, "is no IP address").hint("write it like `192.0.2.254` or `fe80::1%eth0`")
    })?;
    let address = usable(address)?;
    match (is_link_local(address), zone) {
        (true, None | Some("")) => Err(Flaw::new(text, "is link-local: on each link another host")
            .hint(format!("add the interface: `{address}%eth0`"))),
        (false, Some(_)) => Err(Flaw::new(text, "is not link-local")
            .hint(format!("write `{address}`, without the interface"))),
        (_, zone) => Ok(Gateway { address, zone: zone.map(str::to_owned), method: None }),
    }
}

/// An `http://` URL with an address.
pub(crate) fn url(value: &DeValue<'_>) -> Parsed<Url> {
    let url = text(value, "a string")?;
    let flaw = |complaint: &str| Flaw::new(url.escape_debug().to_string(), complaint);
    let hint = "write it like `http://192.168.8.10:8080/health`; names are not looked up";
    let Some(rest) = url.strip_prefix("http://") else {
        return Err(match url.starts_with("https://") {
            true => flaw("needs TLS, which checks of a router do not have")
                .hint("use `http`, `tcp`, or a `command`"),
            false => flaw("is no HTTP URL").hint(hint),
        });
    };
    let path_at = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(path_at);
    let has_port = authority.parse::<std::net::SocketAddr>().is_ok();
    let authority = if has_port { authority.to_owned() } else { format!("{authority}:80") };
    let address = DeValue::String(authority.into());
    let address = server_address(&address).map_err(|_| flaw("names no server").hint(hint))?;
    if path.chars().any(|c| !c.is_ascii_graphic()) {
        return Err(flaw("has a character that a URL cannot have").hint("write it as `%20`"));
    }
    let path = if path.is_empty() { "/" } else { path };
    Ok(Url { address, path: path.to_owned() })
}

/// An element of a command line.
pub(crate) fn argument(value: &DeValue<'_>) -> Parsed<String> {
    let text = text(value, "a string")?;
    match text.contains('\0') {
        true => Err(Flaw::new(text.escape_debug().to_string(), "contains a zero byte")),
        false => Ok(text.to_owned()),
    }
}

/// The name of an interface.
pub(crate) fn interface(value: &DeValue<'_>) -> Parsed<String> {
    let name = name(value)?;
    let is_odd = |c: char| c == '/' || c.is_whitespace();
    if name.len() > INTERFACE_LEN_MAX || name.contains(is_odd) {
        return Err(Flaw::new(name, "is no name of an interface")
            .hint(format!("`ip link` shows them; they have at most {INTERFACE_LEN_MAX} bytes")));
    }
    Ok(name)
}

/// IFNAMSIZ without the zero byte.
const INTERFACE_LEN_MAX: usize = 15;
