//! What streams and sessions ask the driver for.

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::session::OpenError;
use super::stream::Stream;
use crate::frame::{Priority, ResetStatus};
use crate::headers::Headers;
use crate::stream_id::StreamId;

/// The longest piece of data that is queued at once.
pub(super) const LONGEST_PIECE: usize = 64 * 1024;

/// What a piece of data that waits costs beside its bytes: its place in a queue, and what an allocation takes at least.
pub(super) const PIECE_OVERHEAD: usize = 96;

/// What goes to the peer in the order of its stream.
#[derive(Debug)]
pub(super) struct Data {
    pub(super) id: StreamId,
    pub(super) piece: Piece,
}

/// A part of a stream.
#[derive(Debug)]
pub(super) enum Piece {
    /// How many of them wait is bounded by the stream's [`SendWindow`](super::send_window::SendWindow).
    Bytes(Bytes),
    /// The end of our direction.
    Fin,
    /// The end of both.
    Reset(ResetStatus),
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
    /// A received piece of so many bytes has been read.
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

/// The ways to the driver.
#[derive(Debug, Clone)]
pub(super) struct Channels {
    pub(super) data: mpsc::UnboundedSender<Data>,
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
    data: mpsc::WeakUnboundedSender<Data>,
    control: mpsc::WeakUnboundedSender<Control>,
}

impl WeakChannels {
    pub(super) fn upgrade(&self) -> Option<Channels> {
        Some(Channels { data: self.data.upgrade()?, control: self.control.upgrade()? })
    }
}
