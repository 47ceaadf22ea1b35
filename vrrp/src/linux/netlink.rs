//! Adds, renews and removes virtual addresses over netlink.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use futures_util::TryStreamExt;
use rtnetlink::Handle;
use rtnetlink::packet_core::ErrorMessage;
use tokio::time::timeout;

use super::address::{inspect, leased, message};

/// The kernel answers in well under a millisecond; silence for this long is a fault.
const REPLY_DEADLINE: Duration = Duration::from_millis(500);

const NO_SUCH_DEVICE: i32 = 19;
const NO_SUCH_ADDRESS: i32 = 99;

/// A netlink connection for requests.
#[derive(Debug)]
pub struct Netlink {
    handle: Handle,
    connection: tokio::task::JoinHandle<()>,
}

impl Netlink {
    /// Opens a connection, served by a task of the current runtime.
    ///
    /// # Errors
    /// When the kernel refuses a netlink socket.
    pub fn open() -> io::Result<Self> {
        let (connection, handle, _unsolicited) = rtnetlink::new_connection()?;
        Ok(Self { handle, connection: tokio::spawn(connection) })
    }

    /// Adds the address to the interface with this index, or renews its lease.
    ///
    /// # Errors
    /// What the kernel answered, for example `Operation not permitted`.
    pub async fn lease(&self, index: u32, address: IpAddr, lease: Duration) -> io::Result<()> {
        let mut request = self.handle.address().add(index, address, 32).replace();
        *request.message_mut() = leased(index, address, lease);
        reply(request.execute()).await
    }

    /// Removes the address; an address or interface that is gone already is no error.
    ///
    /// # Errors
    /// What the kernel answered.
    pub async fn remove(&self, index: u32, address: IpAddr) -> io::Result<()> {
        let request = self.handle.address().del(message(index, address));
        match reply(request.execute()).await {
            Err(error)
                if matches!(error.raw_os_error(), Some(NO_SUCH_ADDRESS | NO_SUCH_DEVICE)) =>
            {
                Ok(())
            }
            result => result,
        }
    }

    /// Removes every address of this host that carries our tag, and returns them.
    ///
    /// # Errors
    /// What the kernel answered.
    pub async fn remove_tagged(&self) -> io::Result<Vec<IpAddr>> {
        let listed = self.handle.address().get().execute().try_collect::<Vec<_>>();
        let mut removed = Vec::new();
        for message in reply(listed).await? {
            if let Some((address, true)) = inspect(&message) {
                self.remove(message.header.index, address).await?;
                removed.push(address);
            }
        }
        Ok(removed)
    }
}

impl Drop for Netlink {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// Awaits an answer of the kernel within [`REPLY_DEADLINE`].
pub(super) async fn reply<T>(
    request: impl Future<Output = Result<T, rtnetlink::Error>>,
) -> io::Result<T> {
    match timeout(REPLY_DEADLINE, request).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(rtnetlink::Error::NetlinkError(ErrorMessage { code: Some(code), .. }))) => {
            Err(io::Error::from_raw_os_error(code.get().saturating_abs()))
        }
        Ok(Err(error)) => Err(io::Error::other(error)),
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the kernel did not answer")),
    }
}
