//! Who watches several machines at once, on one thread: on a busy machine it may note things late, but then it notes all
//! of them late, and makes no overlap of what came one after the other.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use nix::sched::{CloneFlags, setns};

use super::node::Node;
use crate::clock::Clock;
use crate::failure::{OrFail, Result};

/// The thread; copies share it.
#[derive(Clone, Debug)]
pub struct Observer {
    /// What shows the time of its notes.
    pub clock: Clock,
    node: Arc<Node>,
}

impl Observer {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub async fn new(clock: Clock) -> Result<Self> {
        Ok(Self { clock, node: Arc::new(Node::new("observer").await?) })
    }

    /// Runs `open` in the namespace of `there`: the sockets that it opens stay there, the tasks that it starts run on
    /// the thread of the observer.
    ///
    /// # Errors
    /// When the kernel refuses, or those of `open`.
    pub(super) async fn at<T: Send + 'static>(
        &self,
        there: &Node,
        open: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let there = owned(there)?;
        let work = move || async move {
            // Whoever comes next says anew where it is.
            setns(there, CloneFlags::CLONE_NEWNET).or_fail("cannot enter a namespace")?;
            open()
        };
        self.node.run(work).await?
    }
}

fn owned(node: &Node) -> Result<OwnedFd> {
    node.namespace().as_fd().try_clone_to_owned().or_fail("cannot share a namespace")
}
