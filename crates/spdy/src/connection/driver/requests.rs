//! What streams and sessions ask for.

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::{Driver, WINDOW};
use crate::connection::command::{Control, Data, PIECE_OVERHEAD, Piece};
use crate::connection::entry::Entry;
use crate::connection::send_window::send_window;
use crate::connection::session::OpenError;
use crate::connection::stream::Stream;
use crate::error::{ConnectionError, EncodeError};
use crate::frame::{Frame, Priority, ResetStatus};
use crate::headers::Headers;
use crate::stream_id::StreamId;

impl Driver {
    pub(super) fn obey(&mut self, control: Control) -> Result<(), ConnectionError> {
        match control {
            Control::Open { headers, priority, opened } => {
                let stream = match self.open(headers, priority) {
                    Err(OpenError::Headers(error @ (EncodeError::TooLong(_) | EncodeError::Deflate))) => {
                        return Err(error.into());
                    }
                    stream => stream,
                };
                // Whoever asked may have gone; the stream is then cancelled by its drop.
                drop(opened.send(stream));
                Ok(())
            }
            Control::Reply { id, headers } => {
                if !self.streams.contains_key(&id) {
                    return Ok(());
                }
                self.pace.used();
                self.write(&Frame::SynReply { id, fin: false, headers })
            }
            Control::Reset { id, status } => self.reset(id, status),
            Control::Consumed { id, bytes } => self.consumed(id, bytes),
            Control::Discard { id } => {
                let Some(entry) = self.streams.get_mut(&id) else {
                    self.count_held_of_ended(id, |_| 0);
                    return Ok(());
                };
                let held = entry.held();
                let bytes = entry.discard();
                self.count_held(held, 0);
                self.grant(id, bytes)
            }
            Control::Close => {
                self.closing = true;
                Ok(())
            }
        }
    }

    fn open(&mut self, headers: Headers, priority: Priority) -> Result<Stream, OpenError> {
        if self.closing || self.peer_is_going {
            return Err(OpenError::Closing);
        }
        if let Some(most) = self.most_streams_of_peer
            && self.streams.keys().filter(|id| !self.is_of_peer(**id)).count() >= most as usize
        {
            return Err(OpenError::TooMany(most));
        }
        let id = self.next_id.ok_or(OpenError::NoNumbers)?;
        let frame = Frame::SynStream { id, associated: None, priority, fin: false, unidirectional: false, headers };
        self.encoder.encode(&frame, &mut self.output)?;
        self.next_id = id.next();
        self.pace.used();
        let (replied, reply) = oneshot::channel();
        self.enter(id, Some(replied), Some(reply), ResetStatus::Cancel).ok_or(OpenError::Ended)
    }

    /// Enters a new stream. `None` if nobody here holds the connection any more.
    pub(super) fn enter(
        &mut self,
        id: StreamId,
        replied: Option<oneshot::Sender<Headers>>,
        reply: Option<oneshot::Receiver<Headers>>,
        unfinished: ResetStatus,
    ) -> Option<Stream> {
        let channels = self.channels.upgrade()?;
        let (inbound, received) = mpsc::unbounded_channel();
        let (window, control) = send_window(self.windows.initial, self.windows.streams_bind);
        self.streams.insert(id, Entry::new(inbound, control, replied));
        Some(Stream::new(id, &channels, received, window, reply, unfinished))
    }

    /// A piece of so many bytes has been read.
    fn consumed(&mut self, id: StreamId, bytes: usize) -> Result<(), ConnectionError> {
        let Some(entry) = self.streams.get_mut(&id) else {
            self.count_held_of_ended(id, |held| held.saturating_sub(bytes + PIECE_OVERHEAD));
            return Ok(());
        };
        let before = entry.held();
        entry.read(bytes);
        let after = entry.held();
        self.count_held(before, after);
        self.grant(id, bytes)
    }

    /// So many bytes of a stream have been read, or never will be: the peer may send as many again.
    pub(super) fn grant(&mut self, id: StreamId, bytes: usize) -> Result<(), ConnectionError> {
        let grant = self.streams.get_mut(&id).and_then(|entry| entry.grant(bytes, WINDOW / 2));
        let Some(delta) = grant else { return Ok(()) };
        self.write(&Frame::WindowUpdate { id: Some(id), delta: u32::try_from(delta).unwrap_or(u32::MAX) })
    }

    /// So many bytes have come. The connection's window does not wait for readers, or one that does not read would hold up
    /// the streams of the others; what waits is bounded by the streams' own windows.
    pub(super) fn received(&mut self, bytes: usize) -> Result<(), ConnectionError> {
        self.received += bytes;
        if self.received < WINDOW / 2 {
            return Ok(());
        }
        let delta = u32::try_from(std::mem::take(&mut self.received)).unwrap_or(u32::MAX);
        self.write(&Frame::WindowUpdate { id: None, delta })
    }

    /// Writes what was queued. False if the connection's window does not let all of it through; the rest is queued again.
    pub(super) fn send(&mut self, Data { id, piece }: Data) -> Result<bool, ConnectionError> {
        let Some(entry) = self.streams.get_mut(&id) else { return Ok(true) };
        match piece {
            Piece::Bytes(mut payload) => {
                let now = payload.split_to(self.windows.allowed(payload.len()));
                let is_whole = payload.is_empty();
                // Its writer is woken only if there is something new for it.
                if !now.is_empty() {
                    entry.window.take(now.len() + if is_whole { PIECE_OVERHEAD } else { 0 });
                    self.put(id, now, false)?;
                }
                if !is_whole {
                    self.queue.push_front(Data { id, piece: Piece::Bytes(payload) });
                }
                return Ok(is_whole);
            }
            Piece::Fin => {
                entry.send_fin();
                self.put(id, Bytes::new(), true)?;
                self.forget_if_over(id);
            }
            Piece::Reset(status) => self.reset(id, status)?,
        }
        Ok(true)
    }

    /// Ends both directions.
    pub(super) fn reset(&mut self, id: StreamId, status: ResetStatus) -> Result<(), ConnectionError> {
        let Some(entry) = self.forget(id) else { return Ok(()) };
        entry.deliver_reset(status);
        self.write(&Frame::RstStream { id, status })
    }

    fn put(&mut self, id: StreamId, payload: Bytes, fin: bool) -> Result<(), ConnectionError> {
        self.windows.connection -= i64::try_from(payload.len()).unwrap_or(i64::MAX);
        self.output_is_of_streams = true;
        self.pace.used();
        self.write(&Frame::Data { id, fin, payload })
    }
}
