//! Pipes through which the kernel moves bulk from socket to socket, without a copy (`splice(2)`).

use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};

/// What goes into a pipe. The kernel allows users without privileges no more in one (`fs.pipe-max-size`).
pub(super) const PIPE_BYTES: usize = 1 << 20;

/// Pipes of a thread at a time: together with those of other threads less than the kernel allows a user
/// (`fs.pipe-user-pages-soft`, 64 MiB). Who finds none copies.
const PIPES_MAX: usize = 16;

thread_local! {
    static EMPTY: RefCell<Vec<Pipe>> = const { RefCell::new(Vec::new()) };
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

/// A pipe, and how much is in it.
#[derive(Debug)]
pub(super) struct Pipe {
    reader: OwnedFd,
    writer: OwnedFd,
    filled: usize,
}

impl Pipe {
    /// An empty one, if there is one to be had on this thread.
    pub(super) fn take() -> Option<Self> {
        EMPTY.with_borrow_mut(Vec::pop).or_else(Self::open)
    }

    fn open() -> Option<Self> {
        if COUNT.get() >= PIPES_MAX {
            return None;
        }
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).ok()?;
        COUNT.set(COUNT.get() + 1);
        let pipe = Self { reader, writer, filled: 0 };
        // A smaller one is worse than a copy.
        let size = fcntl_setpipe_size(&pipe.writer, PIPE_BYTES).ok()?;
        (size >= PIPE_BYTES).then_some(pipe)
    }

    /// For the next one who needs it. One that is not empty is closed.
    pub(super) fn give_back(self) {
        if self.filled == 0 {
            EMPTY.with_borrow_mut(|empty| empty.push(self));
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// Takes what the socket has; 0 at the end of its stream. The pipe must be empty, for a full one looks like a socket
    /// that has nothing.
    pub(super) fn fill(&mut self, source: impl AsFd) -> io::Result<usize> {
        let moved = splice(source, None, &self.writer, None, PIPE_BYTES, FLAGS)?;
        self.filled += moved;
        Ok(moved)
    }

    /// Gives the socket what it takes.
    pub(super) fn drain(&mut self, sink: impl AsFd) -> io::Result<usize> {
        let moved = splice(&self.reader, None, sink, None, self.filled, FLAGS)?;
        self.filled -= moved;
        Ok(moved)
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        COUNT.set(COUNT.get().saturating_sub(1));
    }
}

const FLAGS: SpliceFlags = SpliceFlags::MOVE.union(SpliceFlags::NONBLOCK);
