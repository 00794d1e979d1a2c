//! What the driver keeps of a stream.

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::command::PIECE_OVERHEAD;
use super::send_window::SendWindowControl;
use super::stream::Inbound;
use crate::frame::ResetStatus;
use crate::headers::Headers;

/// A shorter piece is copied, so that its reader does not keep the whole buffer that it was read into.
const SHORTEST_SHARED: usize = 16 * 1024;

/// A stream with an end still open.
pub(super) struct Entry {
    inbound: mpsc::UnboundedSender<Inbound>,
    pub(super) window: SendWindowControl,
    /// Where the peer's answer goes, until it has come.
    pub(super) reply: Option<oneshot::Sender<Headers>>,
    /// Bytes delivered and not yet read.
    waiting: usize,
    /// The pieces that these are in.
    waiting_pieces: usize,
    /// Bytes that the peer may send again, and has not yet been told of.
    granted: usize,
    /// Nobody reads it any more.
    discarded: bool,
    /// The peer has ended its direction.
    received_fin: bool,
    /// We have ended ours.
    sent_fin: bool,
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
            waiting_pieces: 0,
            granted: 0,
            discarded: false,
            received_fin: false,
            sent_fin: false,
        }
    }

    /// Hands a piece to the reader. Says how many bytes count as read at once, because nobody will.
    pub(super) fn deliver(&mut self, piece: Bytes) -> usize {
        let bytes = piece.len();
        let piece = if bytes < SHORTEST_SHARED { Bytes::copy_from_slice(&piece) } else { piece };
        if self.discarded || self.inbound.send(Inbound::Data(piece)).is_err() {
            return bytes;
        }
        self.waiting += bytes;
        self.waiting_pieces += 1;
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

    /// A piece of so many bytes was read.
    pub(super) fn read(&mut self, bytes: usize) {
        self.waiting = self.waiting.saturating_sub(bytes);
        self.waiting_pieces = self.waiting_pieces.saturating_sub(1);
    }

    /// The peer may send so many bytes again. Says of how many to tell it, once it is worth a frame.
    pub(super) fn grant(&mut self, bytes: usize, worth: usize) -> Option<usize> {
        self.granted += bytes;
        (self.granted >= worth && !self.received_fin).then(|| std::mem::take(&mut self.granted))
    }

    /// Nobody will read what waits and comes. Says how many bytes waited.
    pub(super) fn discard(&mut self) -> usize {
        self.discarded = true;
        self.waiting_pieces = 0;
        std::mem::take(&mut self.waiting)
    }

    /// What waits for its reader, in bytes of memory.
    pub(super) fn held(&self) -> usize {
        self.waiting + self.waiting_pieces * PIECE_OVERHEAD
    }

    pub(super) fn has_received_fin(&self) -> bool {
        self.received_fin
    }

    pub(super) fn send_fin(&mut self) {
        self.sent_fin = true;
    }

    /// Whether nobody here writes or reads it any more.
    pub(super) fn is_left(&self) -> bool {
        self.sent_fin && (self.received_fin || self.discarded)
    }

    pub(super) fn is_over(&self) -> bool {
        self.received_fin && self.sent_fin
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::super::send_window::send_window;
    use super::*;

    #[tokio::test]
    async fn a_small_piece_does_not_keep_the_buffer_it_came_in() {
        let (inbound, mut received) = mpsc::unbounded_channel();
        let mut entry = Entry::new(inbound, send_window(0, false).1, None);
        let mut input = BytesMut::zeroed(4 * SHORTEST_SHARED);
        for length in [1, 100, SHORTEST_SHARED - 1, SHORTEST_SHARED] {
            entry.deliver(input.split_to(length).freeze());
            let Some(Inbound::Data(piece)) = received.recv().await else { panic!("nothing was delivered") };
            assert_eq!(piece.is_unique(), length < SHORTEST_SHARED, "{length}");
        }
        assert_eq!(entry.held(), 101 + 2 * SHORTEST_SHARED - 1 + 4 * PIECE_OVERHEAD);
        entry.read(100);
        assert_eq!(entry.held(), 1 + 2 * SHORTEST_SHARED - 1 + 3 * PIECE_OVERHEAD);
        assert_eq!((entry.discard(), entry.held()), (2 * SHORTEST_SHARED, 0));
    }
}
