//! A virtual router with a MAC of its own: clients never learn another one, and only the active box sends from it.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use tokio::time::sleep;

use super::failover;
use crate::clock::Moment;
use crate::failure::{Failure, Result, eventually};
use crate::lab::frames::Frames;
use crate::lab::holders::{Holding, moments_without};
use crate::lab::netlink::Interface;
use crate::lab::{Family, Machine};
use crate::pair::{A, B, Pair, SETTLE_DEADLINE};
use crate::router::process::send;
use crate::router::settings::{LEASE, MARGIN, Settings, VRID};
use crate::router::status::RouterState;
use crate::verdict::{Measurement, Verdict};

/// Addresses and frames come by different sockets, which are read one after the other.
const TOLERANCE: Duration = Duration::from_millis(20);

/// Both boxes, with what each of them sends from the virtual MAC.
struct Bed {
    pair: Pair,
    sent: [Frames; 2],
    family: Family,
}

impl Bed {
    async fn start(binary: PathBuf, family: Family) -> Result<Self> {
        let settings = Settings { virtual_mac: true, family, ..Settings::default() };
        let mut pair = Pair::idle(&binary, settings).await?;
        let [a, b] = &pair.lab.routers;
        let sent = [
            Frames::from_virtual_macs(&pair.lab.observer, &a.node).await?,
            Frames::from_virtual_macs(&pair.lab.observer, &b.node).await?,
        ];
        pair.boxes[A].start().await?;
        pair.wait_for_state(A, RouterState::Active).await?;
        pair.boxes[B].start().await?;
        pair.settled(A).await?;
        pair.fresh_clients().await?;
        Ok(Self { pair, sent, family })
    }

    fn device_name(&self) -> &'static str {
        match self.family {
            Family::Ipv4 => "v4-51-eth0",
            Family::Ipv6 => "v6-51-eth0",
        }
    }

    async fn device(&self, number: usize) -> Result<Interface> {
        self.pair.lab.routers[number].node.netlink().interface(self.device_name()).await
    }

    fn mac(&self) -> String {
        let family = if self.family == Family::Ipv4 { 1 } else { 2 };
        format!("00:00:5e:00:{family:02x}:{VRID:02x}")
    }

    /// The MAC at which the client has the virtual address.
    async fn learned(&self) -> Result<String> {
        neighbour(&self.pair.lab.client, self.family.vip()).await
    }

    /// How many frames a box sent from the virtual MAC without the virtual address.
    fn strays(&self, number: usize) -> usize {
        let changes = self.pair.lab.holders.changes();
        let sent = self.sent[number].since(Moment::ZERO);
        moments_without(&changes, number, sent.iter().map(|frame| frame.at), TOLERANCE)
    }

    /// Waits until box A has seen that its virtual MAC works.
    async fn answered_from_virtual_mac(&self) -> Result<()> {
        self.pair
            .wait_for(A, "the virtual MAC was answered", |status| {
                let virtual_mac = status.virtual_routers.first()?.virtual_mac.as_ref()?;
                let is_it =
                    virtual_mac.mac == self.mac() && virtual_mac.device == self.device_name();
                (is_it && virtual_mac.answered == Some(true)).then_some(())
            })
            .await
    }
}

/// The drill: `kill -9` of the active supervisor, its return, and a planned stop of the other box.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn run(binary: PathBuf, family: Family) -> Result<Verdict> {
    let mut bed = Bed::start(binary, family).await?;
    let mut learned = vec![bed.learned().await?];
    bed.answered_from_virtual_mac().await?;
    let killed = failover::kill(&mut bed.pair, A).await?;
    learned.push(bed.learned().await?);
    let returned = failover::bring_back(&mut bed.pair, A).await?;

    let stopped = bed.pair.now();
    bed.pair.boxes[B].signal(Signal::SIGTERM)?;
    bed.pair.boxes[B].ended(SETTLE_DEADLINE).await?;
    bed.pair.wait_for_state(A, RouterState::Active).await?;
    let (measurement, _) = bed.pair.observe(stopped).await;
    learned.push(bed.learned().await?);
    let left = bed.device(B).await.is_ok();
    let planned = Verdict::of(measurement)
        .gap_at_most(bed.pair.settings.skew(A) + MARGIN)
        .both_held_at_most(Duration::ZERO);
    let sent = bed.sent.iter().map(|frames| frames.since(Moment::ZERO).len()).min();
    let strays = [bed.strays(A), bed.strays(B)];
    Ok(killed
        .and("its return", &returned)
        .and("a planned stop", &planned)
        .expect(
            learned.iter().all(|mac| *mac == bed.mac()),
            format!("the client learned {learned:?}"),
        )
        .expect(sent > Some(10), format!("an active box sent {sent:?} frames from the virtual MAC"))
        .expect(strays == [0, 0], format!("backups sent {strays:?} frames from the virtual MAC"))
        .expect(!left, "the stopped box left its device"))
}

