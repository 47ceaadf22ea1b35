//! Takes samples of one thing for as long as somebody wants to know.
//!
//! What the kernel tells of is followed, and told at once: links, routes and the death of processes. Everything else is
//! asked at intervals; a sample that is late is followed by the next one in turn, never by two.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio::time::{sleep, sleep_until, timeout};
use vrrp::LinkState;
use vrrp::linux::{LinkWatch, RouteWatch};
use vrrp::track::{Outcome, Verdict};

use super::board::SourceId;
use super::{command, file, gateway, http, process};
use crate::clock::now;
use crate::config::{Cidr, Probe, Sampling};

/// Pause before the kernel is asked again that refused an answer.
const RETRY: Duration = Duration::from_secs(1);
/// Many changes in a row count as one: a routing table is read as a whole.
const LULL: Duration = Duration::from_millis(50);

/// One source of outcomes.
pub(super) struct Sampler {
    pub(super) id: SourceId,
    pub(super) sampling: Sampling,
    /// How many samples are taken at once, of all samplers. Who waits for a permit is late, which is no failure.
    pub(super) permits: Rc<Semaphore>,
    pub(super) outcomes: mpsc::Sender<(SourceId, Outcome)>,
}

impl Sampler {
    /// Runs until the task is dropped.
    pub(super) async fn run(self) {
        match self.sampling.probe.clone() {
            Probe::Interface(name) => self.follow_link(&name).await,
            Probe::Route(network) => self.follow_route(network).await,
            Probe::Process(wanted) => process::follow(&self, wanted).await,
            Probe::File(path) => {
                let mut reader = file::Reader::new(path);
                self.poll(async || self.in_time(reader.existence()).await).await;
            }
            Probe::Content(path) => {
                let mut reader = file::Reader::new(path);
                self.poll(async || self.in_time(reader.content()).await).await;
            }
            Probe::Gateway(gateway) => {
                self.poll(async || self.in_time(gateway::ask(&gateway)).await).await;
            }
            Probe::Tcp(address) => self.poll(async || self.in_time(http::tcp(address)).await).await,
            Probe::Http(request) => {
                self.poll(async || self.in_time(http::get(&request)).await).await;
            }
            // Has its own deadline, at which it is killed.
            Probe::Command(line) => {
                let command = command::external(&line, self.sampling.timeout);
                self.poll(async || command::run(&command).await).await;
            }
        }
    }

    /// Tells an outcome.
    pub(super) async fn tell(&self, outcome: Outcome) {
        // The board is gone with its thread, and we with it.
        let _ = self.outcomes.send((self.id, outcome)).await;
    }

    async fn poll(&self, mut sample: impl AsyncFnMut() -> Outcome) {
        let mut due_at = now();
        let mut gap = first_gap(&self.sampling);
        loop {
            let permit = self.permits.acquire().await;
            let outcome = sample().await;
            drop(permit);
            self.tell(outcome).await;
            due_at = (due_at + gap).max(now());
            gap = self.sampling.interval;
            sleep_until(due_at).await;
        }
    }

    async fn in_time(&self, sample: impl Future<Output = Outcome>) -> Outcome {
        let within = self.sampling.timeout;
        timeout(within, sample)
            .await
            .unwrap_or_else(|_| failure(format!("no answer for {} ms", within.as_millis())))
    }

    async fn follow_link(&self, name: &str) {
        let mut watch = loop {
            match LinkWatch::open(name).await {
                Ok(watch) => break watch,
                Err(error) => self.cannot("follow the interface", &error).await,
            }
        };
        loop {
            self.tell(match watch.state() {
                Some(LinkState::Up) => success("link up"),
                Some(LinkState::Down) => failure("link down"),
                None => failure("there is no such interface"),
            })
            .await;
            let _ = timeout(self.sampling.interval, watch.changed()).await;
        }
    }

    async fn follow_route(&self, network: Cidr) {
        let mut watch = loop {
            match RouteWatch::open(network.address, network.prefix_len) {
                Ok(watch) => break watch,
                Err(error) => self.cannot("follow routes", &error).await,
            }
        };
        loop {
            match watch.is_present().await {
                Ok(true) => self.tell(success("route present")).await,
                Ok(false) => self.tell(failure("no route")).await,
                Err(error) => self.cannot("list routes", &error).await,
            }
            if timeout(self.sampling.interval, watch.changed()).await.is_ok() {
                while timeout(LULL, watch.changed()).await.is_ok() {}
            }
        }
    }

    async fn cannot(&self, what: &str, error: &std::io::Error) {
        self.tell(failure(format!("cannot {what}: {error}"))).await;
        sleep(RETRY).await;
    }
}

/// It is as it should be.
pub(super) fn success(text: impl Into<String>) -> Outcome {
    Outcome { verdict: Verdict::Success, text: text.into() }
}

/// It is not.
pub(super) fn failure(text: impl Into<String>) -> Outcome {
    Outcome { verdict: Verdict::Failure, text: text.into() }
}

/// The time between the first sample and the second: between half of the interval and all of it, so that samplers which
/// start together part. It depends on what is sampled, and on nothing else.
fn first_gap(sampling: &Sampling) -> Duration {
    const STEPS: u64 = 1000;
    let mut hasher = DefaultHasher::new();
    sampling.hash(&mut hasher);
    let step = u32::try_from(hasher.finish() % STEPS).unwrap_or_default();
    sampling.interval / 2 + sampling.interval / 2 * step / 1000
}
