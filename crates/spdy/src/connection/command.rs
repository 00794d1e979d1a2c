//! What streams and sessions ask the driver for.

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::session::OpenError;
use super::stream::Stream;
use crate::frame::{Priority, ResetStatus};
use crate::headers::Headers;
use crate::stream_id::StreamId;

/// Pieces of data that may wait to be written; writers wait when it is full.
pub(super) const DATA_QUEUE: usize = 16;

/// The longest piece of data that is queued at once.
pub(super) const LONGEST_PIECE: usize = 64 * 1024;

/// Bytes for the peer, in the order of their stream.
#[derive(Debug)]
pub(super) struct Data {
    pub(super) id: StreamId,
    pub(super) payload: Bytes,
    pub(super) fin: bool,
}

/// Everything else. Never more of them wait than there are streams and unread pieces.
#[derive(Debug)]
pub(super) enum Control {
    Open {
        headers: Headers,
        priority: Priority,
        opened: oneshot::Sender<Result<Stream, OpenError>>,
    },
    Reply {
        id: StreamId,
        headers: Headers,
    },
    Reset {
        id: StreamId,
        status: ResetStatus,
    },
    /// Our direction ends after so many pieces of data.
    Finish {
        id: StreamId,
        pieces: u64,
        ending: Ending,
    },
    /// So many received bytes have been read.
    Consumed {
        id: StreamId,
        bytes: usize,
    },
    /// Nobody will read what comes.
    Discard {
        id: StreamId,
    },
    Close,
}

/// What comes after the last piece of data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// The end of our direction.
    Fin,
    /// The end of both.
    Reset(ResetStatus),
}

/// The ways to the driver.
#[derive(Debug, Clone)]
pub(super) struct Channels {
    pub(super) data: mpsc::Sender<Data>,
    pub(super) control: mpsc::UnboundedSender<Control>,
}

impl Channels {
    /// After the connection has ended there is nobody to tell, and nothing to be done.
    pub(super) fn tell(&self, control: Control) {
        drop(self.control.send(control));
    }

    pub(super) fn downgrade(&self) -> WeakChannels {
        WeakChannels { data: self.data.downgrade(), control: self.control.downgrade() }
    }
}

/// The driver's own, by which new streams reach it; they keep nothing alive.
pub(super) struct WeakChannels {
    data: mpsc::WeakSender<Data>,
    control: mpsc::WeakUnboundedSender<Control>,
}

impl WeakChannels {
    pub(super) fn upgrade(&self) -> Option<Channels> {
        Some(Channels { data: self.data.upgrade()?, control: self.control.upgrade()? })
    }
}
