//! Whether a virtual MAC works where it is: hosts of the link are asked from it, and must answer.
//!
//! A driver may refuse frames from a second MAC, and hypervisors, clouds, access points and port security drop them
//! without a word. Only the active router may ask, for a question teaches switches where the MAC is. Who answers neither
//! this question nor one from the interface's own MAC proves nothing.

use std::net::IpAddr;
use std::time::Duration;

use tokio::time::{sleep, timeout};
use vrrp::linux::ask;

/// How long an answer may take.
const ANSWER_DEADLINE: Duration = Duration::from_millis(500);
/// A question or its answer may get lost.
const ATTEMPTS: u32 = 3;
/// Pause before hosts are asked again, unless one answered.
const AGAIN: Duration = Duration::from_secs(30);
/// So many hosts are asked at most.
pub(crate) const HOSTS_MAX: usize = 8;

/// What is known of a virtual MAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Nobody who could answer was found yet.
    Unknown,
    /// A host answered.
    Answered,
    /// This host answers our own MAC and not the virtual one.
    Unanswered(IpAddr),
}

/// What is asked, and from where.
#[derive(Clone, Debug)]
pub(crate) struct Trial {
    pub(crate) interface: String,
    /// Our address there.
    pub(crate) own: IpAddr,
    /// What has the virtual MAC.
    pub(crate) device: String,
    /// An address there.
    pub(crate) held: IpAddr,
    /// Hosts that may be on the link; of IPv6 only if both addresses are.
    pub(crate) hosts: Vec<IpAddr>,
}

impl Trial {
    /// Asks until somebody answers from the virtual MAC, and tells each result.
    pub(crate) async fn run<F: Future<Output = ()>>(self, tell: impl Fn(Reach) -> F) {
        loop {
            let reach = self.judge().await;
            tell(reach).await;
            if reach == Reach::Answered {
                return;
            }
            sleep(AGAIN).await;
        }
    }

    async fn judge(&self) -> Reach {
        let mut reach = Reach::Unknown;
        for &host in &self.hosts {
            if answers(&self.device, self.held, host).await {
                return Reach::Answered;
            }
            if answers(&self.interface, self.own, host).await {
                reach = Reach::Unanswered(host);
            }
        }
        reach
    }
}

async fn answers(interface: &str, sender: IpAddr, host: IpAddr) -> bool {
    for _ in 0..ATTEMPTS {
        match timeout(ANSWER_DEADLINE, ask(interface, sender, host)).await {
            Ok(Ok(_)) => return true,
            // For example while the addresses are still left to a router that was preempted.
            Ok(Err(error)) => {
                tracing::debug!(interface, %host, %error, "cannot ask");
                sleep(ANSWER_DEADLINE).await;
            }
            Err(_) => {}
        }
    }
    false
}
