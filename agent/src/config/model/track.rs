//! What a virtual router tracks.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use vrrp::track::Check;

use crate::config::cidr::Cidr;
use crate::config::diagnostic::Span;

/// An entry of `track`: what is looked at, and what that means for the router.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Track {
    /// How outcomes count, and under which name.
    pub(crate) check: Check,
    /// Where outcomes come from. Equal ones of several virtual routers are sampled once.
    pub(crate) sampling: Sampling,
}

/// What is looked at, and how often.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Sampling {
    pub(crate) probe: Probe,
    /// From the beginning of a sample to that of the next. Where the kernel tells of changes, they do not wait for it.
    pub(crate) interval: Duration,
    /// A sample that takes longer has failed.
    pub(crate) timeout: Duration,
}

/// What is looked at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Probe {
    /// The interface of this name is up and has a carrier.
    Interface(String),
    /// The main table has a route to exactly this network.
    Route(Cidr),
    /// The gateway answers.
    Gateway(Gateway),
    /// The process lives.
    Process(Process),
    /// The file exists.
    File(PathBuf),
    /// The whole number in the file; a check with this has [`Effect::Value`](vrrp::track::Effect::Value).
    Content(PathBuf),
    /// A connection can be opened.
    Tcp(SocketAddr),
    /// The server answers with a good status.
    Http(Http),
    /// The command ends with exit code 0.
    Command(CommandLine),
}

/// A gateway to ask for a sign of life.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Gateway {
    pub(crate) address: IpAddr,
    /// The link of a link-local address.
    pub(crate) zone: Option<String>,
    /// `None` is [`Arp`](GatewayMethod::Arp) on a link of ours, and [`Ping`](GatewayMethod::Ping) beyond.
    pub(crate) method: Option<GatewayMethod>,
}

/// How a gateway is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum GatewayMethod {
    /// ARP, or neighbor solicitation.
    Arp,
    /// ICMP echo.
    Ping,
}

impl fmt::Display for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.zone {
            Some(zone) => write!(f, "{}%{zone}", self.address),
            None => self.address.fmt(f),
        }
    }
}

/// How a process is found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Process {
    /// By the name of its executable, as `ps -e` shows it.
    Name(String),
    /// By the number in this file.
    PidFile(PathBuf),
}

/// A request and the answer to it that counts as success.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Http {
    pub(crate) url: Url,
    /// `None` is any from 200 to 399.
    pub(crate) status: Option<u16>,
}

/// An `http://` URL whose host is an address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Url {
    pub(crate) address: SocketAddr,
    /// With query, if there is one: begins with a slash, and has no space or control character.
    pub(crate) path: String,
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.address, self.path)
    }
}

/// A program with its arguments, and who runs it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CommandLine {
    /// The absolute path of the program, and its arguments.
    pub(crate) argv: Vec<String>,
    /// `None` leaves the choice to [`command`](crate::command).
    pub(crate) user: Option<String>,
    pub(crate) place: Place,
}

/// Where the file says so. It is no part of what the config says: all places are equal.
#[derive(Clone, Debug)]
pub(crate) struct Place(pub(crate) Span);

impl PartialEq for Place {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Place {}

impl std::hash::Hash for Place {
    fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
}
