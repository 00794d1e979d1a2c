//! What the driver keeps of a stream.

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::command::Ending;
use super::send_window::SendWindowControl;
use super::stream::Inbound;
use crate::frame::ResetStatus;
use crate::headers::Headers;

/// A stream with an end still open.
pub(super) struct Entry {
    inbound: mpsc::UnboundedSender<Inbound>,
    pub(super) window: SendWindowControl,
    /// Where the peer's answer goes, until it has come.
    pub(super) reply: Option<oneshot::Sender<Headers>>,
    /// Delivered and not yet read.
    waiting: usize,
    /// Read, and the peer not yet told.
    consumed: usize,
    /// Nobody reads it any more.
    discarded: bool,
    /// The peer has ended its direction.
    received_fin: bool,
    /// We have ended ours.
    sent_fin: bool,
    /// Pieces of data that were written.
    sent_pieces: u64,
    /// Ours ends after so many, and how.
    finish_after: Option<(u64, Ending)>,
}

impl Entry {
    pub(super) fn new(
        inbound: mpsc::UnboundedSender<Inbound>,
        window: SendWindowControl,
        reply: Option<oneshot::Sender<Headers>>,
    ) -> Self {
        Self {
            inbound,
            window,
            reply,
            waiting: 0,
            consumed: 0,
            discarded: false,
            received_fin: false,
            sent_fin: false,
            sent_pieces: 0,
            finish_after: None,
        }
    }

    /// Hands a piece to the reader. Says how many bytes count as read at once, because nobody will.
    pub(super) fn deliver(&mut self, piece: Bytes) -> usize {
        let bytes = piece.len();
        if self.discarded || self.inbound.send(Inbound::Data(piece)).is_err() {
            return bytes;
        }
        self.waiting += bytes;
        0
    }

    /// The peer's direction has ended.
    pub(super) fn deliver_fin(&mut self) {
        self.received_fin = true;
        // Who does not read does not want to know.
        drop(self.inbound.send(Inbound::Fin));
    }

    /// The stream was reset, which is its end.
    pub(super) fn deliver_reset(self, status: ResetStatus) {
        self.window.reset(status);
        drop(self.inbound.send(Inbound::Reset(status)));
    }

    /// So many bytes were read. Says how many to grant the peer, once it is worth a frame.
    pub(super) fn read(&mut self, bytes: usize, worth: usize) -> Option<usize> {
        self.waiting = self.waiting.saturating_sub(bytes);
        self.consumed += bytes;
        (self.consumed >= worth && !self.received_fin).then(|| std::mem::take(&mut self.consumed))
    }

    /// Nobody will read what waits and comes. Says how much waited.
    pub(super) fn discard(&mut self) -> usize {
        self.discarded = true;
        std::mem::take(&mut self.waiting)
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    pub(super) fn has_received_fin(&self) -> bool {
        self.received_fin
    }

    pub(super) fn send_fin(&mut self) {
        self.sent_fin = true;
    }

    /// A piece was written. Says what follows it if it was the last.
    pub(super) fn sent_piece(&mut self) -> Option<Ending> {
        self.sent_pieces += 1;
        self.due_ending()
    }

    /// Nothing comes after so many pieces but the end. Gives it back if all of them have been written.
    pub(super) fn finish_after(&mut self, pieces: u64, ending: Ending) -> Option<Ending> {
        self.finish_after = Some((pieces, ending));
        self.due_ending()
    }

    fn due_ending(&self) -> Option<Ending> {
        self.finish_after.filter(|(pieces, _)| self.sent_pieces >= *pieces).map(|(_, ending)| ending)
    }

    pub(super) fn is_over(&self) -> bool {
        self.received_fin && self.sent_fin
    }
}
