//! What the client sends.

use std::collections::BTreeMap;
use std::io;
use std::pin::pin;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use tokio::io::{AsyncRead, AsyncWriteExt, DuplexStream};
use tokio::sync::watch;
use tokio_stream::wrappers::WatchStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_util::io::StreamReader;

use super::pulse::Pulse;
use super::{Departure, Encoding, Packet};

/// The channel that ends others (KEP-4006).
const CLOSE: u8 = 255;

/// Bytes of one channel that may wait for their reader; beyond that the client waits.
const UNREAD: usize = 64 * 1024;

/// The longest message on a channel of which only the newest matters.
const LONGEST_NEWEST: usize = 1024;

/// Where what comes on one channel goes.
enum Inbox {
    Bytes(DuplexStream),
    Newest(watch::Sender<Bytes>),
}

/// The channels on which the client may write. Others lead nowhere.
pub(crate) struct Inboxes {
    encoding: Encoding,
    /// Whether the client can end one channel and leave the others.
    half_close: bool,
    inboxes: BTreeMap<u8, Inbox>,
}

impl Inboxes {
    pub(crate) fn new(encoding: Encoding, half_close: bool) -> Self {
        Self { encoding, half_close, inboxes: BTreeMap::new() }
    }

    pub(super) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Takes what comes on a channel; gives its reader.
    pub(crate) fn open(&mut self, channel: u8) -> impl AsyncRead + Send + Unpin + use<> {
        let (near, far) = tokio::io::duplex(UNREAD);
        self.inboxes.insert(channel, Inbox::Bytes(near));
        far
    }

    /// The same for a channel of whose messages only the newest matters. A reader that is slow, or does not read at all, holds
    /// up no other channel.
    pub(crate) fn open_newest(&mut self, channel: u8) -> impl AsyncRead + Send + Unpin + use<> {
        let (sender, receiver) = watch::channel(Bytes::new());
        self.inboxes.insert(channel, Inbox::Newest(sender));
        StreamReader::new(WatchStream::from_changes(receiver).map(io::Result::Ok))
    }

    /// Hands on what comes until the client goes.
    pub(super) async fn receive(
        mut self,
        source: impl Stream<Item = Result<Message, Error>>,
        pulse: &Pulse,
    ) -> Departure {
        let mut source = pin!(source);
        while let Some(message) = source.next().await {
            pulse.heard();
            let bytes = match message {
                Ok(Message::Binary(bytes)) => bytes,
                Ok(Message::Text(text)) => text.into(),
                Ok(Message::Close(_)) => return Departure::Gone,
                Ok(_) => continue,
                Err(error) => return departure(&error),
            };
            match self.encoding.read(bytes) {
                Ok(Some(packet)) => self.hand_on(packet, pulse).await,
                Ok(None) => {}
                Err(reason) => return Departure::Broken(format!("the client sent {reason}")),
            }
        }
        Departure::Gone
    }

    async fn hand_on(&mut self, Packet { channel, payload }: Packet, pulse: &Pulse) {
        if channel == CLOSE && self.half_close {
            if let Some(closed) = payload.first() {
                self.inboxes.remove(closed);
            }
            return;
        }
        let Some(inbox) = self.inboxes.get_mut(&channel) else { return };
        pulse.used();
        let is_read = match inbox {
            Inbox::Bytes(pipe) => pulse.while_input_waits(pipe.write_all(&payload)).await.is_ok(),
            // A copy, so that it does not keep the buffer that it came in.
            Inbox::Newest(newest) if (1..=LONGEST_NEWEST).contains(&payload.len()) => {
                newest.send(Bytes::copy_from_slice(&payload)).is_ok()
            }
            Inbox::Newest(_) => true,
        };
        if !is_read {
            self.inboxes.remove(&channel);
        }
    }
}

fn departure(error: &Error) -> Departure {
    match error {
        Error::Io(_)
        | Error::ConnectionClosed
        | Error::AlreadyClosed
        // The transport ended in the middle.
        | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Departure::Gone,
        error => Departure::Broken(error.to_string()),
    }
}
