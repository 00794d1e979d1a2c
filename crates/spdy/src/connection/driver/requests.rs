//! What streams and sessions ask for.

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::{Driver, WINDOW};
use crate::connection::command::{Control, Data, Ending};
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
            Control::Finish { id, pieces, ending } => {
                match self.streams.get_mut(&id).and_then(|entry| entry.finish_after(pieces, ending)) {
                    Some(Ending::Fin) => self.finish(id),
                    Some(Ending::Reset(status)) => self.reset(id, status),
                    None => Ok(()),
                }
            }
            Control::Consumed { id, bytes } => self.consumed(id, bytes),
            Control::Discard { id } => {
                let Some(entry) = self.streams.get_mut(&id) else { return Ok(()) };
                let waited = entry.waiting();
                let bytes = entry.discard();
                self.count_overrun(waited, 0);
                self.consumed(id, bytes)
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

    /// So many bytes of a stream have been read, or never will be: the peer may send as many again.
    pub(super) fn consumed(&mut self, id: StreamId, bytes: usize) -> Result<(), ConnectionError> {
        let Some(entry) = self.streams.get_mut(&id) else { return Ok(()) };
        let before = entry.waiting();
        let grant = entry.read(bytes, WINDOW / 2);
        let after = entry.waiting();
        self.count_overrun(before, after);
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

    /// Writes data, or as much of it as the connection's window allows.
    pub(super) fn send(&mut self, mut data: Data) -> Result<(), ConnectionError> {
        // What a stream had written before it was reset is of no use to anybody.
        let Some(entry) = self.streams.get_mut(&data.id) else { return Ok(()) };
        let id = data.id;
        let allowed = self.windows.allowed(data.payload.len());
        if allowed < data.payload.len() {
            let now = data.payload.split_to(allowed);
            self.held = Some(data);
            return if now.is_empty() { Ok(()) } else { self.put(id, now, false) };
        }
        let ending = entry.sent_piece();
        let fin = data.fin | (ending == Some(Ending::Fin));
        if fin {
            entry.send_fin();
        }
        self.put(id, data.payload, fin)?;
        if let Some(Ending::Reset(status)) = ending {
            return self.reset(id, status);
        }
        self.forget_if_over(id);
        Ok(())
    }

    /// Ends both directions.
    fn reset(&mut self, id: StreamId, status: ResetStatus) -> Result<(), ConnectionError> {
        let Some(entry) = self.forget(id) else { return Ok(()) };
        entry.deliver_reset(status);
        self.write(&Frame::RstStream { id, status })
    }

    /// Ends our direction.
    fn finish(&mut self, id: StreamId) -> Result<(), ConnectionError> {
        if let Some(entry) = self.streams.get_mut(&id) {
            entry.send_fin();
        }
        self.put(id, Bytes::new(), true)?;
        self.forget_if_over(id);
        Ok(())
    }

    fn put(&mut self, id: StreamId, payload: Bytes, fin: bool) -> Result<(), ConnectionError> {
        self.windows.connection -= i64::try_from(payload.len()).unwrap_or(i64::MAX);
        self.pace.used();
        self.write(&Frame::Data { id, fin, payload })
    }
}
