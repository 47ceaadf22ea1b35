//! A session: one client, from accept to close.
//!
//! Takes a server from the [`backend`](crate::backend), lets the [`relay`](crate::relay) copy, ends
//! both connections as the reason for the end demands, and counts exactly one [`CloseReason`].

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::time;
use tracing::{Instrument, debug, debug_span};

use crate::backend::Upstream;
use crate::frontend::{Frontend, Service, Slot};
use crate::registry::{Entry, Registration};
use crate::relay::Relay;
use crate::stats::CloseReason;
use crate::tcp;

/// One accepted client. Must be made on the thread that serves it.
pub(crate) struct Session {
    stream: TcpStream,
    service: Arc<Service>,
    outcome: Outcome,
    slot: Slot,
    registration: Registration,
}

impl Session {
    pub(crate) fn new(stream: TcpStream, local: IpAddr, service: Arc<Service>, slot: Slot) -> Self {
        service.frontend.count_session();
        let outcome = Outcome {
            frontend: Arc::clone(&service.frontend),
            // What is true if the task never gets to say otherwise.
            reason: CloseReason::Aborted,
        };
        Self { stream, service, outcome, slot, registration: Registration::new(local) }
    }

    /// Serves the client until its session is over.
    pub(crate) fn run(mut self, client: SocketAddr) -> impl Future<Output = ()> {
        let span = debug_span!("session", %client, frontend = self.service.frontend.name);
        let session = async move {
            let reason =
                serve(self.stream, client.ip(), &self.service, self.registration.entry()).await;
            debug!(%reason, "closed");
            self.outcome.reason = reason;
            // In this order: who waits for the session finds it counted and its place free.
            drop(self.outcome);
            drop(self.slot);
            drop(self.registration);
        };
        session.instrument(span)
    }
}

/// How a session ended; counted when dropped, even if its task panics.
struct Outcome {
    frontend: Arc<Frontend>,
    reason: CloseReason,
}

impl Drop for Outcome {
    fn drop(&mut self) {
        self.frontend.count_close(self.reason);
    }
}

async fn serve(
    client: TcpStream,
    address: IpAddr,
    service: &Service,
    session: &Entry,
) -> CloseReason {
    // Boxed, as is `end`: the memory of what takes a moment is not kept for what takes hours.
    let connect = Box::pin(service.backend.connect(address));
    let Upstream { stream, lease } = match session.unless_dismissed(connect).await {
        Ok(Ok(upstream)) => upstream,
        Ok(Err(reason)) => {
            tcp::reset(client);
            return reason;
        }
        Err(reason) => {
            Box::pin(tcp::farewell(vec![client])).await;
            return reason;
        }
    };
    debug!(server = lease.server().id.name, "connected");
    session.attach(lease);
    let mut relay = Relay::new(client, stream, service.idle_timeout);
    let reason = session.unless_dismissed(relay.run()).await.unwrap_or_else(|reason| reason);
    Box::pin(end(relay, reason)).await;
    reason
}

/// Ends both connections so that either peer learns what it should.
async fn end(relay: Relay, reason: CloseReason) {
    match reason {
        CloseReason::ClientReset => {
            time::sleep_until(relay.server_resettable_at()).await;
            let (_, server) = relay.into_streams();
            tcp::reset(server);
        }
        CloseReason::ServerReset => {
            time::sleep_until(relay.client_resettable_at()).await;
            let (client, _) = relay.into_streams();
            tcp::reset(client);
        }
        // Both have sent their FIN, so closing the sockets is all that is left to do.
        CloseReason::Finished => {}
        CloseReason::IdleTimeout
        | CloseReason::ServerDown
        | CloseReason::AddressReleased
        | CloseReason::Shutdown
        | CloseReason::NoServer
        | CloseReason::ConnectFailed
        | CloseReason::OutOfResources
        | CloseReason::Aborted => {
            let (client, server) = relay.into_streams();
            tcp::farewell(vec![client, server]).await;
        }
    }
}
