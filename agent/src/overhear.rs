//! Who else speaks VRRP on the interfaces of our virtual routers.
//!
//! A task for each interface and family, beside the VRRP thread and not on it. It reads a packet, then pauses: of a flood it
//! hears a part.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};
use vrrp::linux::{Known, Overhearing};
use vrrp::{Family, Stranger, Strangers};

use crate::clock::now;
use crate::config::{Config, Router, Transport};
use crate::host;
use crate::status::OtherStatus;

/// After each packet.
const PAUSE: Duration = Duration::from_millis(10);
/// Before an interface is tried again that cannot be listened to.
const RETRY: Duration = Duration::from_secs(5);
/// How often a silent interface is looked at: another one may have its name by now.
const LOOK: Duration = Duration::from_secs(30);

/// All that is overheard. Dropping it ends the tasks.
#[derive(Debug, Default)]
pub(crate) struct Overheard(BTreeMap<Segment, Task>);

/// A network as a family of addresses has it: by interface.
type Segment = (String, Family);

#[derive(Debug)]
struct Task {
    ours: Ours,
    strangers: Arc<Mutex<Strangers>>,
    handle: AbortHandle,
}

impl Drop for Task {
    fn drop(&mut self) {
        self.handle.abort();
    }
}

/// What is not overheard at a segment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Ours {
    known: Known,
    /// The addresses of the boxes are those on this interface only if it has this one; `None` if they are in any case.
    node: Option<IpAddr>,
}

impl Overheard {
    /// Listens at the segments of these virtual routers. What did not change goes on.
    pub(crate) fn configure(&mut self, config: &Config) {
        let mut wanted = segments_of(config);
        self.0.retain(|segment, task| wanted.get(segment) == Some(&task.ours));
        wanted.retain(|segment, _| !self.0.contains_key(segment));
        for (segment, ours) in wanted {
            let strangers = Arc::default();
            let listen = listen(segment.clone(), ours.clone(), Arc::clone(&strangers));
            let handle = tokio::spawn(listen).abort_handle();
            self.0.insert(segment, Task { ours, strangers, handle });
        }
    }

    /// Who is there now.
    pub(crate) fn others(&self, now: Instant) -> Vec<OtherStatus> {
        let mut others = Vec::new();
        for ((interface, _), task) in &self.0 {
            let strangers = task.strangers.lock().unwrap_or_else(PoisonError::into_inner);
            let status = |stranger: &Stranger| {
                let collides = task.ours.known.vrids.contains(&stranger.vrid);
                OtherStatus::new(interface, stranger, collides, now)
            };
            others.extend(strangers.present(now).into_iter().map(status));
        }
        others
    }
}

/// Both families of each interface with a virtual router.
fn segments_of(config: &Config) -> BTreeMap<Segment, Ours> {
    let node = config.node.as_ref().map(|node| node.address);
    let nodes = || config.nodes.iter().filter_map(|node| ipv4(node.address));
    let mut segments = BTreeMap::new();
    for router in &config.routers {
        for family in [Family::Ipv4, Family::Ipv6] {
            let segment = (router.interface.clone(), family);
            let ours: &mut Ours = segments.entry(segment).or_insert_with(|| Ours {
                known: Known { vrids: Vec::new(), boxes: nodes().collect() },
                node,
            });
            if router.family() == family {
                add(ours, router);
            }
        }
    }
    segments
}

fn add(ours: &mut Ours, router: &Router) {
    ours.known.vrids.push(router.vrid);
    if let Transport::Unicast { source, peers } = &router.transport {
        ours.known.boxes.extend(peers.iter().chain([source]).copied().filter_map(ipv4));
        ours.node = None;
    }
}

fn ipv4(address: IpAddr) -> Option<Ipv4Addr> {
    match address {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    }
}

async fn listen((interface, family): Segment, ours: Ours, strangers: Arc<Mutex<Strangers>>) {
    loop {
        match Overhearing::open(&interface, family, &known(&interface, &ours)) {
            Ok(mut socket) => hear(&mut socket, &strangers).await,
            Err(error) => tracing::debug!(interface, ?family, %error, "cannot overhear others"),
        }
        sleep(RETRY).await;
    }
}

/// Without the boxes if their addresses may be other ones on this interface.
fn known(interface: &str, ours: &Ours) -> Known {
    let Some(node) = ours.node else { return ours.known.clone() };
    let facts = host::read_facts().ok();
    let has_node = facts
        .as_ref()
        .and_then(|facts| facts.interface(interface))
        .is_some_and(|interface| interface.addresses.iter().any(|cidr| cidr.address == node));
    let boxes = if has_node { ours.known.boxes.clone() } else { Vec::new() };
    Known { boxes, ..ours.known.clone() }
}

/// Until the interface is gone, or another one.
async fn hear(socket: &mut Overhearing, strangers: &Mutex<Strangers>) {
    while !socket.is_stale() {
        match timeout(LOOK, socket.next()).await {
            Ok(Ok(Some((source, advert, form)))) => {
                let mut strangers = strangers.lock().unwrap_or_else(PoisonError::into_inner);
                strangers.hear(source, &advert, form, now().into_std());
            }
            Ok(Ok(None)) | Err(_) => {}
            Ok(Err(error)) => return tracing::debug!(%error, "cannot overhear others any more"),
        }
        sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, NodeChoice, Source};
    use crate::host::HostFacts;

    const CONFIG: &str = r#"
[[node]]
name = "a"
address = "192.0.2.2"
priority = 150

[[node]]
name = "b"
address = "192.0.2.3"
priority = 100

[[virtual_router]]
name = "web"
vrid = 51
interface = "eth0"
addresses = ["192.0.2.1/24"]

[[virtual_router]]
name = "inside"
vrid = 52
interface = "eth1"
addresses = ["10.0.0.1/24"]
transport = "unicast"
sources = { a = "10.0.0.2", b = "10.0.0.3" }
"#;

    #[test]
    fn our_own_virtual_routers_and_boxes_are_not_overheard() {
        let source = Source { name: "haagent.toml".to_owned(), text: CONFIG.to_owned() };
        let choice = NodeChoice::Named("a".to_owned());
        let config = config::load(&source, &choice, &HostFacts::Unknown);
        let segments = segments_of(&config.unwrap_or_else(|problems| panic!("{problems}")));
        let at = |interface: &str, family| {
            let Ours { known, node } = &segments[&(interface.to_owned(), family)];
            let vrids: Vec<_> = known.vrids.iter().map(|vrid| vrid.value()).collect();
            let boxes: Vec<_> = known.boxes.iter().map(ToString::to_string).collect();
            (vrids, boxes.join(" "), node.is_some())
        };
        assert_eq!(segments.len(), 4);
        let nodes = "192.0.2.2 192.0.2.3".to_owned();
        assert_eq!(at("eth0", Family::Ipv4), (vec![51], nodes.clone(), true));
        assert_eq!(at("eth0", Family::Ipv6), (vec![], nodes.clone(), true));
        let all = format!("{nodes} 10.0.0.3 10.0.0.2");
        assert_eq!(at("eth1", Family::Ipv4), (vec![52], all, false));
    }
}
