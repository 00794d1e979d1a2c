//! Frames from bytes and bytes from frames, without IO.
//!
//! ```
//! use bytes::BytesMut;
//! use spdy::codec::{Decoder, Encoder};
//! use spdy::{Frame, Limits};
//!
//! let mut bytes = BytesMut::new();
//! Encoder::new().encode(&Frame::Ping(1), &mut bytes)?;
//! let frame = Decoder::new(Limits::default()).decode(&mut bytes)?;
//! assert_eq!(frame, Some(Frame::Ping(1)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod decoder;
mod encoder;
#[cfg(test)]
mod tests;

pub use decoder::Decoder;
pub use encoder::Encoder;

/// The version in every control frame; 3.1 differs from 3 in flow control alone.
const VERSION: u16 = 3;

/// The first bit of a control frame.
const CONTROL: u16 = 0x8000;

/// Bytes before the payload of any frame.
const HEAD: usize = 8;

/// What 24 bits of length can say.
const LONGEST: usize = 0x00ff_ffff;

const FLAG_FIN: u8 = 0x01;
const FLAG_UNIDIRECTIONAL: u8 = 0x02;
const FLAG_CLEAR: u8 = 0x01;

/// The numbers of control frames.
mod kind {
    pub(super) const SYN_STREAM: u16 = 1;
    pub(super) const SYN_REPLY: u16 = 2;
    pub(super) const RST_STREAM: u16 = 3;
    pub(super) const SETTINGS: u16 = 4;
    pub(super) const PING: u16 = 6;
    pub(super) const GOAWAY: u16 = 7;
    pub(super) const HEADERS: u16 = 8;
    pub(super) const WINDOW_UPDATE: u16 = 9;
}
