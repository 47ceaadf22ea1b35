//! The entries of `track`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use toml::Spanned;

use super::{CHECK_INTERVALS, CHECKS_IN_A_ROW_MAX, TIMEOUTS};
use crate::config::cidr::Cidr;
use crate::config::diagnostic::Span;
use crate::config::model::{Gateway, GatewayMethod, Url};
use crate::config::reader::Reader;
use crate::config::units::DURATION_MAX;
use crate::config::value::{self, track};

/// An entry of `track`. It has one target, and the options that go with it.
pub(in crate::config) struct TrackTable {
    pub(in crate::config) span: Span,
    pub(in crate::config) targets: Vec<Spanned<Target>>,
    pub(in crate::config) name: Option<Spanned<String>>,
    pub(in crate::config) weight: Option<Spanned<i16>>,
    pub(in crate::config) hold: Option<Spanned<Duration>>,
    pub(in crate::config) interval: Option<Spanned<Duration>>,
    pub(in crate::config) timeout: Option<Spanned<Duration>>,
    pub(in crate::config) rise: Option<Spanned<u32>>,
    pub(in crate::config) fall: Option<Spanned<u32>>,
    pub(in crate::config) method: Option<Spanned<GatewayMethod>>,
    pub(in crate::config) status: Option<Spanned<u16>>,
    pub(in crate::config) content: Option<Spanned<bool>>,
    pub(in crate::config) user: Option<Spanned<String>>,
}

/// What is tracked: its key says how.
pub(in crate::config) enum Target {
    Interface(String),
    Route(Cidr),
    Gateway(Gateway),
    Process(String),
    PidFile(PathBuf),
    File(PathBuf),
    Tcp(SocketAddr),
    Http(Url),
    /// The program and its arguments.
    Command(Vec<Spanned<String>>),
}

impl TrackTable {
    pub(super) fn read(reader: &mut Reader<'_, '_>) -> Self {
        Self {
            span: reader.span(),
            targets: [
                reader.optional("interface", |v| track::interface(v).map(Target::Interface)),
                reader.optional("route", |v| track::network(v).map(Target::Route)),
                reader.optional("gateway", |v| track::gateway(v).map(Target::Gateway)),
                reader.optional("process", |v| value::name(v).map(Target::Process)),
                reader.optional("pid_file", |v| track::path(v).map(Target::PidFile)),
                reader.optional("file", |v| track::path(v).map(Target::File)),
                reader.optional("tcp", |v| value::server_address(v).map(Target::Tcp)),
                reader.optional("http", |v| track::url(v).map(Target::Http)),
                command(reader),
            ]
            .into_iter()
            .flatten()
            .collect(),
            name: reader.optional("name", value::name),
            weight: reader.optional("weight", track::weight),
            hold: reader.optional("hold", value::duration(Duration::ZERO..=DURATION_MAX)),
            interval: reader.optional("interval", value::duration(CHECK_INTERVALS)),
            timeout: reader.optional("timeout", value::duration(TIMEOUTS)),
            rise: reader.optional("rise", value::integer(1..=CHECKS_IN_A_ROW_MAX)),
            fall: reader.optional("fall", value::integer(1..=CHECKS_IN_A_ROW_MAX)),
            method: reader.optional("method", value::one_of(METHODS)),
            status: reader.optional("status", value::integer(100..=599)),
            content: reader.optional("content", value::boolean),
            user: reader.optional("user", value::name),
        }
    }

    /// The options that are set, by their keys.
    pub(in crate::config) fn options(&self) -> impl Iterator<Item = (&'static str, Span)> {
        [
            ("weight", self.weight.as_ref().map(Spanned::span)),
            ("interval", self.interval.as_ref().map(Spanned::span)),
            ("timeout", self.timeout.as_ref().map(Spanned::span)),
            ("rise", self.rise.as_ref().map(Spanned::span)),
            ("fall", self.fall.as_ref().map(Spanned::span)),
            ("method", self.method.as_ref().map(Spanned::span)),
            ("status", self.status.as_ref().map(Spanned::span)),
            ("content", self.content.as_ref().map(Spanned::span)),
            ("user", self.user.as_ref().map(Spanned::span)),
        ]
        .into_iter()
        .filter_map(|(key, span)| Some((key, span?)))
    }
}

impl Target {
    /// Its key in the file.
    pub(in crate::config) fn key(&self) -> &'static str {
        match self {
            Self::Interface(_) => "interface",
            Self::Route(_) => "route",
            Self::Gateway(_) => "gateway",
            Self::Process(_) => "process",
            Self::PidFile(_) => "pid_file",
            Self::File(_) => "file",
            Self::Tcp(_) => "tcp",
            Self::Http(_) => "http",
            Self::Command(_) => "command",
        }
    }

    /// The options that mean something for it, beside `name` and `hold`.
    pub(in crate::config) fn options(&self) -> &'static [&'static str] {
        match self {
            // The kernel tells of every change.
            Self::Interface(_) | Self::Route(_) | Self::Process(_) | Self::PidFile(_) => {
                &["weight"]
            }
            Self::File(_) => &["weight", "interval", "content"],
            Self::Gateway(_) => &["weight", "interval", "timeout", "rise", "fall", "method"],
            Self::Tcp(_) => &["weight", "interval", "timeout", "rise", "fall"],
            Self::Http(_) => &["weight", "interval", "timeout", "rise", "fall", "status"],
            Self::Command(_) => &["weight", "interval", "timeout", "rise", "fall", "user"],
        }
    }
}

fn command(reader: &mut Reader<'_, '_>) -> Option<Spanned<Target>> {
    let words = reader.optional_list("command", track::argument)?;
    let span = words.first()?.span();
    Some(Spanned::new(span, Target::Command(words)))
}

/// What an entry can track, as its keys say.
pub(in crate::config) const TARGETS: [&str; 9] =
    ["interface", "route", "gateway", "process", "pid_file", "file", "tcp", "http", "command"];

const METHODS: &[(&str, GatewayMethod)] =
    &[("arp", GatewayMethod::Arp), ("ping", GatewayMethod::Ping)];
