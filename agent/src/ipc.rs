//! Messages with file descriptors between our processes, over a Unix stream.
//!
//! A message is its length in four bytes, with the descriptors attached to them, then JSON.

use std::io::{self, ErrorKind, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

/// Room for the largest config file and the health of every server it can name.
const MESSAGE_MAX: usize = 16 << 20;
/// What the kernel passes at most in one message is 253.
pub(crate) const DESCRIPTORS_MAX: usize = 250;
const ANCILLARY_SPACE: usize = rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX));
/// A peer that does not read for this long is broken.
const SEND_DEADLINE: Duration = Duration::from_secs(5);

/// The sending end.
#[derive(Debug)]
pub(crate) struct Sender(OwnedWriteHalf);

/// The receiving end.
#[derive(Debug)]
pub(crate) struct Receiver(OwnedReadHalf);

/// Splits a connected stream into its ends.
pub(crate) fn split(stream: UnixStream) -> (Sender, Receiver) {
    let (receiver, sender) = stream.into_split();
    (Sender(sender), Receiver(receiver))
}

impl Sender {
    /// Sends a message with up to [`DESCRIPTORS_MAX`] descriptors.
    pub(crate) async fn send(
        &mut self,
        message: &impl Serialize,
        descriptors: &[BorrowedFd<'_>],
    ) -> io::Result<()> {
        let body = serde_json::to_vec(message)?;
        let length = u32::try_from(body.len())
            .ok()
            .filter(|length| *length as usize <= MESSAGE_MAX)
            .ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "message too long"))?;
        let write = async {
            self.send_header(length.to_le_bytes(), descriptors).await?;
            self.0.write_all(&body).await
        };
        timeout(SEND_DEADLINE, write)
            .await
            .map_err(|_| io::Error::new(ErrorKind::TimedOut, "the other process does not read"))?
    }

    async fn send_header(&self, header: [u8; 4], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let stream = self.0.as_ref();
        let sent = stream
            .async_io(Interest::WRITABLE, || {
                let mut space = [MaybeUninit::uninit(); ANCILLARY_SPACE];
                let mut ancillary = SendAncillaryBuffer::new(&mut space);
                if !descriptors.is_empty() {
                    let fits = ancillary.push(SendAncillaryMessage::ScmRights(descriptors));
                    assert!(fits, "the buffer is as large as the descriptors need");
                }
                let header = [IoSlice::new(&header)];
                Ok(sendmsg(stream, &header, &mut ancillary, SendFlags::NOSIGNAL)?)
            })
            .await?;
        if sent < header.len() {
            return Err(io::Error::new(ErrorKind::WriteZero, "message cut short"));
        }
        Ok(())
    }
}

impl Receiver {
    /// The next message, or `None` once the other process is gone. Not cancel-safe.
    pub(crate) async fn receive<T: DeserializeOwned>(
        &mut self,
    ) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
        let Some((length, descriptors)) = self.receive_header().await? else { return Ok(None) };
        if length > MESSAGE_MAX {
            return Err(io::Error::new(ErrorKind::InvalidData, "message too long"));
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await?;
        Ok(Some((serde_json::from_slice(&body)?, descriptors)))
    }

    async fn receive_header(&self) -> io::Result<Option<(usize, Vec<OwnedFd>)>> {
        let stream = self.0.as_ref();
        let mut descriptors = Vec::new();
        let mut header = [0; 4];
        let length = stream
            .async_io(Interest::READABLE, || {
                let mut space = [MaybeUninit::uninit(); ANCILLARY_SPACE];
                let mut ancillary = RecvAncillaryBuffer::new(&mut space);
                let mut buffers = [IoSliceMut::new(&mut header)];
                let flags = RecvFlags::CMSG_CLOEXEC;
                let received = recvmsg(stream, &mut buffers, &mut ancillary, flags)?;
                for message in ancillary.drain() {
                    if let RecvAncillaryMessage::ScmRights(passed) = message {
                        descriptors.extend(passed);
                    }
                }
                Ok(received.bytes)
            })
            .await?;
        match length {
            0 => Ok(None),
            4 => Ok(Some((u32::from_le_bytes(header) as usize, descriptors))),
            _ => Err(io::Error::new(ErrorKind::InvalidData, "message cut short")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    #[tokio::test]
    async fn messages_arrive_in_order_with_their_descriptors() {
        let (ours, theirs) = UnixStream::pair().expect("a socket pair");
        let (mut sender, _) = split(ours);
        let (_, mut receiver) = split(theirs);
        let file = tempfile::tempfile().expect("a file");
        let many = vec![file.as_fd(); DESCRIPTORS_MAX];

        sender.send(&"first", &many).await.expect("sent");
        sender.send(&"second", &[]).await.expect("sent");

        let first: (String, _) = receiver.receive().await.expect("received").expect("open");
        let second: (String, _) = receiver.receive().await.expect("received").expect("open");
        assert_eq!((first.0.as_str(), first.1.len()), ("first", DESCRIPTORS_MAX));
        assert_eq!((second.0.as_str(), second.1.len()), ("second", 0));
    }

    #[tokio::test]
    async fn a_closed_peer_is_no_error() {
        let (ours, theirs) = UnixStream::pair().expect("a socket pair");
        drop(ours);
        let (_, mut receiver) = split(theirs);
        assert!(receiver.receive::<String>().await.expect("end of stream").is_none());
    }

    #[tokio::test]
    async fn an_endless_message_is_refused() {
        let (mut ours, theirs) = UnixStream::pair().expect("a socket pair");
        let (_, mut receiver) = split(theirs);
        ours.write_all(&u32::MAX.to_le_bytes()).await.expect("written");
        let error = receiver.receive::<String>().await.expect_err("refused");
        assert_eq!(error.to_string(), "message too long");
    }
}
