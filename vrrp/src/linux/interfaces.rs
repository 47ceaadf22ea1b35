//! Follows the interfaces of this host: index, carrier and addresses, as states that are always current.
//!
//! Level-triggered: whoever looks sees what is so now, not a queue of what happened, so that
//! nothing can overflow and a missed step does no harm. One connection serves all who look.

#[cfg(any(test, fuzzing))]
pub(super) mod laws;
mod table;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt, TryStreamExt};
use rtnetlink::packet_core::{ErrorMessage, NetlinkMessage, NetlinkPayload};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::{Handle, MulticastGroup};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use table::Table;
pub(super) use table::{Interface, Own};

/// The kernel answers in well under a millisecond; silence for this long is a fault.
const REPLY_DEADLINE: Duration = Duration::from_millis(500);
/// Pause before the kernel is asked again after it failed to answer.
const RETRY: Duration = Duration::from_millis(200);
/// Who asks waits while so many others do.
const ASKS_MAX: usize = 16;

/// The interfaces of this host. Cheap to clone; the connection ends with the last clone.
#[derive(Clone, Debug)]
pub(super) struct Interfaces {
    asks: mpsc::Sender<Ask>,
    _task: Arc<AbortOnDrop>,
}

#[derive(Debug)]
struct Ask {
    name: String,
    answer: oneshot::Sender<watch::Receiver<Interface>>,
}

impl Interfaces {
    /// Subscribes, then asks for the present state, and returns once that is known.
    pub(super) async fn open() -> io::Result<Self> {
        let groups = [MulticastGroup::Link, MulticastGroup::Ipv4Ifaddr, MulticastGroup::Ipv6Ifaddr];
        let (connection, handle, messages) = rtnetlink::new_multicast_connection(&groups)?;
        let connection = AbortOnDrop(tokio::spawn(connection));
        let table = dump(&handle).await?;
        let (asks, asked) = mpsc::channel(ASKS_MAX);
        let follower = Follower {
            handle,
            table,
            followed: BTreeMap::new(),
            is_stale: false,
            _connection: connection,
        };
        let task = AbortOnDrop(tokio::spawn(follower.run(messages, asked)));
        Ok(Self { asks, _task: Arc::new(task) })
    }

    /// Follows the interface of this name, which need not exist.
    pub(super) async fn follow(&self, name: &str) -> io::Result<Watch> {
        let gone = || io::Error::other("the interfaces are not followed any more");
        let (answer, answered) = oneshot::channel();
        let ask = Ask { name: name.to_owned(), answer };
        self.asks.send(ask).await.map_err(|_| gone())?;
        Ok(Watch { current: answered.await.map_err(|_| gone())? })
    }
}

/// Keeps the table current, and those who follow an interface up to date.
struct Follower {
    handle: Handle,
    table: Table,
    followed: BTreeMap<String, watch::Sender<Interface>>,
    /// Events were lost.
    is_stale: bool,
    _connection: AbortOnDrop,
}

impl Follower {
    async fn run<A>(
        mut self,
        mut messages: impl Stream<Item = (NetlinkMessage<RouteNetlinkMessage>, A)> + Unpin,
        mut asks: mpsc::Receiver<Ask>,
    ) {
        loop {
            tokio::select! {
                ask = asks.recv() => match ask {
                    Some(ask) => self.answer(ask),
                    None => return,
                },
                message = messages.next() => match message {
                    Some((message, _)) => self.take(message.payload),
                    None => return tracing::error!("the kernel closed the netlink connection"),
                },
                () = sleep(RETRY), if self.is_stale => {}
            }
            if self.is_stale {
                self.refresh().await;
            }
        }
    }

    fn answer(&mut self, Ask { name, answer }: Ask) {
        let now = self.table.named(&name);
        let sender = self.followed.entry(name).or_insert_with(|| watch::channel(now).0);
        // Who asked may have given up.
        let _ = answer.send(sender.subscribe());
    }

    fn take(&mut self, payload: NetlinkPayload<RouteNetlinkMessage>) {
        match payload {
            NetlinkPayload::InnerMessage(message) if self.table.apply(&message) => self.publish(),
            NetlinkPayload::Overrun(_) => self.is_stale = true,
            _ => {}
        }
    }

    async fn refresh(&mut self) {
        match dump(&self.handle).await {
            Ok(table) => {
                tracing::warn!(
                    "events of the kernel were lost, listed interfaces and addresses anew"
                );
                self.table = table;
                self.is_stale = false;
                self.publish();
            }
            Err(error) => tracing::warn!(%error, "cannot list addresses, trying again"),
        }
    }

    fn publish(&mut self) {
        self.followed.retain(|_, sender| sender.receiver_count() > 0);
        for (name, sender) in &self.followed {
            let now = self.table.named(name);
            sender.send_if_modified(|current| {
                let is_new = *current != now;
                *current = now;
                is_new
            });
        }
    }
}

/// One interface, current until it is dropped.
#[derive(Debug)]
pub(super) struct Watch {
    current: watch::Receiver<Interface>,
}

impl Watch {
    /// The interface as it is now, and while this is held: not across an await.
    pub(super) fn interface(&self) -> watch::Ref<'_, Interface> {
        self.current.borrow()
    }

    /// Waits for a change that nobody has seen. Cancel-safe. Pends for ever once the kernel closed the connection.
    pub(super) async fn changed(&mut self) {
        if self.current.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[derive(Debug)]
struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn dump(handle: &Handle) -> io::Result<Table> {
    let mut table = Table::default();
    for link in reply(handle.link().get().execute().try_collect::<Vec<_>>()).await? {
        table.apply(&RouteNetlinkMessage::NewLink(link));
    }
    for address in reply(handle.address().get().execute().try_collect::<Vec<_>>()).await? {
        table.apply(&RouteNetlinkMessage::NewAddress(address));
    }
    Ok(table)
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
