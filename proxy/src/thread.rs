//! One thread of the proxy: an OS thread that drives one single-threaded tokio runtime.
//!
//! Sessions never leave the thread that accepted them, so whatever belongs to them alone needs no
//! lock. The rest of the process talks to a thread by spawning small tasks onto it.

use std::sync::mpsc;
use std::{io, thread};

use tokio::runtime::{Builder, Handle, LocalOptions, LocalRuntime};
use tokio::sync::oneshot;

/// A running thread. When dropped, it stops on its own and drops all of its tasks.
#[derive(Debug)]
pub(crate) struct Thread {
    runtime: Handle,
    stop: oneshot::Sender<()>,
    stopped: oneshot::Receiver<()>,
    join: thread::JoinHandle<()>,
}

impl Thread {
    pub(crate) fn start(name: String) -> io::Result<Self> {
        let (ready, started) = mpsc::sync_channel(1);
        let (stop, stopping) = oneshot::channel();
        let (stopping_done, stopped) = oneshot::channel();
        let join = thread::Builder::new().name(name).spawn(move || {
            run(&ready, stopping);
            // Nobody waits for a thread whose `Thread` was dropped.
            let _ = stopping_done.send(());
        })?;
        let runtime = started.recv().map_err(io::Error::other)??;
        Ok(Self { runtime, stop, stopped, join })
    }

    /// Spawns tasks onto the thread.
    pub(crate) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Drops all of the thread's tasks and joins it.
    pub(crate) async fn stop(self) {
        // An error means that the thread is gone already, here and below.
        let _ = self.stop.send(());
        let _ = self.stopped.await;
        // It has nothing left to do but to return.
        if self.join.join().is_err() {
            tracing::error!("a proxy thread panicked");
        }
    }
}

fn run(ready: &mpsc::SyncSender<io::Result<Handle>>, stopping: oneshot::Receiver<()>) {
    let runtime = match build() {
        Ok(runtime) => runtime,
        Err(error) => {
            // Without a receiver there is nobody to tell, here and below.
            let _ = ready.send(Err(error));
            return;
        }
    };
    let _ = ready.send(Ok(runtime.handle().clone()));
    // A dropped sender says the same as a sent value: stop.
    let _ = runtime.block_on(stopping);
}

fn build() -> io::Result<LocalRuntime> {
    Builder::new_current_thread().enable_all().build_local(LocalOptions::default())
}