/// The drill: the switch keeps what is for the virtual MAC from the active box, which says so.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn refused(binary: PathBuf) -> Result<Verdict> {
    let settings = Settings { virtual_mac: true, ..Settings::default() };
    let mut pair = Pair::idle(&binary, settings).await?;
    pair.lab.client.link.pin([0, 0, 0x5e, 0, 1, VRID]).await?;
    pair.boxes[A].start().await?;
    let problem = pair
        .wait_for(A, "box A says that nobody answers", |status| {
            let is_told = |problem: &&String| problem.contains("`virtual_mac = false`");
            status.problems.iter().find(is_told).cloned()
        })
        .await?;
    let answered = pair.status(A).await?.virtual_routers.first().and_then(|router| {
        router.virtual_mac.as_ref().and_then(|virtual_mac| virtual_mac.answered)
    });
    Ok(Verdict::of(Measurement::default())
        .expect(answered == Some(false), format!("answered: {answered:?}"))
        .remark(problem.replace('\n', "; ")))
}

/// The drill: `kill -9` of all processes of the active box. Its device stays, without the addresses, and keeps quiet;
/// the next start makes it anew.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn everything_killed(binary: PathBuf) -> Result<Verdict> {
    let mut bed = Bed::start(binary, Family::Ipv4).await?;
    let status = bed.pair.status(A).await?;
    let all = [status.guard.pid, Some(status.pid), status.worker.pid];
    let from = bed.pair.now();
    for process in all.into_iter().flatten() {
        send(Pid::from_raw(process), Signal::SIGKILL)?;
    }
    bed.pair.wait_for_state(B, RouterState::Active).await?;
    bed.pair.answered().await?;
    // Not to wait for something: by then the kernel has let go.
    sleep(LEASE.saturating_sub(bed.pair.now() - from)).await;
    let (measurement, _) = bed.pair.observe(from).await;
    let before = bed.device(A).await?;
    let held = bed.pair.lab.routers[A].node.netlink().addresses(before).await?;
    let released = bed.pair.lab.holders.first(from, A, Holding::Gone);
    let learned = bed.learned().await?;

    let _ = bed.pair.boxes[A].kill();
    bed.pair.boxes[A].start().await?;
    bed.pair.settled(B).await?;
    let after = bed.device(A).await?;
    let strays = bed.strays(A);
    Ok(Verdict::of(measurement)
        .gap_at_most(bed.pair.settings.active_down(B) + MARGIN)
        .both_held_at_most(LEASE)
        .expect(held.is_empty(), format!("the dead box holds {held:?}"))
        .expect(released.is_some(), "the kernel did not let go")
        .expect(learned == bed.mac(), format!("the client learned {learned}"))
        .expect(strays == 0, format!("the dead box sent {strays} frames from the virtual MAC"))
        .expect(before != after, "the device of the dead box was used again"))
}

/// The drill: somebody deletes the device of the active box. It is back within one event, twice; after the third time
/// the other box takes over. Setting it down counts as well.
///
/// # Errors
/// When it cannot be brought to its end.
pub async fn deleted(binary: PathBuf) -> Result<Verdict> {
    let bed = Bed::start(binary, Family::Ipv4).await?;
    let from = bed.pair.now();
    let netlink = bed.pair.lab.routers[A].node.netlink();
    let mut absent = Vec::new();
    for remove in [true, false] {
        let since = bed.pair.now();
        let device = bed.device(A).await?;
        if remove {
            netlink.delete(device).await?
        } else {
            netlink.down(device).await?
        }
        bed.pair.answered().await?;
        absent.push(bed.pair.now() - since);
    }
    bed.pair.settled(A).await?;
    let held = bed.pair.lab.holders.first(from, B, Holding::Held);
    netlink.delete(bed.device(A).await?).await?;
    bed.pair.wait_for_state(B, RouterState::Active).await?;
    bed.pair.answered().await?;
    let (measurement, _) = bed.pair.observe(from).await;
    let learned = bed.learned().await?;
    Ok(Verdict::of(measurement)
        .gap_at_most(bed.pair.settings.skew(B) + MARGIN)
        .both_held_at_most(Duration::ZERO)
        .expect(held.is_none(), "the other box took the address too early")
        .expect(learned == bed.mac(), format!("the client learned {learned}"))
        .remark(format!("answered again after {absent:?}")))
}

/// The MAC at which a machine has this address.
async fn neighbour(machine: &Machine, address: IpAddr) -> Result<String> {
    eventually("the address has a MAC", SETTLE_DEADLINE, || async {
        let known = machine.node.netlink().neighbour(machine.link.interface(), address).await?;
        let known = known.ok_or_else(|| Failure::new("it has none"))?;
        Ok(known.map(|octet| format!("{octet:02x}")).join(":"))
    })
    .await
}
