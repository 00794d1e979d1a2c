//! [`Decoder`].

use bytes::{Buf, Bytes, BytesMut};

use super::{CONTROL, FLAG_CLEAR, FLAG_FIN, FLAG_UNIDIRECTIONAL, HEAD, VERSION, kind};
use crate::error::DecodeError;
use crate::frame::{Frame, GoAwayStatus, Priority, ResetStatus, Setting, SettingId};
use crate::header_compression::Inflater;
use crate::headers::Headers;
use crate::limits::Limits;
use crate::stream_id::StreamId;

/// Reads the frames of one direction.
pub struct Decoder {
    limits: Limits,
    inflater: Inflater,
    /// The data frame in whose middle the input is.
    data: Option<PartialData>,
}

struct PartialData {
    id: StreamId,
    fin: bool,
    /// Bytes that are still to come.
    rest: usize,
}

/// The first eight bytes of a control frame.
struct Head {
    kind: u16,
    flags: u8,
    length: usize,
}

impl Decoder {
    /// For a new connection.
    pub fn new(limits: Limits) -> Self {
        Self { limits, inflater: Inflater::new(), data: None }
    }

    /// Takes the next frame from the front of `input`. `None` asks for more input.
    ///
    /// # Errors
    /// Input that is no SPDY/3.1, or beyond the limits; nothing can be read after that.
    pub fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Frame>, DecodeError> {
        loop {
            if let Some(data) = &self.data {
                return Ok(self.piece_of(data.id, input));
            }
            let Some(first) = input.get(..HEAD) else { return Ok(None) };
            let mut first = Bytes::copy_from_slice(first);
            let (high, low) = (first.get_u16(), first.get_u16());
            let flags = first.get_u8();
            let length = usize::try_from(first.get_uint(3)).unwrap_or(usize::MAX);
            if high & CONTROL == 0 {
                let id = u32::from(high) << 16 | u32::from(low);
                let id = StreamId::from_field(id).ok_or(DecodeError::NoStream("DATA"))?;
                input.advance(HEAD);
                self.data = Some(PartialData { id, fin: flags & FLAG_FIN != 0, rest: length });
                continue;
            }
            if high != CONTROL | VERSION {
                return Err(DecodeError::Version(high & !CONTROL));
            }
            if length > self.limits.control_frame {
                return Err(DecodeError::ControlFrame { length, limit: self.limits.control_frame });
            }
            if input.len() < HEAD + length {
                return Ok(None);
            }
            input.advance(HEAD);
            let payload = input.split_to(length).freeze();
            // A kind that nobody knows is skipped.
            if let Some(frame) = self.control(&Head { kind: low, flags, length }, payload)? {
                return Ok(Some(frame));
            }
        }
    }

    /// As much of the data frame under way as has come; an empty frame is one empty piece.
    fn piece_of(&mut self, id: StreamId, input: &mut BytesMut) -> Option<Frame> {
        let data = self.data.as_mut()?;
        if input.is_empty() && data.rest > 0 {
            return None;
        }
        let payload = input.split_to(data.rest.min(input.len())).freeze();
        data.rest -= payload.len();
        let fin = data.fin && data.rest == 0;
        if data.rest == 0 {
            self.data = None;
        }
        Some(Frame::Data { id, fin, payload })
    }

    fn control(&mut self, head: &Head, mut payload: Bytes) -> Result<Option<Frame>, DecodeError> {
        let fin = head.flags & FLAG_FIN != 0;
        let frame = match head.kind {
            kind::SYN_STREAM => {
                at_least(head, 10, "SYN_STREAM")?;
                let id = stream(&mut payload, "SYN_STREAM")?;
                let associated = StreamId::from_field(payload.get_u32());
                let priority = Priority::new(payload.get_u8() >> 5).unwrap_or_default();
                // The slot of a client certificate.
                payload.advance(1);
                let unidirectional = head.flags & FLAG_UNIDIRECTIONAL != 0;
                let headers = self.headers(&payload)?;
                Frame::SynStream { id, associated, priority, fin, unidirectional, headers }
            }
            kind::SYN_REPLY => {
                at_least(head, 4, "SYN_REPLY")?;
                let id = stream(&mut payload, "SYN_REPLY")?;
                Frame::SynReply { id, fin, headers: self.headers(&payload)? }
            }
            kind::HEADERS => {
                at_least(head, 4, "HEADERS")?;
                let id = stream(&mut payload, "HEADERS")?;
                Frame::Headers { id, fin, headers: self.headers(&payload)? }
            }
            kind::RST_STREAM => {
                exactly(head, 8, "RST_STREAM")?;
                let id = stream(&mut payload, "RST_STREAM")?;
                Frame::RstStream { id, status: ResetStatus::from_code(payload.get_u32()) }
            }
            kind::SETTINGS => self.settings(head, payload)?,
            kind::PING => {
                exactly(head, 4, "PING")?;
                Frame::Ping(payload.get_u32())
            }
            kind::GOAWAY => {
                exactly(head, 8, "GOAWAY")?;
                let last_accepted = StreamId::from_field(payload.get_u32());
                Frame::GoAway { last_accepted, status: GoAwayStatus::from_code(payload.get_u32()) }
            }
            kind::WINDOW_UPDATE => {
                exactly(head, 8, "WINDOW_UPDATE")?;
                let id = StreamId::from_field(payload.get_u32());
                Frame::WindowUpdate { id, delta: payload.get_u32() & 0x7fff_ffff }
            }
            _ => return Ok(None),
        };
        Ok(Some(frame))
    }

    fn headers(&mut self, compressed: &[u8]) -> Result<Headers, DecodeError> {
        let block = self.inflater.inflate(compressed, self.limits.header_bytes)?;
        Headers::from_block(block, &self.limits)
    }

    fn settings(&self, head: &Head, mut payload: Bytes) -> Result<Frame, DecodeError> {
        at_least(head, 4, "SETTINGS")?;
        let count = usize::try_from(payload.get_u32()).unwrap_or(usize::MAX);
        if count > self.limits.settings {
            return Err(DecodeError::Settings { count, limit: self.limits.settings });
        }
        exactly(head, 4 + 8 * count, "SETTINGS")?;
        let read = |_| {
            let flags = payload.get_u8();
            let id = SettingId::from_code(u32::try_from(payload.get_uint(3)).unwrap_or_default());
            Setting { id, flags, value: payload.get_u32() }
        };
        let settings = (0..count).map(read).collect();
        Ok(Frame::Settings { clear: head.flags & FLAG_CLEAR != 0, settings })
    }
}

fn stream(payload: &mut Bytes, kind: &'static str) -> Result<StreamId, DecodeError> {
    StreamId::from_field(payload.get_u32()).ok_or(DecodeError::NoStream(kind))
}

fn at_least(head: &Head, length: usize, kind: &'static str) -> Result<(), DecodeError> {
    if head.length < length { Err(DecodeError::Length(kind)) } else { Ok(()) }
}

fn exactly(head: &Head, length: usize, kind: &'static str) -> Result<(), DecodeError> {
    if head.length == length { Ok(()) } else { Err(DecodeError::Length(kind)) }
}
