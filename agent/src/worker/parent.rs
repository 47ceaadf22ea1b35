//! The supervisor's side of a worker: starts it, passes orders down and events up, and sees it end.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::{Event, Load, Order};
use crate::ipc;
use crate::privilege::Identity;

/// Orders on their way to the worker. It takes them within milliseconds, so that a full queue means it hangs.
const QUEUE: usize = 1024;
/// Time for a worker to end after its socket was closed.
const EXIT_DEADLINE: Duration = Duration::from_secs(2);

/// What a worker process does, for the supervisor.
#[derive(Debug)]
pub(crate) enum Happening {
    /// It told something.
    Told(Event),
    /// It ended; the text says how.
    Exited(String),
}

/// A running worker. Dropping it makes the process end.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) pid: Option<u32>,
    orders: mpsc::Sender<(Order, Vec<OwnedFd>)>,
}

impl Worker {
    /// Starts a worker whose happenings go to `happenings`, marked with its generation: what an earlier
    /// worker did is of no interest.
    pub(crate) fn spawn(
        generation: u64,
        identity: Option<Identity>,
        happenings: mpsc::Sender<(u64, Happening)>,
    ) -> io::Result<Self> {
        let (ours, theirs) = StdUnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let (sender, receiver) = ipc::split(UnixStream::from_std(ours)?);
        let child = command(identity, theirs).spawn()?;
        let pid = child.id();
        let (orders, queue) = mpsc::channel(QUEUE);
        tokio::spawn(attend(child, sender, receiver, queue, generation, happenings));
        Ok(Self { pid, orders })
    }

    /// Hands over the sockets of a bind address, for the next [`load`](Self::load).
    pub(crate) fn adopt(&self, address: SocketAddr, sockets: Vec<OwnedFd>) {
        self.order(Order::Adopt { address }, sockets);
    }

    /// Serve by this config from now on.
    pub(crate) fn load(&self, load: Load) {
        self.order(Order::Load(load), Vec::new());
    }

    /// Ask what is going on.
    pub(crate) fn report(&self) {
        self.order(Order::Report, Vec::new());
    }

    /// Let open sessions finish.
    pub(crate) fn drain(&self, within: Duration) {
        self.order(Order::Drain { within }, Vec::new());
    }

    /// End the sessions on these addresses.
    pub(crate) fn close(&self, addresses: Vec<IpAddr>) {
        self.order(Order::Close { addresses }, Vec::new());
    }

    fn order(&self, order: Order, sockets: Vec<OwnedFd>) {
        if let Err(error) = self.orders.try_send((order, sockets)) {
            tracing::error!(%error, "worker takes no orders");
        }
    }
}

fn command(identity: Option<Identity>, stdin: StdUnixStream) -> Command {
    let mut command = std::process::Command::new("/proc/self/exe");
    command.arg0("haagent").arg("worker");
    if let Some(Identity { uid, gid }) = identity {
        command.args(["--uid", &uid.to_string(), "--gid", &gid.to_string()]);
    }
    command.stdin(Stdio::from(OwnedFd::from(stdin))).stdout(Stdio::null());
    let mut command = Command::from(command);
    command.kill_on_drop(true);
    command
}

/// Lives as long as the process: sends orders, receives events, and tells how it ended.
async fn attend(
    mut child: Child,
    mut sender: ipc::Sender,
    mut receiver: ipc::Receiver,
    mut orders: mpsc::Receiver<(Order, Vec<OwnedFd>)>,
    generation: u64,
    happenings: mpsc::Sender<(u64, Happening)>,
) {
    let up = async {
        while let Ok(Some((event, _))) = receiver.receive().await {
            if happenings.send((generation, Happening::Told(event))).await.is_err() {
                return;
            }
        }
    };
    let down = async {
        while let Some((order, sockets)) = orders.recv().await {
            let sockets: Vec<_> = sockets.iter().map(AsFd::as_fd).collect();
            if let Err(error) = sender.send(&order, &sockets).await {
                tracing::error!(%error, "worker takes no orders");
                return;
            }
        }
    };
    // Each ends only when the process, or the supervisor's interest in it, does.
    tokio::select! {
        () = up => {}
        () = down => {}
    }
    drop((sender, receiver));
    let ended = match timeout(EXIT_DEADLINE, child.wait()).await {
        Ok(Ok(status)) => status.to_string(),
        Ok(Err(error)) => error.to_string(),
        Err(_) => match child.kill().await {
            Ok(()) => "killed, because it did not end by itself".to_owned(),
            Err(error) => error.to_string(),
        },
    };
    // The supervisor is stopping and does not listen any more.
    let _ = happenings.send((generation, Happening::Exited(ended))).await;
}
