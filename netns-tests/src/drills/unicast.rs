//! Two boxes that speak to each other by unicast: failover, the loss of the one address that a box may send
//! from, and a third box that would like to have the address.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use super::failover;
use crate::failure::{OrFail, Result};
use crate::lab::checksum::checksum;
use crate::lab::netlink::Address;
use crate::lab::node::Node;
use crate::lab::switch::PREFIX;
use crate::lab::{CLIENT, ROUTERS, VIP};
use crate::pair::{A, B, Pair};
use crate::router::settings::{MARGIN, Settings, VRID};
use crate::router::status::RouterState;
use crate::verdict::Verdict;

/// What makes a virtual router one of unicast.
pub const UNICAST: &str = "transport = \"unicast\"\n";

/// The drill: the active box is killed and comes back, the other one loses its own address, and then a stranger says that
/// he is stronger.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn run(binary: PathBuf) -> Result<Verdict> {
    let settings = Settings { router_extra: UNICAST, ..Settings::default() };
    let mut pair = Pair::start(&binary, settings).await?;
    let killed = failover::kill(&mut pair, A).await?;
    let returned = failover::bring_back(&mut pair, A).await?;
    let silenced = silence(&pair).await?;
    let from = pair.now();
    let stranger = CLIENT.to_string();
    advertise(&pair.lab.client.node, VRID, u8::MAX - 1).await?;
    for number in [A, B] {
        pair.wait_for(number, "the stranger is named", |status| {
            let named = |problem: &&String| problem.contains(&stranger);
            status.problems.iter().find(named).map(|_| ())
        })
        .await?;
    }
    let (measurement, _) = pair.observe(from).await;
    let state = pair.status(A).await?.state();
    Ok(killed
        .and("its return", &returned)
        .and("the loss of its own address", &silenced)
        .and("a stranger's advertisements", &Verdict::of(measurement).nothing_lost())
        .expect(state == Some(RouterState::Active), format!("the active box is {state:?} now")))
}

/// Takes the active box's own address away, and gives it back.
async fn silence(pair: &Pair) -> Result<Verdict> {
    let machine = pair.boxes[B].machine();
    let (netlink, link, own) = (machine.node.netlink(), machine.link.interface(), ROUTERS[B].1);
    let from = pair.now();
    netlink.remove_address(link, own.into()).await?;
    pair.wait_for_state(A, RouterState::Active).await?;
    let missing = format!("waiting for `{own}`");
    pair.wait_for(B, "it says what is missing", |status| {
        status.problems.iter().find(|problem| problem.contains(&missing)).map(|_| ())
    })
    .await?;
    netlink
        .add_address(link, Address { address: own.into(), prefix: PREFIX, protocol: None })
        .await?;
    pair.settled(A).await?;
    let (measurement, _) = pair.observe(from).await;
    Ok(Verdict::of(measurement)
        .gap_at_most(pair.settings.active_down(A) + MARGIN)
        .both_held_at_most(Duration::ZERO))
}

/// Sends an advertisement of this priority to each router, for the virtual address.
async fn advertise(node: &Node, vrid: u8, priority: u8) -> Result<()> {
    let message = advertisement(vrid, priority);
    let send = move || async move {
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(PROTOCOL)))?;
        socket.set_ttl_v4(255)?;
        ROUTERS.iter().try_for_each(|(_, address)| {
            socket.send_to(&message, &SocketAddrV4::new(*address, 0).into()).map(|_| ())
        })
    };
    node.run(send).await?.or_fail("cannot advertise")
}

/// A valid message (RFC 9568 §5.2).
pub(super) fn advertisement(vrid: u8, priority: u8) -> Vec<u8> {
    let [a, b, c, d] = Ipv4Addr::octets(&VIP);
    let mut message = vec![0x31, vrid, priority, 1, 0, 10, 0, 0, a, b, c, d];
    let sum = checksum(&message);
    message[6..8].copy_from_slice(&sum.to_be_bytes());
    message
}

/// VRRP's protocol number (RFC 9568 §5.1.1.4).
pub(super) const PROTOCOL: i32 = 112;
