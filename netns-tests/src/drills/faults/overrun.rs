//! The kernel tells of more changes than the socket of a box that stands still has room for; among them is that the
//! virtual address is gone.

use std::path::PathBuf;

use futures_util::FutureExt;
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use super::{Fault, Pace, compare};
use crate::contest::Contest;
use crate::failure::{Failure, OrFail, Result};
use crate::lab::mac::Mac;
use crate::lab::netlink::Interface;
use crate::lab::{Machine, VIP};
use crate::router::contender::Part;
use crate::router::process::send;
use crate::router::settings::MARGIN;
use crate::verdict::Verdict;

const OVERRUN: Fault =
    Fault::new("netlink overrun", 0, |contest, active| overrun(contest, active).boxed_local());

/// The drill: the address is back, although nobody said that it had gone.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn run(binary: PathBuf) -> Result<Verdict> {
    let verdict = compare(&binary, &OVERRUN, &[Pace::new(1000, 1)]).await?;
    Ok(verdict
        .no_false_moves()
        .each("the address stayed away too long", |line| line.haagent.absent <= MARGIN))
}

/// Changes of another interface: ten times what a socket of the usual size takes.
const CHANGES: u16 = 3000;

/// The box stands still for less than an interval between advertisements.
async fn overrun(contest: &Contest, active: usize) -> Result<()> {
    let machine = contest.boxes[active].machine().clone();
    let other = other_interface(&machine).await?;
    let stopped = contest.boxes[active].signal(&[Part::Elector], Signal::SIGSTOP).await?;
    let dropped = change(&machine, other).await;
    let removed = machine.node.netlink().remove_address(machine.link.interface(), VIP.into()).await;
    stopped.iter().try_for_each(|process| send(*process, Signal::SIGCONT))?;
    dropped.and(removed)?;
    let [elector] = stopped[..] else { return Err(Failure::new("there is no elector")) };
    if drops(elector)? == 0 {
        return Err(Failure::new("no socket was overrun"));
    }
    contest.watch().await;
    Ok(())
}

/// A link whose two ends are both in the box.
async fn other_interface(machine: &Machine) -> Result<Interface> {
    let netlink = machine.node.netlink();
    match netlink.interface("other0").await {
        Ok(known) => Ok(known),
        Err(_) => netlink.add_veth("other0", "other1", machine.node.namespace()).await,
    }
}

async fn change(machine: &Machine, interface: Interface) -> Result<()> {
    for number in 0..CHANGES {
        let [high, low] = number.to_be_bytes();
        machine.node.netlink().set_mac(interface, Mac([2, 0, 0, 0, high, low])).await?;
    }
    Ok(())
}

/// How many messages the netlink sockets of a process lost (`/proc/net/netlink`: `Drops` and `Inode` come last).
fn drops(process: Pid) -> Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/net/netlink"));
    let text = text.or_fail("cannot look at netlink sockets")?;
    let sockets = sockets(process)?;
    let lines = text.lines().skip(1).filter_map(|line| {
        let mut fields = line.split_whitespace().rev();
        let (inode, drops) = (fields.next()?, fields.next()?);
        sockets.contains(&format!("socket:[{inode}]")).then(|| drops.parse::<u64>().ok()).flatten()
    });
    Ok(lines.sum())
}

/// The sockets that a process has open, as its descriptors name them.
fn sockets(process: Pid) -> Result<Vec<String>> {
    let open =
        std::fs::read_dir(format!("/proc/{process}/fd")).or_fail("cannot list descriptors")?;
    let names = open.flatten().filter_map(|entry| std::fs::read_link(entry.path()).ok());
    Ok(names.map(|name| name.display().to_string()).collect())
}
