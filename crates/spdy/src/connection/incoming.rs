//! [`Incoming`] and [`Request`].

use tokio::sync::mpsc;

use super::command::{Channels, Control};
use super::session::Session;
use super::stream::Stream;
use crate::frame::{Priority, ResetStatus};
use crate::headers::Headers;
use crate::stream_id::StreamId;

/// The streams that the peer opens. Once it is dropped, they are refused.
#[derive(Debug)]
pub struct Incoming {
    requests: mpsc::Receiver<Request>,
    /// Who waits for streams keeps the connection.
    _session: Session,
}

/// A stream that the peer wants. Dropped, it is refused.
#[derive(Debug)]
pub struct Request {
    pub(super) id: StreamId,
    pub(super) headers: Headers,
    pub(super) priority: Priority,
    pub(super) channels: Channels,
    /// Refuses itself when it is dropped.
    pub(super) stream: Stream,
}

impl Incoming {
    pub(super) fn new(requests: mpsc::Receiver<Request>, session: Session) -> Self {
        Self { requests, _session: session }
    }

    /// The next one; `None` once the connection has ended.
    pub async fn next(&mut self) -> Option<Request> {
        self.requests.recv().await
    }
}

impl Request {
    /// The stream's number.
    pub fn id(&self) -> StreamId {
        self.id
    }

    /// What it is for.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// How urgent the peer finds it.
    pub fn priority(&self) -> Priority {
        self.priority
    }

    /// Takes it. Headers that cannot be written (see [`Headers`]) end the connection.
    pub fn accept(self, headers: Headers) -> Stream {
        self.channels.tell(Control::Reply { id: self.id, headers });
        self.stream.taken()
    }

    /// Refuses it.
    pub fn refuse(self, status: ResetStatus) {
        self.stream.reset(status);
    }
}
