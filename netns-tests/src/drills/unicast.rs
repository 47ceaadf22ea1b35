//! Two boxes that speak to each other by unicast: failover, and a third box that would like to have the address.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;

use socket2::{Domain, Protocol, Socket, Type};

use super::failover;
use crate::failure::{OrFail, Result};
use crate::lab::checksum::checksum;
use crate::lab::node::Node;
use crate::lab::{CLIENT, ROUTERS, VIP};
use crate::pair::{A, B, Pair};
use crate::router::settings::{Settings, VRID};
use crate::router::status::RouterState;
use crate::verdict::Verdict;

/// What makes a virtual router one of unicast.
pub const UNICAST: &str = "transport = \"unicast\"\n";

/// The drill: the active box is killed and comes back; then a stranger says that he is stronger.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn run(binary: PathBuf) -> Result<Verdict> {
    let settings = Settings { router_extra: UNICAST, ..Settings::default() };
    let mut pair = Pair::start(&binary, settings).await?;
    let killed = failover::kill(&mut pair, A).await?;
    let returned = failover::bring_back(&mut pair, A).await?;
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
    let state = pair.status(B).await?.state();
    Ok(killed
        .and("its return", &returned)
        .and("a stranger's advertisements", &Verdict::of(measurement).nothing_lost())
        .expect(state == Some(RouterState::Active), format!("the active box is {state:?} now")))
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
