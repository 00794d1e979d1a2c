//! A watch as a stream of chunks.

use std::collections::VecDeque;

use bytes::Bytes;
use futures::stream::{self, Stream};

use super::{ApiServer, Link, LinkState, TransportError};
use crate::fault::{EventFault, RequestClass};
use crate::kernel::{Watch, WatchStep};

/// An open watch and the connection that carries it.
struct Connection {
    server: ApiServer,
    link: Link,
    request: RequestClass,
    watch: Box<Watch>,
    /// The run of the server in which the connection was made.
    epoch: u64,
    /// Events that are on their way.
    queue: VecDeque<Bytes>,
    sent: u64,
    broken: bool,
}

/// What became of one event.
enum Sending {
    Sent(Bytes),
    Broken(Option<Bytes>),
    Closed,
}

pub(super) fn events(
    server: ApiServer,
    link: Link,
    request: RequestClass,
    watch: Box<Watch>,
) -> impl Stream<Item = Result<Bytes, TransportError>> + Send + 'static {
    let epoch = server.shared.power.get().epoch;
    let connection = Connection { server, link, request, watch, epoch, queue: VecDeque::new(), sent: 0, broken: false };
    stream::unfold(Some(connection), |connection| async move {
        let mut connection = connection?;
        let item = connection.next().await?;
        Some(match item {
            Ok(chunk) => (Ok(chunk), Some(connection)),
            Err(error) => (Err(error), None),
        })
    })
}

impl Connection {
    async fn next(&mut self) -> Option<Result<Bytes, TransportError>> {
        loop {
            if self.broken || self.is_cut() {
                return Some(Err(TransportError::Reset));
            }
            if let Some(event) = self.queue.pop_front() {
                return match self.send(event).await {
                    Sending::Sent(event) => Some(Ok(event)),
                    Sending::Closed => None,
                    Sending::Broken(None) => Some(Err(TransportError::Reset)),
                    Sending::Broken(Some(part)) => {
                        self.broken = true;
                        Some(Ok(part))
                    }
                };
            }
            // Read before the watch is polled, so that no write falls in between.
            let revision = self.server.shared.revision.get();
            match self.server.poll_watch(&mut self.watch) {
                WatchStep::Deliver(events) => self.queue.extend(events),
                WatchStep::End => return None,
                WatchStep::Idle(until) => {
                    let deadline = self.server.instant(until);
                    let (power, revisions) = (&self.server.shared.power, &self.server.shared.revision);
                    let epoch = self.epoch;
                    tokio::select! {
                        biased;
                        _ = power.wait_for(|power| !power.on || power.epoch != epoch) => {}
                        () = self.link.refuses() => {}
                        _ = revisions.wait_for(|now| now != revision) => {}
                        () = tokio::time::sleep_until(deadline) => {}
                    }
                }
            }
        }
    }

    /// Carries one event to the client, or loses it.
    async fn send(&mut self, event: Bytes) -> Sending {
        let index = self.sent;
        self.sent += 1;
        match self.server.event_fault(&self.request, index) {
            EventFault::None => {}
            EventFault::Delay(delay) => tokio::time::sleep(delay).await,
            EventFault::Close => return Sending::Closed,
            EventFault::Reset => return Sending::Broken(None),
            EventFault::Truncate => return Sending::Broken(Some(event.slice(..event.len() / 2))),
            EventFault::Silence => self.stay_silent().await,
        }
        let passes = self.link.passes().await;
        if passes && !self.is_cut() { Sending::Sent(event) } else { Sending::Broken(None) }
    }

    /// Says nothing until the connection breaks for another reason.
    async fn stay_silent(&self) {
        let power = &self.server.shared.power;
        let epoch = self.epoch;
        tokio::select! {
            biased;
            _ = power.wait_for(|power| !power.on || power.epoch != epoch) => {}
            () = self.link.refuses() => {}
        }
    }

    fn is_cut(&self) -> bool {
        let power = self.server.shared.power.get();
        !power.on || power.epoch != self.epoch || self.link.state() == LinkState::Refused
    }
}
