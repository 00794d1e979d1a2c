//! What the peer sends.

use bytes::Bytes;

use super::{Driver, Windows};
use crate::connection::incoming::Request;
use crate::error::ConnectionError;
use crate::frame::{Frame, Priority, ResetStatus, Setting, SettingId};
use crate::headers::Headers;
use crate::stream_id::StreamId;

impl Driver {
    pub(super) fn receive(&mut self, frame: Frame) -> Result<(), ConnectionError> {
        match frame {
            Frame::SynStream { id, priority, fin, unidirectional, headers, .. } => {
                self.pace.used();
                self.receive_syn_stream(id, priority, fin, unidirectional, headers)
            }
            Frame::SynReply { id, fin, headers } => {
                self.pace.used();
                self.receive_syn_reply(id, fin, headers)
            }
            // Further headers have no place in a stream of bytes; what matters of them is the end.
            Frame::Headers { id, fin, .. } => {
                self.pace.used();
                self.receive_fin(id, fin);
                Ok(())
            }
            Frame::RstStream { id, status } => {
                if let Some(entry) = self.forget(id) {
                    entry.deliver_reset(status);
                }
                Ok(())
            }
            Frame::Settings { settings, .. } => settings.into_iter().try_for_each(|setting| self.adopt(setting)),
            Frame::Ping(number) if self.pace.is_of_peer(number) => self.write(&Frame::Ping(number)),
            Frame::Ping(_) => Ok(()),
            Frame::GoAway { .. } => {
                self.peer_is_going = true;
                Ok(())
            }
            Frame::WindowUpdate { id, delta } => self.receive_window_update(id, delta),
            Frame::Data { id, fin, payload } => {
                self.pace.used();
                self.receive_data(id, fin, payload)
            }
        }
    }

    fn receive_syn_stream(
        &mut self,
        id: StreamId,
        priority: Priority,
        fin: bool,
        unidirectional: bool,
        headers: Headers,
    ) -> Result<(), ConnectionError> {
        if !self.is_of_peer(id) {
            return Err(ConnectionError::Protocol("opened a stream with a number of ours"));
        }
        if self.last_of_peer.is_some_and(|last| id <= last) {
            return Err(ConnectionError::Protocol("opened a stream with a number that was used before"));
        }
        self.last_of_peer = Some(id);
        let open = self.streams.keys().filter(|id| self.is_of_peer(**id)).count();
        if self.closing || open >= self.settings.limits.streams {
            return self.write(&Frame::RstStream { id, status: ResetStatus::RefusedStream });
        }
        let (Some(stream), Some(channels)) =
            (self.enter(id, None, None, ResetStatus::RefusedStream), self.channels.upgrade())
        else {
            return Ok(());
        };
        if unidirectional && let Some(entry) = self.streams.get_mut(&id) {
            entry.send_fin();
        }
        self.receive_fin(id, fin);
        // The queue has room for as many as may be open. Without anybody who takes them, the drop refuses.
        drop(self.requests.try_send(Request { id, headers, priority, channels, stream }));
        Ok(())
    }

    fn receive_syn_reply(&mut self, id: StreamId, fin: bool, headers: Headers) -> Result<(), ConnectionError> {
        let Some(entry) = self.streams.get_mut(&id) else { return self.refuse_unknown(id) };
        match entry.reply.take() {
            // Whoever opened the stream may not want to know.
            Some(reply) => drop(reply.send(headers)),
            None => return self.reset(id, ResetStatus::StreamInUse),
        }
        self.receive_fin(id, fin);
        Ok(())
    }

    fn receive_data(&mut self, id: StreamId, fin: bool, payload: Bytes) -> Result<(), ConnectionError> {
        self.received(payload.len())?;
        let Some(entry) = self.streams.get_mut(&id) else { return self.refuse_unknown(id) };
        if entry.has_received_fin() {
            return self.reset(id, ResetStatus::StreamAlreadyClosed);
        }
        if !payload.is_empty() {
            let before = entry.held();
            let unread = entry.deliver(payload);
            let after = entry.held();
            self.count_held(before, after);
            self.grant(id, unread)?;
        }
        self.receive_fin(id, fin);
        Ok(())
    }

    fn receive_fin(&mut self, id: StreamId, fin: bool) {
        if !fin {
            return;
        }
        if let Some(entry) = self.streams.get_mut(&id) {
            entry.deliver_fin();
        }
        self.forget_if_over(id);
    }

    /// A frame for a stream that is not there: if it has ended here, the peer may not know yet; else it never was.
    fn refuse_unknown(&mut self, id: StreamId) -> Result<(), ConnectionError> {
        let known = if self.is_of_peer(id) {
            self.last_of_peer.is_some_and(|last| id <= last)
        } else {
            self.next_id.is_none_or(|next| id < next)
        };
        if known { Ok(()) } else { self.write(&Frame::RstStream { id, status: ResetStatus::InvalidStream }) }
    }

    fn receive_window_update(&mut self, id: Option<StreamId>, delta: u32) -> Result<(), ConnectionError> {
        let delta = i64::from(delta);
        let Some(id) = id else {
            self.windows.connection_binds = true;
            self.windows.connection += delta;
            if self.windows.connection > i64::from(i32::MAX) {
                return Err(ConnectionError::Protocol("gave the connection a window beyond 2^31-1 bytes"));
            }
            return Ok(());
        };
        self.streams_bind();
        let fits = self.streams.get(&id).is_none_or(|entry| entry.window.grow(delta));
        if fits { Ok(()) } else { self.reset(id, ResetStatus::FlowControlError) }
    }

    fn adopt(&mut self, setting: Setting) -> Result<(), ConnectionError> {
        if setting.id == SettingId::MAX_CONCURRENT_STREAMS {
            self.most_streams_of_peer = Some(setting.value);
        }
        if setting.id == SettingId::INITIAL_WINDOW_SIZE {
            let initial = i64::from(setting.value);
            if initial > i64::from(i32::MAX) {
                return Err(ConnectionError::Protocol("wants an initial window beyond 2^31-1 bytes"));
            }
            let delta = initial - std::mem::replace(&mut self.windows.initial, initial);
            self.streams_bind();
            if !self.streams.values().all(|entry| entry.window.grow(delta)) {
                return Err(ConnectionError::Protocol("gave a stream a window beyond 2^31-1 bytes"));
            }
        }
        Ok(())
    }

    /// The peer has shown that it has windows.
    fn streams_bind(&mut self) {
        if !std::mem::replace(&mut self.windows.streams_bind, true) {
            self.streams.values().for_each(|entry| entry.window.enforce());
        }
    }
}

impl Windows {
    /// How many of `wanted` bytes the connection's window lets through.
    pub(super) fn allowed(&self, wanted: usize) -> usize {
        if self.connection_binds { wanted.min(usize::try_from(self.connection).unwrap_or(0)) } else { wanted }
    }
}
