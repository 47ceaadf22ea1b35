//! The host: what of the kernel its virtual routers share.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use tokio::sync::watch;

use super::interfaces::Interfaces;
use super::netlink::Netlink;
use super::source::SourceRules;
use crate::clock::now;
use crate::hmac::Reserved;
use crate::tempo::Tempo;

/// What all virtual routers of a host share: its interfaces and its addresses.
#[derive(Clone, Debug)]
pub struct Host {
    pub(super) interfaces: Interfaces,
    pub(super) netlink: Rc<RefCell<Netlink>>,
    pub(super) source_rules: watch::Sender<SourceRules>,
    pub(super) reserved: watch::Receiver<Reserved>,
    tempo: Tempo,
}

impl Host {
    /// Asks the kernel how things are, and follows them on the current tokio runtime. What its virtual routers sign has
    /// numbers as `reserved` says.
    ///
    /// # Errors
    /// When the kernel refuses netlink sockets, or does not answer.
    pub async fn open(reserved: watch::Receiver<Reserved>) -> io::Result<Self> {
        let netlink = Rc::new(RefCell::new(Netlink::open()?));
        let interfaces = Interfaces::open().await?;
        let source_rules = watch::Sender::default();
        Ok(Self { interfaces, netlink, source_rules, reserved, tempo: Tempo::since(now()) })
    }

    /// What its virtual routers keep.
    #[must_use]
    pub const fn tempo(&self) -> Tempo {
        self.tempo
    }

    /// From now on, addresses to send from are chosen by these rules.
    pub fn choose_sources_by(&self, rules: SourceRules) {
        self.source_rules.send_replace(rules);
    }
}
