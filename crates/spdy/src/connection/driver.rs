//! The one owner of a connection's state: reads, writes, and knows every stream.

mod frames;
mod pace;
mod requests;
#[cfg(test)]
mod tests;
mod transport;

use std::collections::{BTreeMap, VecDeque};

use bytes::BytesMut;
use pace::Pace;
use tokio::sync::mpsc;

use super::command::{Control, Data, WeakChannels};
use super::entry::Entry;
use super::incoming::Request;
use super::send_window::INITIAL;
use super::{FlowControl, Role, Settings};
use crate::codec::{Decoder, Encoder};
use crate::error::ConnectionError;
use crate::frame::Frame;
use crate::stream_id::StreamId;

/// Beyond so many bytes that wait to be written no data is taken from streams.
const FULL: usize = 256 * 1024;

/// Beyond so many, nothing is read either: a peer that asks and does not listen is not answered.
const OVERFULL: usize = 1024 * 1024;

/// What the peer may send, on a stream and on the whole connection, before it is told more (draft 3.1, section 2.6.8).
const WINDOW: usize = 64 * 1024;

pub(super) struct Driver {
    role: Role,
    settings: Settings,
    channels: WeakChannels,
    data: mpsc::UnboundedReceiver<Data>,
    control: mpsc::UnboundedReceiver<Control>,
    requests: mpsc::Sender<Request>,

    decoder: Decoder,
    encoder: Encoder,
    input: BytesMut,
    output: BytesMut,
    /// What waits to be written is not only pings and the like.
    output_is_of_streams: bool,
    unflushed: bool,

    streams: BTreeMap<StreamId, Entry>,
    next_id: Option<StreamId>,
    /// The last stream of the peer's that was taken or refused.
    last_of_peer: Option<StreamId>,
    /// Streams whose readers have more waiting than they should.
    overrun: usize,
    /// What waits for the readers of all streams, in bytes of memory; of those that have ended, too.
    held: usize,
    /// What it is of each that has ended.
    held_of_ended: BTreeMap<StreamId, usize>,

    windows: Windows,
    /// What was taken from `data` and cannot be written yet. None of it belongs to a stream that has ended.
    queue: VecDeque<Data>,
    /// Bytes that came on the whole connection, of which the peer has not been told.
    received: usize,

    most_streams_of_peer: Option<u32>,
    closing: bool,
    /// The peer has said that it goes.
    peer_is_going: bool,
    /// Nobody here holds anything of the connection.
    abandoned: bool,
    farewell: Farewell,
    pace: Pace,
}

/// How far the end has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Farewell {
    Unsaid,
    /// The last frame is written, or waits to be.
    Said,
    /// Our direction of the transport has ended.
    Shut,
}

/// What the peer lets us send.
struct Windows {
    /// Of a new stream.
    initial: i64,
    /// Of the whole connection.
    connection: i64,
    streams_bind: bool,
    connection_binds: bool,
}

impl Driver {
    pub(super) fn new(
        role: Role,
        settings: Settings,
        channels: WeakChannels,
        data: mpsc::UnboundedReceiver<Data>,
        control: mpsc::UnboundedReceiver<Control>,
        requests: mpsc::Sender<Request>,
    ) -> Self {
        let binds = settings.flow_control == FlowControl::Enforce;
        let windows = Windows { initial: INITIAL, connection: INITIAL, streams_bind: binds, connection_binds: binds };
        Self {
            role,
            settings,
            channels,
            data,
            control,
            requests,
            decoder: Decoder::new(settings.limits),
            encoder: Encoder::new(),
            input: BytesMut::new(),
            output: BytesMut::new(),
            output_is_of_streams: false,
            unflushed: false,
            streams: BTreeMap::new(),
            next_id: StreamId::new(if role == Role::Client { 1 } else { 2 }),
            last_of_peer: None,
            overrun: 0,
            held: 0,
            held_of_ended: BTreeMap::new(),
            windows,
            queue: VecDeque::new(),
            received: 0,
            most_streams_of_peer: None,
            closing: false,
            peer_is_going: false,
            abandoned: false,
            farewell: Farewell::Unsaid,
            pace: Pace::new(role, &settings),
        }
    }

    fn write(&mut self, frame: &Frame) -> Result<(), ConnectionError> {
        Ok(self.encoder.encode(frame, &mut self.output)?)
    }

    /// Whether the number is one that the peer counts.
    fn is_of_peer(&self, id: StreamId) -> bool {
        id.is_of_client() == (self.role == Role::Server)
    }

    /// Whether everything that was to be written has been.
    fn has_said_all(&self) -> bool {
        self.output.is_empty() && !self.unflushed && self.queue.is_empty() && self.data.is_empty()
    }

    /// Whether neither side does anything any more.
    fn nobody_is_left(&self) -> bool {
        self.abandoned || (self.closing && self.streams.is_empty())
    }

    /// Whether it is up to the peer alone to end its streams.
    fn only_the_peer_is_left(&self) -> bool {
        self.closing && self.streams.values().all(Entry::is_left)
    }

    fn may_read(&self) -> bool {
        self.farewell != Farewell::Unsaid || !(self.input_waits() || self.output.len() >= OVERFULL)
    }

    /// Whether as much waits for readers as may.
    fn input_waits(&self) -> bool {
        self.overrun > 0 || self.held > self.settings.connection_buffer
    }

    /// Forgets a stream whose two directions have ended.
    fn forget_if_over(&mut self, id: StreamId) {
        if self.streams.get(&id).is_some_and(Entry::is_over) {
            self.forget(id);
        }
    }

    fn forget(&mut self, id: StreamId) -> Option<Entry> {
        let entry = self.streams.remove(&id)?;
        let held = entry.held();
        self.count_overrun(held, 0);
        if held > 0 {
            self.held_of_ended.insert(id, held);
        }
        self.queue.retain(|data| data.id != id);
        Some(entry)
    }

    /// Keeps count of what waits for the reader of a stream.
    fn count_held(&mut self, before: usize, after: usize) {
        self.held = (self.held + after).saturating_sub(before);
        self.count_overrun(before, after);
    }

    /// The same for a stream that has ended: it is not there any more, and its reader may be.
    fn count_held_of_ended(&mut self, id: StreamId, after: impl FnOnce(usize) -> usize) {
        let Some(before) = self.held_of_ended.remove(&id) else { return };
        let after = after(before);
        self.held = (self.held + after).saturating_sub(before);
        if after > 0 {
            self.held_of_ended.insert(id, after);
        }
    }

    /// Keeps count of the streams that have overrun their buffers.
    fn count_overrun(&mut self, before: usize, after: usize) {
        let most = self.settings.stream_buffer.max(WINDOW);
        match (before > most, after > most) {
            (false, true) => self.overrun += 1,
            (true, false) => self.overrun -= 1,
            _ => {}
        }
    }
}
