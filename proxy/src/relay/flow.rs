//! The bytes in one direction.
//!
//! Each thread has one large buffer that all of its flows share. A flow that could not get rid of
//! what it had read keeps just that tail, and reads no more until it is gone; so an idle session
//! owns no buffer at all, and a slow reader slows its writer down, not the proxy. A flow that moves
//! much at a time goes through a [`Pipe`] of the thread instead, which it keeps for as long as
//! something is in it.
//!
//! Readiness is edge-triggered: a flow reads until there is nothing to read or its turn is over,
//! and sleeps until tokio wakes it.

use std::cell::RefCell;
use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::pipe::Pipe;

/// Size of the buffer that the flows of a thread share. With 64 KiB, bulk costs half as much CPU
/// again; beyond 256 KiB nothing is gained.
const BUFFER_BYTES: usize = 256 * 1024;

/// What one flow may move before the other sessions of the thread get their turn: two full
/// buffers, some 100 µs. Its last piece, if it is one of a pipe, may go beyond.
const TURN_BYTES: usize = 2 * BUFFER_BYTES;

/// From this average piece on the kernel moves a flow's bytes: a copy costs more than the second
/// system call.
const BULK_BYTES: usize = 64 * 1024;

thread_local! {
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; BUFFER_BYTES].into_boxed_slice());
}

/// Lends the buffer of this thread. Its content is garbage before and after.
pub(crate) fn with_buffer<R>(act: impl FnOnce(&mut [u8]) -> R) -> R {
    BUFFER.with_borrow_mut(|buffer| act(buffer))
}

/// The bytes in one direction.
#[derive(Debug, Default)]
pub(super) struct Flow {
    held: Held,
    pub(super) end: Option<End>,
    /// How large the pieces are, on an average in which the last one counts for half.
    piece: usize,
    /// Whether anything has moved since `moved_at`.
    moved: bool,
    pub(super) moved_at: Option<Instant>,
}

/// What has been read and not yet been written.
#[derive(Debug, Default)]
enum Held {
    #[default]
    Nothing,
    /// The bytes, and how many of them have been written since.
    Tail(Box<[u8]>, usize),
    /// It is not empty.
    Pipe(Pipe),
}

/// How a direction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The source had nothing more to say, and the sink has been given all of it.
    Finished,
    /// The source was reset.
    SourceBroken,
    /// The sink was reset.
    SinkBroken,
}

impl Flow {
    /// Moves what can be moved. Returns whether anything was.
    pub(super) fn advance(
        &mut self,
        context: &mut Context<'_>,
        source: &mut TcpStream,
        sink: &mut TcpStream,
        buffer: &mut [u8],
    ) -> bool {
        if let Poll::Ready(end) = self.poll(context, source, sink, buffer) {
            self.end = Some(end);
            self.held = Held::Nothing;
        }
        self.moved
    }

    /// Notes the time if anything has moved since it was last noted.
    pub(super) fn stamp(&mut self, now: Instant) {
        if self.moved {
            self.moved = false;
            self.moved_at = Some(now);
        }
    }

    fn poll(
        &mut self,
        context: &mut Context<'_>,
        source: &mut TcpStream,
        sink: &mut TcpStream,
        buffer: &mut [u8],
    ) -> Poll<End> {
        let mut turn = TURN_BYTES;
        loop {
            if ready!(self.poll_flush(context, sink)).is_err() {
                return Poll::Ready(End::SinkBroken);
            }
            if turn == 0 {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            let pipe = if self.piece >= BULK_BYTES { Pipe::take() } else { None };
            let piece = match pipe {
                Some(pipe) => self.poll_splice(context, source, pipe),
                None => self.poll_copy(context, source, sink, buffer),
            };
            match ready!(piece) {
                Ok(0) => return Poll::Ready(End::Finished),
                Ok(bytes) => {
                    turn = turn.saturating_sub(bytes);
                    self.piece = self.piece / 2 + bytes / 2;
                }
                Err(end) => return Poll::Ready(end),
            }
        }
    }

    /// Takes what the source has into the pipe, which is flushed next.
    fn poll_splice(
        &mut self,
        context: &mut Context<'_>,
        source: &TcpStream,
        mut pipe: Pipe,
    ) -> Poll<Result<usize, End>> {
        let filled = poll_io(context, source, Interest::READABLE, || pipe.fill(source));
        if pipe.is_empty() {
            pipe.give_back();
        } else {
            self.held = Held::Pipe(pipe);
        }
        filled.map_err(|_| End::SourceBroken)
    }

    /// Reads into the buffer and writes what the sink takes now; the rest is the tail.
    fn poll_copy(
        &mut self,
        context: &mut Context<'_>,
        source: &mut TcpStream,
        sink: &mut TcpStream,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, End>> {
        let mut read = ReadBuf::new(buffer);
        if ready!(Pin::new(source).poll_read(context, &mut read)).is_err() {
            return Poll::Ready(Err(End::SourceBroken));
        }
        let bytes = read.filled();
        let sent = self.send(context, sink, bytes);
        Poll::Ready(sent.map(|()| bytes.len()).map_err(|_| End::SinkBroken))
    }

    fn send(
        &mut self,
        context: &mut Context<'_>,
        sink: &mut TcpStream,
        mut bytes: &[u8],
    ) -> io::Result<()> {
        while !bytes.is_empty() {
            let Poll::Ready(written) = poll_write(context, sink, bytes) else {
                self.held = Held::Tail(bytes.into(), 0);
                break;
            };
            bytes = &bytes[written?..];
            self.moved = true;
        }
        Ok(())
    }

    /// Ready when nothing is held any more.
    fn poll_flush(
        &mut self,
        context: &mut Context<'_>,
        sink: &mut TcpStream,
    ) -> Poll<io::Result<()>> {
        match &mut self.held {
            Held::Nothing => return Poll::Ready(Ok(())),
            Held::Tail(bytes, sent) => {
                while *sent < bytes.len() {
                    *sent += ready!(poll_write(context, sink, &bytes[*sent..]))?;
                    self.moved = true;
                }
            }
            Held::Pipe(pipe) => {
                while !pipe.is_empty() {
                    ready!(poll_io(context, sink, Interest::WRITABLE, || pipe.drain(&*sink)))?;
                    self.moved = true;
                }
            }
        }
        if let Held::Pipe(pipe) = mem::take(&mut self.held) {
            pipe.give_back();
        }
        Poll::Ready(Ok(()))
    }
}

/// What `act` returns once the socket is ready for it.
fn poll_io<T>(
    context: &mut Context<'_>,
    stream: &TcpStream,
    interest: Interest,
    mut act: impl FnMut() -> io::Result<T>,
) -> Poll<io::Result<T>> {
    loop {
        ready!(if interest.is_readable() {
            stream.poll_read_ready(context)
        } else {
            stream.poll_write_ready(context)
        })?;
        match stream.try_io(interest, &mut act) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            result => return Poll::Ready(result),
        }
    }
}

/// A write that makes progress or fails.
fn poll_write(
    context: &mut Context<'_>,
    sink: &mut TcpStream,
    bytes: &[u8],
) -> Poll<io::Result<usize>> {
    match ready!(Pin::new(sink).poll_write(context, bytes)) {
        Ok(0) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
        result => Poll::Ready(result),
    }
}
