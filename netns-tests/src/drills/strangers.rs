//! Other routers on the link: one with a VRID of its own is told, one with ours is a problem.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;

use socket2::{Domain, Protocol, Socket, Type};

use super::unicast::{PROTOCOL, advertisement};
use crate::failure::{OrFail, Result};
use crate::lab::CLIENT;
use crate::lab::node::Node;
use crate::pair::{A, B, Pair};
use crate::router::settings::{Settings, VRID};
use crate::router::status::Status;
use crate::verdict::Verdict;

/// The drill: the client advertises a virtual router of its own, then ours, as too weak a router to get the addresses.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn run(binary: PathBuf) -> Result<Verdict> {
    let pair = Pair::start(&binary, Settings::default()).await?;
    let from = pair.now();
    let client = &pair.lab.client.node;
    advertise(client, OTHER_VRID, 1).await?;
    for number in [A, B] {
        pair.wait_for(number, "the other router is told", |status| {
            let others = status.others.iter().map(|other| (other.vrid, other.collides));
            others.eq([(OTHER_VRID, false)]).then_some(())
        })
        .await?;
    }
    let healthy = pair.status(A).await?.healthy;
    advertise(client, VRID, 1).await?;
    let problem = pair.wait_for(A, "the collision is told", collision).await?;
    pair.wait_for(B, "the collision is told there, too", collision).await?;
    let (measurement, _) = pair.observe(from).await;
    Ok(Verdict::of(measurement)
        .nothing_lost()
        .expect(healthy, "another virtual router is no problem")
        .remark(problem))
}

fn collision(status: &Status) -> Option<String> {
    let told = format!("also used by {CLIENT}");
    status.problems.iter().find(|problem| problem.contains(&told)).cloned()
}

/// Sends an advertisement of this priority to the group.
async fn advertise(node: &Node, vrid: u8, priority: u8) -> Result<()> {
    let message = advertisement(vrid, priority);
    let send = move || async move {
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(PROTOCOL)))?;
        socket.set_multicast_ttl_v4(255)?;
        socket.set_multicast_if_v4(&CLIENT)?;
        socket.send_to(&message, &SocketAddrV4::new(GROUP, 0).into()).map(|_| ())
    };
    node.run(send).await?.or_fail("cannot advertise")
}

const OTHER_VRID: u8 = 77;

/// Of all routers (RFC 9568 §5.1.1.2).
const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);
