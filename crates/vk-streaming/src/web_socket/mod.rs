//! Channels in the messages of a WebSocket: the first byte of each message says which channel the rest belongs to.

mod pulse;
mod receiving;
mod sending;
mod session;
mod tunnel;
mod writer;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{BufMut, Bytes, BytesMut};
pub(crate) use receiving::Inboxes;
pub(crate) use session::{queue, run};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
pub(crate) use tunnel::Tunnel;
pub(crate) use writer::ChannelWriter;

/// The longest message that is read.
const LONGEST_MESSAGE: usize = 4 * 1024 * 1024;

/// How messages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Binary messages, the channel being their first byte.
    Binary,
    /// Text messages, the channel being their first character, counted from `0`; the rest is base64.
    Base64,
}

/// The highest channel that a text message can name: the last character of ASCII that can be seen.
const LAST_CHARACTER: u8 = b'~';

/// How a client left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Departure {
    /// It closed, or is not there any more.
    Gone,
    /// It broke the protocol, or nothing moved for too long.
    Broken(String),
}

impl Departure {
    fn idle() -> Self {
        Self::Broken("nothing moved for too long".to_owned())
    }
}

/// A message, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Packet {
    pub(crate) channel: u8,
    pub(crate) payload: Bytes,
}

impl Encoding {
    pub(crate) fn write(self, packet: &Packet) -> Message {
        match self {
            Self::Binary => {
                let mut message = BytesMut::with_capacity(1 + packet.payload.len());
                message.put_u8(packet.channel);
                message.put_slice(&packet.payload);
                Message::Binary(message.freeze())
            }
            Self::Base64 => {
                let mut message = String::from(char::from(b'0'.saturating_add(packet.channel).min(LAST_CHARACTER)));
                STANDARD.encode_string(&packet.payload, &mut message);
                Message::Text(message.into())
            }
        }
    }

    /// `None` for a message that says nothing.
    pub(crate) fn read(self, message: Bytes) -> Result<Option<Packet>, &'static str> {
        let Some(&first) = message.first() else { return Ok(None) };
        let payload = message.slice(1..);
        match self {
            Self::Binary => Ok(Some(Packet { channel: first, payload })),
            Self::Base64 if (b'0'..=LAST_CHARACTER).contains(&first) => {
                let payload = STANDARD.decode(&payload).map_err(|_| "a message that is not base64")?;
                Ok(Some(Packet { channel: first - b'0', payload: payload.into() }))
            }
            Self::Base64 => Err("a message whose first character names no channel"),
        }
    }
}

fn config() -> WebSocketConfig {
    WebSocketConfig::default().max_message_size(Some(LONGEST_MESSAGE)).max_frame_size(Some(LONGEST_MESSAGE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for encoding in [Encoding::Binary, Encoding::Base64] {
            for (channel, payload) in [(2, &b""[..]), (0, b"x"), (63, b"\0\xff\n")] {
                let packet = Packet { channel, payload: Bytes::copy_from_slice(payload) };
                let message = encoding.write(&packet);
                assert_eq!(message.is_text(), encoding == Encoding::Base64);
                assert_eq!(encoding.read(message.into_data()), Ok(Some(packet)));
            }
            assert_eq!(encoding.read(Bytes::new()), Ok(None));
        }
        assert!(Encoding::Base64.read(Bytes::from_static(b"1no base64!")).is_err());
        assert!(Encoding::Base64.read(Bytes::from_static(b"!AAAA")).is_err());
    }
}
