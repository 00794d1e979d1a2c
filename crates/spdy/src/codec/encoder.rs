//! [`Encoder`].

use bytes::{BufMut, Bytes, BytesMut};

use super::{CONTROL, FLAG_CLEAR, FLAG_FIN, FLAG_UNIDIRECTIONAL, LONGEST, VERSION, kind};
use crate::error::EncodeError;
use crate::frame::{Frame, Setting};
use crate::header_compression::Deflater;
use crate::headers::Headers;
use crate::stream_id::StreamId;

/// Writes the frames of one direction, whose headers are one compressed stream: frames have to be sent in the order in
/// which they were encoded.
pub struct Encoder {
    deflater: Deflater,
}

impl Encoder {
    /// For a new connection.
    pub fn new() -> Self {
        Self { deflater: Deflater::new() }
    }

    /// Appends a frame to `output`; data beyond what one frame may carry becomes several.
    ///
    /// # Errors
    /// A frame that cannot be written. One whose headers are at fault has changed nothing; only
    /// [`EncodeError::Deflate`] and [`EncodeError::TooLong`] end what can be done with this encoder.
    pub fn encode(&mut self, frame: &Frame, output: &mut BytesMut) -> Result<(), EncodeError> {
        match frame {
            Frame::SynStream { id, associated, priority, fin, unidirectional, headers } => {
                let block = self.block(headers)?;
                let flags = flag(*fin, FLAG_FIN) | flag(*unidirectional, FLAG_UNIDIRECTIONAL);
                put_head(output, kind::SYN_STREAM, flags, 10 + block.len())?;
                output.put_u32(id.get());
                output.put_u32(associated.map_or(0, StreamId::get));
                output.put_u8(priority.get() << 5);
                // No slot of a client certificate.
                output.put_u8(0);
                output.put_slice(&block);
            }
            Frame::SynReply { id, fin, headers } => self.put_headers(output, kind::SYN_REPLY, *id, *fin, headers)?,
            Frame::Headers { id, fin, headers } => self.put_headers(output, kind::HEADERS, *id, *fin, headers)?,
            Frame::RstStream { id, status } => {
                put_head(output, kind::RST_STREAM, 0, 8)?;
                output.put_u32(id.get());
                output.put_u32(status.code());
            }
            Frame::Settings { clear, settings } => put_settings(output, *clear, settings)?,
            Frame::Ping(number) => {
                put_head(output, kind::PING, 0, 4)?;
                output.put_u32(*number);
            }
            Frame::GoAway { last_accepted, status } => {
                put_head(output, kind::GOAWAY, 0, 8)?;
                output.put_u32(last_accepted.map_or(0, StreamId::get));
                output.put_u32(status.code());
            }
            Frame::WindowUpdate { id, delta } => {
                put_head(output, kind::WINDOW_UPDATE, 0, 8)?;
                output.put_u32(id.map_or(0, StreamId::get));
                output.put_u32(delta & 0x7fff_ffff);
            }
            Frame::Data { id, fin, payload } => put_data(output, *id, *fin, payload),
        }
        Ok(())
    }

    fn block(&mut self, headers: &Headers) -> Result<Vec<u8>, EncodeError> {
        self.deflater.deflate(&headers.to_block()?)
    }

    fn put_headers(
        &mut self,
        output: &mut BytesMut,
        kind: u16,
        id: StreamId,
        fin: bool,
        headers: &Headers,
    ) -> Result<(), EncodeError> {
        let block = self.block(headers)?;
        put_head(output, kind, flag(fin, FLAG_FIN), 4 + block.len())?;
        output.put_u32(id.get());
        output.put_slice(&block);
        Ok(())
    }
}

impl Default for Encoder {
    fn default() -> Self {
        Self::new()
    }
}

fn flag(set: bool, bit: u8) -> u8 {
    if set { bit } else { 0 }
}

fn put_head(output: &mut BytesMut, kind: u16, flags: u8, length: usize) -> Result<(), EncodeError> {
    if length > LONGEST {
        return Err(EncodeError::TooLong(length));
    }
    output.put_u16(CONTROL | VERSION);
    output.put_u16(kind);
    put_flags_and_length(output, flags, length);
    Ok(())
}

fn put_flags_and_length(output: &mut BytesMut, flags: u8, length: usize) {
    output.put_u8(flags);
    output.put_uint(length as u64, 3);
}

fn put_settings(output: &mut BytesMut, clear: bool, settings: &[Setting]) -> Result<(), EncodeError> {
    let length = 4 + 8 * settings.len();
    put_head(output, kind::SETTINGS, flag(clear, FLAG_CLEAR), length)?;
    output.put_u32(u32::try_from(settings.len()).map_err(|_| EncodeError::TooLong(length))?);
    for setting in settings {
        output.put_u8(setting.flags);
        output.put_uint(u64::from(setting.id.code()), 3);
        output.put_u32(setting.value);
    }
    Ok(())
}

fn put_data(output: &mut BytesMut, id: StreamId, fin: bool, payload: &Bytes) {
    let mut rest = payload.clone();
    loop {
        let piece = rest.split_to(rest.len().min(LONGEST));
        let last = rest.is_empty();
        output.put_u32(id.get());
        put_flags_and_length(output, flag(fin && last, FLAG_FIN), piece.len());
        output.put_slice(&piece);
        if last {
            return;
        }
    }
}
