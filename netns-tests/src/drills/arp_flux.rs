//! Two links and a virtual address on each: on either of them only its own is answered for.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use nix::sys::signal::Signal;

use crate::failure::{Failure, OrFail, Result, eventually};
use crate::lab::netlink::{Address, Interface};
use crate::lab::node::Node;
use crate::lab::switch::INTERFACE;
use crate::lab::{Machine, VIP, arp};
use crate::pair::{A, Pair, SETTLE_DEADLINE};
use crate::router::settings::Settings;
use crate::router::status::RouterState;
use crate::verdict::{Measurement, Verdict};

/// The router's interface on the other link, and its addresses there.
const OTHER: &str = "eth1";
const OTHER_OWN: Ipv4Addr = Ipv4Addr::new(10, 8, 0, 2);
const OTHER_VIP: Ipv4Addr = Ipv4Addr::new(10, 8, 0, 1);

const OTHER_ROUTER: &str = "[[virtual_router]]\nname = \"other\"\nvrid = 52\ninterface = \"eth1\"\n\
    addresses = [\"10.8.0.1/24\"]\nadvert_interval = \"100ms\"\n";

/// As Linux has them in a new namespace, and as haagent wants them.
const BEFORE: [u32; 3] = [0, 0, 0];
const OURS: [u32; 3] = [1, 2, 1];

/// The drill: Linux alone answers for every address; haagent changes that while it runs, and changes it back, also
/// after it was killed.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn run(binary: PathBuf) -> Result<Verdict> {
    let mut pair = Pair::idle(&binary, Settings::default()).await?;
    let text = pair.settings.to_toml() + OTHER_ROUTER;
    std::fs::write(pair.config(), text).or_fail("cannot write the config")?;
    let machine = pair.boxes[A].machine().clone();
    let host = Node::new("other-host").await?;
    let other = connect(&machine, &host).await?;

    // Without haagent: the drill would see it if nothing were done.
    let vip = Address { address: IpAddr::V4(VIP), prefix: 32, protocol: None };
    machine.node.netlink().add_address(machine.link.interface(), vip).await?;
    let alone = arp::holders(&host, vec![VIP, OTHER_OWN]).await?;
    machine.node.netlink().remove_address(machine.link.interface(), vip.address).await?;
    let before = values(&machine).await?;

    pair.boxes[A].start().await?;
    holds(&machine, machine.link.interface(), VIP).await?;
    holds(&machine, other, OTHER_VIP).await?;
    let wrong = arp::holders(&host, vec![VIP, OTHER_VIP]).await?;
    let client = &pair.lab.client.node;
    let wrong_here = arp::holders(client, vec![OTHER_VIP, VIP]).await?;
    let during = values(&machine).await?;

    pair.boxes[A].kill()?;
    let killed = values(&machine).await?;
    pair.boxes[A].start().await?;
    // What its guard has not removed yet says nothing of the new one.
    pair.wait_for_state(A, RouterState::Active).await?;
    pair.boxes[A].signal(Signal::SIGTERM)?;
    pair.boxes[A].ended(SETTLE_DEADLINE).await?;
    let after = values(&machine).await?;
    let expected = [[BEFORE; 2], [OURS; 2], [OURS; 2], [BEFORE; 2]];

    Ok(Verdict::of(Measurement::default())
        .expect(alone.len() == 2, "without haagent the virtual address was not answered for")
        .expect(wrong.len() == 1, format!("answers on the other link: {wrong:?}"))
        .expect(wrong_here.len() == 1, format!("answers on this link: {wrong_here:?}"))
        .expect(
            [before, during, killed, after] == expected,
            format!(
                "before {before:?}, while it runs {during:?}, killed {killed:?}, stopped {after:?}"
            ),
        ))
}

/// A cable from the router's second interface to a host of its own.
async fn connect(machine: &Machine, host: &Node) -> Result<Interface> {
    let here = machine.node.netlink();
    let other = here.add_veth(OTHER, INTERFACE, host.namespace()).await?;
    let own = Address { address: IpAddr::V4(OTHER_OWN), prefix: 24, protocol: None };
    here.add_address(other, own).await?;
    here.up(other).await?;
    host.netlink().up(host.netlink().interface(INTERFACE).await?).await?;
    Ok(other)
}

async fn holds(machine: &Machine, interface: Interface, address: Ipv4Addr) -> Result<()> {
    eventually(&format!("`{address}` is held"), SETTLE_DEADLINE, || async {
        let held = machine.node.netlink().addresses(interface).await?;
        let held = held.iter().any(|held| held.address.address == IpAddr::V4(address));
        held.then_some(()).ok_or_else(|| Failure::new("it is not"))
    })
    .await
}

/// What the kernel is told for both interfaces.
async fn values(machine: &Machine) -> Result<[[u32; 3]; 2]> {
    let read = |interface: &str, setting: &str| {
        let path = format!("/proc/sys/net/ipv4/conf/{interface}/{setting}");
        let text = std::fs::read_to_string(&path).or_fail(format!("cannot read `{path}`"))?;
        text.trim().parse::<u32>().or_fail(format!("`{path}` is no number"))
    };
    let read = move |interface: &str| -> Result<[u32; 3]> {
        Ok([
            read(interface, "arp_ignore")?,
            read(interface, "arp_announce")?,
            read(interface, "promote_secondaries")?,
        ])
    };
    machine.node.run(move || async move { Ok([read(INTERFACE)?, read(OTHER)?]) }).await?
}
