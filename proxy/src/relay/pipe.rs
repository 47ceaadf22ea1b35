//! Pipes through which the kernel moves bulk from socket to socket, without a copy (`splice(2)`).

use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};

/// What goes into a pipe. The kernel allows users without privileges no more in one (`fs.pipe-max-size`).
const PIPE_BYTES: usize = 1 << 20;

/// Pipes of a thread at a time. The kernel allows a user 64 MiB in all (`fs.pipe-user-pages-soft`). Who gets none copies.
const PIPES_MAX: usize = 16;

thread_local! {
    static EMPTY: RefCell<Vec<Pipe>> = const { RefCell::new(Vec::new()) };
    static COUNT: Cell<usize> = const { Cell::new(0) };
    /// The kernel allowed no further one: none is asked for until one is free again.
    static REFUSED: Cell<bool> = const { Cell::new(false) };
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
        if COUNT.get() >= PIPES_MAX || REFUSED.get() {
            return None;
        }
        let pipe = Self::open_large().ok();
        REFUSED.set(pipe.is_none());
        pipe
    }

    /// A smaller one is worse than a copy.
    fn open_large() -> io::Result<Self> {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        fcntl_setpipe_size(&writer, PIPE_BYTES)?;
        COUNT.set(COUNT.get() + 1);
        Ok(Self { reader, writer, filled: 0 })
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

    /// Gives the socket what it takes: something, or it fails.
    pub(super) fn drain(&mut self, sink: impl AsFd) -> io::Result<()> {
        match splice(&self.reader, None, sink, None, self.filled, FLAGS)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            moved => self.filled -= moved,
        }
        Ok(())
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        COUNT.set(COUNT.get().saturating_sub(1));
        REFUSED.set(false);
    }
}

const FLAGS: SpliceFlags = SpliceFlags::MOVE.union(SpliceFlags::NONBLOCK);

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};

    use super::*;

    fn connection() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (client, listener.accept().unwrap().0)
    }

    #[test]
    fn a_pipe_that_is_empty_is_used_again_and_a_full_one_is_closed() {
        let (mut client, server) = connection();
        let mut pipe = Pipe::take().unwrap();
        client.write_all(b"!").unwrap();
        assert_eq!(pipe.fill(&server).unwrap(), 1);
        assert_eq!(COUNT.get(), 1);
        pipe.give_back();
        assert_eq!(COUNT.get(), 0);
        Pipe::take().unwrap().give_back();
        assert_eq!((COUNT.get(), EMPTY.with_borrow(Vec::len)), (1, 1));
        let _again = Pipe::take().unwrap();
        assert_eq!((COUNT.get(), EMPTY.with_borrow(Vec::len)), (1, 0));
    }

    #[test]
    fn a_thread_has_so_many_pipes_and_no_more() {
        let mut pipes: Vec<_> = (0..PIPES_MAX).filter_map(|_| Pipe::take()).collect();
        assert_eq!(pipes.len(), PIPES_MAX);
        assert!(Pipe::take().is_none());
        drop(pipes.pop());
        assert!(Pipe::take().is_some());
    }
}
